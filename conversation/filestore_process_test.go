package conversation_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-sdk/parley/conversation"
)

// childRecord is a record of the child: the n-th of a conversation, one of those of an Append.
type childRecord struct {
	N     int    `json:"n"`
	First int    `json:"first"`
	Count int    `json:"count"`
	Pad   string `json:"pad"`
}

const childIDs = 3

// child is another process of the tests: it appends to conversations until it is killed, and
// says after each Append how many records there are. It does not return.
func child() {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	opts := &conversation.FileOptions{NoSync: os.Getenv("PARLEY_CHILD") == "nosync"}
	s, err := conversation.OpenFileStore(os.Getenv("PARLEY_CHILD_DIR"), opts)
	if err != nil {
		fail(err)
	}
	for i := range childIDs {
		go func() {
			ctx := context.Background()
			got, err := s.Load(ctx, fmt.Sprint("id-", i))
			if err != nil {
				fail(err)
			}
			for at := len(got); ; {
				count := 1 + rand.IntN(3)
				size := rand.IntN(200)
				if rand.IntN(20) == 0 {
					size = rand.IntN(200_000)
				}
				var batch [][]byte
				for n := range count {
					b, err := json.Marshal(childRecord{at + n, at, count, strings.Repeat("x", size)})
					if err != nil {
						fail(err)
					}
					batch = append(batch, b)
				}
				if err := s.Append(ctx, fmt.Sprint("id-", i), at, batch...); err != nil {
					fail(err)
				}
				at += count
				fmt.Println(i, at)
			}
		}()
	}
	select {}
}

// A process is killed at any moment, again and again. What it was told is stored stays, and
// each batch is there whole or not at all.
func TestFileKill(t *testing.T) {
	if os.Getenv("PARLEY_CHILD") != "" {
		child()
	}
	kills := 24
	if n, err := strconv.Atoi(os.Getenv("PARLEY_SOAK")); err == nil {
		kills *= n
	}
	ctx := t.Context()
	rng := rand.New(rand.NewPCG(7, 8))
	dir := t.TempDir()
	var told [childIDs]int
	for kill := range kills {
		if kill%8 == 0 { // so that files do not grow for ever
			dir, told = t.TempDir(), [childIDs]int{}
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestFileKill$")
		cmd.Env = append(os.Environ(), "PARLEY_CHILD="+[]string{"sync", "nosync"}[kill%2], "PARLEY_CHILD_DIR="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		after := 1 + rng.IntN(80)
		lines := bufio.NewScanner(out)
		for line := 1; lines.Scan(); line++ {
			var i, at int
			if _, err := fmt.Sscan(lines.Text(), &i, &at); err == nil {
				told[i] = at
			}
			if line == after {
				time.Sleep(time.Duration(rng.IntN(2000)) * time.Microsecond)
				cmd.Process.Kill()
			}
		}
		if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() == 3 {
			t.Fatalf("the child ended by itself: %v", err)
		}
		s := openFiles(t, dir, noSync)
		for i := range childIDs {
			got, err := s.Load(ctx, fmt.Sprint("id-", i))
			if err != nil {
				t.Fatal(err)
			}
			if len(got) < told[i] || len(got) > told[i]+3 {
				t.Fatalf("kill %d: %d records, of which %d were acknowledged", kill, len(got), told[i])
			}
			for n := 0; n < len(got); n++ {
				var r childRecord
				if err := json.Unmarshal(got[n], &r); err != nil {
					t.Fatal(err)
				}
				if r.N != n || r.First > n || r.First+r.Count > len(got) || n >= r.First+r.Count {
					t.Fatalf("kill %d: record %d of %d is %d, of the batch %d+%d", kill, n, len(got), r.N, r.First, r.Count)
				}
			}
			told[i] = len(got)
		}
	}
}

// The work of an Append does not grow with the history.
func BenchmarkStoreAppend(b *testing.B) {
	stores := map[string]func(b *testing.B) conversation.Store{
		"memory":      func(*testing.B) conversation.Store { return conversation.NewMemoryStore() },
		"file":        func(b *testing.B) conversation.Store { return openFiles(b, b.TempDir(), nil) },
		"file/nosync": func(b *testing.B) conversation.Store { return openFiles(b, b.TempDir(), noSync) },
	}
	for name, open := range stores {
		for _, messages := range []int{10, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", name, messages), func(b *testing.B) {
				s, ctx := open(b), b.Context()
				turn := []byte(`{"v":1,"type":"turn","messages":[{"role":"user","content":[{"type":"text","text":"` + strings.Repeat("x", 300) +
					`"}]},{"role":"assistant","content":[{"type":"text","text":"` + strings.Repeat("x", 1000) + `"}]}]}`)
				at := messages / 2
				history := make([][]byte, at)
				for n := range history {
					history[n] = turn
				}
				if err := s.Append(ctx, "id", 0, history[:at-1]...); err != nil {
					b.Fatal(err)
				}
				if err := s.Append(ctx, "id", at-1, turn); err != nil { // the last turn is what the next one finds
					b.Fatal(err)
				}
				b.SetBytes(int64(len(turn)))
				b.ReportAllocs()
				for b.Loop() {
					if err := s.Append(ctx, "id", at, turn); err != nil {
						b.Fatal(err)
					}
					at++
				}
			})
		}
	}
}

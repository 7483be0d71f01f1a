package journal

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// entry is a record of the child: the n-th of its writer, and one of those of an Append.
type entry struct {
	Writer int    `json:"w"`
	N      int    `json:"n"`
	First  int    `json:"first"`
	Count  int    `json:"count"`
	Pad    string `json:"pad"`
}

const (
	writers = 4
	failed  = 3 // the exit code of a child that met an error
)

// child is another process of the tests: it appends until it is killed, and tells after
// each Append how many records of the writer are in.
func child() {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(failed)
	}
	path, mode := os.Getenv("PARLEY_JOURNAL_PATH"), os.Getenv("PARLEY_JOURNAL_CHILD")
	if mode == "fill" {
		if err := fill(path); err != nil {
			fail(err)
		}
		return
	}
	var next [writers]int
	j, err := Open(path, &Options{NoSync: mode == "nosync", Replay: func(r []byte) error {
		var e entry
		err := json.Unmarshal(r, &e)
		next[e.Writer] = e.N + 1
		return err
	}})
	if err != nil {
		fail(err)
	}
	fmt.Println("open")
	var rewriting sync.RWMutex
	for w := range writers {
		go func() {
			for {
				count := 1 + rand.IntN(3)
				var batch [][]byte
				for i := range count {
					size := rand.IntN(200)
					if rand.IntN(30) == 0 {
						size = rand.IntN(200_000)
					}
					b, err := json.Marshal(entry{w, next[w] + i, next[w], count, strings.Repeat("x", size)})
					if err != nil {
						fail(err)
					}
					batch = append(batch, b)
				}
				rewriting.RLock()
				err := j.Append(batch...)
				rewriting.RUnlock()
				if err != nil {
					fail(err)
				}
				next[w] += count
				fmt.Println(w, next[w])
				if w == 0 && rand.IntN(20) == 0 {
					rewriting.Lock()
					records, err := Read(path)
					if err == nil {
						err = j.Rewrite(records...)
					}
					if err != nil {
						fail(err)
					}
					rewriting.Unlock()
				}
			}
		}()
	}
	select {}
}

// start starts a child.
func start(t *testing.T, path, mode string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PARLEY_JOURNAL_CHILD="+mode, "PARLEY_JOURNAL_PATH="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// A process is killed at any moment, again and again. What it was told is in the journal
// stays there, once; at most one Append of each writer is in that it was not told of.
func TestKill(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	path := newPath(t)
	var told [writers]int
	torn, total := 0, 0
	for kill := range 32 * soak(t) {
		if kill%8 == 0 { // so that the file does not grow for ever
			path, told = newPath(t), [writers]int{}
		}
		mode := []string{"sync", "nosync"}[kill%2]
		cmd, out := start(t, path, mode)
		after := rng.IntN(100) // lines of the child
		if kill%4 == 3 {       // by time: in Open too
			after = 1 << 30
			time.AfterFunc(time.Duration(rng.IntN(100))*time.Millisecond, func() { cmd.Process.Kill() })
		}
		for line := 0; out.Scan(); line++ {
			var w, n int
			if _, err := fmt.Sscan(out.Text(), &w, &n); err == nil {
				told[w] = n
			} else if out.Text() != "open" {
				cmd.Process.Kill()
			}
			if line == after {
				cmd.Process.Kill()
			}
		}
		if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() == failed {
			t.Fatalf("the child ended by itself: %v", err)
		}
		if _, err := os.Stat(path); err != nil {
			continue // killed before the file was there
		}
		got, j := reopen(t, path)
		if j.Torn() > 0 {
			torn++
		}
		j.Close()
		var have [writers]int
		var last [writers]entry
		for _, r := range got {
			var e entry
			if err := json.Unmarshal([]byte(r), &e); err != nil {
				t.Fatal(err)
			}
			if e.N != have[e.Writer] {
				t.Fatalf("kill %d: writer %d: record %d where %d should be", kill, e.Writer, e.N, have[e.Writer])
			}
			have[e.Writer]++
			last[e.Writer] = e
		}
		for w := range writers {
			if have[w] < told[w] {
				t.Fatalf("kill %d: writer %d has %d records, and was told of %d", kill, w, have[w], told[w])
			}
			if have[w] > told[w] && last[w].First != told[w] {
				t.Fatalf("kill %d: writer %d: %d records, beyond the %d it was told of, are not one Append", kill, w, have[w], told[w])
			}
			if last[w].Count > 0 && last[w].N != last[w].First+last[w].Count-1 {
				t.Fatalf("kill %d: writer %d has half an Append", kill, w)
			}
			total += have[w] - told[w]
			told[w] = have[w]
		}
	}
	t.Logf("%d torn ends, %d records in that nobody was told of", torn, total)
}

func TestOtherProcess(t *testing.T) {
	path := newPath(t)
	cmd, out := start(t, path, "nosync")
	defer cmd.Wait()
	defer cmd.Process.Kill()
	for range 3 {
		if !out.Scan() {
			t.Fatal("the child says nothing")
		}
	}
	_, err := Open(path, noSync)
	wantError(t, err, ErrLocked)
	if _, err := Read(path); err != nil {
		t.Errorf("Read of an open journal: %v", err)
	}
	cmd.Process.Kill()
	for out.Scan() {
	}
	cmd.Wait()
	j := open(t, path, noSync)
	if j.At() < 2 {
		t.Errorf("%d records", j.At())
	}

	// The other way round.
	out2, err := func() (string, error) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "PARLEY_JOURNAL_CHILD=nosync", "PARLEY_JOURNAL_PATH="+path)
		b, err := cmd.CombinedOutput()
		return string(b), err
	}()
	if err == nil || !strings.Contains(out2, ErrLocked.Error()) {
		t.Errorf("the child: %v, %s", err, out2)
	}
}

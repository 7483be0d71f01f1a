package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/conversation/sqlstore"
	"github.com/parley-sdk/parley/conversation/storetest"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("PARLEY_CHILD_DB"); path != "" {
		child(path)
	}
	os.Exit(leak.Run(m))
}

const pragmas = "?_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"

// connect opens a store on a file, as a process of its own would.
func connect(path string) (*sql.DB, *sqlstore.Store, error) {
	db, err := sql.Open("sqlite", "file:"+path+pragmas)
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlstore.New(db, nil)
	if err == nil {
		err = store.CreateTable(context.Background())
	}
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	return db, store, nil
}

func open(t testing.TB, path string) (*sql.DB, *sqlstore.Store) {
	t.Helper()
	db, store, err := connect(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, store
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "chat.db") }

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "chat")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "chat.db")+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()

	store, err := sqlstore.New(db, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := store.CreateTable(ctx); err != nil {
		fmt.Println(err)
		return
	}
	c := conversation.New(fake.New(fake.Text("Hello, Ada.")), &conversation.Options{Store: store, ID: "user-42"})
	if _, err := c.Send(ctx, llm.Text("I am Ada.")); err != nil {
		fmt.Println(err)
		return
	}

	c, err = conversation.Open(ctx, fake.New(fake.Text("You are Ada.")), &conversation.Options{Store: store, ID: "user-42"})
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := c.Send(ctx, llm.Text("Who am I?"))
	fmt.Println(resp.Text(), len(c.Messages()), err)
	// Output: You are Ada. 4 <nil>
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (a, b conversation.Store) {
		path := newPath(t)
		_, first := open(t, path)
		_, second := open(t, path)
		return first, second
	})
}

// A transaction that another server's comes before leaves nothing behind.
func TestAllOrNothing(t *testing.T) {
	ctx := t.Context()
	path := newPath(t)
	db, store := open(t, path)
	var batch [][]byte
	for n := range 1000 { // several statements
		batch = append(batch, fmt.Appendf(nil, `{"n":%d}`, n))
	}
	// A row in the way of the last statement.
	if _, err := db.ExecContext(ctx, "INSERT INTO conversation_records (id, n, record) VALUES ('id', 999, '{}')"); err != nil {
		t.Fatal(err)
	}
	if err := store.Append(ctx, "id", 0, batch...); !errors.Is(err, conversation.ErrConflict) {
		t.Fatalf("the error is %v", err)
	}
	var rows int
	if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM conversation_records").Scan(&rows); err != nil || rows != 1 {
		t.Fatalf("there are %d rows, %v", rows, err)
	}
	if _, err := store.Load(ctx, "id"); err == nil || !strings.Contains(err.Error(), "not record 0") {
		t.Errorf("999 rows are missing: %v", err)
	}
}

// A cancel while another has the database locked ends the wait, and appends nothing.
func TestCancel(t *testing.T) {
	ctx := t.Context()
	path := newPath(t)
	db, _ := open(t, path)
	_, store := open(t, path)
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO conversation_records (id, n, record) VALUES ('other', 0, '{}')"); err != nil {
		t.Fatal(err)
	}
	limited, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if err := store.Append(limited, "id", 0, []byte("{}")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if got, err := store.Load(ctx, "id"); got != nil || err != nil {
		t.Errorf("%d records, %v", len(got), err)
	}
}

const failed = 3 // the exit code of a child that met an error

// child is another process: it appends batches of 3 until it is killed, and says how many
// records there are after each.
func child(path string) {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(failed)
	}
	_, store, err := connect(path)
	if err != nil {
		fail(err)
	}
	ctx := context.Background()
	got, err := store.Load(ctx, "id")
	if err != nil {
		fail(err)
	}
	for at := len(got); ; at += 3 {
		pad := strings.Repeat("x", rand.IntN(5000))
		var batch [][]byte
		for n := range 3 {
			batch = append(batch, fmt.Appendf(nil, `{"n":%d,"pad":%q}`, at+n, pad))
		}
		if err := store.Append(ctx, "id", at, batch...); err != nil {
			fail(err)
		}
		fmt.Println(at + 3)
		time.Sleep(rand.N(2 * time.Millisecond))
	}
}

// newChild is such a process, not started yet, and what it says.
func newChild(t *testing.T, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PARLEY_CHILD_DB="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// A process is killed at any moment, again and again. What it was told is stored stays, and
// each batch is there whole or not at all.
func TestKill(t *testing.T) {
	ctx := t.Context()
	rng := rand.New(rand.NewPCG(1, 2))
	path := newPath(t)
	told := 0
	for kill := range 12 {
		cmd, lines := newChild(t, path)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		after := 1 + rng.IntN(40)
		for line := 1; lines.Scan(); line++ {
			if _, err := fmt.Sscan(lines.Text(), &told); err != nil {
				t.Error(err)
			}
			if line == after {
				time.Sleep(time.Duration(rng.IntN(2000)) * time.Microsecond)
				cmd.Process.Kill()
			}
		}
		if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() == failed {
			t.Fatalf("the child ended by itself: %v", err)
		}
		db, store, err := connect(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := store.Load(ctx, "id")
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		if len(got)%3 != 0 || len(got) < told || len(got) > told+3 {
			t.Fatalf("kill %d: %d records, of which %d were acknowledged", kill, len(got), told)
		}
		for n, b := range got {
			var r struct{ N int }
			if err := json.Unmarshal(b, &r); err != nil || r.N != n {
				t.Fatalf("kill %d: record %d is %.40s, %v", kill, n, b, err)
			}
		}
		told = len(got)
	}
}

// Of two processes that write to one conversation, the one that comes second is told.
func TestProcesses(t *testing.T) {
	ctx := t.Context()
	path := newPath(t)
	_, store := open(t, path)
	cmd, lines := newChild(t, path)
	t.Cleanup(func() { cmd.Process.Kill() })
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for won := false; lines.Scan(); {
		if won {
			continue
		}
		got, err := store.Load(ctx, "id")
		if err != nil {
			t.Fatal(err)
		}
		switch err := store.Append(ctx, "id", len(got), []byte(`{"n":0}`)); {
		case err == nil:
			won = true
		case !errors.Is(err, conversation.ErrConflict):
			t.Fatal(err)
		}
	}
	cmd.Wait()
	if cmd.ProcessState.ExitCode() != failed || !strings.Contains(stderr.String(), conversation.ErrConflict.Error()) {
		t.Errorf("the other process ended with %v: %s", cmd.ProcessState, &stderr)
	}
}

// BenchmarkAppend appends a turn to histories of 10 and of 10,000 messages.
func BenchmarkAppend(b *testing.B) {
	for _, messages := range []int{10, 10_000} {
		b.Run(fmt.Sprint(messages), func(b *testing.B) {
			ctx := b.Context()
			_, store := open(b, newPath(b))
			turn := []byte(`{"v":1,"type":"turn","text":"` + strings.Repeat("x", 1400) + `"}`)
			history := make([][]byte, messages/2)
			for n := range history {
				history[n] = turn
			}
			if err := store.Append(ctx, "id", 0, history...); err != nil {
				b.Fatal(err)
			}
			at := len(history)
			b.SetBytes(int64(len(turn)))
			b.ReportAllocs()
			for b.Loop() {
				if err := store.Append(ctx, "id", at, turn); err != nil {
					b.Fatal(err)
				}
				at++
			}
		})
	}
}

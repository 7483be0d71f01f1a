package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/conversation/sqlstore"
	"github.com/parley-sdk/parley/conversation/storetest"
	"github.com/parley-sdk/parley/internal/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

func ExampleNew() {
	db := sql.OpenDB(newMemory()) // sql.Open("pgx", dsn), or the driver of your database
	defer db.Close()
	ctx := context.Background()

	store, err := sqlstore.New(db, &sqlstore.Options{Table: "chat.records", Dialect: sqlstore.PostgreSQL})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(store.Schema())
	fmt.Println(store.CreateTable(ctx))
	fmt.Println(store.Append(ctx, "user-42", 0, []byte(`{"n":0}`), []byte(`{"n":1}`)))
	fmt.Println(store.Append(ctx, "user-42", 2, []byte(`{"n":2}`)))
	// Output:
	// CREATE TABLE IF NOT EXISTS chat.records (
	// 	id VARCHAR(128) NOT NULL,
	// 	n INTEGER NOT NULL,
	// 	record BYTEA NOT NULL,
	// 	PRIMARY KEY (id, n)
	// )
	// <nil>
	// <nil>
	// <nil>
}

func ExampleKey() {
	fmt.Println(sqlstore.Key("user-42"), sqlstore.Key("Ada"), sqlstore.Key("ada@example.com"))
	// Output: user-42 +a+da ada%40example%2ecom
}

func newStore(t *testing.T, m *memory, opts *sqlstore.Options) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.New(m.connect(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (a, b conversation.Store) {
		m := newMemory()
		return newStore(t, m, nil), newStore(t, m, nil)
	})
}

func TestInvalidOptions(t *testing.T) {
	db := newMemory().connect(t)
	if _, err := sqlstore.New(nil, nil); err == nil {
		t.Error("no database is taken")
	}
	for _, table := range []string{"a b", "a;b", "a'", `"a"`, "1a", "a.b.c", ".a", "a.", "ä", "a--", strings.Repeat("a", 64), "a\n"} {
		if _, err := sqlstore.New(db, &sqlstore.Options{Table: table}); err == nil || !strings.Contains(err.Error(), "options.table") {
			t.Errorf("table %q: %v", table, err)
		}
	}
	if _, err := sqlstore.New(db, &sqlstore.Options{Dialect: "oracle"}); err == nil || !strings.Contains(err.Error(), "options.dialect") {
		t.Errorf("a dialect: %v", err)
	}
}

func TestStatements(t *testing.T) {
	for dialect, want := range map[sqlstore.Dialect][]string{
		sqlstore.PostgreSQL: {
			"INSERT INTO t (id, n, record) VALUES ($1, $2, $3), ($4, $5, $6)",
			"SELECT n FROM t WHERE id = $1 AND n = $2",
			"SELECT COALESCE(MAX(n) + 1, 0) FROM t WHERE id = $1",
			"SELECT n, record FROM t WHERE id = $1 ORDER BY n",
		},
		sqlstore.MySQL: {
			"INSERT INTO t (id, n, record) VALUES (?, ?, ?), (?, ?, ?)",
			"SELECT n FROM t WHERE id = ? AND n = ?",
			"SELECT COALESCE(MAX(n) + 1, 0) FROM t WHERE id = ?",
			"SELECT n, record FROM t WHERE id = ? ORDER BY n",
		},
	} {
		m := newMemory()
		s := newStore(t, m, &sqlstore.Options{Table: "t", Dialect: dialect})
		if err := s.Append(t.Context(), "id", 1, []byte("{}"), []byte("{}")); !errors.Is(err, conversation.ErrConflict) {
			t.Fatal(err)
		}
		if _, err := s.Load(t.Context(), "id"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, m.statements); diff != "" {
			t.Errorf("%s (-want +got):\n%s", dialect, diff)
		}
	}
	if s := newStore(t, newMemory(), &sqlstore.Options{Dialect: sqlstore.MySQL}); !strings.Contains(s.Schema(), "LONGBLOB") {
		t.Errorf("MySQL: %s", s.Schema())
	}
}

// Wherever an append fails, it is in or it is not, and the error says a conflict only where
// the log has another length than the caller thinks.
func TestFailures(t *testing.T) {
	ctx := t.Context()
	broken := errors.New("broken")
	one := []byte("{}")
	for _, step := range []string{"begin", "insert", "look", "commit"} {
		t.Run(step, func(t *testing.T) {
			m := newMemory()
			s := newStore(t, m, nil)
			if err := s.Append(ctx, "id", 0, one); err != nil {
				t.Fatal(err)
			}
			for _, also := range []string{"", "count"} {
				m.fail = func(now string) error {
					if now == step || now == also {
						return broken
					}
					return nil
				}
				err := s.Append(ctx, "id", 1, one, one)
				if !errors.Is(err, broken) || errors.Is(err, conversation.ErrConflict) || !strings.Contains(err.Error(), "conversation_records") {
					t.Errorf("the error is %v", err)
				}
			}
			m.fail = nil
			if got, err := s.Load(ctx, "id"); len(got) != 1 || err != nil {
				t.Errorf("%d records, %v", len(got), err)
			}
			if err := s.Append(ctx, "id", 1, one, one); err != nil {
				t.Errorf("after the failure: %v", err)
			}
		})
	}
	t.Run("an answer that is lost", func(t *testing.T) {
		m := newMemory()
		s := newStore(t, m, nil)
		m.lost = broken
		if err := s.Append(ctx, "id", 0, one); !errors.Is(err, conversation.ErrConflict) || !errors.Is(err, broken) {
			t.Errorf("the error is %v", err)
		}
		m.lost = nil
		if got, err := s.Load(ctx, "id"); len(got) != 1 || err != nil {
			t.Errorf("%d records, %v", len(got), err)
		}
	})
	t.Run("count", func(t *testing.T) {
		m := newMemory()
		m.fail = func(now string) error {
			if now == "count" {
				return broken
			}
			return nil
		}
		if err := newStore(t, m, nil).Append(ctx, "id", 0); !errors.Is(err, broken) {
			t.Errorf("the error is %v", err)
		}
	})
	for _, step := range []string{"load", "rows", "create"} {
		t.Run(step, func(t *testing.T) {
			m := newMemory()
			s := newStore(t, m, nil)
			if err := s.Append(ctx, "id", 0, one); err != nil {
				t.Fatal(err)
			}
			m.fail = func(now string) error {
				if now == step {
					return broken
				}
				return nil
			}
			got, err := s.Load(ctx, "id")
			if step == "create" {
				got, err = nil, s.CreateTable(ctx)
			}
			if got != nil || !errors.Is(err, broken) {
				t.Errorf("%d records, %v", len(got), err)
			}
		})
	}
}

// A log with a hole is damaged, and not a shorter one.
func TestHole(t *testing.T) {
	m := newMemory()
	s := newStore(t, m, nil)
	for at := range 3 {
		if err := s.Append(t.Context(), "id", at, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	m.rows = slices.Delete(m.rows, 1, 2)
	if got, err := s.Load(t.Context(), "id"); got != nil || err == nil || !strings.Contains(err.Error(), "record 2 of id id, and not record 1") {
		t.Errorf("%d records, %v", len(got), err)
	}
}

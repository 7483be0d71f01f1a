package sqlstore_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// memory is a database in memory that knows the statements of the store, serialises its
// transactions, and can fail at each step.
type memory struct {
	busy   chan struct{} // full while a transaction or a query is at work
	rows   []row
	staged []row // of the transaction

	statements []string
	fail       func(step string) error // nil, or the error of a step
	lost       error                   // the answer of a commit that went through
}

type row struct {
	id     string
	n      int64
	record []byte
}

func newMemory() *memory { return &memory{busy: make(chan struct{}, 1)} }

// connect is a pool of connections.
func (m *memory) connect(t *testing.T) *sql.DB {
	t.Helper()
	db := sql.OpenDB(m)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func (m *memory) Connect(context.Context) (driver.Conn, error) { return &conn{m: m}, nil }
func (m *memory) Driver() driver.Driver                        { return nil }

func (m *memory) step(name string) error {
	if m.fail != nil {
		return m.fail(name)
	}
	return nil
}

func (m *memory) lock(ctx context.Context) error {
	select {
	case m.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *memory) unlock() { <-m.busy }

type conn struct {
	m  *memory
	tx bool // has the lock
}

func (c *conn) Prepare(string) (driver.Stmt, error) { return nil, fmt.Errorf("not prepared") }
func (c *conn) Begin() (driver.Tx, error)           { return nil, fmt.Errorf("not without a context") }
func (c *conn) Close() error                        { return nil }

func (c *conn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	if err := c.m.step("begin"); err != nil {
		return nil, err
	}
	if err := c.m.lock(ctx); err != nil {
		return nil, err
	}
	c.tx = true
	return c, nil
}

func (c *conn) Commit() error {
	err := c.m.step("commit")
	if err == nil {
		c.m.rows = append(c.m.rows, c.m.staged...)
		err = c.m.lost
	}
	c.end()
	return err
}

func (c *conn) Rollback() error {
	c.end()
	return nil
}

func (c *conn) end() {
	c.m.staged, c.tx = nil, false
	c.m.unlock()
}

func (c *conn) ExecContext(ctx context.Context, statement string, args []driver.NamedValue) (driver.Result, error) {
	if !c.tx {
		if err := c.m.lock(ctx); err != nil {
			return nil, err
		}
		defer c.m.unlock()
	}
	c.m.statements = append(c.m.statements, statement)
	if !strings.HasPrefix(statement, "INSERT INTO") {
		return driver.RowsAffected(0), c.m.step("create")
	}
	if err := c.m.step("insert"); err != nil {
		return nil, err
	}
	for ; len(args) > 0; args = args[3:] {
		r := row{args[0].Value.(string), args[1].Value.(int64), bytes.Clone(args[2].Value.([]byte))}
		if slices.ContainsFunc(c.visible(), func(other row) bool { return other.id == r.id && other.n == r.n }) {
			return nil, fmt.Errorf("the primary key is there already")
		}
		c.m.staged = append(c.m.staged, r)
	}
	return driver.RowsAffected(0), nil
}

func (c *conn) visible() []row { return slices.Concat(c.m.rows, c.m.staged) }

func (c *conn) QueryContext(ctx context.Context, statement string, args []driver.NamedValue) (driver.Rows, error) {
	if !c.tx {
		if err := c.m.lock(ctx); err != nil {
			return nil, err
		}
		defer c.m.unlock()
	}
	c.m.statements = append(c.m.statements, statement)
	id := args[0].Value.(string)
	rows := slices.DeleteFunc(c.visible(), func(r row) bool { return r.id != id })
	slices.SortFunc(rows, func(a, b row) int { return int(a.n - b.n) })
	switch {
	case strings.HasPrefix(statement, "SELECT n, record"):
		out := &result{columns: []string{"n", "record"}, end: c.m.step("rows")}
		for _, r := range rows {
			out.rows = append(out.rows, []driver.Value{r.n, r.record})
		}
		return out, c.m.step("load")
	case strings.HasPrefix(statement, "SELECT n FROM"):
		out := &result{columns: []string{"n"}}
		for _, r := range rows {
			if r.n == args[1].Value.(int64) {
				out.rows = append(out.rows, []driver.Value{r.n})
			}
		}
		return out, c.m.step("look")
	default:
		n := int64(0)
		if len(rows) > 0 {
			n = rows[len(rows)-1].n + 1
		}
		return &result{columns: []string{"n"}, rows: [][]driver.Value{{n}}}, c.m.step("count")
	}
}

type result struct {
	columns []string
	rows    [][]driver.Value
	end     error
}

func (r *result) Columns() []string { return r.columns }
func (r *result) Close() error      { return nil }

func (r *result) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		if r.end != nil {
			return r.end
		}
		return io.EOF
	}
	copy(dest, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}

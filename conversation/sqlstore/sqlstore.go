package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/internal/safename"
)

// Store is a [conversation.Store] in a table of a database. It is safe for concurrent use, by
// any number of programs.
type Store struct {
	db      *sql.DB
	table   string
	dialect dialect
}

var _ conversation.Store = (*Store)(nil)

// Options are the options of [New].
type Options struct {
	// Table is the table, with its schema in front where need be: "chat.records". Names are
	// of letters, digits and "_", and are not quoted. Empty: "conversation_records".
	Table string

	// Dialect is the database's way of SQL. Empty: [SQLite].
	Dialect Dialect
}

var tableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?$`)

// New returns a store in a database that stays the caller's, who closes it. It does no I/O. Nil
// options are the defaults.
func New(db *sql.DB, opts *Options) (*Store, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Table == "" {
		o.Table = "conversation_records"
	}
	if o.Dialect == "" {
		o.Dialect = SQLite
	}
	d, known := dialects[o.Dialect]
	switch {
	case db == nil:
		return nil, errors.New("sqlstore: the database is nil")
	case !tableName.MatchString(o.Table):
		return nil, errors.New(`sqlstore: options.table: not a name of letters, digits and "_", with or without a schema`)
	case !known:
		return nil, errors.New("sqlstore: options.dialect: not one of the dialects of this package")
	}
	return &Store{db: db, table: o.Table, dialect: d}, nil
}

// Key is what the column id holds for a conversation: the id itself, if that is short, of
// lower-case letters of ASCII, digits, "-" and "_"; else a form of it that no collation
// confuses with another's. It has 128 characters at most.
func Key(id string) string { return safename.Of(id) }

// Load implements [conversation.Store].
func (s *Store) Load(ctx context.Context, id string) (records [][]byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rows, err := s.db.QueryContext(ctx, s.sql("SELECT n, record FROM %s WHERE id = ? ORDER BY n"), Key(id))
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		var record []byte
		if err := rows.Scan(&n, &record); err != nil {
			return nil, s.failed(ctx, err)
		}
		if n != len(records) {
			return nil, fmt.Errorf("sqlstore: table %s has record %d of id %s, and not record %d: somebody has removed it", s.table, n, Key(id), len(records))
		}
		records = append(records, record)
	}
	if err := rows.Err(); err != nil {
		return nil, s.failed(ctx, err)
	}
	return records, nil
}

// Append implements [conversation.Store].
func (s *Store) Append(ctx context.Context, id string, at int, records ...[]byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	key := Key(id)
	var err error
	if at >= 0 && len(records) > 0 {
		if err = s.insert(ctx, key, at, records); err == nil {
			return nil
		}
	}
	// Drivers have no common word for a key that is there already, and none for a commit
	// whose answer was lost. So look.
	n, uncounted := s.count(ctx, key)
	switch {
	case uncounted == nil && n != at && err == nil:
		return fmt.Errorf("%w: id %s of table %s has %d records, and not %d", conversation.ErrConflict, key, s.table, n, at)
	case uncounted == nil && n != at:
		return fmt.Errorf("%w: id %s of table %s has %d records, and not %d: %w", conversation.ErrConflict, key, s.table, n, at, err)
	case err != nil:
		return s.failed(ctx, err)
	case uncounted != nil:
		return s.failed(ctx, uncounted)
	}
	return nil
}

// rowsPerInsert keeps the parameters of a statement below the 999 of old SQLites.
const rowsPerInsert = 300

// insert writes records in a transaction. It begins with writing: a transaction of SQLite
// that begins with reading fails where it would have to wait for another writer. That there
// are too many records already, the primary key says.
func (s *Store) insert(ctx context.Context, key string, at int, records [][]byte) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after the commit
	for from := 0; from < len(records); from += rowsPerInsert {
		batch := records[from:min(from+rowsPerInsert, len(records))]
		var args []any
		for i, r := range batch {
			args = append(args, key, at+from+i, r)
		}
		rows := "(?, ?, ?)" + strings.Repeat(", (?, ?, ?)", len(batch)-1)
		if _, err := tx.ExecContext(ctx, s.sql("INSERT INTO %s (id, n, record) VALUES "+rows), args...); err != nil {
			return err
		}
	}
	if at > 0 {
		var n int
		err := tx.QueryRowContext(ctx, s.sql("SELECT n FROM %s WHERE id = ? AND n = ?"), key, at-1).Scan(&n)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("record %d is missing", at-1)
		}
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

// count is the number of records. It takes one row of the primary key.
func (s *Store) count(ctx context.Context, key string) (n int, err error) {
	err = s.db.QueryRowContext(ctx, s.sql("SELECT COALESCE(MAX(n) + 1, 0) FROM %s WHERE id = ?"), key).Scan(&n)
	return n, err
}

// sql puts the table and the dialect's placeholders into a statement.
func (s *Store) sql(text string) string {
	return s.dialect.numbered(fmt.Sprintf(text, s.table))
}

// failed prefers the end of the context to what a driver makes of it.
func (s *Store) failed(ctx context.Context, err error) error {
	if over := ctx.Err(); over != nil && !errors.Is(err, over) {
		err = fmt.Errorf("%w: %w", over, err)
	}
	return fmt.Errorf("sqlstore: table %s: %w", s.table, err)
}

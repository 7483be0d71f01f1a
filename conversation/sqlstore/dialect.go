package sqlstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Dialect is a database's way of SQL.
type Dialect string

// The dialects. Databases that speak the same way, as CockroachDB does with PostgreSQL and
// MariaDB with MySQL, may work too.
const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgresql"
	MySQL      Dialect = "mysql"
)

// dialect is what differs.
type dialect struct {
	bytes    string // the type of a record, which can have megabytes
	numbered func(statement string) string
}

var dialects = map[Dialect]dialect{
	SQLite:     {"BLOB", questionMarks},
	PostgreSQL: {"BYTEA", dollars},
	MySQL:      {"LONGBLOB", questionMarks},
}

func questionMarks(statement string) string { return statement }

// dollars replaces each "?" by "$1", "$2" and so on. Our statements have no other.
func dollars(statement string) string {
	parts := strings.Split(statement, "?")
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			b.WriteString("$" + strconv.Itoa(i))
		}
		b.WriteString(part)
	}
	return b.String()
}

// Schema is the statement that creates the table where it is missing, for a migration.
func (s *Store) Schema() string {
	return fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s (
	id VARCHAR(128) NOT NULL,
	n INTEGER NOT NULL,
	record %s NOT NULL,
	PRIMARY KEY (id, n)
)`, s.table, s.dialect.bytes)
}

// CreateTable runs [Store.Schema].
func (s *Store) CreateTable(ctx context.Context) error {
	if _, err := s.db.ExecContext(ctx, s.Schema()); err != nil {
		return s.failed(ctx, err)
	}
	return nil
}

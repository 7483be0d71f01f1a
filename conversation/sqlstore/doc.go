// Package sqlstore keeps conversations in a table of a database, by database/sql.
//
// # Use
//
//	db, err := sql.Open("pgx", dsn)
//	…
//	store, err := sqlstore.New(db, &sqlstore.Options{Dialect: sqlstore.PostgreSQL})
//	…
//	err = store.CreateTable(ctx) // or Schema in your migrations
//	…
//	c, err := conversation.Open(ctx, model, &conversation.Options{Store: store, ID: "user-42"})
//
// The driver is yours: this package brings none. The store is tested with files of SQLite, by
// the driver modernc.org/sqlite, in the module conversation/sqlstore/sqlite. Package storetest
// shows whether another database and driver will do.
//
// # Table
//
// A row is a record: the id of its conversation, its number n from 0 up, and its JSON as bytes.
// The primary key is (id, n). The column id holds [Key] of the id, on which databases agree,
// whatever their collation says of case, accents and spaces; nearly all ids are their own
// key. To delete a conversation delete its rows, all in one statement:
//
//	DELETE FROM conversation_records WHERE id = 'user-42'
//
// # Commits
//
// Append is a transaction of one INSERT and one look at the record before. Where two servers
// append at the same place the primary key lets one through, and the other gets a
// [conversation.ErrConflict]; so does, at its next try, one whose commit went through but whose
// answer was lost. The isolation level of the database's default is enough.
//
// # SQLite
//
// A database of SQLite has one writer at a time, and fails the others at once unless they are
// told to wait. Set that for each connection, and the log that lets readers pass; with
// modernc.org/sqlite:
//
//	sql.Open("sqlite", "file:chat.db?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
//
// # Errors
//
// Errors name the table, and quote the driver, which may name the key. They are not
// retried here.
package sqlstore

// Package sqlite tests package sqlstore with real files of SQLite. It is a module of its own, so
// that the driver is in nobody's module graph.
package sqlite

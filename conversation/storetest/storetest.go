// Package storetest proves that a store keeps what [conversation.Store] promises. Run it in the
// tests of a store of your own.
//
// # Use
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) (a, b conversation.Store) {
//			dsn := newDatabase(t)
//			return acme.New(dsn), acme.New(dsn)
//		})
//	}
//
// The function is called for each case and returns two handles of one empty storage, as two
// servers have them. A store in memory, of which there can be one handle only, is returned
// twice.
//
// # Cases
//
// Each case is a subtest: unknown ids, appending, conflicts, batches that are seen whole or
// not at all, ownership of the bytes, ids of every kind, contexts that are over, writers of one
// id and of many at the same time, records of every kind and of 4 MB. One that fails
// prints why it matters. Run them with the race detector.
//
// Records are JSON objects in one line, as json.Marshal makes them: conversations write no
// others. They must come back byte for byte.
//
// What the suite cannot do is to kill the process, to cut the power or to break the connection:
// a store that outlives its process has a test of that beside this one.
package storetest

import (
	"context"

	"github.com/parley-sdk/parley/conversation"
)

// TB is the part of *testing.T that [Run] needs. It is generic over the type itself, so that
// subtests are handed the same type and programs do not link package testing.
type TB[T any] interface {
	Helper()
	Errorf(format string, args ...any)
	Run(name string, f func(T)) bool
}

// Run runs all cases as subtests. open returns two handles of one empty storage; what it opens
// it closes by t.Cleanup.
func Run[T TB[T]](t T, open func(t T) (a, b conversation.Store)) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t T) {
			t.Helper()
			a, b := open(t)
			if a == nil || b == nil {
				t.Errorf("open returned no store")
				return
			}
			if err := c.run(context.Background(), a, b); err != nil {
				t.Errorf("%v\n%s", err, c.why)
			}
		})
	}
}

// testCase is a promise of a store.
type testCase struct {
	name string
	why  string // it matters
	run  func(ctx context.Context, a, b conversation.Store) error
}

var cases = []testCase{
	{"unknown", "A conversation that is new is opened like any other: no records are no error.", unknown},
	{"append", "The history is the sum of all records, byte for byte and in their order.", appends},
	{"conflict", "Who does not know all records must not add to them: it would answer a history that it has not seen.", conflicts},
	{"batch", "What belongs together is there together: a fork, or a history from JSON, is written in one call.", batches},
	{"ownership", "Callers reuse their buffers, and may change what they were given.", ownership},
	{"ids", "An id is any string, of a user perhaps. Conversations of different ids must never mix.", ids},
	{"context", "A call whose context is over does nothing, and says so.", contexts},
	{"writers", "Two servers that answer the same conversation at the same time: one of them wins, and the others know that they have not.", writers},
	{"conversations", "Conversations have nothing to do with each other, and do not fail because of each other.", conversations},
	{"records", "Text of every kind comes back as it was written.", kinds},
	{"large", "Images and documents are part of records.", large},
}

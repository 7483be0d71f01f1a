package conversation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrConflict says that a store has another number of records of a conversation than its writer
// thinks: somebody else has written, or a commit went through whose answer was lost. Open the
// conversation again.
var ErrConflict = errors.New("the conversation was changed by another writer")

// Store keeps the records of conversations. They are opaque: a JSON object in one line each, one
// for a turn and some more where it waits, that are only ever added to. Implementations are safe
// for concurrent use, and copy what they keep. A call whose context is over does nothing, and
// returns an error that is the context's. Package storetest tries all that.
type Store interface {
	// Load returns all records of a conversation, oldest first; nil where there is none.
	Load(ctx context.Context, id string) ([][]byte, error)

	// Append adds records behind the first at, all or none. Where there are more or fewer it
	// returns an error that is [ErrConflict]. After any other error the caller cannot know
	// whether the records are in.
	Append(ctx context.Context, id string, at int, records ...[]byte) error
}

// NewMemoryStore returns a store that keeps records for as long as it lives itself.
func NewMemoryStore() Store { return &memoryStore{logs: make(map[string][][]byte)} }

type memoryStore struct {
	mu   sync.Mutex
	logs map[string][][]byte
}

func (s *memoryStore) Load(ctx context.Context, id string) ([][]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var out [][]byte
	for _, r := range s.logs[id] {
		out = append(out, bytes.Clone(r))
	}
	return out, nil
}

func (s *memoryStore) Append(ctx context.Context, id string, at int, records ...[]byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.logs[id]); n != at {
		return conflict(id, at, n)
	}
	for _, r := range records {
		s.logs[id] = append(s.logs[id], bytes.Clone(r))
	}
	return nil
}

func conflict(id string, at, is int) error {
	return fmt.Errorf("%w: %q has %d records, and not %d", ErrConflict, id, is, at)
}

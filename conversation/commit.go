package conversation

import (
	"context"
	"errors"

	"github.com/parley-sdk/parley/llm"
)

// commit writes a record and makes it part of the state, or does neither.
func (c *Conversation) commit(ctx context.Context, r record) error {
	c.mu.Lock()
	id, at, owed := c.id, c.at, c.owed
	c.mu.Unlock()
	if c.opts.Store != nil {
		var records [][]byte
		for _, r := range append(owed[:len(owed):len(owed)], r) {
			b, err := r.encode()
			if err != nil {
				return err
			}
			records = append(records, b)
		}
		if err := c.opts.Store.Append(ctx, id, at, records...); err != nil {
			return notStored(ctx, err)
		}
		at += len(records)
		owed = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.owed = at, owed
	return c.state.apply(r)
}

func notStored(ctx context.Context, err error) error {
	e := &llm.Error{Code: llm.ErrInternal, Op: "conversation", Retryable: new(false), Err: err,
		Message: "the store failed, so that the turn is not part of the history; if it was written all the same, the next commit conflicts"}
	if errors.Is(err, ErrConflict) {
		e.Message = "the turn was not stored: open the conversation again"
	}
	if ctx.Err() != nil {
		e.Code = llm.CodeOf(stopped(ctx))
	}
	return e
}

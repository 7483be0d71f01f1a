package usage

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// record is a line of the file: one of its fields is set.
type record struct {
	Call *callRecord `json:"call,omitempty"`
	Sums *sumsRecord `json:"sums,omitempty"`
}

// callRecord is a call that was booked.
type callRecord struct {
	ID      int64             `json:"id"`
	At      time.Time         `json:"at"`
	Model   string            `json:"model"`
	Tags    map[string]string `json:"tags,omitempty"` // those that rows are kept of
	Usage   llm.Usage         `json:"usage"`
	Cost    Cost              `json:"cost"` // by the prices of then
	Failed  bool              `json:"failed,omitempty"`
	Charges []chargeRecord    `json:"charges,omitempty"`
}

// chargeRecord is what was spent of a budget in the period that began at a time.
type chargeRecord struct {
	Budget string `json:"budget"` // its key
	Start  int64  `json:"start"`
	Spent  Cost   `json:"spent"`
}

// sumsRecord is all calls up to an ID.
type sumsRecord struct {
	ID      int64                       `json:"id"`
	At      time.Time                   `json:"at"`
	Total   sums                        `json:"total"`
	Rows    map[string]map[string]*sums `json:"rows"`
	Budgets []chargeRecord              `json:"budgets,omitempty"`
}

// sums returns all that the file has to hold.
func (l *Ledger) sums() *sumsRecord {
	r := &sumsRecord{ID: l.file.lastID.Load(), At: time.Now().UTC()}
	r.Total, r.Rows = l.table.all(false)
	l.budgets.mu.Lock()
	defer l.budgets.mu.Unlock()
	for _, b := range l.budgets.all {
		if w := b.current; w.spent != (Cost{}) {
			r.Budgets = append(r.Budgets, chargeRecord{b.key, w.start, w.spent})
		}
	}
	return r
}

// replay books what is in a line of the file. Nobody else has the ledger yet.
func (l *Ledger) replay(f *file, line []byte) error {
	var r record
	if err := json.Unmarshal(line, &r); err != nil {
		return fmt.Errorf("a record is not that of a ledger: %w", err)
	}
	switch {
	case r.Sums != nil:
		maps.DeleteFunc(r.Sums.Rows, func(tag string, _ map[string]*sums) bool {
			return tag != modelTag && l.opts.GroupBy != nil && !slices.Contains(l.opts.GroupBy, tag)
		})
		for _, rows := range r.Sums.Rows {
			maps.DeleteFunc(rows, func(_ string, s *sums) bool { return s == nil })
		}
		l.table.load(r.Sums.Total, r.Sums.Rows)
		l.budgets.restore(r.Sums.Budgets)
		f.lastID.Store(max(f.lastID.Load(), r.Sums.ID))
	case r.Call != nil:
		c := r.Call
		l.table.book(&booking{model: c.Model, part: Part{1, c.Usage, c.Cost},
			failed: c.Failed, estimated: c.Usage.Estimated}, &callTags{private: c.Tags}, l.opts.GroupBy)
		l.budgets.restore(c.Charges)
		f.lastID.Store(max(f.lastID.Load(), c.ID))
		f.calls.Add(1)
	default:
		return errors.New("a record is of a kind that this release does not know: use the release that wrote it, or a later one")
	}
	return nil
}

// bounded is a key that has a row of its own, or that of the others.
func bounded(key string) string {
	if len(key) > maxKey {
		return otherKey
	}
	return key
}

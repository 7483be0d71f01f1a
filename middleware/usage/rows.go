package usage

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
)

const shardCount = 8

// table holds the sums. It is cut into shards, each of which has some of the calls: a call is
// booked in one of them, under its lock, and who reads adds them up.
type table struct {
	maxRows int // of a tag
	maxTags int
	shards  [shardCount]shard

	admission sync.Mutex                   // taken with the lock of a shard held
	admitted  map[string]map[string]string // the keys that have a row, by tag and key
}

type shard struct {
	mu    sync.Mutex
	total sums
	rows  map[string]map[string]*sums // by tag and key
	_     [64]byte                    // so that no two locks share a cache line
}

// booking is a call as it is booked.
type booking struct {
	model             string // that served
	tags              *callTags
	part              Part // of one call
	failed, estimated bool
}

func (s *sums) book(b *booking) (exact bool) {
	part := &s.Reported
	if b.estimated {
		part = &s.Estimated
	}
	if b.failed {
		s.Errors++
	}
	*part, exact = part.plus(b.part)
	return exact
}

// book adds a call to the total and to its rows. It is false where a cost could not be added up.
func (t *table) book(b *booking, groupBy []string) (exact bool) {
	s := &t.shards[rand.Uint32()%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	exact = s.total.book(b)
	s.row(t, modelTag, b.model).book(b)
	b.tags.each(groupBy, func(tag, key string) {
		if row := s.row(t, tag, key); row != nil {
			row.book(b)
		}
	})
	return exact
}

// row returns the row of a key, or that of all keys that have none; nil for a tag that has
// no rows.
func (s *shard) row(t *table, tag, key string) *sums {
	if row := s.rows[tag][key]; row != nil {
		return row
	}
	tag, key, ok := t.admit(tag, key)
	if !ok {
		return nil
	}
	rows := s.rows[tag]
	if rows == nil {
		rows = map[string]*sums{}
		if s.rows == nil {
			s.rows = map[string]map[string]*sums{}
		}
		s.rows[strings.Clone(tag)] = rows
	}
	row := rows[key]
	if row == nil {
		row = &sums{}
		rows[key] = row
	}
	return row
}

// admit gives a key a row if there is room for it, and else that of all others. Keys that
// are kept are copies: a key may be a small piece of something large.
func (t *table) admit(tag, key string) (string, string, bool) {
	t.admission.Lock()
	defer t.admission.Unlock()
	keys, ok := t.admitted[tag]
	if !ok {
		if len(tag) > maxKey || len(t.admitted) >= t.maxTags {
			return "", "", false
		}
		keys = map[string]string{}
		if t.admitted == nil {
			t.admitted = map[string]map[string]string{}
		}
		t.admitted[strings.Clone(tag)] = keys
	}
	if own, ok := keys[key]; ok {
		return tag, own, true
	}
	if key == otherKey || len(key) > maxKey || len(keys) >= t.maxRows {
		return tag, otherKey, true
	}
	key = strings.Clone(key)
	keys[key] = key
	return tag, key, true
}

// locked calls f with all shards locked, so that it sees each call in all of its rows or in
// none.
func (t *table) locked(f func()) {
	for i := range t.shards {
		t.shards[i].mu.Lock()
		defer t.shards[i].mu.Unlock()
	}
	f()
}

// sum adds up the shards.
func (t *table) sum() (total sums) {
	for i := range t.shards {
		total.add(t.shards[i].total)
	}
	return total
}

// sumRows adds up the rows of a tag.
func (t *table) sumRows(tag string) map[string]*sums {
	joined := map[string]*sums{}
	for i := range t.shards {
		for key, row := range t.shards[i].rows[tag] {
			if joined[key] == nil {
				joined[key] = &sums{}
			}
			joined[key].add(*row)
		}
	}
	return joined
}

// all adds up everything.
func (t *table) all() (total sums, rows map[string]map[string]*sums) {
	rows = map[string]map[string]*sums{}
	for i := range t.shards {
		for tag := range t.shards[i].rows {
			if rows[tag] == nil {
				rows[tag] = t.sumRows(tag)
			}
		}
	}
	return t.sum(), rows
}

// clear forgets everything.
func (t *table) clear() {
	for i := range t.shards {
		t.shards[i].total, t.shards[i].rows = sums{}, nil
	}
	t.admission.Lock()
	defer t.admission.Unlock()
	t.admitted = nil
}

// load puts back what all returned, into a table that is empty.
func (t *table) load(total sums, rows map[string]map[string]*sums) {
	s := &t.shards[0]
	s.total = total
	for tag, keys := range rows {
		for key, row := range keys {
			if dst := s.row(t, tag, key); dst != nil {
				dst.add(*row)
			}
		}
	}
}

func sortedRows(rows map[string]*sums) []Row {
	sorted := make([]Row, 0, len(rows))
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		sorted = append(sorted, Row{key, rows[key].summary()})
	}
	return sorted
}

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

// booking is a call as it is booked, but for its tags.
type booking struct {
	model             string // that served
	part              Part   // of one call
	failed, estimated bool
}

// book adds a call to the total and to its rows.
func (t *table) book(b *booking, tags *callTags, groupBy []string) {
	s := &t.shards[rand.Uint32()%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total.book(b)
	s.row(t, modelTag, b.model).book(b)
	tags.each(groupBy, func(tag, key string) {
		if row := s.row(t, tag, key); row != nil {
			row.book(b)
		}
	})
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
	key = strings.ToValidUTF8(key, "\uFFFD") // as JSON has it
	t.admission.Lock()
	defer t.admission.Unlock()
	keys, ok := t.admitted[tag]
	if !ok {
		if len(t.admitted) >= t.maxTags && tag != modelTag {
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

// each calls f with each shard, locked. As a call is in one of them only, who adds them up has
// it in all of its rows or in none.
func (t *table) each(f func(*shard)) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		f(s)
		s.mu.Unlock()
	}
}

// sum returns the sums of all calls.
func (t *table) sum() (total sums) {
	t.each(func(s *shard) { total.add(&s.total) })
	return total
}

// rowsOf returns the rows of a tag.
func (t *table) rowsOf(tag string) map[string]*sums {
	joined := map[string]*sums{}
	t.each(func(s *shard) { join(joined, s.rows[tag]) })
	return joined
}

// all returns everything, and forgets it where that is asked.
func (t *table) all(forget bool) (total sums, rows map[string]map[string]*sums) {
	rows = map[string]map[string]*sums{}
	gather := func(s *shard) {
		total.add(&s.total)
		for tag, own := range s.rows {
			if rows[tag] == nil {
				rows[tag] = make(map[string]*sums, len(own))
			}
			join(rows[tag], own)
		}
	}
	if !forget {
		t.each(gather)
		return total, rows
	}
	for i := range t.shards { // all stay locked to the end, so that no row is left that is not admitted
		s := &t.shards[i]
		s.mu.Lock()
		defer s.mu.Unlock()
		gather(s)
		s.total, s.rows = sums{}, nil
	}
	t.admission.Lock()
	defer t.admission.Unlock()
	t.admitted = nil
	return total, rows
}

// join adds rows to others.
func join(joined, rows map[string]*sums) {
	for key, row := range rows {
		if joined[key] == nil {
			joined[key] = &sums{}
		}
		joined[key].add(row)
	}
}

// load puts back what all returned, into a table that is empty and nobody else has.
func (t *table) load(total sums, rows map[string]map[string]*sums) {
	s := &t.shards[0]
	s.total = total
	for _, tag := range slices.Sorted(maps.Keys(rows)) { // in an order, where there is room for some only
		for _, key := range slices.Sorted(maps.Keys(rows[tag])) {
			if row := s.row(t, tag, key); row != nil {
				row.add(rows[tag][key])
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

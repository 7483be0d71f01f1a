package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/conversation/storetest"
)

// mutant is a store in memory that can be broken.
type mutant struct {
	mu   sync.Mutex
	logs map[string][][]byte

	key        func(id string) string
	in, out    func(records [][]byte) [][]byte
	at         func(at, is int) bool
	conflict   error
	blind      bool // to contexts
	unlocked   bool // between the check and the write
	oneByOne   bool
	empty      bool // what is unknown has no records, which is not nil
	errUnknown bool
	share      bool // the bytes
	busy       bool // fails where another is at work
}

func newMutant(breaks func(m *mutant)) *mutant {
	same := func(r [][]byte) [][]byte { return r }
	m := &mutant{
		logs: map[string][][]byte{}, key: func(id string) string { return id }, in: same, out: same,
		at: func(at, is int) bool { return at == is }, conflict: conversation.ErrConflict,
	}
	breaks(m)
	return m
}

func (m *mutant) copied(records [][]byte) [][]byte {
	if m.share {
		return records
	}
	var out [][]byte
	for _, r := range records {
		out = append(out, bytes.Clone(r))
	}
	return out
}

func (m *mutant) Load(ctx context.Context, id string) ([][]byte, error) {
	if ctx.Err() != nil && !m.blind {
		return nil, ctx.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	got, known := m.logs[m.key(id)]
	if !known && m.errUnknown {
		return nil, errors.New("not found")
	}
	got = m.copied(m.out(got))
	if got == nil && m.empty {
		got = [][]byte{}
	}
	return got, nil
}

func (m *mutant) Append(ctx context.Context, id string, at int, records ...[]byte) error {
	if ctx.Err() != nil && !m.blind {
		return ctx.Err()
	}
	id = m.key(id)
	if m.busy && !m.mu.TryLock() {
		return errors.New("busy")
	} else if !m.busy {
		m.mu.Lock()
	}
	defer m.mu.Unlock()
	if !m.at(at, len(m.logs[id])) {
		return m.conflict
	}
	if m.unlocked {
		m.pause()
	}
	if m.busy {
		time.Sleep(time.Millisecond)
	}
	for i, r := range m.copied(m.in(records)) {
		if m.oneByOne && i == 2 {
			m.pause()
		}
		m.logs[id] = append(m.logs[id], r)
	}
	return nil
}

// pause lets another in.
func (m *mutant) pause() {
	m.mu.Unlock()
	time.Sleep(time.Millisecond)
	m.mu.Lock()
}

// recorder is a test that notes which subtests fail.
type recorder struct {
	name   string
	failed *[]string
}

func (r recorder) Helper() {}

func (r recorder) Errorf(format string, args ...any) {
	name := r.name
	if !strings.Contains(fmt.Sprintf(format, args...), "\n") {
		name += ", without a reason"
	}
	*r.failed = append(*r.failed, name)
}

func (r recorder) Run(name string, f func(recorder)) bool {
	f(recorder{name, r.failed})
	return true
}

// Each promise that a store can break has a case that fails.
func TestMutants(t *testing.T) {
	for name, c := range map[string]struct {
		breaks func(m *mutant)
		fails  string
	}{
		"none":             {func(m *mutant) {}, ""},
		"unknown error":    {func(m *mutant) { m.errUnknown = true }, "unknown"},
		"unknown empty":    {func(m *mutant) { m.empty = true }, "unknown"},
		"order":            {func(m *mutant) { m.in = func(r [][]byte) [][]byte { r = slices.Clone(r); slices.Reverse(r); return r } }, "append"},
		"only the first":   {func(m *mutant) { m.in = func(r [][]byte) [][]byte { return r[:min(1, len(r))] } }, "append"},
		"a limit":          {func(m *mutant) { m.out = func(r [][]byte) [][]byte { return r[:min(100, len(r))] } }, "batch"},
		"below":            {func(m *mutant) { m.at = func(at, is int) bool { return at <= is } }, "conflict"},
		"beyond":           {func(m *mutant) { m.at = func(at, is int) bool { return at >= is } }, "conflict"},
		"from the end":     {func(m *mutant) { m.at = func(at, is int) bool { return at == is || at == -1 } }, "conflict"},
		"another error":    {func(m *mutant) { m.conflict = errors.New("conflict") }, "conflict"},
		"one by one":       {func(m *mutant) { m.oneByOne = true }, "batch"},
		"shared bytes":     {func(m *mutant) { m.share = true }, "ownership"},
		"lower case":       {func(m *mutant) { m.key = strings.ToLower }, "ids"},
		"trimmed":          {func(m *mutant) { m.key = strings.TrimSpace }, "ids"},
		"cut":              {func(m *mutant) { m.key = func(id string) string { return id[:min(255, len(id))] } }, "ids"},
		"valid UTF-8":      {func(m *mutant) { m.key = func(id string) string { return strings.ToValidUTF8(id, "\ufffd") } }, "ids"},
		"paths":            {func(m *mutant) { m.key = func(id string) string { return strings.ReplaceAll(id, "//", "/") } }, "ids"},
		"C strings":        {func(m *mutant) { m.key = func(id string) string { id, _, _ = strings.Cut(id, "\x00"); return id } }, "ids"},
		"contexts":         {func(m *mutant) { m.blind = true }, "context"},
		"check then write": {func(m *mutant) { m.unlocked = true }, "writers"},
		"busy":             {func(m *mutant) { m.busy = true }, "conversations"},
		"HTML":             {func(m *mutant) { m.in = replace("&", `\u0026`) }, "records"},
		"spaces":           {func(m *mutant) { m.in = replace(" ", "") }, "records"},
		"64 KB":            {func(m *mutant) { m.in = cut(1 << 16) }, "large"},
	} {
		t.Run(name, func(t *testing.T) {
			var failed []string
			storetest.Run(recorder{"", &failed}, func(recorder) (a, b conversation.Store) {
				m := newMutant(c.breaks)
				return m, m
			})
			if c.fails == "" && len(failed) > 0 || c.fails != "" && !slices.Contains(failed, c.fails) {
				t.Errorf("it fails %q, not %q", failed, c.fails)
			}
		})
	}
	t.Run("no store", func(t *testing.T) {
		var failed []string
		storetest.Run(recorder{"", &failed}, func(recorder) (a, b conversation.Store) { return nil, nil })
		if len(failed) == 0 {
			t.Error("it passes")
		}
	})
	t.Run("two storages", func(t *testing.T) {
		var failed []string
		storetest.Run(recorder{"", &failed}, func(recorder) (a, b conversation.Store) {
			return conversation.NewMemoryStore(), conversation.NewMemoryStore()
		})
		if !slices.Contains(failed, "append") {
			t.Errorf("it fails %q", failed)
		}
	})
}

func replace(from, to string) func([][]byte) [][]byte {
	return each(func(r []byte) []byte { return bytes.ReplaceAll(r, []byte(from), []byte(to)) })
}

func cut(size int) func([][]byte) [][]byte {
	return each(func(r []byte) []byte { return r[:min(size, len(r))] })
}

func each(f func([]byte) []byte) func([][]byte) [][]byte {
	return func(records [][]byte) [][]byte {
		out := make([][]byte, len(records))
		for i, r := range records {
			out[i] = f(r)
		}
		return out
	}
}

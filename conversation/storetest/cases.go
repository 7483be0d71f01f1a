package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/parley-sdk/parley/conversation"
)

func unknown(ctx context.Context, a, b conversation.Store) error {
	if err := a.Append(ctx, "another", 0, record(0)); err != nil {
		return fmt.Errorf("append: %w", err)
	}
	for range 2 {
		for _, s := range []conversation.Store{a, b} {
			if got, err := s.Load(ctx, "unknown"); got != nil || err != nil {
				return fmt.Errorf("load of an unknown id returns %d records, nil %t, error %v; not nil and nil", len(got), got == nil, err)
			}
		}
		if err := isConflict(a.Append(ctx, "unknown", 1, record(1))); err != nil {
			return fmt.Errorf("append at 1 of an unknown id: %w", err)
		}
	}
	return nil
}

func appends(ctx context.Context, a, b conversation.Store) error {
	var want [][]byte
	for i, n := range []int{1, 2, 1, 7, 1} {
		batch := records(len(want), n)
		s := []conversation.Store{a, b}[i%2]
		if err := s.Append(ctx, "id", len(want), batch...); err != nil {
			return fmt.Errorf("append of %d at %d: %w", n, len(want), err)
		}
		want = append(want, batch...)
		if err := holds(ctx, "id", want, a, b); err != nil {
			return err
		}
	}
	return nil
}

func conflicts(ctx context.Context, a, b conversation.Store) error {
	want := records(0, 3)
	if err := a.Append(ctx, "id", 0, want...); err != nil {
		return fmt.Errorf("append: %w", err)
	}
	for _, s := range []conversation.Store{a, b} {
		for _, at := range []int{-1, 0, 1, 2, 4, 5, 1 << 30} {
			for n := range 3 {
				if err := isConflict(s.Append(ctx, "id", at, records(100, n)...)); err != nil {
					return fmt.Errorf("append of %d at %d, where there are 3: %w", n, at, err)
				}
			}
		}
		if err := s.Append(ctx, "id", 3); err != nil {
			return fmt.Errorf("append of nothing at 3: %w", err)
		}
		if err := holds(ctx, "id", want, a, b); err != nil {
			return fmt.Errorf("after conflicts: %w", err)
		}
	}
	if err := b.Append(ctx, "id", 3, record(3)); err != nil {
		return fmt.Errorf("append at 3, after conflicts: %w", err)
	}
	return holds(ctx, "id", records(0, 4), a, b)
}

// batches appends many records at a time while others read.
func batches(ctx context.Context, a, b conversation.Store) error {
	const size, count = 150, 8
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return together(
		func() error {
			defer cancel()
			for i := range count {
				if err := a.Append(ctx, "id", i*size, records(i*size, size)...); err != nil {
					return fmt.Errorf("append of %d: %w", size, err)
				}
			}
			return holds(ctx, "id", records(0, count*size), a, b)
		},
		func() error {
			for ctx.Err() == nil {
				got, err := b.Load(ctx, "id")
				if ctx.Err() != nil {
					return nil
				}
				if err != nil {
					return fmt.Errorf("load beside Append: %w", err)
				}
				if len(got)%size != 0 {
					return fmt.Errorf("load sees %d records of batches of %d", len(got), size)
				}
				if err := same(got, records(0, len(got))); err != nil {
					return err
				}
			}
			return nil
		})
}

func ownership(ctx context.Context, a, b conversation.Store) error {
	for i, s := range []conversation.Store{a, b} {
		id := fmt.Sprint("id-", i)
		mine := records(0, 3)
		if err := s.Append(ctx, id, 0, mine...); err != nil {
			return fmt.Errorf("append: %w", err)
		}
		spoil(mine)
		if err := holds(ctx, id, records(0, 3), a, b); err != nil {
			return fmt.Errorf("the caller changed what it had handed over: %w", err)
		}
		got, err := s.Load(ctx, id)
		if err != nil {
			return fmt.Errorf("load: %w", err)
		}
		for i := range got {
			_ = append(got[i], "overwritten by an append to a record"...)
		}
		if err := same(got, records(0, 3)); err != nil {
			return fmt.Errorf("the records of one Load share memory: %w", err)
		}
		spoil(got)
		if err := holds(ctx, id, records(0, 3), a, b); err != nil {
			return fmt.Errorf("the caller changed what Load had returned: %w", err)
		}
	}
	return nil
}

// spoil changes records in place.
func spoil(records [][]byte) {
	for i := range records {
		clear(records[i])
		records[i] = nil
	}
}

func ids(ctx context.Context, a, b conversation.Store) error {
	all := slices.Concat(strangeIDs, []string{
		strings.Repeat("x", 300), strings.Repeat("x", 299) + "y", strings.Repeat("X", 300),
		strings.Repeat("/", 128), strings.Repeat("é", 500), strings.Repeat("x", 100_000),
	})
	for i, id := range all {
		if err := a.Append(ctx, id, 0, record(i)); err != nil {
			return fmt.Errorf("append to %.40q, which is new: %w", id, err)
		}
	}
	for i, id := range all {
		if err := holds(ctx, id, [][]byte{record(i)}, a, b); err != nil {
			return fmt.Errorf("%.40q: %w", id, err)
		}
		if err := b.Append(ctx, id, 1, record(i+1)); err != nil {
			return fmt.Errorf("append to %.40q: %w", id, err)
		}
	}
	for i, id := range all {
		if err := holds(ctx, id, [][]byte{record(i), record(i + 1)}, a, b); err != nil {
			return fmt.Errorf("%.40q: %w", id, err)
		}
	}
	return nil
}

var strangeIDs = []string{
	"a", "A", "aa", "aA", "Aa", "AA", "a ", " a", "a.", ".a", "a\t", "a\n", "a\x00", "a\x00b", "\x00",
	".", "..", "...", "/", "//", "a/b", "a//b", "/a", "a/", "../a", "../../../../tmp/a", "a/../b", `..\a`, `a\b`, `C:\a`, "C:a", "~", "~/a",
	"con", "CON", "nul", "nul.txt", "aux.jsonl", "COM1", "com1.a", "lpt9", "PRN", "clock$", "LONGNA~1",
	"*", "?", "a*", "a?", `"`, "'", "''", "`", "<a>", "a|b", ":", ";", "-", "--", "-rf", "_", "%", "%%", "a%", "a_", "%41", "%2e", "$1", "?1", "+a", "+", "=", "a=",
	"'; DROP TABLE records; --", "{}", "null", "0", "00", "-1", "1e3", "true",
	"é", "e\u0301", "É", "ß", "ss", "SS", "ſ", "s", "S", "ı", "i", "I", "İ", "ﬁ", "fi", "\u212a", "K", "k", "日本", "🙂", "\u200b", "\ufeff", "\u202e",
	"\xff", "\xff\xfe", "a\xc3", "\ufffd",
	"a.jsonl", "a.jsonl.lock", "a.lock", "a.tmp",
	"550e8400-e29b-41d4-a716-446655440000", "550E8400-E29B-41D4-A716-446655440000", "user@example.com/chat 7",
}

func contexts(ctx context.Context, a, b conversation.Store) error {
	if err := a.Append(ctx, "id", 0, record(0)); err != nil {
		return fmt.Errorf("append: %w", err)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	late, cancel := context.WithDeadline(ctx, time.Unix(0, 0))
	defer cancel()
	for _, over := range []context.Context{canceled, late} {
		for _, s := range []conversation.Store{a, b} {
			if got, err := s.Load(over, "id"); len(got) > 0 || !errors.Is(err, over.Err()) {
				return fmt.Errorf("load returns %d records and the error %v, not %v", len(got), err, over.Err())
			}
			if err := s.Append(over, "id", 1, record(1)); !errors.Is(err, over.Err()) {
				return fmt.Errorf("the error of Append is %v, not %v", err, over.Err())
			}
			if err := s.Append(over, "new", 0, record(1)); !errors.Is(err, over.Err()) {
				return fmt.Errorf("the error of Append is %v, not %v", err, over.Err())
			}
		}
	}
	if err := holds(ctx, "id", records(0, 1), a, b); err != nil {
		return err
	}
	return holds(ctx, "new", nil, a, b)
}

package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/parley-sdk/parley/conversation"
)

// writers has 64 goroutines append at the same place, again and again.
func writers(ctx context.Context, a, b conversation.Store) error {
	const goroutines, rounds, size = 64, 6, 2
	for round := range rounds {
		var winner atomic.Int64
		winner.Store(-1)
		work := make([]func() error, goroutines)
		for g := range work {
			s := []conversation.Store{a, b}[g%2]
			work[g] = func() error {
				err := s.Append(ctx, "id", round*size, records((round*goroutines+g)*size, size)...)
				if err != nil {
					return isConflict(err)
				}
				if other := winner.Swap(int64(g)); other >= 0 {
					return fmt.Errorf("goroutines %d and %d have both appended at %d", other, g, round*size)
				}
				return nil
			}
		}
		if err := together(work...); err != nil {
			return err
		}
		if winner.Load() < 0 {
			return fmt.Errorf("of %d goroutines none has appended at %d", goroutines, round*size)
		}
		got, err := b.Load(ctx, "id")
		if err != nil {
			return fmt.Errorf("load: %w", err)
		}
		if len(got) != (round+1)*size {
			return fmt.Errorf("%d records after %d rounds of %d", len(got), round+1, size)
		}
		if err := same(got[round*size:], records((round*goroutines+int(winner.Load()))*size, size)); err != nil {
			return fmt.Errorf("what the winner wrote: %w", err)
		}
	}
	return nil
}

// conversations has 32 goroutines append to ids of their own.
func conversations(ctx context.Context, a, b conversation.Store) error {
	const goroutines, turns = 32, 5
	work := make([]func() error, goroutines)
	for g := range work {
		work[g] = func() error {
			id := fmt.Sprint("id-", g)
			var want [][]byte
			for turn := range turns {
				s := []conversation.Store{a, b}[(g+turn)%2]
				r := record(g*turns + turn)
				if err := s.Append(ctx, id, turn, r); err != nil {
					return fmt.Errorf("append beside other conversations: %w", err)
				}
				want = append(want, r)
				if err := holds(ctx, id, want, s); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return together(work...)
}

func kinds(ctx context.Context, a, b conversation.Store) error {
	var want [][]byte
	for _, r := range []string{
		`{}`, `{"a":null}`, `{"a":"\u0000\t\n\r\"\\\/"}`, `{"é":"日本🙂\ud83d\ude42"}`, "{\"a\":\"\u2028\u2029\ufeff\u200b\"}",
		`{"n":12345678901234567890.12345678901234567890e-400}`, `{"a":1,"a":2}`, `{"a":"<b>&amp;' -- $1 ? %s"}`, `{"a":[[[[[[]]]]]]}`, `{"r":[{"crc":"x"}]}`,
		`{"a":"` + strings.Repeat("ä", 5000) + `"}`,
	} {
		want = append(want, []byte(r))
	}
	for at, r := range want {
		if err := a.Append(ctx, "one by one", at, r); err != nil {
			return fmt.Errorf("append of %.40q: %w", r, err)
		}
	}
	if err := a.Append(ctx, "together", 0, want...); err != nil {
		return fmt.Errorf("append: %w", err)
	}
	return errors.Join(holds(ctx, "one by one", want, a, b), holds(ctx, "together", want, a, b))
}

func large(ctx context.Context, a, b conversation.Store) error {
	want := [][]byte{
		record(0),
		[]byte(`{"image":"` + strings.Repeat("0123456789abcdef", 1<<18) + `"}`),
		record(2),
	}
	if err := a.Append(ctx, "id", 0, want[:2]...); err != nil {
		return fmt.Errorf("append of 4 MB: %w", err)
	}
	if err := b.Append(ctx, "id", 2, want[2:]...); err != nil {
		return fmt.Errorf("append behind 4 MB: %w", err)
	}
	return holds(ctx, "id", want, a, b)
}

// together runs functions at the same time.
func together(work ...func() error) error {
	errs := make([]error, len(work))
	var all sync.WaitGroup
	for i, f := range work {
		all.Go(func() { errs[i] = f() })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err // the first says enough
		}
	}
	return nil
}

func record(n int) []byte { return fmt.Appendf(nil, `{"v":1,"n":%d}`, n) }

func records(from, count int) [][]byte {
	out := make([][]byte, count)
	for i := range out {
		out[i] = record(from + i)
	}
	return out
}

// isConflict is an error unless err is a conflict.
func isConflict(err error) error {
	if !errors.Is(err, conversation.ErrConflict) {
		return fmt.Errorf("the error is %v, not conversation.ErrConflict", err)
	}
	return nil
}

// holds says whether handles load just these records.
func holds(ctx context.Context, id string, want [][]byte, stores ...conversation.Store) error {
	for _, s := range stores {
		got, err := s.Load(ctx, id)
		if err != nil {
			return fmt.Errorf("load: %w", err)
		}
		if err := same(got, want); err != nil {
			return err
		}
	}
	return nil
}

func same(got, want [][]byte) error {
	if len(got) != len(want) {
		return fmt.Errorf("there are %d records, not %d", len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			return fmt.Errorf("records[%d] is %.60q, not %.60q", i, got[i], want[i])
		}
	}
	return nil
}

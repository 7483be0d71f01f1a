package usage

import (
	"testing"
	"time"
)

// A clock that is set back does not bring back what was spent before, unless it is set
// back by more than a period.
func TestClockSetBack(t *testing.T) {
	b := newBudgets([]Budget{{Period: time.Hour}}).all[0]
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	w := b.at(noon)
	for _, c := range []struct {
		at   time.Time
		same bool
	}{
		{noon.Add(time.Hour - 1), true},
		{noon.Add(-1), true},
		{noon.Add(-time.Hour), true},
		{noon.Add(time.Hour), false},
		{noon, true},
		{noon.Add(-time.Hour), false},
		{noon.Add(-10 * time.Hour), false},
	} {
		got := b.at(c.at)
		if (got == w) != c.same {
			t.Errorf("at %v the window is from %v", c.at, time.Unix(0, got.start).UTC())
		}
		w = got
	}
}

func TestStartOf(t *testing.T) {
	for at, want := range map[string]string{
		"2026-11-23T13:37:00Z":      "2026-11-19T00:00:00Z",
		"2026-11-19T00:00:00Z":      "2026-11-19T00:00:00Z",
		"2026-11-18T23:59:59Z":      "2026-11-12T00:00:00Z",
		"2026-11-19T01:00:00+02:00": "2026-11-12T00:00:00Z",
		"1970-01-01T00:00:00Z":      "1970-01-01T00:00:00Z",
		"1969-12-31T23:00:00Z":      "1969-12-25T00:00:00Z",
	} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := time.Unix(0, startOf(now, 7*24*time.Hour)).UTC().Format(time.RFC3339); got != want {
			t.Errorf("the week of %s begins at %s, want %s", at, got, want)
		}
	}
}

package usage

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// clock shows times to a budget of a limit of 10, and spends at each.
type clock struct {
	t  *testing.T
	bs *budgets
}

func newClock(t *testing.T, period time.Duration) *clock {
	return &clock{t, newBudgets([]Budget{{Limit: MustUSD("10"), Period: period}})}
}

// spend makes a call at a time, for a dollar. After it so much is to be spent, or it is to be
// refused.
func (c *clock) spend(at, want string) {
	c.t.Helper()
	now, err := time.Parse(time.DateTime, at)
	if err != nil {
		c.t.Fatal(err)
	}
	one := KnownCost(MustUSD("1"))
	charges := c.bs.match(&callTags{})
	got := "refused"
	if c.bs.reserve(charges, now, one) == nil {
		c.bs.settle(charges, one)
		got = c.bs.status(now)[0].Spent.String()
	}
	if got != want {
		c.t.Errorf("at %s: spent %s, want %s", at, got, want)
	}
	if ends := c.bs.status(now)[0].Ends; !ends.After(now) || ends.Sub(now) > c.bs.all[0].Period {
		c.t.Errorf("at %s: the period ends at %v", at, ends)
	}
}

func TestClockSetBack(t *testing.T) {
	const day = 24 * time.Hour
	t.Run("and right again", func(t *testing.T) {
		for _, wrong := range []string{"2026-11-23 11:59:59", "2026-11-22 23:59:59", "2026-11-20 12:00:00", "1970-01-01 00:00:00", "1969-01-01 00:00:00"} {
			c := newClock(t, day)
			c.spend("2026-11-23 12:00:00", "1")
			c.spend(wrong, "2")
			c.spend("2026-11-23 12:00:00", "3")
			c.spend("2026-11-24 00:00:00", "1")
		}
	})
	t.Run("twice", func(t *testing.T) {
		c := newClock(t, day)
		c.spend("2026-11-23 12:00:00", "1")
		c.spend("2026-11-20 12:00:00", "2")
		c.spend("2026-11-10 12:00:00", "3")
		c.spend("2026-11-20 12:00:00", "4")
		c.spend("2026-11-22 12:00:00", "5")
		c.spend("2026-11-23 12:00:00", "6")
	})
	t.Run("by a little, around midnight", func(t *testing.T) {
		c := newClock(t, day)
		c.spend("2026-11-22 23:59:59", "1")
		c.spend("2026-11-23 00:00:00", "1")
		c.spend("2026-11-22 23:59:59", "2")
		c.spend("2026-11-23 00:00:00", "3")
	})
	t.Run("between two runs", func(t *testing.T) {
		c := newClock(t, day)
		start := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC).UnixNano()
		c.bs.restore([]chargeRecord{{c.bs.all[0].key, start, KnownCost(MustUSD("5"))}})
		c.spend("2026-11-20 12:00:00", "6")
		c.spend("2026-11-23 12:00:00", "7")
	})
	t.Run("with nothing left", func(t *testing.T) {
		c := newClock(t, day)
		for i := range 10 {
			c.spend("2026-11-23 12:00:00", strconv.Itoa(i+1))
		}
		for _, at := range []string{"2026-11-23 12:00:00", "2026-11-20 12:00:00", "2026-11-21 12:00:00", "2026-11-23 12:00:00"} {
			c.spend(at, "refused")
		}
		c.spend("2026-11-24 00:00:00", "1")
	})
}

// A clock that was wrong before, and is right now, does not leave a budget without renewal.
func TestClockSetRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const day = 24 * time.Hour
		c := newClock(t, day)
		c.spend("2099-01-01 12:00:00", "1")
		c.spend("2026-11-23 12:00:00", "2")
		time.Sleep(day / 2)
		c.spend("2026-11-24 00:00:00", "3") // perhaps too soon
		time.Sleep(day)
		c.spend("2026-11-25 00:00:00", "1")
		time.Sleep(day - time.Second)
		c.spend("2026-11-25 23:59:59", "2")
		time.Sleep(time.Second)
		c.spend("2026-11-26 00:00:00", "1")
	})
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

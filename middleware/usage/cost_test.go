package usage_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/usage"
)

func TestCost(t *testing.T) {
	known := func(s string) usage.Cost { return usage.KnownCost(usage.MustUSD(s)) }
	sum := func(costs ...usage.Cost) (total usage.Cost) {
		t.Helper()
		for _, c := range costs {
			var err error
			if total, err = total.Add(c); err != nil {
				t.Fatal(err)
			}
		}
		return total
	}
	cases := []struct {
		cost          usage.Cost
		text, json    string
		usd           string
		known         bool
		calls, tokens int64
	}{
		{usage.Cost{}, "0", `{"usd":"0"}`, "0", true, 0, 0},
		{known("1.250"), "1.25", `{"usd":"1.25"}`, "1.25", true, 0, 0},
		{known("-1.250"), "-1.25", `{"usd":"-1.25"}`, "-1.25", true, 0, 0},
		{usage.UnknownCost(0), "unknown", `{"known_usd":"0","unpriced_calls":1}`, "0", false, 1, 0},
		{usage.UnknownCost(-7), "unknown", `{"known_usd":"0","unpriced_calls":1}`, "0", false, 1, 0},
		{usage.UnknownCost(5000), "unknown", `{"known_usd":"0","unpriced_calls":1,"unpriced_tokens":5000}`, "0", false, 1, 5000},
		{sum(usage.UnknownCost(1), known("1.25"), usage.UnknownCost(2), usage.Cost{}), "1.25 + unknown", `{"known_usd":"1.25","unpriced_calls":2,"unpriced_tokens":3}`, "1.25", false, 2, 3},
	}
	for _, c := range cases {
		usd, all := c.cost.USD()
		if c.cost.String() != c.text || fmt.Sprint(c.cost) != c.text || usd.String() != c.usd || all != c.known || c.cost.UnpricedCalls() != c.calls || c.cost.UnpricedTokens() != c.tokens {
			t.Errorf("%s: %v, %v %v, %d calls, %d tokens", c.text, c.cost, usd, all, c.cost.UnpricedCalls(), c.cost.UnpricedTokens())
		}
		b, err := json.Marshal(c.cost)
		if err != nil || string(b) != c.json {
			t.Errorf("%s: saved as %s, %v; want %s", c.text, b, err, c.json)
		}
		var again usage.Cost
		if err := json.Unmarshal(b, &again); err != nil || again != c.cost {
			t.Errorf("%s: loaded as %v, %v", b, again, err)
		}
	}
}

func TestCostLoad(t *testing.T) {
	kept := usage.UnknownCost(3)
	for _, bad := range []string{`{}`, `"1"`, `1`, `{"usd":1}`, `{"usd":"1","unpriced_calls":1}`, `{"usd":"1","unpriced_tokens":1}`, `{"usd":"1","known_usd":"1"}`,
		`{"known_usd":"1"}`, `{"known_usd":"1","unpriced_calls":-1}`, `{"known_usd":"1","unpriced_calls":1,"unpriced_tokens":-1}`, `{"unpriced_calls":1}`} {
		c := kept
		if err := json.Unmarshal([]byte(bad), &c); err == nil || c != kept {
			t.Errorf("%s was loaded as %v, %v", bad, c, err)
		}
	}
	c := kept
	if err := json.Unmarshal([]byte(`null`), &c); err != nil || c != kept {
		t.Errorf("null was loaded as %v, %v", c, err)
	}
	if err := json.Unmarshal([]byte(`{"usd":"1","added_later":true}`), &c); err != nil || c.String() != "1" {
		t.Errorf("a field of a later release: %v, %v", c, err)
	}
}

func TestCostOverflow(t *testing.T) {
	large, manyCalls := usage.KnownCost(usage.MustUSD(most)), usage.Cost{}
	if err := json.Unmarshal([]byte(`{"known_usd":"0","unpriced_calls":9223372036854775807}`), &manyCalls); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]usage.Cost{{large, usage.KnownCost(usage.MustUSD(atto))}, {usage.UnknownCost(math.MaxInt), usage.UnknownCost(1)}, {manyCalls, usage.UnknownCost(0)}} {
		if sum, err := c[0].Add(c[1]); !errors.Is(err, llm.ErrInvalidRequest) || sum != (usage.Cost{}) {
			t.Errorf("%v + %v = %v, %v", c[0], c[1], sum, err)
		}
	}
}

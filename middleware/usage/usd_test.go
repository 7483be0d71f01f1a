package usage_test

import (
	"encoding/json"
	"errors"
	"math/big"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/usage"
)

const (
	most = "9223372036854775807.999999999999999999"
	atto = "0.000000000000000001"
)

func TestParseUSD(t *testing.T) {
	cases := []struct{ in, want string }{
		{"0", "0"}, {"-0", "0"}, {"-0.000", "0"}, {"0.0", "0"}, {"007", "7"}, {"12.50", "12.5"}, {"-12.50", "-12.5"}, {"0.000003", "0.000003"},
		{"1.000000000000000000000000000", "1"}, {"100", "100"}, {"-0.5", "-0.5"}, {"-1", "-1"}, {"-1.000000000000000001", "-1.000000000000000001"},
		{atto, atto}, {"-" + atto, "-" + atto}, {most, most}, {"-" + most, "-" + most}, {"00000000000000000000000000001.5", "1.5"},
		{"-9223372036854775807", "-9223372036854775807"}, {"999.999999999999999999", "999.999999999999999999"},
	}
	for _, c := range cases {
		got, err := usage.ParseUSD(c.in)
		if err != nil || got.String() != c.want {
			t.Errorf("ParseUSD(%q) = %v, %v, want %s", c.in, got, err, c.want)
		}
		if again := usage.MustUSD(got.String()); again != got {
			t.Errorf("%q is not the value that its text gives", c.in)
		}
	}
	bad := []string{"", "-", ".", "1.", ".5", "+1", "1e3", "1E-3", "0x1", "1_000", "1,5", "1,000", "$1", "1 ", " 1", "--1", "1-", "1.-5", "1.5.5", "NaN", "Inf", "١",
		"9223372036854775808", "-9223372036854775808", "99999999999999999999999", "0.0000000000000000001", "1.0000000000000000005", "1\n", "1\x00"}
	for _, in := range bad {
		if got, err := usage.ParseUSD(in); !errors.Is(err, llm.ErrInvalidRequest) {
			t.Errorf("ParseUSD(%q) = %v, %v", in, got, err)
		}
	}
}

func TestMustUSDPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	usage.MustUSD("a lot")
}

// Sums and comparisons are those of exact arithmetic, at the ends of the range too.
func TestUSDArithmetic(t *testing.T) {
	amounts := []string{"0", atto, "-" + atto, "0.5", "-0.5", "0.999999999999999999", "-0.999999999999999999", "1", "-1", "1.5", "-1.5", most, "-" + most,
		"9223372036854775807", "-9223372036854775807", "9223372036854775806.000000000000000001", "-9223372036854775806.5", "4611686018427387904", "-4611686018427387904"}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		amounts = append(amounts, usdText(rng))
	}
	limit := rat(most)
	for _, a := range amounts {
		for _, b := range amounts {
			u, v := usage.MustUSD(a), usage.MustUSD(b)
			sum, err := u.Add(v)
			check(t, a+" + "+b, sum, err, new(big.Rat).Add(rat(a), rat(b)), limit)
			difference, err := u.Sub(v)
			check(t, a+" - "+b, difference, err, new(big.Rat).Sub(rat(a), rat(b)), limit)
			if got, want := u.Cmp(v), rat(a).Cmp(rat(b)); got != want || (u == v) != (want == 0) {
				t.Errorf("%s against %s: Cmp %d, want %d, equal %v", a, b, got, want, u == v)
			}
		}
	}
}

func check(t *testing.T, what string, got usage.USD, err error, want, limit *big.Rat) {
	t.Helper()
	if new(big.Rat).Abs(want).Cmp(limit) > 0 {
		if !errors.Is(err, llm.ErrInvalidRequest) || got != (usage.USD{}) {
			t.Errorf("%s = %v, %v; want an error", what, got, err)
		}
		return
	}
	if err != nil || rat(got.String()).Cmp(want) != 0 {
		t.Errorf("%s = %v, %v; want %s", what, got, err, want.FloatString(18))
	}
}

func rat(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic(s)
	}
	return r
}

func usdText(rng *rand.Rand) string {
	digits := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte('0' + byte(rng.IntN(10)))
		}
		return b.String()
	}
	return []string{"", "-"}[rng.IntN(2)] + digits(1+rng.IntN(18)) + "." + digits(1+rng.IntN(18))
}

func TestUSDText(t *testing.T) {
	type bill struct {
		Total usage.USD
		By    map[usage.USD]usage.USD
		Unset usage.USD `json:",omitzero"`
	}
	in := bill{Total: usage.MustUSD("0.00000018375"), By: map[usage.USD]usage.USD{usage.MustUSD("-1.5"): {}}}
	b, err := json.Marshal(in)
	if want := `{"Total":"0.00000018375","By":{"-1.5":"0"}}`; err != nil || string(b) != want {
		t.Fatalf("%s, %v; want %s", b, err, want)
	}
	var out bill
	if err := json.Unmarshal(b, &out); err != nil || out.Total != in.Total || len(out.By) != 1 || out.By[usage.MustUSD("-1.5")] != (usage.USD{}) {
		t.Errorf("%+v, %v", out, err)
	}
	u := usage.MustUSD("7")
	for _, bad := range []string{`1.5`, `1`, `"1e3"`, `""`, `true`, `{}`} {
		if err := json.Unmarshal([]byte(bad), &u); err == nil || u != usage.MustUSD("7") {
			t.Errorf("%s was loaded as %v, %v", bad, u, err)
		}
	}
}

var decimal = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// What is read is a decimal, is exact, and is what its own text gives.
func FuzzParseUSD(f *testing.F) {
	for _, s := range []string{"0", "-0", "12.50", most, "-" + most, atto, "1e3", "00.10", ".", "-", "1.0000000000000000000", "9223372036854775808"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := usage.ParseUSD(s)
		if err != nil {
			if llm.CodeOf(err) != llm.ErrInvalidRequest || u != (usage.USD{}) {
				t.Errorf("%q: %v, %v", s, u, err)
			}
			return
		}
		want, ok := new(big.Rat).SetString(s)
		if !decimal.MatchString(s) || !ok || rat(u.String()).Cmp(want) != 0 {
			t.Errorf("%q became %v", s, u)
		}
		if again, err := usage.ParseUSD(u.String()); err != nil || again != u {
			t.Errorf("%q became %v, and that %v, %v", s, u, again, err)
		}
		if zero, err := u.Sub(u); err != nil || zero != (usage.USD{}) {
			t.Errorf("%v - %v = %v, %v", u, u, zero, err)
		}
	})
}

package safename

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOf(t *testing.T) {
	long := strings.Repeat("x", 129)
	got := map[string]string{}
	want := map[string]string{
		"":                           "%",
		"user-42_b":                  "user-42_b",
		"Ab":                         "+a+b",
		"XPAJ3LQZ7KNV5RHT2YBW6CDGEF": "+xpaj3lqz7knv5rht2ybw6cdgef",
		"A1b":                        "+a1+b",
		"..":                         "%2e%2e",
		"../../etc/passwd":           "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
		`C:\x`:                       "+c%3a%5c+x",
		"con":                        "%63on",
		"CON":                        "+con",
		"nul.txt":                    "nul%2etxt",
		"com1":                       "%63om1",
		"com10":                      "com10",
		"a\x00b":                     "a%00b",
		"é":                          "%c3%a9",
		"e\u0301":                    "e%cc%81",
		"\xff":                       "%ff",
		"a+b=c%20 d~1":               "a%2bb%3dc%2520%20d%7e1",
		long[:128]:                   long[:128],
		long:                         long[:63] + "=0ec9eb33e74510bcdd1f2ea55206e82f21649c5c2becbf2b433eb475b34c01bd",
	}
	for s := range want {
		got[s] = Of(s)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if Of(long[:128]+"y") == got[long] {
		t.Error("two long strings have one name")
	}
}

var legal = regexp.MustCompile(`^[a-z0-9_%+=-]{1,128}$`)

// back is what Of is undone by.
func back(t *testing.T, name string) string {
	if name == "%" {
		return ""
	}
	var b []byte
	upper := false
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '+':
			upper = !upper
		case c == '%':
			n, err := strconv.ParseUint(name[i+1:i+3], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			b = append(b, byte(n))
			i += 2
		case upper && c >= 'a' && c <= 'z':
			b = append(b, c-0x20)
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

func FuzzOf(f *testing.F) {
	for _, s := range []string{"", "a", "Ab", "con", "CON", "a\x00", "é", "%41", "+a", strings.Repeat("/", 50), "PRN1_x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name := Of(s)
		if !legal.MatchString(name) || reserved.MatchString(name) {
			t.Fatalf("%q is %q", s, name)
		}
		if strings.Contains(name, "=") {
			if len(name) != maxLen {
				t.Fatalf("%q was cut to %q", s, name)
			}
		} else if got := back(t, name); got != s {
			t.Fatalf("%q is %q, which is %q", s, name, got)
		}
	})
}

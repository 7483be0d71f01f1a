package fake

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// What is scrubbed already stays, or a conversation that repeats it would not be found.
func FuzzScrubSecrets(f *testing.F) {
	for _, s := range []string{
		"password='a b' Bearer abcdefghijklmnopqrstuvwxyz AKIA" + "IOSFODNN7EXAMPLE",
		`{"api_key":"12345678","x":"https://a:b@c/?sig=d&token=e"}`,
		"Authorization: Basic dXNlcjpwYXNz secret_key: -----BEGIN " + "PRIVATE KEY-----\nx",
		"Cookie: a=b; sid=31d4d96e407aad42; c=d\nSet-Cookie: sid=[scrubbed]; cookie: [scrubbed]; x=12345678",
		"redis://:p@ss@h https://hooks.slack.com/services/" + strings.Repeat("a/", 20) + " discord.com/api/webhooks/1/" + strings.Repeat("a", 20),
		"client_secret=[scrubbed] sk-" + "0123456789abcdefgh Signature=" + strings.Repeat("0f", 32),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := scrubSecrets(s)
		if twice := scrubSecrets(once); twice != once {
			t.Errorf("%q becomes %q, and that %q", s, once, twice)
		}
	})
}

// A text that was changed is cut where it was, and never within a rune.
func FuzzSpread(f *testing.F) {
	f.Add("Grüße, 東京", "Grüße, [scrubbed]京", 2)
	f.Add("abc", "", 1)
	f.Add("", "abc", 1)
	f.Add("aXbXc", "aYYbYYc", 1)
	f.Fuzz(func(t *testing.T, was, is string, n int) {
		if n < 1 || !utf8.ValidString(was) || !utf8.ValidString(is) {
			return
		}
		pieces := []string{""}
		for s := was; s != ""; {
			i := min(n, len(s))
			pieces = append(pieces, s[:i])
			s = s[i:]
		}
		got := spread(pieces, was, is)
		if strings.Join(got, "") != is || len(got) != len(pieces) {
			t.Fatalf("%q of %q, %q", got, was, is)
		}
		for _, piece := range got {
			if !utf8.ValidString(piece) {
				t.Fatalf("a rune is cut: %q", got)
			}
		}
	})
}

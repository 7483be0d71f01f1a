package sample

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// string makes a string of the format, or that matches the pattern, of the length
// that is asked for.
func (g *generator) string(flat []schema) (any, error) {
	low, high := most(flat, "minLength"), least(flat, "maxLength", maxSize)
	low = min(low, maxSize)
	var format string
	for _, s := range flat {
		f := s.text("format")
		switch {
		case f == "" || f == format:
			continue
		case format != "":
			return nil, s.unknown("format", "fake.Auto makes one format at a time")
		case formats[f].plain == "":
			return nil, s.unknown("format", "fake.Auto does not know it")
		}
		format = f
	}
	if format != "" {
		if g.plain {
			return formats[format].plain, nil
		}
		return formats[format].vary(g.rng), nil
	}
	if text, ok, err := g.matchAll(flat, low, high); ok || err != nil {
		return text, err
	}
	text := "fake"
	if !g.plain {
		text = word(g.rng)
		for g.rng.IntN(2) == 0 {
			text += " " + word(g.rng)
		}
	}
	if len(text) < low {
		text = strings.Repeat(text, low/len(text)+1)[:low]
	}
	return text[:min(len(text), high)], nil
}

// matchAll makes a text that matches a pattern, or what may match several: a text for
// each, one after the other.
func (g *generator) matchAll(flat []schema, low, high int) (text string, ok bool, err error) {
	var all []string
	for _, s := range flat {
		expr := s.text("pattern")
		if expr == "" {
			continue
		}
		re, err := g.pattern(s, "pattern", expr)
		if err != nil {
			return "", false, err
		}
		text, ok := g.match(re, low, high)
		if g.left < 0 {
			return "", false, s.unknown("pattern", endless)
		}
		if !ok {
			return "", false, s.fault("pattern", "fake.Auto finds no text that matches it and satisfies the rest")
		}
		all = append(all, text)
	}
	if len(all) > 1 && !g.plain && g.rng.IntN(2) == 0 {
		return all[g.rng.IntN(len(all))], true, nil
	}
	return strings.Join(all, ""), len(all) > 0, nil
}

// word is a word of no language, to be told from what people write.
func word(rng *rand.Rand) string {
	var b strings.Builder
	for range 2 + rng.IntN(2) {
		b.WriteByte("bdfgklmnprstvz"[rng.IntN(14)])
		b.WriteByte("aeiou"[rng.IntN(5)])
	}
	return b.String()
}

// sampleFormat makes strings of a format: the plain one, or any.
type sampleFormat struct {
	plain string
	vary  func(*rand.Rand) string
}

// formats are those that programs parse, by their names in JSON Schema.
var formats = map[string]sampleFormat{
	"date":          {"2006-01-02", moment("2006-01-02")},
	"date-time":     {"2006-01-02T15:04:05Z", moment(time.RFC3339)},
	"time":          {"15:04:05Z", moment("15:04:05Z07:00")},
	"duration":      {"PT1H", func(r *rand.Rand) string { return fmt.Sprintf("P%dDT%dH%dM", r.IntN(30), r.IntN(24), r.IntN(60)) }},
	"email":         {"fake@example.com", func(r *rand.Rand) string { return word(r) + "@" + host(r) }},
	"hostname":      {"example.com", host},
	"ipv4":          {"192.0.2.1", func(r *rand.Rand) string { return fmt.Sprintf("192.0.2.%d", r.IntN(256)) }},
	"ipv6":          {"2001:db8::1", func(r *rand.Rand) string { return fmt.Sprintf("2001:db8::%x", 1+r.IntN(0xffff)) }},
	"uri":           {"https://example.com/", func(r *rand.Rand) string { return "https://" + host(r) + "/" + word(r) }},
	"uri-reference": {"/fake", func(r *rand.Rand) string { return "/" + word(r) + "/" + word(r) }},
	"uuid": {"00000000-0000-4000-8000-000000000000", func(r *rand.Rand) string {
		return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", r.Uint32(), r.IntN(1<<16), r.IntN(1<<12), r.IntN(1<<12), r.Uint64()>>16)
	}},
}

// moment writes some second of this century.
func moment(layout string) func(*rand.Rand) string {
	start := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	return func(r *rand.Rand) string {
		return start.Add(time.Duration(r.IntN(30*365*24*3600)) * time.Second).Format(layout)
	}
}

// host is a name that belongs to nobody.
func host(r *rand.Rand) string { return word(r) + ".example.com" }

package llm

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxMessage = 256 // bytes of a provider's text that an error shows

// Redact makes a provider's error text safe to keep and to log. It is for error texts
// only: it does not find secrets in prompts or answers. Providers quote the request in
// what they say of errors, so quoted values become "…"; line breaks and control characters
// become spaces; and it is cut to 256 bytes. Backends pass through it what they put
// into [Error.Message].
func Redact(text string) string {
	text = elideQuoted(strings.ToValidUTF8(text, "\uFFFD"))
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
	text = strings.TrimSpace(text)
	if len(text) <= maxMessage {
		return text
	}
	cut := maxMessage - len("…")
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// closing is the quote that ends what an opening one began. Backquotes are not
// here: providers put the names of their own fields in them.
var closing = map[rune]rune{'"': '"', '\'': '\'', '“': '”', '‘': '’', '«': '»'}

// elideQuoted replaces what stands in quotes. A straight quote opens where a word
// starts and closes where one ends, so that an apostrophe is neither and quotes
// within quotes are counted. What is never closed is elided to the end.
func elideQuoted(text string) string {
	var b strings.Builder
	runes := []rune(text)
	at := func(i int) rune {
		if i < 0 || i >= len(runes) {
			return ' '
		}
		return runes[i]
	}
	inWord := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	var open rune // the quote that we are in, 0 = none
	depth := 0
	for i, r := range runes {
		before, after := at(i-1), at(i+1)
		if open == 0 {
			b.WriteRune(r)
			if closing[r] != 0 && !inWord(before) && !unicode.IsSpace(after) {
				open, depth = r, 1
				b.WriteRune('…')
			}
			continue
		}
		switch {
		case r == open && r != closing[r], // “ within “
			r == open && unicode.IsSpace(before) && inWord(after): // " within "
			depth++
		case r == closing[open] && !inWord(after):
			depth--
		}
		if depth == 0 {
			b.WriteRune(r)
			open = 0
		}
	}
	return b.String()
}

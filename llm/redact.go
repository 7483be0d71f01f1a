package llm

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxMessage = 256 // bytes of a provider's text that an error shows

// Redact makes a provider's error text safe to keep and to log. It is for error texts
// only: it does not find secrets in prompts or answers. Providers quote the request in
// what they say of errors, so quoted values become "…"; line breaks and control
// characters become spaces; and it is cut to 256 bytes. Backends pass through it what
// they put into [Error.Message].
func Redact(text string) string {
	text = elideQuoted(entities.Replace(strings.ToValidUTF8(text, "\uFFFD")))
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

// entities are quotes in other clothes.
var entities = strings.NewReplacer("&quot;", `"`, "&#34;", `"`, "&#39;", "'", "&apos;", "'", `\u0022`, `"`, `\u0027`, "'")

// closers are the quotes that end what an opening one began.
var closers = map[rune]string{
	'"': `"`, '\'': "'", '`': "`", '“': "”“", '”': "”", '„': "“”", '‘': "’‘", '’': "’", '‚': "‘’",
	'«': "»", '»': "«»", '‹': "›", '›': "‹›", '「': "」", '『': "』", '＂': "＂",
}

// elideQuoted replaces what stands in quotes. Quotes within are counted where they can
// be told, an escaped one counts as text, an apostrophe within a word is none, and
// what is never closed is elided to the end. Names of fields in backquotes stay.
func elideQuoted(text string) string {
	var b strings.Builder
	for text != "" {
		r, n := utf8.DecodeRuneInString(text)
		before, _ := utf8.DecodeLastRuneInString(b.String())
		b.WriteString(text[:n])
		text = text[n:]
		if closers[r] == "" || (r == '\'' || r == '’') && inWord(before) {
			continue
		}
		end, size := closing(text, r)
		quoted := text[:end]
		if r == '`' && isName(quoted) {
			b.WriteString(quoted)
		} else {
			b.WriteRune('…')
		}
		b.WriteString(text[end : end+size])
		text = text[end+size:]
	}
	return b.String()
}

// closing finds the quote that closes what open began: where it stands, and its size.
func closing(text string, open rune) (end, size int) {
	depth, before, escaped := 1, ' ', false
	for i, r := range text {
		after, _ := utf8.DecodeRuneInString(text[i+utf8.RuneLen(r):])
		switch {
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
		case strings.ContainsRune(closers[open], r) && r == open && unicode.IsSpace(before) && inWord(after) && i > 0:
			depth++ // a straight quote before a word opens
		case strings.ContainsRune(closers[open], r):
			if (r == '\'' || r == '’') && inWord(after) {
				break // an apostrophe
			}
			if depth--; depth == 0 {
				return i, utf8.RuneLen(r)
			}
		case r == open:
			depth++
		}
		before = r
	}
	return len(text), 0
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// isName says whether s looks like the name of a field and not like what it holds.
func isName(s string) bool {
	return len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return r > unicode.MaxASCII || !inWord(r) && !strings.ContainsRune("_.-[]", r)
	})
}

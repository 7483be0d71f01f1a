package llm

import (
	"encoding/hex"
	"html"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxMessage = 256 // bytes of a provider's text that an error shows

// Redact makes a provider's error text safe to keep and to log. It is for error texts
// only: it does not find secrets in prompts or answers. Providers quote the request in
// what they say of errors, so what stands in quotes, braces or brackets becomes "…", all
// from the first quote to the last; names of fields stay. Line breaks and control
// characters become spaces; and it is cut to 256 bytes. Backends pass through it what
// they put into [Error.Message].
func Redact(text string) string {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, unescape(text)))
	for range 8 { // what the one leaves the other may have to elide
		was := text
		if text = strings.TrimSpace(elideBracketed(elideQuoted(text))); text == was {
			break
		}
	}
	if len(text) <= maxMessage {
		return text
	}
	cut := maxMessage - len("…")
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// quotes are the characters that open or close what is quoted. Which does which depends
// on the language, so no pairs are sought.
const quotes = "\"'`“”„‟‘’‚‛«»‹›「」『』｢｣《》〈〉〝〞〟❛❜❝❞＂＇´″′〃"

// escapes are ways to write a quote: of JSON and Go, and of URLs.
var escapes = regexp.MustCompile(`\\+(?:u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2})|(?:%[0-9a-fA-F]{2})+`)

// unescape shows quotes and brackets that are written as entities or escapes.
func unescape(text string) string {
	const most = 8 // layers
	text = strings.ToValidUTF8(text, "\uFFFD")
	for range most {
		plain := escapes.ReplaceAllStringFunc(html.UnescapeString(text), func(s string) string {
			var decoded string
			if s[0] == '%' {
				b, _ := hex.DecodeString(strings.ReplaceAll(s, "%", ""))
				decoded = strings.ToValidUTF8(string(b), "\uFFFD")
			} else {
				n, _ := strconv.ParseUint(strings.TrimLeft(s, `\`)[1:], 16, 32)
				decoded = string(rune(n))
			}
			if strings.ContainsAny(decoded, quotes+"{}[]") {
				return decoded
			}
			return s
		})
		if plain == text {
			return text
		}
		text = plain
	}
	return "…"
}

// A path names a field by words and indices. What is longer, or mixes them, may be a
// value.
const path = `(?:[a-z]+(?:[A-Z][a-z]+)*|[0-9]{1,3})(?:[._\[\]]{1,2}(?:[a-z]+(?:[A-Z][a-z]+)*|[0-9]{1,3}))*\]?`

var (
	name    = regexp.MustCompile("`" + path + "`|['\"] at (?:'" + path + "'|\"" + path + "\")")
	suffix  = regexp.MustCompile(`^(?:[sStTdDmM]|re|ve|ll)(?:[^\pL\pN]|$)`)
	bracket = regexp.MustCompile(`^(?:…|` + path + `|\^?(?:a-z|A-Z|0-9|\\[dswDSW]|[^\pL\pN…])+)$`) // the last is of a pattern
)

// isShort bounds the name of a field, with what stands around it.
func isShort(name string) bool {
	return len(name) <= 42 || strings.Contains(name, " ") && len(name) <= 100
}

// elideQuoted replaces all from the first quote to the last, since what is quoted may
// hold quotes itself, or to the end where the last may have been an opening one. Names
// of fields stay, in backquotes or as AWS has them: Value '…' at 'messages'.
func elideQuoted(text string) string {
	bare := name.ReplaceAllStringFunc(text, func(s string) string {
		if !isShort(s) {
			return s
		}
		masked := strings.Map(func(r rune) rune {
			if strings.ContainsRune("\"'`", r) {
				return '_'
			}
			return r
		}, s)
		if s[0] != '`' {
			masked = s[:1] + masked[1:] // the end of the value
		}
		return masked
	})
	first, last, size := -1, -1, 0
	for i, r := range bare {
		if n := utf8.RuneLen(r); strings.ContainsRune(quotes, r) && !isApostrophe(bare[:i], r, bare[i+n:]) {
			if first < 0 {
				first = i + n
			}
			last, size = i, n
		}
	}
	switch {
	case first < 0, first == last+size && strings.HasSuffix(bare[:last], "s") && strings.HasPrefix(bare[first:], " "):
		return text // that of the models' is none
	case first == last+size || !closes(bare[:last], bare[last+size:], bare[:first]):
		return text[:first] + "…"
	}
	return text[:first] + "…" + text[last:]
}

// isApostrophe says whether the quote r stands within a word: it's, isn’t.
func isApostrophe(before string, r rune, after string) bool {
	if r != '\'' && r != '’' && r != '＇' {
		return false
	}
	last, n := utf8.DecodeLastRuneInString(before)
	other, _ := utf8.DecodeLastRuneInString(before[:len(before)-n])
	return unicode.IsLetter(last) && (unicode.IsLetter(other) || last == 'I') && suffix.MatchString(after)
}

// closes says whether a quote between the two texts can only be a closing one, and no
// bracket that was opened before it, but not before the first quote, closes after it.
func closes(before, after, outside string) bool {
	prev, _ := utf8.DecodeLastRuneInString(before)
	next, _ := utf8.DecodeRuneInString(after)
	if unicode.IsSpace(prev) || strings.ContainsRune("([{<:=,", prev) || after != "" && !unicode.IsSpace(next) && !strings.ContainsRune(".,;:!?)]}>…", next) {
		return false
	}
	depth := 0
	for i, r := range outside + after {
		switch r {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 && i >= len(outside) {
				return false
			}
			depth = max(depth, 0)
		}
	}
	return true
}

// elideBracketed replaces what stands in braces and brackets. Names, indices and
// patterns stay in brackets.
func elideBracketed(text string) string {
	var b strings.Builder
	for text != "" {
		open := strings.IndexAny(text, "{[")
		if open < 0 {
			break
		}
		b.WriteString(text[:open+1])
		brace := text[open] == '{'
		text = text[open+1:]
		end := closing(text)
		switch inner := text[:end]; {
		case inner == "", !brace && bracket.MatchString(inner) && isShort(inner):
			b.WriteString(inner)
		default:
			b.WriteString("…")
		}
		text = text[end:]
	}
	return b.String() + text
}

// closing is where the bracket closes that was opened before the text.
func closing(text string) int {
	depth := 1
	for i, r := range text {
		switch r {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(text)
}

package structured

import "strings"

// growing is a JSON text of which more and more arrives.
type growing struct {
	text []byte
	read int    // how much there was when it was last looked at
	last string // what it then came to
}

// add takes more of the text. It returns the document that the text so far comes to, and whether
// that is another than before. It looks again when the text has grown by a 64th, so that the
// work for all of it is in proportion to its size.
func (g *growing) add(delta string) (document []byte, grown bool) {
	g.text = append(g.text, delta...)
	if len(g.text)-g.read < len(g.text)/64 {
		return nil, false
	}
	g.read = len(g.text)
	document = completed(unfenced(string(g.text)))
	if len(document) == 0 || string(document) == g.last {
		return nil, false
	}
	g.last = string(document)
	return document, true
}

// completed closes what is open at the end of a JSON text that broke off. A name without its
// value, and a number or word that may go on, are left out. Of what is no JSON it may make
// anything.
func completed(text []byte) []byte {
	var closers []byte // of what is open
	whole := 0         // up to where the text can stand, with the closers behind it
	var cut []byte     // the text up to the end, if it ends within a string that is a value
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '{', '[':
			closers = append(closers, c+2) // in ASCII the closing one is two further
			whole = i + 1
		case '}', ']':
			if len(closers) == 0 {
				return nil
			}
			closers = closers[:len(closers)-1]
			whole = i + 1
		case '"':
			end, closed := stringEnd(text, i)
			isName := len(closers) > 0 && closers[len(closers)-1] == '}' && !afterColon(text[:i])
			switch {
			case isName:
			case closed:
				whole = end
			default:
				cut = append(text[:end:end], '"')
			}
			i = end - 1
		case ',', ':', ' ', '\t', '\n', '\r':
		default: // a number or a word
			end := i
			for end < len(text) && !delimits(text[end]) {
				end++
			}
			if end < len(text) {
				whole = end
			}
			i = end - 1
		}
	}
	out := text[:whole:whole]
	if cut != nil {
		out = cut
	}
	for i := len(closers) - 1; i >= 0; i-- {
		out = append(out, closers[i])
	}
	return out
}

// stringEnd is where a string ends that begins at i, behind its quote; or, if it is not closed,
// behind what of it is whole.
func stringEnd(text []byte, i int) (end int, closed bool) {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i + 1, true
		case '\\':
			size := 2
			if i+1 < len(text) && text[i+1] == 'u' {
				size = 6
			}
			if i+size > len(text) || size == 6 && halfPair(text[i:]) {
				return i, false
			}
			i += size - 1
		}
	}
	return len(text), false
}

// halfPair says whether a text that starts with the escape of a high surrogate ends before that
// of the low one, which may still come.
func halfPair(text []byte) bool {
	if c := text[2] | 0x20; c != 'd' || !strings.ContainsRune("89abAB", rune(text[3])) {
		return false
	}
	rest := text[6:]
	return len(rest) < 6 && strings.HasPrefix(`\u`, string(rest[:min(2, len(rest))]))
}

// afterColon says whether the last thing in a text is the colon between a name and its value.
func afterColon(text []byte) bool {
	for i := len(text) - 1; i >= 0; i-- {
		switch text[i] {
		case ' ', '\t', '\n', '\r':
		default:
			return text[i] == ':'
		}
	}
	return false
}

func delimits(c byte) bool {
	switch c {
	case ',', '}', ']', ' ', '\t', '\n', '\r':
		return true
	}
	return false
}

package sample

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// What an expression may take: the memory of its program, and the pieces of a text.
const (
	maxPattern = 4096 // bytes
	maxWrites  = 4 * maxSize
)

// pattern is an expression. Those of JSON Schema are of JavaScript, of which Go knows
// all but a few.
type pattern struct {
	*regexp.Regexp
	tree *syntax.Regexp
	size int // of its program, which every rune of a text may have to pass
}

// pattern compiles the expression of a keyword.
func (d *document) pattern(s schema, key, expr string) (*pattern, error) {
	if re := d.patterns[expr]; re != nil {
		return re, nil
	}
	if len(expr) > maxPattern {
		return nil, s.unknown(key, "too long for fake.Auto")
	}
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, s.unknown(key, "not a regular expression of Go")
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil || !d.spend(len(prog.Inst)/8) {
		return nil, s.unknown(key, endless)
	}
	re := &pattern{regexp.MustCompile(expr), tree, len(prog.Inst)}
	d.patterns[expr] = re
	return re, nil
}

// matches matches, where there are steps left for it.
func (d *document) matches(re *pattern, text string) bool {
	return d.spend(re.size*(len(text)+8)/(2*perStep)) && re.MatchString(text)
}

// match makes a text of low to high runes that matches an expression: the shortest
// that the generator finds, or, where values vary, some.
func (g *generator) match(re *pattern, low, high int) (string, bool) {
	fits := func(text string) bool {
		n := utf8.RuneCountInString(text)
		return n >= low && n <= high && utf8.ValidString(text) && g.matches(re, text)
	}
	for extra := range max(attempts, min(low, 256)+2) {
		w := writer{generator: g, extra: extra}
		if !g.plain {
			w.extra = g.rng.IntN(extra + 3)
		}
		w.write(re.tree)
		if !g.spend(w.writes / perStep) {
			break
		}
		text := w.String()
		if fits(text) {
			return text, true
		}
		// An expression without anchors leaves room for more.
		if gap := low - utf8.RuneCountInString(text); gap > 0 {
			for _, padded := range []string{text + strings.Repeat("a", gap), strings.Repeat("a", gap) + text} {
				if fits(padded) {
					return padded, true
				}
			}
		}
	}
	return "", false
}

// writer writes a text that an expression describes. It knows nothing of anchors and
// word boundaries; the text is matched afterwards.
type writer struct {
	*generator
	strings.Builder
	extra  int // repetitions more than there must be
	writes int
}

func (w *writer) write(re *syntax.Regexp) {
	if w.writes++; w.writes > maxWrites || w.Len() > maxSize*utf8.UTFMax {
		return
	}
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			w.WriteRune(r)
		}
	case syntax.OpCharClass:
		w.WriteRune(w.among(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		w.WriteRune(w.among([]rune{' ', '~'}))
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range re.Sub {
			w.write(sub)
		}
	case syntax.OpAlternate:
		i := w.extra % len(re.Sub) // so that each has its turn
		if !w.plain {
			i = w.rng.IntN(len(re.Sub))
		}
		w.write(re.Sub[i])
	case syntax.OpStar:
		w.repeat(re.Sub[0], 0, -1)
	case syntax.OpPlus:
		w.repeat(re.Sub[0], 1, -1)
	case syntax.OpQuest:
		w.repeat(re.Sub[0], 0, 1)
	case syntax.OpRepeat:
		w.repeat(re.Sub[0], re.Min, re.Max)
	}
}

func (w *writer) repeat(re *syntax.Regexp, low, high int) {
	extra := w.extra
	if !w.plain {
		extra = w.rng.IntN(extra + 1)
	}
	n := low + extra
	if high >= 0 {
		n = min(n, high)
	}
	for range n {
		w.write(re)
	}
}

// among chooses a rune of a class, which is a list of ranges: a letter or a digit
// where it can.
func (w *writer) among(ranges []rune) rune {
	in := func(r rune) bool {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= r && r <= ranges[i+1] {
				return true
			}
		}
		return false
	}
	for _, kind := range []string{"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "-_.:/@ !#$%&()*+,;<=>?[]^{|}~'\"`\\"} {
		var found []rune
		for _, r := range kind {
			if in(r) {
				found = append(found, r)
			}
		}
		if found != nil {
			if w.plain {
				return found[0]
			}
			return found[w.rng.IntN(len(found))]
		}
	}
	if len(ranges) < 2 {
		return utf8.RuneError // of an empty class, which nothing matches
	}
	return ranges[0]
}

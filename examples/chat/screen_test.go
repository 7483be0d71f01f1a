package main

import (
	"strings"
	"testing"
)

// screen is what a terminal shows of what is written to it: lines that wrap, carriage returns,
// and the two escape sequences that the chat uses.
type screen struct {
	width    int
	lines    [][]rune
	row, col int
	escape   string // that has begun
	dim      bool
	dimmed   strings.Builder // what was shown so
	unknown  []string        // escape sequences that it does not obey
}

func (s *screen) write(text string) {
	for _, r := range text {
		switch {
		case s.escape != "" || r == '\x1b':
			s.sequence(r)
		case r == '\r':
			s.col = 0
		case r == '\n':
			s.row++
		case r == '\b':
			s.col = max(0, s.col-1)
		default:
			if s.col == s.width {
				s.row, s.col = s.row+1, 0
			}
			s.put(r)
			if s.dim {
				s.dimmed.WriteRune(r)
			}
		}
	}
}

func (s *screen) put(r rune) {
	for len(s.lines) <= s.row {
		s.lines = append(s.lines, nil)
	}
	for len(s.lines[s.row]) <= s.col {
		s.lines[s.row] = append(s.lines[s.row], ' ')
	}
	s.lines[s.row][s.col] = r
	s.col++
}

func (s *screen) sequence(r rune) {
	s.escape += string(r)
	if r == '\x1b' || r == '[' || r >= '0' && r <= '9' || r == ';' {
		return
	}
	switch {
	case s.escape == "\x1b[K":
		if s.row < len(s.lines) {
			s.lines[s.row] = s.lines[s.row][:min(s.col, len(s.lines[s.row]))]
		}
	case r == 'm':
		s.dim = s.escape == string(dim)
	default:
		s.unknown = append(s.unknown, s.escape)
	}
	s.escape = ""
}

// String is the screen with what has left it at the top, without spaces at the ends of lines.
func (s *screen) String() string {
	var b strings.Builder
	for _, line := range s.lines {
		b.WriteString(strings.TrimRight(string(line), " ") + "\n")
	}
	return b.String()
}

func TestScreen(t *testing.T) {
	s := &screen{width: 4}
	s.write("\r\x1b[K\x1b[2m⠋ w\x1b[0m\r\x1b[Kabcdef\r\n\n1\bé\x1b[9J")
	if got := s.String(); got != "abcd\nef\n\né\n" || s.dimmed.String() != "⠋ w" || len(s.unknown) != 1 {
		t.Errorf("%q, %q, %q", got, s.dimmed.String(), s.unknown)
	}
}

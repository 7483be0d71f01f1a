package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// isTerminal says whether a person is at the other end, as far as the mode of a file can tell.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// input is where questions come from.
type input struct {
	lines *bufio.Reader
	echo  bool // nobody has typed them on the screen
}

func newInput(f *os.File) input { return input{bufio.NewReader(f), !isTerminal(f)} }

// kind is what a block on the screen is. An empty line stands between two blocks.
type kind int

const (
	nothing kind = iota
	thought      // reasoning
	text         // of an answer
	remark       // lines of the program's own: calls of tools, what commands say, errors
)

// style is an escape sequence that begins it.
type style string

const (
	plain  style = ""
	bold   style = "\x1b[1;36m"
	dim    style = "\x1b[2m"
	red    style = "\x1b[31m"
	reset        = "\x1b[0m"
	erased       = "\r\x1b[K" // the cursor's line
)

// terminal is the screen. It is used by one goroutine; only the spinner has one of its own, and
// nothing else is written while it turns.
type terminal struct {
	out    io.Writer
	live   bool // it obeys escape sequences: there is a spinner
	colour bool

	last  kind   // of the block at the cursor
	begun bool   // the cursor's line has something on it
	held  string // line ends that are shown if anything of the block follows
	stop  func() // erases the spinner; nil = there is none
}

func newTerminal(f *os.File) *terminal {
	live := isTerminal(f) && os.Getenv("TERM") != "dumb"
	return &terminal{out: f, live: live, colour: live && os.Getenv("NO_COLOR") == ""}
}

// add adds to a block, or begins one.
func (t *terminal) add(k kind, st style, s string) {
	s = visible(s)
	if k != t.last {
		s = strings.TrimLeft(s, " \n")
	}
	if s == "" {
		return
	}
	t.still()
	if k != t.last {
		t.endLine()
		if t.last != nothing {
			fmt.Fprintln(t.out)
		}
		t.last = k
		if k == thought && !t.colour {
			s = "(thinking) " + s
		}
	}
	s = t.held + s
	shown := strings.TrimRight(s, "\n")
	t.held = s[len(shown):]
	if shown != "" {
		fmt.Fprint(t.out, t.styled(st, shown))
		t.begun = true
	}
}

// remark adds a line to a block of the program's own.
func (t *terminal) remark(st style, format string, args ...any) {
	if t.last == remark {
		t.still()
		t.endLine()
	}
	t.add(remark, st, fmt.Sprintf(format, args...))
	t.endLine()
}

// prompt asks for a line.
func (t *terminal) prompt() {
	t.still()
	t.endLine()
	if t.last != nothing {
		fmt.Fprintln(t.out)
	}
	t.last = nothing
	fmt.Fprint(t.out, t.styled(bold, ">"), " ")
}

// endLine puts the cursor at the start of a line.
func (t *terminal) endLine() {
	if t.begun {
		fmt.Fprintln(t.out)
	}
	t.begun, t.held = false, ""
}

// spin turns a spinner, on a line of its own, until something else is shown.
func (t *terminal) spin(what string) {
	if !t.live {
		return
	}
	t.still()
	t.endLine()
	done := make(chan struct{})
	var turning sync.WaitGroup
	turning.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		frames := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
		for i := 0; ; i++ {
			fmt.Fprint(t.out, erased, t.styled(dim, string(frames[i%len(frames)])+" "+what))
			select {
			case <-tick.C:
			case <-done:
				fmt.Fprint(t.out, erased)
				return
			}
		}
	})
	t.stop = func() { close(done); turning.Wait() }
}

// still erases the spinner.
func (t *terminal) still() {
	if t.stop != nil {
		t.stop()
		t.stop = nil
	}
}

func (t *terminal) styled(st style, s string) string {
	if !t.colour || st == plain {
		return s
	}
	return string(st) + s + reset
}

// visible is s without control characters but for line ends and tabs: nothing that a model or a
// tool says may move the cursor or talk to the terminal.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, s)
}

// oneLine is s in a line of at most n runes.
func oneLine(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return s
}

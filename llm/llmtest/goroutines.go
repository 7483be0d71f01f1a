package llmtest

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

// stacks are the goroutines of the process, or of this bubble, by their ids.
type stacks map[string]string

// goroutines returns those that run now.
func goroutines() stacks {
	buf := make([]byte, 1<<16)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	all := strings.Split(strings.TrimSpace(string(buf)), "\n\n")
	// The first is the one that asks. In a bubble of testing/synctest its header
	// names the bubble, and so do those of the others in it.
	bubble := bubbleOf(all[0])
	s := stacks{}
	for _, g := range all {
		if bubbleOf(g) == bubble || bubble == "" {
			id, _, _ := strings.Cut(strings.TrimPrefix(g, "goroutine "), " ")
			s[id] = g
		}
	}
	return s
}

// bubbleOf returns the bubble of a goroutine: "" where it is in none.
func bubbleOf(stack string) string {
	header, _, _ := strings.Cut(stack, "\n")
	_, bubble, _ := strings.Cut(header, ", synctest bubble ")
	return strings.TrimSuffix(bubble, "]:")
}

// beyond returns the stacks of the goroutines that are not in base.
func (s stacks) beyond(base stacks) string {
	const most = 5 // leaks come in herds
	var extra []string
	for id, g := range s {
		if _, ok := base[id]; !ok {
			extra = append(extra, g)
		}
	}
	switch {
	case len(extra) == 0:
		return "(none)"
	case len(extra) > most:
		extra = append(extra[:most], fmt.Sprintf("… and %d more", len(extra)-most))
	}
	return strings.Join(extra, "\n\n")
}

// busy is the number of goroutines but for those of HTTP/1.1 connections that wait for
// the next call. A client keeps such connections or not, as timing has it; one that a
// call has not let go of does not wait like that.
func (s stacks) busy() int {
	n := len(s)
	for _, g := range s {
		switch {
		case !strings.Contains(g, "[IO wait") || !strings.Contains(g, "bufio.(*Reader).Peek"):
		case strings.Contains(g, "net/http.(*persistConn).readLoop"):
			n -= 2 // and the one that writes
		case strings.Contains(g, "net/http.(*conn).serve"):
			n--
		}
	}
	return n
}

// settled checks that no more goroutines run than at base, giving them time to end.
// Their number counts, not their identity: a client may have replaced a connection
// that it keeps for the next call.
func (c *run) settled(base stacks) {
	c.Helper()
	deadline := time.Now().Add(2 * promptly)
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		now := goroutines()
		if now.busy() <= base.busy() {
			return
		}
		if time.Now().After(deadline) {
			c.Errorf("%d goroutines are left of the call after %v:\n%s", now.busy()-base.busy(), 2*promptly, now.beyond(base))
			return
		}
		time.Sleep(wait)
	}
}

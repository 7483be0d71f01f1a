package fake

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// Matcher says for which requests a turn is meant, see [Turn.On]. It has a name, so
// that [Model.AssertExhausted] can tell what a turn waits for and what came instead.
type Matcher struct {
	name string
	ok   func(arrived) bool
	got  func(arrived) string // what came instead; nil = nothing to tell

	fault string // why it cannot match
}

// arrived is a request, and its number.
type arrived struct {
	*llm.Request
	n int
}

// UserSays matches where the user's last words hold the text: those of the last
// message of the user that has any, results of tools not counted. In a tool loop
// that is the question all the while.
func UserSays(text string) Matcher {
	return Matcher{
		name: "user says " + strconv.Quote(text),
		ok:   func(a arrived) bool { return strings.Contains(lastWords(a.Messages), text) },
		got:  func(a arrived) string { return "user says " + quote(lastWords(a.Messages)) },
	}
}

// HasTool matches a request that offers a tool of that name.
func HasTool(name string) Matcher {
	return Matcher{
		name: "has tool " + name,
		ok: func(a arrived) bool {
			for _, t := range a.Tools {
				if toolName(t) == name {
					return true
				}
			}
			return false
		},
		got: func(a arrived) string {
			names := make([]string, len(a.Tools))
			for i, t := range a.Tools {
				names[i] = toolName(t)
			}
			return listing("has tools", names)
		},
	}
}

// HasResult matches where the last message holds the result of a call of that tool.
func HasResult(tool string) Matcher {
	return Matcher{
		name: "has result of " + tool,
		ok: func(a arrived) bool {
			for _, name := range lastResults(a.Messages) {
				if name == tool {
					return true
				}
			}
			return false
		},
		got: func(a arrived) string { return listing("has results of", lastResults(a.Messages)) },
	}
}

// Nth matches the n-th request that arrives at the model, from 1: that whose answer
// has the request id fake-n. Refused ones count.
func Nth(n int) Matcher {
	m := Matcher{
		name: fmt.Sprintf("is call %d", n),
		ok:   func(a arrived) bool { return a.n == n },
		got:  func(a arrived) string { return fmt.Sprintf("is call %d", a.n) },
	}
	if n < 1 {
		m.fault = "Nth: less than 1"
	}
	return m
}

// Match matches where a function returns true, under a name for people.
func Match(name string, match func(*llm.Request) bool) Matcher {
	m := Matcher{name: name, ok: func(a arrived) bool { return match(copyRequest(a.Request)) }}
	if match == nil {
		m.fault = "Match: nil function"
	}
	return m
}

// On plays the turn only for a request that all the matchers match; until then it is
// skipped and not consumed. Each is asked at most once a call, without a lock held.
func (t Turn) On(matchers ...Matcher) Turn {
	t.matchers = append(t.matchers[:len(t.matchers):len(t.matchers)], matchers...)
	for _, m := range matchers {
		if m.ok == nil {
			t = t.faulty("On: a Matcher that was not made")
		}
		t = t.faulty(m.fault)
	}
	return t
}

// When plays the turn only for a request for which match returns true. It is [Turn.On]
// with a function that has no name; it gets a copy of the request.
func (t Turn) When(match func(*llm.Request) bool) Turn {
	if match == nil {
		return t.faulty("When: nil function")
	}
	return t.On(Match("a function says so (fake.Match gives it a name)", match))
}

// mismatch are the matchers of a turn that do not match a request.
func (t Turn) mismatch(a arrived) []Matcher {
	var failed []Matcher
	for _, m := range t.matchers {
		if !m.ok(a) {
			failed = append(failed, m)
		}
	}
	return failed
}

// lastWords are what the user said last.
func lastWords(msgs []llm.Message) string {
	for i := len(msgs) - 1; i >= 0; i-- {
		if msgs[i].Role != llm.RoleUser {
			continue
		}
		var words []string
		for _, p := range partsOf[*llm.TextPart](msgs[i]) {
			words = append(words, p.Text)
		}
		if words != nil {
			return strings.Join(words, "\n")
		}
	}
	return ""
}

// lastResults are the names of the tools whose results the last message holds.
func lastResults(msgs []llm.Message) []string {
	if len(msgs) == 0 {
		return nil
	}
	names := make(map[string]string)
	for _, m := range msgs {
		for _, p := range partsOf[*llm.ToolCallPart](m) {
			names[p.ID] = p.Name
		}
	}
	var out []string
	for _, p := range partsOf[*llm.ToolResultPart](msgs[len(msgs)-1]) {
		out = append(out, names[p.CallID])
	}
	return out
}

func listing(what string, names []string) string {
	if len(names) == 0 {
		return what + " none"
	}
	return what + " " + strings.Join(names, ", ")
}

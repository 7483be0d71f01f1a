package bedrocktest

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
)

// Rule says what goes wrong with the requests that it matches, one after the other.
type Rule struct {
	Op      string // "Converse", "ConverseStream" or "CountTokens"; "" = any
	ModelID string // as the request has it, decoded; "" = any

	// Faults are given to the matching requests in turn, one each. A nil one lets
	// its request pass.
	Faults []*Fault

	// Then is for all matching requests after those. nil leaves them to the rules
	// that follow.
	Then *Fault
}

// operations are the names that a [Rule] and [Server.AssertRequests] know.
var operations = []string{"Converse", "ConverseStream", "CountTokens"}

// Faults is a plan for [Options].Fault by number: the first request has the first
// fault, and so on; nil is none. Requests after the last pass.
func Faults(faults ...*Fault) func(n int, r *http.Request) *Fault {
	return Plan(Rule{Faults: faults})
}

// Plan is for [Options].Fault, by what is asked. The first rule that matches a request,
// and has a turn left, says what goes wrong with it; where there is none, nothing does.
// Each rule counts the requests that it was asked for. An Op that is none fails every
// request, with an error that says so. The plan is for one server; it is safe for
// concurrent use.
func Plan(rules ...Rule) func(n int, r *http.Request) *Fault {
	var mu sync.Mutex
	rules = slices.Clone(rules)
	used := make([]int, len(rules))
	for i, rule := range rules {
		if rule.Op != "" && !slices.Contains(operations, rule.Op) {
			message := fmt.Sprintf("bedrocktest: rules[%d].op: %q is none of %q", i, rule.Op, operations)
			return func(int, *http.Request) *Fault {
				return &Fault{Status: http.StatusInternalServerError, Type: "InternalServerException", Message: message}
			}
		}
	}
	return func(_ int, r *http.Request) *Fault {
		op, id := route(r)
		mu.Lock()
		defer mu.Unlock()
		for i, rule := range rules {
			switch {
			case rule.Op != "" && rule.Op != op, rule.ModelID != "" && rule.ModelID != id:
			case used[i] < len(rule.Faults):
				used[i]++
				return rule.Faults[used[i]-1]
			case rule.Then != nil:
				return rule.Then
			}
		}
		return nil
	}
}

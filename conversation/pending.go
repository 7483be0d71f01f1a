package conversation

import (
	"fmt"
	"maps"
	"slices"

	"github.com/parley-sdk/parley/llm"
)

// pending is a turn that waits: for results of the calls that its last message holds, or where
// it has them all, for its answer.
type pending struct {
	messages []llm.Message
	usage    llm.Usage
	steps    int
	results  map[string]*llm.ToolResultPart // those that are known, by call id
	begun    bool                           // the calls without a result may have run
}

// all are the calls of the step that waits.
func (p *pending) all() []*llm.ToolCallPart {
	if p == nil || len(p.messages) == 0 {
		return nil
	}
	return (&llm.Response{Message: p.messages[len(p.messages)-1]}).ToolCalls()
}

// calls are those that have no result yet.
func (p *pending) calls() []*llm.ToolCallPart {
	return slices.DeleteFunc(p.all(), func(call *llm.ToolCallPart) bool { return p.results[call.ID] != nil })
}

// known are the results, in the order of their calls.
func (p *pending) known() llm.Parts {
	var results llm.Parts
	for _, call := range p.all() {
		if result := p.results[call.ID]; result != nil {
			results = append(results, result)
		}
	}
	return results
}

// answered are the messages of a turn that has all its results.
func (p *pending) answered() []llm.Message {
	return append(slices.Clip(p.messages), llm.User(p.known()...))
}

// with is what is known of the calls with these results beside. The pending turn stays as it is.
func (p *pending) with(given []*llm.ToolResultPart) (map[string]*llm.ToolResultPart, error) {
	results := maps.Clone(p.results)
	if results == nil {
		results = make(map[string]*llm.ToolResultPart)
	}
	for i, result := range given {
		if result == nil {
			return nil, invalid(fmt.Sprintf("results[%d]: nil", i))
		}
		calls := p.calls()
		j := indexOf(calls, result.CallID)
		if j < 0 || p.results[result.CallID] == nil && results[result.CallID] != nil {
			return nil, invalid(fmt.Sprintf("results[%d]: it answers no call that waits for a result", i))
		}
		copied := llm.User(result).Clone().Content[0].(*llm.ToolResultPart)
		if copied.Name == "" {
			copied.Name = calls[j].Name
		}
		results[result.CallID] = copied
	}
	if len(given) > 0 {
		parts := make([]llm.Part, len(given))
		for i, r := range given {
			parts[i] = r
		}
		if err := (&llm.Request{Messages: []llm.Message{llm.User(parts...)}}).Validate(); err != nil {
			return nil, err
		}
	}
	return results, nil
}

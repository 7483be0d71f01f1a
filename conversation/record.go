package conversation

import (
	"encoding/json"
	"fmt"

	"github.com/parley-sdk/parley/llm"
)

// version is that of the format in which conversations are stored. Records of older versions
// are read for ever; see testdata.
const version = 1

// Types of records.
const (
	turnRecord    = "turn"    // messages that join the history; a turn that was pending is over
	pendingRecord = "pending" // a turn that waits for results, in the place of any before it
	dropRecord    = "drop"    // the turn that was pending is over, and leaves nothing
)

// record is what is written to a store at a time: one JSON object.
type record struct {
	Version  int           `json:"v,omitempty"`
	Type     string        `json:"type"`
	Messages []llm.Message `json:"messages,omitempty"`
	Usage    llm.Usage     `json:"usage,omitzero"`
	Steps    int           `json:"steps,omitempty"`   // of a pending turn, so far
	Results  llm.Parts     `json:"results,omitempty"` // of a pending turn: those that are known
	Begun    bool          `json:"begun,omitempty"`   // of a pending turn: its other calls may have run
}

func (r record) encode() ([]byte, error) {
	r.Version = version
	b, err := json.Marshal(r)
	if err != nil {
		return nil, &llm.Error{Code: llm.ErrInternal, Op: "conversation", Message: "the turn does not encode as JSON", Retryable: new(false), Err: err}
	}
	return b, nil
}

// replay adds up records.
func replay(records [][]byte) (state, error) {
	var s state
	for i, b := range records {
		var r record
		if err := json.Unmarshal(b, &r); err != nil {
			return state{}, unreadable(i, "not JSON of a conversation", err)
		}
		if r.Version > version || r.Version < 1 {
			return state{}, unreadable(i, fmt.Sprintf("format %d, and this program reads up to %d", r.Version, version), nil)
		}
		if err := s.load(r); err != nil {
			return state{}, unreadable(i, "cannot be read", err)
		}
	}
	return s, nil
}

// sound says whether messages can be sent.
func sound(messages []llm.Message, closed bool) error {
	if err := (&llm.Request{Messages: messages}).Validate(); err != nil {
		return err
	}
	return paired(messages, closed)
}

// load adds a record of which it is not known who wrote it.
func (s *state) load(r record) error {
	if err := sound(r.Messages, r.Type != pendingRecord); err != nil {
		return err
	}
	if err := s.apply(r); err != nil {
		return err
	}
	if s.pending != nil && len(s.pending.all()) == 0 {
		return invalid("a turn waits for results, and has no calls")
	}
	return nil
}

// apply adds one record.
func (s *state) apply(r record) error {
	switch r.Type {
	case turnRecord:
		s.messages = append(s.messages, r.Messages...)
		s.usage = s.usage.Add(r.Usage)
		s.pending = nil
	case pendingRecord:
		s.pending = &pending{messages: r.Messages, usage: r.Usage, steps: r.Steps, begun: r.Begun, results: make(map[string]*llm.ToolResultPart)}
		calls := s.pending.all()
		for _, p := range llm.User(r.Results...).Clone().Content {
			if result, ok := p.(*llm.ToolResultPart); ok && indexOf(calls, result.CallID) >= 0 {
				s.pending.results[result.CallID] = result
			}
		}
	case dropRecord:
		s.pending = nil
	default:
		return invalid(fmt.Sprintf("a record of type %q", r.Type))
	}
	return nil
}

func unreadable(i int, why string, err error) error {
	return &llm.Error{Code: llm.ErrInternal, Op: "conversation", Retryable: new(false), Err: err,
		Message: fmt.Sprintf("records[%d]: %s", i, why)}
}

// record is a pending turn as it is stored.
func (p *pending) record() record {
	return record{Type: pendingRecord, Messages: p.messages, Usage: p.usage, Steps: p.steps, Results: p.known(), Begun: p.begun}
}

// records are the fewest that add up to a state.
func (s state) records() []record {
	var out []record
	if len(s.messages) > 0 {
		out = append(out, record{Type: turnRecord, Messages: s.messages, Usage: s.usage})
	}
	if s.pending != nil {
		out = append(out, s.pending.record())
	}
	return out
}

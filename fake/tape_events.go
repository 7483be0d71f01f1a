package fake

import (
	"encoding/json"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// tapeEvents are the events of a stream as they stand on a tape: a list in which a
// string is the time that passed before what comes next.
//
//	["850ms", {"type":"part_start", …}, {"type":"text_delta", …}, "40ms", {"type":"text_delta", …}]
type tapeEvents []tapeEvent

// tapeEvent is an event. The last one may be nil: then it is the end of the stream.
type tapeEvent struct {
	pause time.Duration // before it
	event llm.Event
}

// only are the events, without the times.
func (es tapeEvents) only() []llm.Event {
	var out []llm.Event
	for _, e := range es {
		if e.event != nil {
			out = append(out, e.event)
		}
	}
	return out
}

// ended adds the time before the end, if any passed.
func (es tapeEvents) ended(pause time.Duration) tapeEvents {
	if pause <= 0 {
		return es
	}
	return append(es, tapeEvent{pause: pause})
}

// pauses are the times before each event, and before the end.
func (es tapeEvents) pauses() []time.Duration {
	out := make([]time.Duration, len(es))
	for i, e := range es {
		out[i] = e.pause
	}
	return out
}

func (es tapeEvents) MarshalJSON() ([]byte, error) {
	list := make([]any, 0, len(es))
	deltas := make([]deltaJSON, len(es))
	for i, e := range es {
		if s := formatPause(e.pause); s != "" {
			list = append(list, s)
		}
		if d := &deltas[i]; d.set(e.event) {
			list = append(list, d)
		} else if e.event != nil {
			list = append(list, e.event)
		}
	}
	return json.Marshal(list)
}

// deltaJSON is a delta of text in the storage format. An answer has thousands of them;
// the methods of the events would allocate memory for each.
type deltaJSON struct {
	Type      string `json:"type"`
	Index     int    `json:"index,omitempty"`
	Text      string `json:"text,omitempty"`
	Signature string `json:"signature,omitempty"`
	Input     string `json:"input,omitempty"`
}

// set makes it that of the event, or returns false where the event is another kind.
func (d *deltaJSON) set(ev llm.Event) bool {
	switch ev := ev.(type) {
	case *llm.TextDelta:
		*d = deltaJSON{Type: "text_delta", Index: ev.Index, Text: ev.Text}
	case *llm.ReasoningDelta:
		*d = deltaJSON{Type: "reasoning_delta", Index: ev.Index, Text: ev.Text, Signature: ev.Signature}
		return len(ev.Redacted) == 0
	case *llm.ToolCallDelta:
		*d = deltaJSON{Type: "tool_call_delta", Index: ev.Index, Input: ev.Input}
	default:
		return false
	}
	return true
}

func (es *tapeEvents) UnmarshalJSON(b []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	*es = tapeEvents{}
	var next tapeEvent
	for _, b := range list {
		if b[0] == '"' {
			var s string
			if err := json.Unmarshal(b, &s); err != nil {
				return err
			}
			d, err := parsePause(s)
			if err != nil {
				return err
			}
			next.pause += d
			continue
		}
		ev, err := llm.UnmarshalEvent(b)
		if err != nil {
			return err
		}
		next.event = ev
		*es = append(*es, next)
		next = tapeEvent{}
	}
	if next.pause > 0 {
		*es = append(*es, next)
	}
	return nil
}

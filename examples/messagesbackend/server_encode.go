package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/parley-sdk/parley/llm"
)

// writer writes one answer.
type writer struct {
	w     http.ResponseWriter
	model string
	begun bool // the status is sent
	parts map[int]*writing
}

// writing is a part that is being written. What kind of block reasoning is shows in its
// first delta only.
type writing struct {
	begun    bool
	redacted []byte
}

// event writes an event of a model.
func (a *writer) event(ev llm.Event) error {
	if !a.begun {
		first, _ := ev.(*llm.UsageUpdate)
		if first == nil {
			first = &llm.UsageUpdate{}
		}
		message := object{{"type", "message"}, {"role", "assistant"}, {"model", a.model}, {"usage", newUsage(first.Usage)}}
		if err := a.send("message_start", object{{"message", message}}); err != nil {
			return err
		}
		if err := a.send("ping", nil); err != nil {
			return err
		}
	}
	switch ev := ev.(type) {
	case *llm.PartStart:
		a.parts[ev.Index] = &writing{}
		return a.start(ev)
	case *llm.TextDelta:
		return a.delta(ev.Index, object{{"type", "text_delta"}, {"text", ev.Text}})
	case *llm.ToolCallDelta:
		return a.delta(ev.Index, object{{"type", "input_json_delta"}, {"partial_json", ev.Input}})
	case *llm.ReasoningDelta:
		return a.reasoning(ev)
	case *llm.CitationDelta:
		return a.delta(ev.Index, object{{"type", "citations_delta"}, {"citation", newLocation(ev.Citation)}})
	case *llm.ProviderDelta:
		stray := append(object{{"type", ev.Kind}}, members(ev.Data)...)
		if ev.Index < 0 {
			return a.send(ev.Kind, stray)
		}
		return a.delta(ev.Index, stray)
	case *llm.PartStop:
		return a.stop(ev.Index)
	case *llm.UsageUpdate:
		return a.send("message_delta", object{{"delta", json.RawMessage("{}")}, {"usage", newUsage(ev.Usage)}})
	case *llm.Finish:
		delta := object{{"stop_reason", newStopReason(ev.StopReason, ev.RawStopReason)}}
		if err := a.send("message_delta", object{{"delta", delta}, {"usage", newUsage(ev.Usage)}}); err != nil {
			return err
		}
		return a.send("message_stop", nil)
	}
	return cannotSay(ev)
}

func (a *writer) start(ev *llm.PartStart) error {
	switch p := ev.Part.(type) {
	case *llm.TextPart:
		return a.begin(ev.Index, append(object{{"type", "text"}, {"text", new("")}}, state(p.Opaque)...))
	case *llm.ToolCallPart:
		return a.begin(ev.Index, append(object{{"type", "tool_use"}, {"id", p.ID}, {"name", p.Name}, {"input", json.RawMessage("{}")}}, state(p.Opaque)...))
	case *llm.ReasoningPart:
		return nil
	case *llm.ProviderPart:
		return a.begin(ev.Index, append(object{{"type", p.Kind}}, members(p.Data)...))
	}
	return cannotSay(ev.Part)
}

func (a *writer) begin(index int, block object) error {
	a.parts[index].begun = true
	return a.send("content_block_start", object{{"index", &index}, {"content_block", block}})
}

func (a *writer) reasoning(ev *llm.ReasoningDelta) error {
	p := a.parts[ev.Index]
	p.redacted = append(p.redacted, ev.Redacted...)
	if p.redacted != nil { // it comes whole, at the end
		return nil
	}
	if !p.begun {
		if err := a.begin(ev.Index, object{{"type", "thinking"}, {"thinking", new("")}, {"signature", new("")}}); err != nil {
			return err
		}
	}
	if ev.Text != "" {
		if err := a.delta(ev.Index, object{{"type", "thinking_delta"}, {"thinking", ev.Text}}); err != nil {
			return err
		}
	}
	if ev.Signature == "" {
		return nil
	}
	return a.delta(ev.Index, object{{"type", "signature_delta"}, {"signature", ev.Signature}})
}

func (a *writer) delta(index int, delta object) error {
	return a.send("content_block_delta", object{{"index", &index}, {"delta", delta}})
}

func (a *writer) stop(index int) error {
	if p := a.parts[index]; !p.begun { // reasoning
		block := object{{"type", "thinking"}, {"thinking", new("")}}
		if p.redacted != nil {
			block = object{{"type", "redacted_thinking"}, {"data", p.redacted}}
		}
		if err := a.begin(index, block); err != nil {
			return err
		}
	}
	return a.send("content_block_stop", object{{"index", &index}})
}

// send sends one event. The first sends the status too: until then an error has one of
// its own.
func (a *writer) send(name string, data object) error {
	a.begun = true
	a.w.Header().Set("Content-Type", "text/event-stream")
	b, err := json.Marshal(append(object{{"type", name}}, data.without("type")...))
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(a.w, "event: %s\ndata: %s\n\n", name, b); err != nil {
		return err
	}
	return http.NewResponseController(a.w).Flush()
}

// newStopReason says why a model stopped, as far as the wire can.
func newStopReason(r llm.StopReason, raw string) string {
	for word, reason := range stopReasons {
		if reason == r {
			return word
		}
	}
	return cmp.Or(raw, string(r), "end_turn")
}

func newUsage(u llm.Usage) object {
	input := u.InputTokens - u.CacheReadTokens - u.CacheWriteTokens
	five := u.CacheWriteTokens - u.CacheWrite1hTokens
	return object{{"input_tokens", &input}, {"cache_read_input_tokens", &u.CacheReadTokens}, {"cache_creation_input_tokens", &u.CacheWriteTokens},
		{"cache_creation", object{{"ephemeral_5m_input_tokens", &five}, {"ephemeral_1h_input_tokens", &u.CacheWrite1hTokens}}},
		{"output_tokens", &u.OutputTokens}, {"output_tokens_details", object{{"thinking_tokens", &u.ReasoningTokens}}}, {"service_tier", u.ServiceTier}}
}

// newLocation returns a citation in the form of the wire.
func newLocation(c llm.Citation) location {
	l := location{Type: c.Kind, CitedText: c.Text}
	for word, kind := range kinds {
		if kind == c.Kind {
			l.Type = word
		}
	}
	switch l.Type {
	case "web_search_result_location":
		l.Title, l.URL = c.Title, c.URL
	case "search_result_location":
		l.Title, l.Source, l.ResultIndex, l.StartBlock, l.EndBlock = c.Title, c.Source, c.Document, c.Start, c.End
	case "page_location":
		l.DocumentTitle, l.FileID, l.DocumentIndex, l.StartPage, l.EndPage = c.Title, c.Source, c.Document, c.Start, c.End
	case "content_block_location":
		l.DocumentTitle, l.FileID, l.DocumentIndex, l.StartBlock, l.EndBlock = c.Title, c.Source, c.Document, c.Start, c.End
	default:
		l.DocumentTitle, l.FileID, l.DocumentIndex, l.StartChar, l.EndChar = c.Title, c.Source, c.Document, c.Start, c.End
	}
	return l
}

func cannotSay(what any) error {
	return &llm.Error{Code: llm.ErrInternal, Message: fmt.Sprintf("the Messages API has no form for a %T", what)}
}

package main

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// Handler serves chat completions over any model: the other end of the wire, for tests
// and for playing offline.
func Handler(model llm.Model) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", "req_"+rand.Text())
		// To its end, or the server would not notice that the client has left.
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<20))
		if err != nil {
			return
		}
		var in request
		if json.Unmarshal(body, &in) != nil {
			writeError(w, &llm.Error{Code: llm.ErrInvalidRequest, Message: "the body is not a chat completions request"})
			return
		}
		req, err := in.decode()
		if err != nil {
			writeError(w, err)
			return
		}
		a := &writer{w: w, model: in.Model, calls: map[int]int{}}
		if in.Stream {
			a.stream(model.Stream(r.Context(), req))
			return
		}
		resp, err := model.Generate(r.Context(), req)
		if err == nil {
			err = a.whole(resp)
		}
		if err != nil {
			writeError(w, err)
		}
	})
	return mux
}

// statuses and words are those of the wire's errors; what is not here is a 500.
var (
	statuses = map[llm.Code]int{
		llm.ErrInvalidRequest: 400, llm.ErrUnsupported: 400, llm.ErrContextTooLong: 400, llm.ErrContentFiltered: 400,
		llm.ErrUnauthenticated: 401, llm.ErrPermissionDenied: 403, llm.ErrNotFound: 404, llm.ErrRateLimited: 429,
		llm.ErrQuotaExhausted: 429, llm.ErrUnavailable: 502, llm.ErrOverloaded: 503, llm.ErrNotReady: 503, llm.ErrTimeout: 504,
	}
	words = map[llm.Code]string{
		llm.ErrContextTooLong: "context_length_exceeded", llm.ErrContentFiltered: "content_filter",
		llm.ErrRateLimited: "rate_limit_exceeded", llm.ErrQuotaExhausted: "insufficient_quota",
	}
)

// newError returns a model's error in the form of the wire, and its status.
func newError(err error) (object, int) {
	code := llm.CodeOf(err)
	status := cmp.Or(statuses[code], http.StatusInternalServerError)
	e := object{"message": err.Error(), "type": "invalid_request_error", "code": status}
	if status >= http.StatusInternalServerError {
		e["type"] = "server_error"
	}
	if words[code] != "" {
		e["code"] = words[code]
	}
	return object{"error": e}, status
}

// writeError answers with an error. An answer that broke off cannot be told in words:
// the connection breaks off as well.
func writeError(w http.ResponseWriter, err error) {
	if llm.CodeOf(err) == llm.ErrIncomplete {
		panic(http.ErrAbortHandler)
	}
	body, status := newError(err)
	if d, ok := llm.RetryAfter(err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(int((d+time.Second-1)/time.Second)))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

// writer writes one answer.
type writer struct {
	w     http.ResponseWriter
	model string
	begun bool        // the status of a stream is sent
	calls map[int]int // by the index of their part, which call of the message they are
}

// whole answers with a response.
func (a *writer) whole(r *llm.Response) error {
	m := object{"role": "assistant", "content": nil}
	for _, p := range r.Message.Content {
		switch p := p.(type) {
		case *llm.TextPart:
			m["content"] = r.Text()
			for _, c := range p.Citations {
				annotation, err := newAnnotation(c)
				if err != nil {
					return err
				}
				annotations, _ := m["annotations"].([]object)
				m["annotations"] = append(annotations, annotation)
			}
		case *llm.ReasoningPart:
			m["reasoning_content"] = p.Text
		case *llm.ToolCallPart:
			calls, _ := m["tool_calls"].([]object)
			m["tool_calls"] = append(calls, object{"id": p.ID, "type": "function",
				"function": object{"name": p.Name, "arguments": cmp.Or(p.Malformed, string(p.Input), "{}")}})
		default:
			return cannotSay(p)
		}
	}
	if r.StopReason == llm.StopRefusal {
		m["content"], m["refusal"] = nil, m["content"]
	}
	a.w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(a.w).Encode(object{"object": "chat.completion", "model": a.model,
		"usage": newUsage(r.Usage), "service_tier": r.Usage.ServiceTier, "choices": []object{{"index": 0, "message": m, "finish_reason": finishReason(r.StopReason, r.RawStopReason)}}})
}

// stream answers with a model's events, as they come.
func (a *writer) stream(events iter.Seq2[llm.Event, error]) {
	for ev, err := range events {
		if err == nil {
			err = a.event(ev)
		}
		switch {
		case err == nil:
		case !a.begun || llm.CodeOf(err) == llm.ErrIncomplete:
			writeError(a.w, err)
			return
		default:
			body, _ := newError(err)
			a.send(body)
			return
		}
	}
}

func (a *writer) event(ev llm.Event) error {
	switch ev := ev.(type) {
	case *llm.PartStart: // only tool calls have a beginning on the wire
		switch p := ev.Part.(type) {
		case *llm.TextPart, *llm.ReasoningPart:
			return nil
		case *llm.ToolCallPart:
			a.calls[ev.Index] = len(a.calls)
			return a.delta(object{"tool_calls": []object{{"index": a.calls[ev.Index], "id": p.ID, "type": "function",
				"function": object{"name": p.Name, "arguments": ""}}}}, nil)
		}
		return cannotSay(ev.Part)
	case *llm.TextDelta:
		return a.delta(object{"content": ev.Text}, nil)
	case *llm.ReasoningDelta:
		return a.delta(object{"reasoning_content": ev.Text}, nil)
	case *llm.CitationDelta:
		annotation, err := newAnnotation(ev.Citation)
		if err != nil {
			return err
		}
		return a.delta(object{"annotations": []object{annotation}}, nil)
	case *llm.ProviderDelta:
		return a.delta(object{ev.Kind: ev.Data}, nil)
	case *llm.ToolCallDelta:
		return a.delta(object{"tool_calls": []object{{"index": a.calls[ev.Index], "function": object{"arguments": ev.Input}}}}, nil)
	case *llm.UsageUpdate:
		return a.usage(ev.Usage)
	case *llm.PartStop: // the wire does not say it
		return nil
	case *llm.Finish:
		if err := a.delta(object{}, finishReason(ev.StopReason, ev.RawStopReason)); err != nil {
			return err
		}
		if err := a.usage(ev.Usage); err != nil {
			return err
		}
		return a.data("[DONE]")
	}
	return cannotSay(ev)
}

func (a *writer) delta(delta object, finishReason any) error {
	return a.send(object{"choices": []object{{"index": 0, "delta": delta, "finish_reason": finishReason}}})
}

func (a *writer) usage(u llm.Usage) error {
	return a.send(object{"choices": []object{}, "usage": newUsage(u), "service_tier": u.ServiceTier})
}

func (a *writer) send(chunk object) error {
	chunk["object"], chunk["model"] = "chat.completion.chunk", a.model
	b, err := json.Marshal(chunk)
	if err != nil {
		return err
	}
	return a.data(string(b))
}

// data sends one server-sent event. The first sends the status too: until then an error
// has one of its own.
func (a *writer) data(s string) error {
	a.begun = true
	a.w.Header().Set("Content-Type", "text/event-stream")
	if _, err := fmt.Fprintf(a.w, "data: %s\n\n", s); err != nil {
		return err
	}
	return http.NewResponseController(a.w).Flush()
}

// finishReason says why a model stopped, as far as the wire can.
func finishReason(r llm.StopReason, raw string) string {
	switch r {
	case llm.StopEndTurn, llm.StopSequence, llm.StopRefusal:
		return "stop"
	case llm.StopToolUse:
		return "tool_calls"
	case llm.StopMaxTokens, llm.StopContextWindow:
		return "length"
	case llm.StopContentFilter:
		return "content_filter"
	}
	return cmp.Or(raw, string(r), "stop")
}

func newUsage(u llm.Usage) object {
	return object{"prompt_tokens": u.InputTokens, "completion_tokens": u.OutputTokens, "total_tokens": u.TotalTokens(),
		"prompt_tokens_details":     object{"cached_tokens": u.CacheReadTokens},
		"completion_tokens_details": object{"reasoning_tokens": u.ReasoningTokens}}
}

// newAnnotation returns a citation in the form of the wire, which has those of the web.
func newAnnotation(c llm.Citation) (object, error) {
	if c.Kind != "web" {
		return nil, cannotSay(c)
	}
	return object{"type": "url_citation", "url_citation": object{"url": c.URL, "title": c.Title}}, nil
}

func cannotSay(what any) error {
	return &llm.Error{Code: llm.ErrInternal, Message: fmt.Sprintf("chat completions have no form for a %T", what)}
}

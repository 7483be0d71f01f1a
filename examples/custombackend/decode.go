package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/parley-sdk/parley/llm"
)

// chunk yields what a chunk of an answer says, or a whole answer.
func (c *call) chunk(r io.Reader) error {
	var a answer
	err := json.NewDecoder(r).Decode(&a)
	if a.Error != nil || c.failure.Status != http.StatusOK { // either may come without the other
		return c.refused(a.Error)
	}
	c.finish.Model = cmp.Or(a.Model, c.finish.Model) // who really served
	for _, choice := range a.Choices {               // one: we never ask for more
		c.finish.RawStopReason = cmp.Or(choice.FinishReason, c.finish.RawStopReason)
		if m := cmp.Or(choice.Message, choice.Delta); m != nil {
			if text := cmp.Or(m.ReasoningContent, m.Reasoning); text != "" { // it says whose it is, to go back there alone
				mark := &llm.Opaque{Provider: Provider, Model: c.finish.Model}
				c.emit(&llm.ReasoningDelta{Index: c.part("reasoning", &llm.ReasoningPart{Opaque: mark}), Text: text})
			}
			if text := m.Content + m.Refusal; text != "" {
				c.emit(&llm.TextDelta{Index: c.part("text", &llm.TextPart{}), Text: text})
			}
			if m.Refusal != "" {
				c.finish.StopReason = llm.StopRefusal
			}
			for _, raw := range m.Annotations {
				c.emit(&llm.CitationDelta{Index: c.part("text", &llm.TextPart{}), Citation: citation(raw)})
			}
			for i, tc := range m.ToolCalls {
				part := c.part(fmt.Sprint("call ", *cmp.Or(tc.Index, &i)), &llm.ToolCallPart{ID: tc.ID, Name: tc.Function.Name})
				// As text, so that no digit is lost; the Accumulator judges it (laws 7 and 10).
				c.emit(&llm.ToolCallDelta{Index: part, Input: tc.Function.Arguments})
				c.finish.StopReason = llm.StopToolUse
			}
			for _, name := range slices.Sorted(maps.Keys(m.others)) { // nothing is lost in silence (law 7)
				c.emit(&llm.ProviderDelta{Index: -1, Provider: Provider, Kind: name, Data: m.others[name]})
			}
		}
	}
	if u := a.Usage; u != nil { // the parts within their whole (law 12)
		c.finish.Usage = llm.Usage{InputTokens: u.Prompt, CacheReadTokens: min(u.PromptDetails.Cached, u.Prompt),
			OutputTokens: u.Completion, ReasoningTokens: min(u.CompletionDetails.Reasoning, u.Completion), ServiceTier: a.ServiceTier}
		c.emit(&llm.UsageUpdate{Usage: c.finish.Usage})
	}
	return err
}

// citation is a source that a model which searched the web names. Where in the answer it
// is named, Data keeps.
func citation(raw json.RawMessage) llm.Citation {
	var a struct {
		Type   string
		Source struct{ URL, Title string } `json:"url_citation"`
	}
	json.Unmarshal(raw, &a) // of another form: then Data is all that is known
	if a.Type == "url_citation" {
		a.Type = "web"
	}
	return llm.Citation{Kind: a.Type, Title: a.Source.Title, URL: a.Source.URL, Data: raw}
}

// part returns the index of a part, and starts p as that part where it is new (law 6).
func (c *call) part(name string, p llm.Part) int {
	if _, ok := c.parts[name]; !ok {
		c.parts[name] = len(c.parts)
		c.emit(&llm.PartStart{Index: c.parts[name], Part: p})
	}
	return c.parts[name]
}

// end yields the end of a whole answer, and of its parts: the wire does not say where
// those end. An answer without a reason to stop was cut (law 4).
func (c *call) end() error {
	if c.finish.RawStopReason == "" {
		return errors.New("no finish_reason")
	}
	switch c.finish.RawStopReason {
	case "stop", "tool_calls": // the content says which, and whether it is a refusal
		c.finish.StopReason = cmp.Or(c.finish.StopReason, llm.StopEndTurn)
	case "length":
		c.finish.StopReason = llm.StopMaxTokens
	case "content_filter":
		c.finish.StopReason = llm.StopContentFilter
	default:
		c.finish.StopReason = llm.StopOther
	}
	c.finish.RequestID = c.failure.RequestID
	c.lacks(c.finish.Usage.Estimated, llm.WarningIncomplete, "usage", "the endpoint did not report it")
	for i := range len(c.parts) {
		c.emit(&llm.PartStop{Index: i})
	}
	c.emit(&c.finish)
	return nil
}

// refused reads the endpoint's own error. Its text may quote the request, which Redact
// leaves out; that about a bad key may show the key (law 8).
func (c *call) refused(e map[string]any) error {
	text := func(name string) string { return fmt.Sprint(cmp.Or(e[name], any(""))) }
	c.failure.RawCode = cmp.Or(text("code"), text("type"))
	code := cmp.Or(codes[c.failure.RawCode], codes[fmt.Sprint(c.failure.Status)], codes[fmt.Sprint(c.failure.Status/100, "xx")], codes[text("type")])
	if code != llm.ErrUnauthenticated {
		c.failure.Message = llm.Redact(text("message"))
	}
	return code
}

// codes tells what an error is, by the endpoint's own word or else by the HTTP status.
var codes = map[string]llm.Code{
	"context_length_exceeded": llm.ErrContextTooLong, "insufficient_quota": llm.ErrQuotaExhausted, "content_filter": llm.ErrContentFiltered,
	"rate_limit_exceeded": llm.ErrRateLimited, "invalid_request_error": llm.ErrInvalidRequest, "server_error": llm.ErrInternal,
	"401": llm.ErrUnauthenticated, "403": llm.ErrPermissionDenied, "404": llm.ErrNotFound, "408": llm.ErrTimeout, "429": llm.ErrRateLimited,
	"4xx": llm.ErrInvalidRequest, "502": llm.ErrUnavailable, "503": llm.ErrOverloaded, "504": llm.ErrTimeout, "5xx": llm.ErrInternal,
}

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// How to write a backend: read this file from top to bottom. It makes a call, writes the
// request, reads the answer (wire.go has its form) and gives errors their codes. "Law n"
// is the n-th law in the documentation of llm.Model. conformance_test.go checks them all,
// and says what is left out here to stay short.

// Provider is the provider's name, as OpenTelemetry has it.
const Provider = "openai"

// Model is an [llm.Model] over an endpoint that speaks chat completions. Nothing in it
// changes after New, which makes it safe for concurrent use (law 1).
type Model struct {
	url, apiKey, model string
	client             *http.Client
}

// New returns the model of that name behind an endpoint, such as
// https://api.openai.com/v1. The key of a server that wants none is empty; a nil client
// is [http.DefaultClient]. Nothing is sent before the first call (law 2).
func New(baseURL, apiKey, model string, client *http.Client) *Model {
	return &Model{strings.TrimRight(baseURL, "/") + "/chat/completions", apiKey, model, cmp.Or(client, http.DefaultClient)}
}

// Info names the model.
func (m *Model) Info() llm.Info { return llm.Info{Provider: Provider, Model: m.model} }

// Generate asks for the answer in one piece. To this backend that is a stream of one
// chunk, and so Generate returns what Collect makes of Stream (law 3).
func (m *Model) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(m.events(ctx, req, "generate"))
}

// Stream asks for the answer in chunks. Once refuses a second range (law 2).
func (m *Model) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(m.events(ctx, req, "stream"))
}

// events makes the call within the caller's loop: nothing is sent before it starts, and
// no goroutine can outlive it (laws 2 and 5).
func (m *Model) events(ctx context.Context, req *llm.Request, op string) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		c := &call{Model: m, ctx: ctx, yield: yield, parts: map[string]int{}, failure: llm.Error{Op: op, Provider: Provider, Model: m.model},
			finish: llm.Finish{Provider: Provider, Model: m.model, Usage: llm.Usage{Estimated: true}}}
		if err := c.run(ctx, req); cmp.Or(c.over, err) != nil && !c.left {
			err = cmp.Or(ctx.Err(), err) // a context that has ended breaks everything else (law 5)
			c.failure.Code, c.failure.Err = llm.CodeOf(err), err
			if c.failure.Code == llm.ErrUnknown { // of reading or decoding; its text is not shown, for it may quote the answer (law 8)
				c.failure.Code, c.failure.Message = llm.ErrIncomplete, cmp.Or(c.failure.Message, "no whole chat completion: is the base URL right?")
			}
			yield(nil, &c.failure) // the one error, last (law 4)
		}
	}
}

// call is one call. Its state is not in the model, which many use at once.
type call struct {
	*Model
	ctx     context.Context
	yield   func(llm.Event, error) bool
	left    bool           // the loop was left: to yield again would crash it
	over    error          // of the context, once it kept an event from the loop
	parts   map[string]int // of the answer: what they are on the wire, and their indices
	finish  llm.Finish     // the last event, filled on the way
	failure llm.Error      // the error, filled on the way
}

// emit yields an event. Who cancels wants nothing of what lies ready (law 5).
func (c *call) emit(ev llm.Event) {
	if c.over = cmp.Or(c.over, c.ctx.Err()); c.over == nil {
		c.left = c.left || !c.yield(ev, nil)
	}
}

func (c *call) run(ctx context.Context, req *llm.Request) error {
	// What nobody could make sense of is not sent, nor what a test would pay for.
	if err := cmp.Or(req.Validate(), llm.MaySend(c.Info())); err != nil {
		return err
	}
	hr, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(c.encode(req)))
	if c.failure.Err != nil || err != nil || hr.URL.Host == "" {
		return cmp.Or(c.failure.Err, error(&llm.Error{Code: llm.ErrInvalidRequest, Message: "the base URL is not one: use the form https://host/v1"}))
	}
	hr.Header.Set("Content-Type", "application/json")
	hr.Header.Set("Accept-Encoding", "identity") // gzip would hold events back
	if c.apiKey != "" {
		hr.Header.Set("Authorization", "Bearer "+c.apiKey)
	}
	resp, err := c.client.Do(hr)
	if err != nil {
		return &llm.Error{Code: llm.ErrUnavailable, Message: "no answer from the endpoint", Err: err}
	}
	defer resp.Body.Close() // drains nothing: what was not read takes its connection along (law 5)
	wait, _ := time.ParseDuration(resp.Header.Get("Retry-After") + "s")
	c.failure.Status, c.failure.RequestID, c.failure.RetryAfter = resp.StatusCode, resp.Header.Get("X-Request-Id"), max(0, wait)
	body := bufio.NewReader(http.MaxBytesReader(nil, resp.Body, 16<<20)) // one without end must not fill the memory
	if c.failure.Op == "generate" || resp.StatusCode != http.StatusOK {
		return c.end(c.chunk(json.NewDecoder(body)))
	}
	// Server-sent events: lines "data: {…}", and last "data: [DONE]". What has come before
	// a cut is yielded and so kept (law 9).
	for err == nil && !c.left { // a loop that was left reads no more (law 5)
		line, cut := body.ReadBytes('\n')
		data, ok := bytes.CutPrefix(line, []byte("data:"))
		switch cut = cmp.Or(ctx.Err(), cut); {
		case cut != nil || string(bytes.TrimSpace(data)) == "[DONE]":
			return c.end(cut)
		case ok: // and not a blank line, or a comment that keeps the connection alive
			err = c.chunk(json.NewDecoder(bytes.NewReader(data)))
		}
	}
	return err
}

// object is one of the wire. For requests maps do, since encoding/json sorts their keys.
type object map[string]any

// present leaves out what is not set.
func present(o object) object {
	maps.DeleteFunc(o, func(_ string, v any) bool { return v == nil || reflect.ValueOf(v).IsZero() })
	return o
}

// encode writes the request in the words of the wire, and changes nothing in it (law 1).
func (c *call) encode(req *llm.Request) []byte {
	messages := c.messages("system", object{"role": "system"}, req.System)
	for i, m := range req.Messages {
		messages = append(messages, c.messages(fmt.Sprintf("messages[%d].content", i), object{"role": m.Role}, m.Content)...)
	}
	var tools []object
	for i, t := range req.Tools {
		c.lacks(t.Provider != "", meaning, fmt.Sprintf("tools[%d]", i), "chat completions run no tools themselves")
		c.lacks(t.Cache != nil, llm.WarningDropped, fmt.Sprintf("tools[%d].cache", i), "the endpoint caches without being asked")
		tools = append(tools, object{"type": "function", "function": present(object{
			"name": t.Name, "description": t.Description, "parameters": t.Schema, "strict": t.Strict})})
	}
	for i, o := range req.Options {
		c.lacks(o.ProviderName() == Provider, meaning, fmt.Sprintf("options[%d]", i), "this backend has none")
	}
	c.lacks(req.Output != nil, meaning, "output", "this backend asks for free text only")
	c.lacks(req.TopK != nil, llm.WarningDropped, "top_k", "chat completions have no such setting")
	c.lacks(req.Reasoning != nil, llm.WarningDropped, "reasoning", "this backend leaves it to the model")
	c.lacks(len(req.Metadata) > 0, llm.WarningDropped, "metadata", "this backend sends none")
	wire := present(object{
		"model": c.model, "messages": messages, "tools": tools, "stop": req.StopSequences,
		"max_completion_tokens": req.MaxTokens, "temperature": req.Temperature, "top_p": req.TopP,
	})
	if tools != nil { // the endpoint refuses a choice without tools
		switch req.ToolChoice.Mode {
		case llm.ToolChoiceAny:
			wire["tool_choice"] = "required"
		case llm.ToolChoiceNone:
			wire["tool_choice"] = "none"
		case llm.ToolChoiceTool:
			wire["tool_choice"] = object{"type": "function", "function": object{"name": req.ToolChoice.Name}}
		}
		if req.ToolChoice.Single {
			wire["parallel_tool_calls"] = false
		}
	}
	if c.failure.Op == "stream" {
		wire["stream"], wire["stream_options"] = true, object{"include_usage": true}
	}
	body, _ := json.Marshal(wire) // of maps, strings and JSON that Validate has seen
	return body
}

const meaning llm.WarningCode = ""

// lacks says what the wire, or this backend, has no place for. What changes the meaning
// of a request is refused, what only tunes it is left out with a warning (law 7). Both
// name the place, and never what stands there (law 8).
func (c *call) lacks(is bool, kind llm.WarningCode, path, why string) {
	if is && kind == meaning {
		c.failure.Err = cmp.Or(c.failure.Err, error(&llm.Error{Code: llm.ErrUnsupported, Message: path + ": " + why}))
	} else if is {
		c.finish.Warnings = append(c.finish.Warnings, llm.Warning{Code: kind, Field: path, Message: why})
	}
}

// messages fills a message with parts. The result of a tool is a message of its own
// here, and goes before the one that it stands in.
func (c *call) messages(path string, m object, parts []llm.Part) (all []object) {
	var content, calls []object
	for i, p := range parts {
		path := fmt.Sprintf("%s[%d]", path, i)
		switch p := p.(type) {
		case *llm.TextPart:
			c.lacks(len(p.Citations) > 0, llm.WarningDropped, path+".citations", "chat completions take none")
			c.lacks(calls != nil, llm.WarningRepaired, path, "sent before the tool calls: a message has its text first")
			content = append(content, object{"type": "text", "text": &p.Text})
		case *llm.MediaPart:
			url := cmp.Or(p.URI, "data:"+cmp.Or(p.MediaType, llm.DetectMediaType(p.Data))+";base64,"+base64.StdEncoding.EncodeToString(p.Data))
			image := strings.HasPrefix(url, "data:image/") || strings.HasPrefix(url, "https://") && (p.MediaType == "" || strings.HasPrefix(p.MediaType, "image/"))
			c.lacks(!image || m["role"] != llm.RoleUser, meaning, path, "only images, only from the user, as bytes or by an https:// address")
			content = append(content, object{"type": "image_url", "image_url": object{"url": url}})
		case *llm.ToolCallPart: // its arguments are JSON in a string, which the model reads as it stands
			var input bytes.Buffer
			json.Compact(&input, p.Input) // Validate has seen that it is JSON, or nothing
			arguments := cmp.Or(p.Malformed, unescape.Replace(input.String()), "{}")
			calls = append(calls, object{"id": p.ID, "type": "function", "function": object{"name": p.Name, "arguments": arguments}})
		case *llm.ToolResultPart:
			c.lacks(content != nil, llm.WarningRepaired, path, "sent before the text: results follow their calls at once")
			c.lacks(p.IsError, llm.WarningDropped, path+".is_error", "the wire has no mark for it: the content has to say so")
			all = append(all, c.messages(path+".content", object{"role": "tool", "tool_call_id": p.CallID, "content": new("")}, p.Content)...)
		case *llm.ReasoningPart, *llm.CachePointPart:
			c.lacks(true, llm.WarningDropped, path, "chat completions take none")
		default:
			c.lacks(true, meaning, path, fmt.Sprintf("chat completions have no place for a %T", p))
		}
	}
	m["tool_calls"] = calls
	if len(content) == 1 && content[0]["text"] != nil {
		m["content"] = content[0]["text"] // a string is what every server reads
	} else if content != nil {
		m["content"] = content
	}
	if len(present(m)) == 1 { // nothing but its role
		return all
	}
	return append(all, m)
}

// unescape undoes what encoding/json escapes for the sake of HTML. Stored calls have the
// escapes, live ones have not, and both must send the same bytes, or prompt caches miss.
// An escaped backslash is taken as a pair, so that \\u003c stays the text that it is.
var unescape = strings.NewReplacer(`\\`, `\\`, `\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\u2028`, "\u2028", `\u2029`, "\u2029")

// chunk yields what a chunk of an answer says, or a whole answer.
func (c *call) chunk(d *json.Decoder) (err error) {
	var a answer
	if err = d.Decode(&a); a.Error != nil || c.failure.Status != http.StatusOK { // either may come without the other
		return c.refused(a.Error)
	}
	c.finish.Model = cmp.Or(a.Model, c.finish.Model) // who really served
	for _, choice := range a.Choices {               // one: we never ask for more
		c.finish.RawStopReason = cmp.Or(choice.FinishReason, c.finish.RawStopReason)
		if m := cmp.Or(choice.Message, choice.Delta); m != nil {
			if text := m.Content + m.Refusal; text != "" {
				c.emit(&llm.TextDelta{Index: c.part("text", &llm.TextPart{}), Text: text})
			}
			if m.Refusal != "" {
				c.finish.StopReason = llm.StopRefusal
			}
			for i, tc := range m.ToolCalls {
				part := c.part(fmt.Sprint("call ", *cmp.Or(tc.Index, &i)), &llm.ToolCallPart{ID: tc.ID, Name: tc.Function.Name})
				// As text, so that no digit is lost; the Accumulator judges it (laws 7 and 10).
				c.emit(&llm.ToolCallDelta{Index: part, Input: tc.Function.Arguments})
				c.finish.StopReason = llm.StopToolUse
			}
		}
	}
	if u := a.Usage; u != nil { // the parts within their whole (law 12)
		c.finish.Usage = llm.Usage{InputTokens: u.Prompt, CacheReadTokens: min(u.PromptDetails.Cached, u.Prompt),
			OutputTokens: u.Completion, ReasoningTokens: min(u.CompletionDetails.Reasoning, u.Completion)}
		c.emit(&llm.UsageUpdate{Usage: c.finish.Usage})
	}
	return err
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
// those end. All else is a cut (law 4).
func (c *call) end(err error) error {
	if err != nil || c.finish.RawStopReason == "" {
		return cmp.Or(err, fmt.Errorf("no finish_reason"))
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

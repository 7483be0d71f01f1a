package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// This file makes a call. encode.go writes the request and encode_parts.go its content,
// decode.go reads the answer (wire.go has its form), errors.go tells what went wrong.
// "Law n" is the n-th law in the documentation of llm.Model.

// Provider is the provider's name, as OpenTelemetry has it.
const Provider = "anthropic"

// Model is an [llm.Model] over an endpoint that speaks the Messages API. Nothing in it
// changes after New, which makes it safe for concurrent use (law 1).
type Model struct {
	url, apiKey, model string
	client             *http.Client
}

// New returns the model of that name behind an endpoint, such as
// https://api.anthropic.com. The key of a server that wants none is empty; a nil client is
// [http.DefaultClient]. Nothing is sent before the first call (law 2).
func New(baseURL, apiKey, model string, client *http.Client) *Model {
	return &Model{strings.TrimRight(baseURL, "/") + "/v1/messages", apiKey, model, cmp.Or(client, http.DefaultClient)}
}

// Info names the model.
func (m *Model) Info() llm.Info { return llm.Info{Provider: Provider, Model: m.model} }

// Generate asks for a stream too, and returns what Collect makes of it (law 3): a long
// answer keeps its connection alive, and what had come before a failure is kept (law 9).
func (m *Model) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return llm.Collect(m.events(ctx, req, "generate"))
}

// Stream asks for the answer as it comes. Once refuses a second range (law 2).
func (m *Model) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(m.events(ctx, req, "stream"))
}

// CountTokens asks how many tokens the input of a request has, which costs nothing.
func (m *Model) CountTokens(ctx context.Context, req *llm.Request) (int, error) {
	c := m.newCall(ctx, "count tokens", nil)
	resp, err := c.send(req, "/count_tokens", "max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "metadata", "service_tier", "stream")
	if err != nil {
		return 0, c.fail(err)
	}
	defer resp.Body.Close()
	var count struct {
		Input *int `json:"input_tokens"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&count); err != nil || count.Input == nil {
		return 0, c.fail(cmp.Or(err, errors.New("no count")))
	}
	return *count.Input, nil
}

// events makes the call within the caller's loop: nothing is sent before it starts, and
// no goroutine can outlive it (laws 2 and 5).
func (m *Model) events(ctx context.Context, req *llm.Request, op string) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		c := m.newCall(ctx, op, yield)
		err := c.run(req)
		if c.stopped != nil {
			err = c.stopped
		}
		if err != nil && err != errLeft {
			yield(nil, c.fail(err)) // the one error, last (law 4)
		}
	}
}

func (m *Model) newCall(ctx context.Context, op string, yield func(llm.Event, error) bool) *call {
	return &call{Model: m, ctx: ctx, yield: yield, blocks: map[int]*block{}, failure: llm.Error{Op: op, Provider: Provider, Model: m.model},
		finish: llm.Finish{Provider: Provider, Model: m.model}}
}

// call is one call. Its state is not in the model, which many use at once.
type call struct {
	*Model
	ctx     context.Context
	yield   func(llm.Event, error) bool
	stopped error          // why no more events are yielded
	blocks  map[int]*block // those that are open, by their index on the wire
	parts   int            // how many have begun
	usage   usage          // as far as it was reported
	counted bool           // and whether that is all of it
	finish  llm.Finish     // the last event, filled on the way
	failure llm.Error      // the error, filled on the way
	refusal error          // what of the request the wire has no place for
}

// errLeft stops a call whose loop was left: to yield again would crash it.
var errLeft = errors.New("the loop was left")

// emit yields an event, unless the call was stopped. Who cancels wants nothing of what
// lies ready (law 5).
func (c *call) emit(ev llm.Event) {
	if c.stopped == nil {
		c.stopped = c.ctx.Err()
	}
	if c.stopped == nil && !c.yield(ev, nil) {
		c.stopped = errLeft
	}
}

// run makes the call and reads the stream.
func (c *call) run(req *llm.Request) error {
	resp, err := c.send(req, "")
	if err != nil {
		return err
	}
	defer resp.Body.Close() // drains nothing: what was not read takes its connection along (law 5)
	// One without end must not fill the memory.
	for data, err := range frames(http.MaxBytesReader(nil, resp.Body, 64<<20)) {
		if err != nil {
			return err // no end was said: a cut (law 4)
		}
		done, err := c.event(data)
		if done || err != nil || c.stopped != nil { // a call that was stopped reads no more (law 5)
			return err
		}
	}
	return nil
}

// send sends a request, without the members that the path does not take. The answer is
// one that may be read; all others are errors.
func (c *call) send(req *llm.Request, path string, without ...string) (*http.Response, error) {
	if err := req.Validate(); err != nil { // nobody could make sense of it
		return nil, err
	}
	if err := llm.MaySend(c.Info()); err != nil { // a test would pay for it
		return nil, err
	}
	options, _, err := llm.OptionsFor[*Options](req)
	if err != nil { // they are of another type, and must not be ignored
		return nil, err
	}
	wire := c.encode(req, cmp.Or(options, &Options{}))
	if c.refusal != nil {
		return nil, c.refusal
	}
	body, err := json.Marshal(wire.without(without...))
	if err != nil {
		return nil, &llm.Error{Code: llm.ErrInvalidRequest, Message: "the request cannot be written as JSON", Err: err}
	}
	r, err := http.NewRequestWithContext(c.ctx, http.MethodPost, c.url+path, bytes.NewReader(body))
	if err != nil || r.URL.Host == "" {
		return nil, &llm.Error{Code: llm.ErrInvalidRequest, Message: "the base URL is not one: use the form https://host"}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept-Encoding", "identity") // gzip would hold events back
	r.Header.Set("Anthropic-Version", "2023-06-01")
	if options != nil && len(options.Betas) > 0 {
		r.Header.Set("Anthropic-Beta", strings.Join(options.Betas, ","))
	}
	if c.apiKey != "" {
		r.Header.Set("X-Api-Key", c.apiKey)
	}
	resp, err := c.client.Do(r)
	if err != nil {
		return nil, &llm.Error{Code: llm.ErrUnavailable, Message: "no answer from the endpoint", Err: err}
	}
	if c.note(resp); resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, c.refused(resp.Body)
	}
	return resp, nil
}

// note keeps what the header says of the call, for an answer or an error.
func (c *call) note(resp *http.Response) {
	c.failure.Status, c.failure.RetryAfter = resp.StatusCode, retryAfter(resp.Header)
	c.failure.RequestID = resp.Header.Get("Request-Id")
	c.finish.RequestID = c.failure.RequestID
	if s := resp.Header.Get("X-Should-Retry"); s != "" { // the endpoint knows better than its error says
		c.failure.Retryable = new(s == "true")
	}
}

// retryAfter is how long the endpoint wants to be left alone: seconds, or a date.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	wait, err := time.ParseDuration(v + "s")
	if at, isDate := http.ParseTime(v); err != nil && isDate == nil {
		wait = time.Until(at)
	}
	return max(0, wait)
}

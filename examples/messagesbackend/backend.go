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
		if err := cmp.Or(c.run(req), c.over); err != nil && !c.left {
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
	left    bool           // the loop was left: to yield again would crash it
	over    error          // of the context, once it kept an event from the loop
	blocks  map[int]*block // those that are open, by their index on the wire
	parts   int            // how many have begun
	usage   usage          // as far as it was reported
	counted bool           // and whether that is all of it
	finish  llm.Finish     // the last event, filled on the way
	failure llm.Error      // the error, filled on the way
}

// emit yields an event. Who cancels wants nothing of what lies ready (law 5).
func (c *call) emit(ev llm.Event) {
	if c.over = cmp.Or(c.over, c.ctx.Err()); c.over == nil {
		c.left = c.left || !c.yield(ev, nil)
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
		if err = cmp.Or(c.ctx.Err(), err); err != nil {
			return err // no end was said: a cut (law 4)
		}
		done, err := c.event(data)
		if done || err != nil || c.left { // a loop that was left reads no more (law 5)
			return err
		}
	}
	return nil
}

// send sends a request, without the members that the path does not take. The answer is
// one that may be read; all others are errors.
func (c *call) send(req *llm.Request, path string, without ...string) (*http.Response, error) {
	// What nobody could make sense of is not sent, nor what a test would pay for.
	if err := cmp.Or(req.Validate(), llm.MaySend(c.Info())); err != nil {
		return nil, err
	}
	options, _, err := llm.OptionsFor[*Options](req)
	wire := c.encode(req, cmp.Or(options, &Options{}))
	if err := cmp.Or(err, c.failure.Err); err != nil {
		return nil, err
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
	wait, _ := time.ParseDuration(resp.Header.Get("Retry-After") + "s")
	c.failure.Status, c.failure.RetryAfter = resp.StatusCode, max(0, wait)
	c.failure.RequestID = resp.Header.Get("Request-Id")
	c.finish.RequestID = c.failure.RequestID
	if s := resp.Header.Get("X-Should-Retry"); s != "" { // the endpoint knows better than its error says
		c.failure.Retryable = new(s == "true")
	}
}

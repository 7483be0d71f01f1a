package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// How to write a backend: this file makes a call, encode.go writes the request, and
// decode.go reads the answer (wire.go has its form) and gives errors their codes. "Law n"
// is the n-th law in the documentation of llm.Model. conformance_test.go checks them all,
// and says what the wire cannot carry.

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

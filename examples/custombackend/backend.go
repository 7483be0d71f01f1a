package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
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
		c := &call{
			Model:   m,
			ctx:     ctx,
			yield:   yield,
			parts:   map[string]int{},
			finish:  llm.Finish{Provider: Provider, Model: m.model, Usage: llm.Usage{Estimated: true}},
			failure: llm.Error{Op: op, Provider: Provider, Model: m.model},
		}
		err := c.run(req)
		if c.stopped != nil {
			err = c.stopped
		}
		if err != nil && err != errLeft {
			yield(nil, c.failed(err)) // the one error, last (law 4)
		}
	}
}

// call is one call. Its state is not in the model, which many use at once.
type call struct {
	*Model
	ctx     context.Context
	yield   func(llm.Event, error) bool
	stopped error          // why no more events are yielded
	parts   map[string]int // of the answer: what they are on the wire, and their indices
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

// failed is the error of the call. That of reading or decoding is not shown, for it may
// quote the answer (law 8).
func (c *call) failed(err error) error {
	if c.ctx.Err() != nil {
		err = c.ctx.Err() // a context that has ended breaks everything else (law 5)
	}
	e := &c.failure
	e.Code, e.Err = llm.CodeOf(err), err
	if e.Code == llm.ErrUnknown {
		e.Code, e.Message = llm.ErrIncomplete, cmp.Or(e.Message, "no whole chat completion: is the base URL right?")
	}
	return e
}

func (c *call) run(req *llm.Request) error {
	if err := req.Validate(); err != nil { // nobody could make sense of it
		return err
	}
	if err := llm.MaySend(c.Info()); err != nil { // a test would pay for it
		return err
	}
	sent, err := c.encode(req)
	if err != nil {
		return err
	}
	resp, err := c.send(sent)
	if err != nil {
		return err
	}
	defer resp.Body.Close() // drains nothing: what was not read takes its connection along (law 5)
	c.failure.Status, c.failure.RequestID, c.failure.RetryAfter = resp.StatusCode, resp.Header.Get("X-Request-Id"), retryAfter(resp.Header)

	body := bufio.NewReader(http.MaxBytesReader(nil, resp.Body, 16<<20)) // one without end must not fill the memory
	if c.failure.Op == "stream" && resp.StatusCode == http.StatusOK {
		return c.chunks(body)
	}
	if err := c.chunk(body); err != nil {
		return err
	}
	return c.end()
}

// send posts the request.
func (c *call) send(body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(c.ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil || req.URL.Host == "" {
		return nil, &llm.Error{Code: llm.ErrInvalidRequest, Message: "the base URL is not one: use the form https://host/v1"}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept-Encoding", "identity") // gzip would hold events back
	if c.apiKey != "" {
		req.Header.Set("Authorization", "Bearer "+c.apiKey)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, &llm.Error{Code: llm.ErrUnavailable, Message: "no answer from the endpoint", Err: err}
	}
	return resp, nil
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

// chunks reads server-sent events: lines "data: {…}", and last "data: [DONE]". What has
// come before a cut is yielded and so kept (law 9). A call that was stopped reads no
// more (law 5).
func (c *call) chunks(body *bufio.Reader) error {
	for c.stopped == nil {
		line, cut := body.ReadBytes('\n')
		data, ok := bytes.CutPrefix(line, []byte("data:")) // else a blank line, or a comment that keeps the connection alive
		if ok && string(bytes.TrimSpace(data)) == "[DONE]" {
			return c.end()
		}
		if cut != nil {
			return cut
		}
		if ok {
			if err := c.chunk(bytes.NewReader(data)); err != nil {
				return err
			}
		}
	}
	return nil
}

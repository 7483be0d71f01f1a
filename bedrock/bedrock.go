package bedrock

import (
	"context"
	"io"
	"iter"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"

	"github.com/parley-sdk/parley/llm"
)

// Provider is the provider's name in [llm.Info], as OpenTelemetry has it.
const Provider = "aws.bedrock"

// Model is an [llm.Model] and an [llm.TokenCounter] on Bedrock's Converse API. It is
// safe for concurrent use.
type Model struct {
	caller  caller
	modelID string
	opts    Options // Profile is set

	uncountable atomic.Bool // the service said that it does not count for this model
}

var (
	_ llm.Model        = (*Model)(nil)
	_ llm.TokenCounter = (*Model)(nil)
)

// New returns the model of that id, called through client. The id is one of a
// foundation model, an inference profile or a stored prompt, or the ARN of any of
// them. Nothing is checked or sent before the first call.
func New(client *bedrockruntime.Client, modelID string, opts *Options) *Model {
	m := &Model{modelID: modelID}
	if opts != nil {
		m.opts = *opts
	}
	m.caller = newCaller(client, modelID, m.opts.KeepSDKRetries)
	if m.opts.Profile == nil {
		m.opts.Profile = ProfileFor(modelID)
	}
	m.opts.Profile = new(*m.opts.Profile)
	return m
}

// call begins a call; the model may be nil.
func (m *Model) call(op string) *call {
	c := &call{model: m, op: op}
	if m != nil {
		c.caller = &m.caller
	}
	return c
}

// usable says why no call can be made, if so.
func (m *Model) usable(ctx context.Context) error {
	if m == nil {
		return invalid("", "nil model: make one with New")
	}
	if err := m.caller.usable(ctx, "the model with New"); err != nil {
		return err
	}
	if m.modelID == "" {
		return invalid("", "empty model id: the Bedrock console lists those of your region")
	}
	return nil
}

// NewFromConfig returns the model of that id, called through a client made from cfg.
func NewFromConfig(cfg aws.Config, modelID string, opts *Options) *Model {
	return New(bedrockruntime.NewFromConfig(cfg), modelID, opts)
}

// Info names the model: [Provider] and the id that New was given.
func (m *Model) Info() llm.Info {
	if m == nil {
		return llm.Info{Provider: Provider}
	}
	return llm.Info{Provider: Provider, Model: m.modelID}
}

// Generate calls Converse.
func (m *Model) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	c := m.call("generate")
	in, err := c.prepare(ctx, req)
	if err != nil {
		return nil, c.fail(ctx, err)
	}
	return c.converse(ctx, in)
}

// converse makes the call of Generate, and of a stream that is served whole. With an
// answer that breaks the schema of the request it returns both.
func (c *call) converse(ctx context.Context, in *bedrockruntime.ConverseInput) (*llm.Response, error) {
	defer c.close()
	if err := send(ctx, c.caller.client.Converse, in, c.options); err != nil {
		return nil, c.fail(ctx, err)
	}
	body, err := c.readBody(maxAnswer)
	if err != nil {
		return nil, c.fail(ctx, err)
	}
	r, err := c.decodeAnswer(body)
	if err != nil {
		return nil, c.fail(ctx, err)
	}
	if r, err = c.answerOf(r); err != nil {
		// As what a stream had told before the error.
		r.StopReason, r.RawStopReason, r.Usage.Estimated = "", "", true
		return r, c.fail(ctx, err)
	}
	return r, nil
}

// whole yields the answer of Converse as a stream.
func (c *call) whole(ctx context.Context, in *bedrockruntime.ConverseInput, yield func(llm.Event, error) bool) {
	r, err := c.converse(ctx, in)
	if r != nil {
		for ev, e := range r.Events() {
			if e != nil { // that the answer is partial; err says why
				break
			}
			if !yield(ev, nil) {
				return
			}
		}
	}
	if err != nil {
		yield(nil, err)
	}
}

// Stream calls ConverseStream. The loop reads the connection itself: a slow loop
// slows the service down, and leaving it closes the connection. Where the model cannot
// stream what the request asks for, the answer comes from Converse in one piece, with
// a warning.
func (m *Model) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		c := m.call("stream")
		c.stream = true
		in, err := c.prepare(ctx, req)
		if err != nil {
			yield(nil, c.fail(ctx, err))
			return
		}
		if c.draft.unary {
			c.whole(ctx, in, yield)
			return
		}
		yield = c.checked(yield, func(err error) error { return c.fail(ctx, err) })
		reading, cancel := context.WithCancel(ctx)
		defer func() {
			cancel() // first: closing alone may wait for a peer that does not read
			c.close()
		}()
		if err := send(reading, c.caller.client.ConverseStream, streamInput(in, c.guardrail()), c.options); err != nil {
			yield(nil, c.fail(ctx, err))
			return
		}
		if c.body == nil {
			yield(nil, c.fail(ctx, io.ErrUnexpectedEOF))
			return
		}
		d := &streamDecoder{
			ctx: ctx, jsonDecoder: jsonDecoder{modelID: m.modelID, names: c.names}, requestID: c.requestID(),
			frames: frameReader{r: c.body}, yield: yield, warnings: c.warnings, end: ending{uncapped: c.uncapped},
		}
		if err := d.run(); err != nil {
			if !d.left {
				yield(nil, c.fail(ctx, err))
			}
			return
		}
		if d.stop {
			c.awaitEnd(cancel)
		}
	})
}

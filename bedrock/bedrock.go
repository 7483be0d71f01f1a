package bedrock

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go/auth/bearer"
	"github.com/aws/smithy-go/middleware"

	"github.com/parley-sdk/parley/llm"
)

// Provider is the provider's name in [llm.Info], as OpenTelemetry has it.
const Provider = "aws.bedrock"

// Model is an [llm.Model] and an [llm.TokenCounter] on Bedrock's Converse API. It is
// safe for concurrent use.
type Model struct {
	client  *bedrockruntime.Client
	modelID string
	opts    Options
	profile *Profile
	fault   error // why no call can be made
	local   bool  // the client cannot reach outside
}

var (
	_ llm.Model        = (*Model)(nil)
	_ llm.TokenCounter = (*Model)(nil)
)

// New returns the model of that id, called through client. The id is one of a
// foundation model, an inference profile or a stored prompt, or the ARN of any of
// them. Nothing is checked or sent before the first call.
func New(client *bedrockruntime.Client, modelID string, opts *Options) *Model {
	m := &Model{client: client, modelID: modelID}
	if opts != nil {
		m.opts = *opts
	}
	m.profile = ProfileFor(modelID)
	if m.opts.Profile != nil {
		m.profile = new(*m.opts.Profile)
	}
	if client == nil {
		m.fault = invalid("", "nil client: make one with bedrockruntime.NewFromConfig")
		return m
	}
	o := client.Options()
	// bedrocktest's client has this method.
	_, m.local = o.HTTPClient.(interface{ LocalOnly() })
	switch {
	case o.Protocol == nil:
		m.fault = invalid("", "a client that bedrockruntime.New did not make")
	case modelID == "":
		m.fault = invalid("", "empty model id: the Bedrock console lists those of your region")
	}
	return m
}

// NewFromConfig returns the model of that id, called through a client made from cfg.
func NewFromConfig(cfg aws.Config, modelID string, opts *Options) *Model {
	return New(bedrockruntime.NewFromConfig(cfg), modelID, opts)
}

// Info names the model: [Provider] and the id that New was given.
func (m *Model) Info() llm.Info { return llm.Info{Provider: Provider, Model: m.modelID} }

// Generate calls Converse.
func (m *Model) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	c := &call{model: m, op: "generate"}
	in, err := c.prepare(req)
	if err != nil {
		return nil, c.fail(ctx, err)
	}
	defer c.close()
	if _, err := m.client.Converse(ctx, in, c.options...); err != nil {
		return nil, c.fail(ctx, err)
	}
	body, err := c.readBody()
	if err != nil {
		return nil, c.fail(ctx, err)
	}
	r, err := m.decodeAnswer(body)
	if err != nil {
		return nil, c.fail(ctx, err)
	}
	r.RequestID, r.Warnings = c.requestID(), c.warnings
	return r, nil
}

// Stream calls ConverseStream. The loop reads the connection itself: a slow loop
// slows the service down, and leaving it closes the connection.
func (m *Model) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		c := &call{model: m, op: "stream"}
		in, err := c.prepare(req)
		if err != nil {
			yield(nil, c.fail(ctx, err))
			return
		}
		reading, cancel := context.WithCancel(ctx)
		defer func() {
			cancel() // first: closing alone may wait for a peer that does not read
			c.close()
		}()
		if _, err := m.client.ConverseStream(reading, streamInput(in, c.guardrail()), c.options...); err != nil {
			yield(nil, c.fail(ctx, err))
			return
		}
		if c.body == nil {
			yield(nil, c.fail(ctx, io.ErrUnexpectedEOF))
			return
		}
		d := &streamDecoder{
			jsonDecoder: jsonDecoder{modelID: m.modelID}, requestID: c.requestID(),
			frames: frameReader{r: c.body}, yield: yield, warnings: c.warnings,
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

// CountTokens returns the number of input tokens of a request, as Bedrock counts.
// Not every model can: [llm.ErrInvalidRequest] from the service says so.
func (m *Model) CountTokens(ctx context.Context, req *llm.Request) (int, error) {
	c := &call{model: m, op: "count tokens"}
	in, err := c.prepare(req)
	if err != nil {
		return 0, c.fail(ctx, err)
	}
	defer c.close()
	if _, err = m.client.CountTokens(ctx, &bedrockruntime.CountTokensInput{
		ModelId: in.ModelId,
		Input: &types.CountTokensInputMemberConverse{Value: types.ConverseTokensRequest{
			Messages: in.Messages, System: in.System, ToolConfig: in.ToolConfig,
			AdditionalModelRequestFields: in.AdditionalModelRequestFields,
		}},
	}, c.options...); err != nil {
		return 0, c.fail(ctx, err)
	}
	body, err := c.readBody()
	if err != nil {
		return 0, c.fail(ctx, err)
	}
	doc, ok := parse(body)
	n := doc.get("inputTokens")
	if !ok || n == nil {
		return 0, c.fail(ctx, &llm.Error{Code: llm.ErrMalformedOutput, Message: "the answer holds no token count: is the endpoint Bedrock's?"})
	}
	return n.int(), nil
}

// call is one call of the service.
type call struct {
	exchange
	model    *Model
	op       string
	request  *RequestOptions
	warnings []llm.Warning
	options  []func(*bedrockruntime.Options)
	region   string
}

// prepare checks and encodes the request.
func (c *call) prepare(req *llm.Request) (*bedrockruntime.ConverseInput, error) {
	m := c.model
	if m.fault != nil {
		return nil, m.fault
	}
	var err error
	if c.request, _, err = llm.OptionsFor[*RequestOptions](req); err != nil {
		return nil, err
	}
	in, warnings, err := m.encode(req, c.request)
	if err != nil {
		return nil, err
	}
	if !m.local {
		if err := llm.MaySend(m.Info()); err != nil {
			return nil, err
		}
	}
	c.warnings = warnings
	c.options = c.clientOptions()
	return in, nil
}

// clientOptions are the options of the AWS client for this call.
func (c *call) clientOptions() []func(*bedrockruntime.Options) {
	keepRetries := c.model.opts.KeepSDKRetries
	before := func(o *bedrockruntime.Options) {
		if !keepRetries {
			o.Retryer = aws.NopRetryer{}
		}
	}
	after := func(o *bedrockruntime.Options) {
		c.next, o.HTTPClient = o.HTTPClient, &c.exchange
		c.region = o.Region
		if o.BearerAuthTokenProvider == nil {
			// Without credentials the SDK asks this, and panics on nil.
			o.BearerAuthTokenProvider = noCredentials
		}
		o.APIOptions = append(slices.Clip(o.APIOptions), withoutStreamReader)
	}
	if c.request == nil || len(c.request.ClientOptions) == 0 {
		return []func(*bedrockruntime.Options){before, after}
	}
	options := []func(*bedrockruntime.Options){before}
	for _, f := range c.request.ClientOptions {
		if f != nil {
			options = append(options, f)
		}
	}
	return append(options, after)
}

// withoutStreamReader takes the SDK's reader of event streams out of a call: it
// would start goroutines on a body that is not there. Other operations lack it.
func withoutStreamReader(stack *middleware.Stack) error {
	const id = "OperationEventStreamDeserializer"
	if _, ok := stack.Deserialize.Get(id); ok {
		_, err := stack.Deserialize.Remove(id)
		return err
	}
	return nil
}

var noCredentials = bearer.TokenProviderFunc(func(context.Context) (bearer.Token, error) {
	return bearer.Token{}, &llm.Error{Code: llm.ErrUnauthenticated,
		Message: "the AWS client has no credentials: set aws.Config.Credentials, or load the configuration with config.LoadDefaultConfig"}
})

func (c *call) guardrail() *Guardrail {
	if c.request == nil {
		return nil
	}
	return c.request.Guardrail
}

// maxBody bounds a whole answer; the SDK knows no bound.
const maxBody = 512 << 20

// readBody reads the body of a success to its end.
func (c *call) readBody() ([]byte, error) {
	if c.body == nil {
		return nil, io.ErrUnexpectedEOF
	}
	body, err := io.ReadAll(io.LimitReader(c.body, maxBody+1))
	if err == nil && len(body) > maxBody {
		err = errors.New("answer too large")
	}
	return body, err
}

// awaitEnd reads the end of a body whose last message has come, so that the
// connection can serve the next call. It is on its way already; should it not be,
// the connection is not worth waiting for.
func (c *call) awaitEnd(cancel context.CancelFunc) {
	timer := time.AfterFunc(10*time.Millisecond, cancel)
	defer timer.Stop()
	var rest [1]byte
	for {
		if _, err := c.body.Read(rest[:]); err != nil {
			return
		}
	}
}

// streamInput is the same request for ConverseStream.
func streamInput(in *bedrockruntime.ConverseInput, g *Guardrail) *bedrockruntime.ConverseStreamInput {
	out := &bedrockruntime.ConverseStreamInput{
		ModelId:                           in.ModelId,
		AdditionalModelRequestFields:      in.AdditionalModelRequestFields,
		AdditionalModelResponseFieldPaths: in.AdditionalModelResponseFieldPaths,
		InferenceConfig:                   in.InferenceConfig,
		Messages:                          in.Messages,
		OutputConfig:                      in.OutputConfig,
		PerformanceConfig:                 in.PerformanceConfig,
		PromptVariables:                   in.PromptVariables,
		RequestMetadata:                   in.RequestMetadata,
		ServiceTier:                       in.ServiceTier,
		System:                            in.System,
		ToolConfig:                        in.ToolConfig,
	}
	if c := in.GuardrailConfig; c != nil {
		out.GuardrailConfig = &types.GuardrailStreamConfiguration{
			GuardrailIdentifier: c.GuardrailIdentifier, GuardrailVersion: c.GuardrailVersion, Trace: c.Trace,
		}
		if g != nil {
			out.GuardrailConfig.StreamProcessingMode = types.GuardrailStreamProcessingMode(g.StreamMode)
		}
	}
	return out
}

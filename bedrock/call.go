package bedrock

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"runtime/debug"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/smithy-go/auth/bearer"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/parley-sdk/parley/llm"
)

// caller is what calls go through: the part that a [Model] and a [GuardrailClient]
// have in common.
type caller struct {
	client      *bedrockruntime.Client
	id          string // of the model or guardrail
	keepRetries bool
	made        bool // bedrockruntime.New made the client
	local       bool // the client cannot reach outside
}

func newCaller(client *bedrockruntime.Client, id string, keepRetries bool) caller {
	c := caller{client: client, id: id, keepRetries: keepRetries}
	if client != nil {
		o := client.Options()
		c.made, c.local = complete(&o) == nil, localOnly(o.HTTPClient)
	}
	return c
}

// info is who calls; also of a nil model or guardrail client.
func (c *caller) info() llm.Info {
	if c == nil {
		return llm.Info{Provider: Provider}
	}
	return llm.Info{Provider: Provider, Model: c.id}
}

// usable says why no call can be made, if so, and how to make what makes it.
func (c *caller) usable(ctx context.Context, maker string) error {
	switch {
	case c.client == nil:
		return invalid("", "nil client: make one with bedrockruntime.NewFromConfig, and %s", maker)
	case !c.made:
		return invalid("", "a client that bedrockruntime.New did not make, or with parts that are nil")
	case ctx == nil:
		return invalid("", "nil context")
	}
	return nil
}

// call is one call of the service.
type call struct {
	exchange
	caller   *caller
	model    *Model // nil for a guardrail
	op       string // for errors
	stream   bool
	request  *RequestOptions
	draft    *draft
	judged   bool              // the answer is held to the schema of the draft, or to being JSON
	names    map[string]string // of tools, see draft
	uncapped bool              // the request sets no MaxTokens
	warnings []llm.Warning
	options  []func(*bedrockruntime.Options)
	region   string
	where    string // whom the client calls
}

// prepare checks and encodes the request, and makes ready to send it.
func (c *call) prepare(ctx context.Context, req *llm.Request) (*bedrockruntime.ConverseInput, error) {
	in, err := c.encode(ctx, req)
	if err != nil {
		return nil, err
	}
	return in, c.connect()
}

// encode checks and encodes the request.
func (c *call) encode(ctx context.Context, req *llm.Request) (*bedrockruntime.ConverseInput, error) {
	if err := c.check(ctx, req); err != nil {
		return nil, err
	}
	return c.model.encode(c.draft)
}

// check checks the request, and makes the draft of it.
func (c *call) check(ctx context.Context, req *llm.Request) error {
	if err := c.model.usable(ctx); err != nil {
		return err
	}
	var err error
	if c.request, _, err = llm.OptionsFor[*RequestOptions](req); err != nil {
		return err
	}
	if err := req.Validate(); err != nil {
		return err
	}
	c.judged = req.Output != nil
	if c.draft, err = c.model.normalize(req, c.request, c.stream); err != nil {
		return err
	}
	c.warnings, c.names, c.uncapped = c.draft.warnings, c.draft.names, c.draft.req.MaxTokens == 0
	return nil
}

// connect makes ready to send.
func (c *call) connect() error {
	c.info = c.caller.info()
	// Before credentials are looked for, too; the exchange asks again.
	if !c.caller.local {
		if err := llm.MaySend(c.info); err != nil {
			return err
		}
	}
	var err error
	c.options, err = c.clientOptions()
	return err
}

// clientOptions are the options of the AWS client for this call.
func (c *call) clientOptions() ([]func(*bedrockruntime.Options), error) {
	before := func(o *bedrockruntime.Options) {
		if !c.caller.keepRetries {
			o.Retryer = aws.NopRetryer{}
		}
	}
	after := func(o *bedrockruntime.Options) {
		c.next, o.HTTPClient = o.HTTPClient, &c.exchange
		c.region, c.where = o.Region, "Bedrock in "+o.Region
		if o.BaseEndpoint != nil {
			c.where = "the endpoint that the AWS client was given"
		}
		if o.BearerAuthTokenProvider == nil {
			// Without credentials the SDK asks this, and panics on nil.
			o.BearerAuthTokenProvider = noCredentials
		}
		o.APIOptions = append(slices.Clip(o.APIOptions), withoutStreamReader)
	}
	if c.request == nil || len(c.request.ClientOptions) == 0 {
		return []func(*bedrockruntime.Options){before, after}, nil
	}
	// The application's own may leave behind what the SDK panics on. So they are applied
	// here, and looked at.
	o := c.caller.client.Options()
	before(&o)
	for _, f := range c.request.ClientOptions {
		if f != nil {
			f(&o)
		}
	}
	if err := complete(&o); err != nil {
		return nil, err
	}
	after(&o)
	return []func(*bedrockruntime.Options){func(all *bedrockruntime.Options) { *all = o }}, nil
}

// complete says what the options of an AWS client lack.
func complete(o *bedrockruntime.Options) error {
	for name, v := range map[string]any{
		"HTTPClient": o.HTTPClient, "Retryer": o.Retryer, "Protocol": o.Protocol, "AuthSchemeResolver": o.AuthSchemeResolver,
		"EndpointResolverV2": o.EndpointResolverV2, "TracerProvider": o.TracerProvider, "MeterProvider": o.MeterProvider,
	} {
		if isNil(v) {
			return invalid("options.client_options", "the AWS client's %s is nil", name)
		}
	}
	if o.Credentials != nil && isNil(o.Credentials) {
		return invalid("options.client_options", "the AWS client's Credentials hold nil")
	}
	if slices.ContainsFunc(o.AuthSchemes, func(s smithyhttp.AuthScheme) bool { return isNil(s) }) {
		return invalid("options.client_options", "a nil scheme in the AWS client's AuthSchemes")
	}
	if slices.ContainsFunc(o.APIOptions, func(f func(*middleware.Stack) error) bool { return f == nil }) {
		return invalid("options.client_options", "a nil function in the AWS client's APIOptions")
	}
	return nil
}

// isNil says whether v is nil, or holds a nil pointer or function.
func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return v == nil || (r.Kind() == reflect.Pointer || r.Kind() == reflect.Func) && r.IsNil()
}

// send calls the service. The SDK panics on some of what ClientOptions and ModifyInput
// can leave behind; that is an error of the call. Its text may hold anything, so it is
// the cause, and not shown.
func send[In, Out any](ctx context.Context, op func(context.Context, In, ...func(*bedrockruntime.Options)) (Out, error), in In, options []func(*bedrockruntime.Options)) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &llm.Error{Code: llm.ErrInvalidRequest, Message: "the AWS SDK panicked: look at ClientOptions and ModifyInput; the panic is the cause",
				Err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	_, err = op(ctx, in, options...)
	return err
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

// Bounds of a whole answer, which may hold images, and of a count; the SDK knows none.
const (
	maxAnswer = 128 << 20
	maxCount  = 64 << 10
)

// readBody reads the body of a success to its end.
func (c *call) readBody(most int) ([]byte, error) {
	if c.body == nil {
		return nil, io.ErrUnexpectedEOF
	}
	body, err := io.ReadAll(io.LimitReader(c.body, int64(most)+1))
	if err == nil && len(body) > most {
		err = &llm.Error{Code: llm.ErrMalformedOutput, Message: "the answer is larger than any of Bedrock's"}
	}
	return body, err
}

// awaitEnd reads the end of a body whose last message has come, so that the
// connection can serve the next call. It is on its way already; should it not be,
// the connection is not worth waiting for.
func (c *call) awaitEnd(cancel context.CancelFunc) {
	body := c.body
	timer := time.AfterFunc(10*time.Millisecond, func() {
		cancel()
		body.Close() // of a client that does not heed the context
	})
	defer timer.Stop()
	_, _ = io.Copy(io.Discard, io.LimitReader(body, maxErrorBody))
}

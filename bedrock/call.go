package bedrock

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/smithy-go/auth/bearer"
	"github.com/aws/smithy-go/middleware"

	"github.com/parley-sdk/parley/llm"
)

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
	if err := m.usable(); err != nil {
		return nil, err
	}
	var err error
	if c.request, _, err = llm.OptionsFor[*RequestOptions](req); err != nil {
		return nil, err
	}
	in, warnings, err := m.encode(req, c.request)
	if err != nil {
		return nil, err
	}
	// Before credentials are looked for, too; the exchange asks again.
	if !m.local {
		if err := llm.MaySend(m.Info()); err != nil {
			return nil, err
		}
	}
	c.info = m.Info()
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
		err = &llm.Error{Code: llm.ErrMalformedOutput, Message: "the answer is larger than any model's"}
	}
	return body, err
}

// awaitEnd reads the end of a body whose last message has come, so that the
// connection can serve the next call. It is on its way already; should it not be,
// the connection is not worth waiting for.
func (c *call) awaitEnd(cancel context.CancelFunc) {
	timer := time.AfterFunc(10*time.Millisecond, cancel)
	defer timer.Stop()
	var rest [512]byte
	for {
		if _, err := c.body.Read(rest[:]); err != nil {
			return
		}
	}
}

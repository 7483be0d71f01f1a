package bedrocktest

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
)

// Client returns an AWS client for this server, always the same. It can reach
// nothing else: whatever the endpoint, it dials this server, and its HTTPClient says
// so with a method LocalOnly(). It signs with made-up credentials, or with one of
// [Options].Keys, takes nothing from the environment, does not retry, and is cured of
// the fault of the SDK that the package's documentation tells of.
//
// The SDK's stream decoder is not safe for concurrent streams on one client (a data
// race, in bedrockruntime v1.63.11): tests that run raw ConverseStream calls at once
// pass each a fresh Options.Protocol.
func (s *Server) Client() *bedrockruntime.Client { return s.client }

// Config returns a configuration for code that makes its own client of one. Such a
// client is like that of [Server.Client], but that the SDK gives it the bearer token of
// AWS_BEARER_TOKEN_BEDROCK, if that is set, and then it refuses to talk without TLS.
func (s *Server) Config() aws.Config {
	// The first of the keys, or made-up ones where there are none.
	id, secret := "AKIDBEDROCKTEST", "bedrocktest"
	if keys := s.opts.Keys; len(keys) > 0 {
		id = slices.Min(slices.Collect(maps.Keys(keys)))
		secret = keys[id]
	}
	return aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(s.URL),
		Credentials:  credentials.NewStaticCredentialsProvider(id, secret, ""),
		HTTPClient:   s.local,
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} }, // tests want to see every failure, and at once
	}
}

// newClient returns a client that knows nothing of the environment.
func newClient(cfg aws.Config) *bedrockruntime.Client {
	return bedrockruntime.New(bedrockruntime.Options{
		Region:       cfg.Region,
		BaseEndpoint: cfg.BaseEndpoint,
		Credentials:  cfg.Credentials,
		HTTPClient:   cfg.HTTPClient,
		Retryer:      cfg.Retryer(),
	}, func(o *bedrockruntime.Options) {
		o.BearerAuthTokenProvider, o.AuthSchemePreference, o.APIOptions = nil, nil, nil // see Server.Config
	})
}

// localClient is an HTTP client that reaches one address only.
type localClient struct {
	transport *http.Transport
	client    *http.Client
}

func newLocalClient(addr string, http2 bool) *localClient {
	var dialer net.Dialer
	t := &http.Transport{
		Protocols:           new(http.Protocols),
		MaxIdleConnsPerHost: 256, // tests with many goroutines shall reuse their connections too
		DisableCompression:  true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", addr)
		},
	}
	t.Protocols.SetHTTP1(!http2)
	t.Protocols.SetUnencryptedHTTP2(http2)
	return &localClient{t, &http.Client{Transport: t}}
}

// Do sends a request. The body that the SDK gives it has a WriteTo that reports the
// end of the body as an error once the SDK has closed it, which it does as soon as
// an answer begins. If the transport is still looking for more of the body then, it
// takes that for a failed write and drops the connection. A body that only reads and
// closes has no such effect.
func (c *localClient) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.client.Do(r)
}

// LocalOnly marks the client as one that reaches only this process's server, whatever
// the address, so that a guard against real calls may let it through.
func (*localClient) LocalOnly() {}

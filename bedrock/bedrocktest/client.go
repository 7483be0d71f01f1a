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

// newClient returns an AWS client for the server at url. It signs with the first of
// the keys, and with made-up ones where there are none.
func newClient(url string, local *localClient, keys map[string]string) *bedrockruntime.Client {
	id, secret := "AKIDBEDROCKTEST", "bedrocktest"
	if len(keys) > 0 {
		id = slices.Min(slices.Collect(maps.Keys(keys)))
		secret = keys[id]
	}
	return bedrockruntime.New(bedrockruntime.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(url),
		Credentials:  credentials.NewStaticCredentialsProvider(id, secret, ""),
		HTTPClient:   local,
		Retryer:      aws.NopRetryer{}, // tests want to see every failure, and at once
	}, func(o *bedrockruntime.Options) {
		// New takes a bearer token from AWS_BEARER_TOKEN_BEDROCK, and then refuses
		// to talk without TLS.
		o.BearerAuthTokenProvider, o.AuthSchemePreference, o.APIOptions = nil, nil, nil
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

package bedrock

import (
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"

	"github.com/parley-sdk/parley/llm"
)

// exchange stands between the AWS client and its HTTP client for one call. The SDK
// resolves, signs, sends and types errors; the body of a success is ours. Why: the
// SDK's decoder takes a cut stream for a complete one, races with itself on a shared
// client, leaks goroutines and loses what it does not know (docs/adr).
type exchange struct {
	next    bedrockruntime.HTTPClient
	info    llm.Info // who sends
	status  int
	header  http.Header
	body    io.ReadCloser // of a success; nil otherwise
	refusal io.Closer     // the body of any other answer, which the SDK reads
}

// maxErrorBody bounds what is read of an error; the SDK reads all there is.
const maxErrorBody = 1 << 20

// Do sends one attempt.
func (x *exchange) Do(req *http.Request) (*http.Response, error) {
	x.close()
	x.status, x.header = 0, nil // of an attempt before this one
	if !localOnly(x.next) {
		if err := llm.MaySend(x.info); err != nil {
			return nil, err
		}
	}
	if req.Body != nil {
		// The SDK's body has a WriteTo which, once the SDK has closed it, fails
		// net/http's last check of it and costs the connection.
		req.Body = onlyRead{req.Body}
	}
	// Or net/http would ask for gzip and hold events back until a block is full.
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := staying(x.next).Do(req)
	if resp == nil || err != nil {
		return resp, err
	}
	x.status, x.header = resp.StatusCode, resp.Header
	rest := *resp
	switch {
	case resp.Body == nil:
		rest.Body = http.NoBody
	case resp.StatusCode == http.StatusOK:
		x.body = resp.Body
		rest.Body, rest.ContentLength = http.NoBody, 0
	case resp.StatusCode < http.StatusOK:
		// The body of a switch of protocols is the bare connection, which no context ends.
		resp.Body.Close()
		rest.Body = http.NoBody
	default:
		x.refusal = resp.Body
		rest.Body = limited{io.LimitReader(resp.Body, maxErrorBody), resp.Body}
	}
	return &rest, nil
}

// staying keeps net/http's client from following a redirect: it would take the
// request, with its session token, to another host, and that host's answer for
// Bedrock's. The SDK's own client follows none to speak of.
func staying(c bedrockruntime.HTTPClient) bedrockruntime.HTTPClient {
	plain, ok := c.(*http.Client)
	if !ok {
		return c
	}
	stays := *plain
	stays.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &stays
}

// close gives up the body of an attempt, if there is one.
func (x *exchange) close() {
	for _, body := range []io.Closer{x.body, x.refusal} {
		if body != nil {
			body.Close()
		}
	}
	x.body, x.refusal = nil, nil
}

func (x *exchange) requestID() string {
	return x.header.Get("X-Amzn-Requestid")
}

// retryAfter reads how long the service asks to wait: seconds or a date, or
// milliseconds in Amazon's own header.
func (x *exchange) retryAfter() time.Duration {
	if ms, err := strconv.ParseUint(x.header.Get("X-Amz-Retry-After"), 10, 31); err == nil {
		return time.Duration(ms) * time.Millisecond
	}
	v := x.header.Get("Retry-After")
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// localOnly says whether an HTTP client cannot leave this machine; that of
// bedrocktest says so.
func localOnly(c bedrockruntime.HTTPClient) bool {
	_, ok := c.(interface{ LocalOnly() })
	return ok
}

// onlyRead hides every method of a body but two.
type onlyRead struct{ body io.ReadCloser }

func (r onlyRead) Read(p []byte) (int, error) { return r.body.Read(p) }
func (r onlyRead) Close() error               { return r.body.Close() }

type limited struct {
	io.Reader
	io.Closer
}

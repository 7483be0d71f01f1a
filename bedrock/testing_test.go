package bedrock

import (
	"context"
	"net/http"
)

var ctx = context.Background()

// cured hides the SDK's own body from net/http, without which the raw client loses
// connections to a fast server; Parley does the same for itself.
type cured struct{ *http.Client }

func (c cured) Do(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		req.Body = onlyRead{req.Body}
	}
	return c.Client.Do(req)
}

// newHTTPClient returns an HTTP client whose connections can be closed, as the
// goroutine check wants. It does not follow the proxy settings of the machine.
func newHTTPClient() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
}

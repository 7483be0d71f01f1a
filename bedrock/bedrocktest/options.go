package bedrocktest

import (
	"net/http"
	"time"
)

// Options configures a [Server]. The zero value is what most tests want.
type Options struct {
	// Addr is the address to listen on: "127.0.0.1:8080". Empty is a free port of
	// the loopback interface. On any other interface the server answers whoever can
	// reach it, since signatures are not verified.
	Addr string

	// Fault says what is to go wrong with a request; nil is nothing. It is called
	// once for every request, with no lock held: n counts the requests from 0, in
	// the order of [Server.Wire], and r has its body to be read.
	Fault func(n int, r *http.Request) *Fault

	// Latency is the time between having read a request and answering it. 0 is a
	// millisecond, below 0 is none. Without it, AWS SDK clients for Go other than
	// [Server.Client] drop connections: see the package's documentation.
	Latency time.Duration

	// HTTP2 makes [Server.Client] speak cleartext HTTP/2. The server itself always
	// understands both, on the same port.
	HTTP2 bool

	// Forget keeps no record of the requests, so that [Server.Requests] and
	// [Server.Wire] are empty. It is for servers that run long and for benchmarks:
	// a record holds the whole body.
	Forget bool
}

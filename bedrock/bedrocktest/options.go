package bedrocktest

import (
	"io"
	"maps"
	"net/http"
	"time"

	"github.com/parley-sdk/parley/bedrock"
)

// Options configures a [Server]. The zero value is what most tests want.
type Options struct {
	// Addr is the address to listen on: "127.0.0.1:8080". Empty is a free port of
	// the loopback interface. On any other interface the server answers whoever can
	// reach it, unless Keys has signatures verified.
	Addr string

	// Fault says what is to go wrong with a request; nil is nothing. It is called
	// once for every request, with no lock held: n counts the requests from 0, in
	// the order of [Server.Exchanges], and r has its body to be read. [Faults] and
	// [Plan] make it from a list.
	Fault func(n int, r *http.Request) *Fault

	// Profile says what the model can do, whatever the request calls it: what the
	// profile does not allow is refused, with Bedrock's words where they are known.
	// nil is [bedrock.ProfileFor] the id in the request; where that knows no family,
	// only what holds for all models is checked. It is copied.
	Profile *bedrock.Profile

	// Keys are the access keys that the server knows, by id, with their secrets.
	// Signatures are then verified, [Server.Client] signs with the first id in order,
	// and bearer tokens are refused. nil takes any signature. It is copied.
	Keys map[string]string

	// Latency is the time between having read a request and answering it. 0 is a
	// millisecond, below 0 is none. Without it, AWS SDK clients for Go other than
	// [Server.Client] drop connections: see the package's documentation.
	Latency time.Duration

	// HTTP2 makes [Server.Client] speak cleartext HTTP/2. The server itself always
	// understands both, on the same port.
	HTTP2 bool

	// Record takes the text of each exchange, as [Exchange.String] has it, once it has
	// ended: in the order of their ends, with one Write each and one at a time. After
	// [Server.Close] all are written. What Write returns is not looked at.
	// Content is in the text, and secrets are not. nil records nothing.
	Record io.Writer

	// Forget keeps no record of the requests, so that [Server.Requests] and
	// [Server.Exchanges] are empty. It is for servers that run long and for benchmarks:
	// a record holds the whole body, and the whole answer.
	Forget bool
}

// own is a copy that the caller cannot change.
func (o Options) own() Options {
	if o.Profile != nil {
		o.Profile = new(*o.Profile)
	}
	o.Keys = maps.Clone(o.Keys)
	return o
}

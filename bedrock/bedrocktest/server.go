package bedrocktest

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"

	"github.com/parley-sdk/parley/llm"
)

// Server is a Bedrock Runtime on the loopback interface, unless [Options].Addr says
// otherwise. Its methods may be called by several goroutines at once.
type Server struct {
	URL string // of the form http://127.0.0.1:port, also where it listens on all interfaces

	model  llm.Model
	opts   Options
	http   *http.Server
	local  *localClient
	client *bedrockruntime.Client
	cancel context.CancelFunc // ends what is being answered
	busy   sync.WaitGroup     // the listener's goroutine, connections and requests

	tape sync.Mutex // one exchange at a time goes to Options.Record

	mu        sync.Mutex // guards what follows
	closed    bool
	n         int // requests so far
	exchanges []*entry
}

// NewServer starts a server that answers from the model; nil options are the
// defaults. It panics where it cannot listen; see [Listen]. The caller calls
// [Server.Close].
func NewServer(model llm.Model, opts *Options) *Server {
	s, err := Listen(model, opts)
	if err != nil {
		panic("bedrocktest: " + err.Error())
	}
	return s
}

// Listen is [NewServer] for programs that serve on an address of the user's: where it
// cannot listen it returns the error of net.Listen.
func Listen(model llm.Model, opts *Options) (*Server, error) {
	s := &Server{model: model}
	if opts != nil {
		s.opts = opts.own()
	}
	addr := s.opts.Addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	tcp, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	s.URL = "http://" + dialable(tcp.Addr().String())

	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.http = &http.Server{
		Handler:     http.HandlerFunc(s.serve),
		Protocols:   new(http.Protocols),
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnContext: withConn,
		ConnState:   s.connState,
	}
	s.http.Protocols.SetHTTP1(true)
	s.http.Protocols.SetUnencryptedHTTP2(true)
	s.local = newLocalClient(strings.TrimPrefix(s.URL, "http://"), s.opts.HTTP2)
	s.client = newClient(s.Config())

	s.busy.Go(func() { _ = s.http.Serve(listener{tcp.(*net.TCPListener)}) }) // it ends with Close
	return s, nil
}

// dialable is the address to dial for one that was listened on.
func dialable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}

// connState counts the connections, so that Close can wait for them.
func (s *Server) connState(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.busy.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.busy.Done()
	}
}

// enter counts a request, unless the server is closed: HTTP/2 starts requests in
// goroutines of their own, which may come too late.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.busy.Add(1)
	}
	return !s.closed
}

// Close shuts the server down: what is being answered is broken off, and all
// connections are closed. It returns when the model's calls and all goroutines of
// the server have ended. It may be called again.
//
// Streams that a client has left open are the client's to close; their goroutines
// are not the server's.
func (s *Server) Close() {
	if s.http == nil {
		return // it was never started
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	_ = s.http.Close() // its error is the listener's, which nobody else closes
	s.local.transport.CloseIdleConnections()
	s.busy.Wait()
}

package bedrocktest

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// listener wraps the connections that it accepts.
type listener struct{ *net.TCPListener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return &conn{TCPConn: c}, nil
}

// conn is a connection that knows how much of its HTTP/2 answers is on its way. The
// HTTP/2 server sends from a goroutine of its own, after a Flush has returned, so an
// answer that wants to end the connection cannot tell otherwise when it may.
type conn struct {
	*net.TCPConn
	given atomic.Int64 // what answers have written: 1 for a head, and the bytes of bodies
	gone  atomic.Int64 // what was sent of it: 1 for a HEADERS frame, and the bytes in DATA frames

	// The frame that is being sent. Writes come one at a time.
	http1 bool
	head  []byte // the first bytes, of nine
	rest  int    // the payload's bytes still to come
	data  bool
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.TCPConn.Write(p)
	c.count(p[:n])
	return n, err
}

// count finds the frames of answers in what is sent.
func (c *conn) count(p []byte) {
	if len(p) > 0 && p[0] == 'H' && c.head == nil {
		c.http1 = true // "HTTP/1.1 200 OK"; HTTP/2 begins with a frame of SETTINGS
	}
	for len(p) > 0 && !c.http1 {
		if c.rest > 0 {
			n := min(c.rest, len(p))
			if c.rest, p = c.rest-n, p[n:]; c.data {
				c.gone.Add(int64(n))
			}
			continue
		}
		n := min(9-len(c.head), len(p))
		if c.head, p = append(c.head, p[:n]...), p[n:]; len(c.head) == 9 {
			c.rest = int(c.head[0])<<16 | int(c.head[1])<<8 | int(c.head[2])
			const data, headers = 0, 1
			if c.data = c.head[3] == data; c.head[3] == headers {
				c.gone.Add(1)
			}
			c.head = c.head[:0]
		}
	}
}

// settle waits until what the answers have written is sent.
func (c *conn) settle(ctx context.Context) {
	for range 1000 {
		if c.http1 || c.gone.Load() >= c.given.Load() || !sleep(ctx, time.Millisecond) {
			return
		}
	}
}

// hangUp ends the connection with a FIN. One that is closed at once is reset instead
// if something of the client's has not been read, such as an HTTP/2 window update; so
// the client closes first.
func (c *conn) hangUp(ctx context.Context) {
	_ = c.CloseWrite()
	sleep(ctx, 100*time.Millisecond)
}

// reset ends the connection with a RST, after the client has had the time to read
// what was sent: some systems throw that away.
func (c *conn) reset(ctx context.Context) {
	sleep(ctx, 5*time.Millisecond)
	_ = c.SetLinger(0)
	_ = c.Close()
}

// connKey is the context's key for the connection that a request came by.
type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

func connOf(r *http.Request) *conn {
	return r.Context().Value(connKey{}).(*conn)
}

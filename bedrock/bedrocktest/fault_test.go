package bedrocktest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/llm"
)

// get posts over one of the protocols, on a connection of its own.
func get(t *testing.T, s *bedrocktest.Server, http2 bool, op string) *http.Response {
	t.Helper()
	var p http.Protocols
	p.SetHTTP1(!http2)
	p.SetUnencryptedHTTP2(http2)
	tr := &http.Transport{Protocols: &p, DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return do(t, &http.Client{Transport: tr}, newPost(t, s, "/model/m/"+op, helloBody))
}

func readAll(r *http.Response) (string, error) {
	b, err := io.ReadAll(r.Body)
	return string(b), err
}

// body is the whole answer to an operation.
func body(t *testing.T, resp *llm.Response, op string) string {
	t.Helper()
	return read(t, post(t, serve(t, says(resp), nil), "/model/m/"+op, helloBody))
}

func TestFaultError(t *testing.T) {
	for _, c := range []struct {
		fault         bedrocktest.Fault
		status        int
		name, message string
	}{
		{bedrocktest.Fault{Type: "ThrottlingException"}, 429, "ThrottlingException", "Too many requests"},
		{bedrocktest.Fault{Type: "ModelNotReadyException", Message: "soon"}, 429, "ModelNotReadyException", "soon"},
		{bedrocktest.Fault{Type: "ThrottlingException", Status: 400}, 400, "ThrottlingException", "Too many requests"},
		{bedrocktest.Fault{Type: "MadeUpException"}, 400, "MadeUpException", ""},
		{bedrocktest.Fault{Status: 529, Message: "busy"}, 529, "", "busy"},
		{bedrocktest.Fault{Status: 1000, Message: "no status"}, 500, "", "no status"},
		{bedrocktest.Fault{Status: 100, Message: "not the last"}, 500, "", "not the last"},
	} {
		s := faulty(t, model{}, c.fault) // a model that panics when it is called
		for _, op := range []string{"converse", "converse-stream", "count-tokens"} {
			checkError(t, op, post(t, s, "/model/m/"+op, helloBody), c.status, c.name, c.message)
		}
	}
	s := faulty(t, says(hello), bedrocktest.Fault{Type: "ThrottlingException", RetryAfter: 20 * time.Second})
	_, err := converse(t.Context(), s.Client())
	var e *types.ThrottlingException
	var re *awshttp.ResponseError
	if !errors.As(err, &e) || !errors.As(err, &re) || re.Response.Header.Get("Retry-After") != "20" || re.Response.Header.Get("X-Amz-Retry-After") != "20000" {
		t.Error(err)
	}
}

// The function sees the requests in order, with their bodies.
func TestFaultFunc(t *testing.T) {
	var seen []string
	s := serve(t, says(hello), &bedrocktest.Options{Fault: func(n int, r *http.Request) *bedrocktest.Fault {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		seen = append(seen, fmt.Sprint(n, r.URL.Path, len(b)))
		if n == 1 {
			return &bedrocktest.Fault{Type: "ServiceUnavailableException"}
		}
		return nil
	}})
	for _, want := range []int{200, 503, 200} {
		if resp := post(t, s, "/model/m/converse", helloBody); resp.StatusCode != want {
			t.Error(resp.Status)
		}
	}
	want := []string{}
	for n := range 3 {
		want = append(want, fmt.Sprint(n, "/model/m/converse", len(helloBody)))
	}
	if !slices.Equal(seen, want) {
		t.Error(seen)
	}
}

func TestFaultDelay(t *testing.T) {
	s := faulty(t, says(hello), bedrocktest.Fault{Delay: 50 * time.Millisecond})
	start := time.Now()
	if _, err := converse(t.Context(), s.Client()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 50*time.Millisecond {
		t.Error(took)
	}
}

func TestFaultFlip(t *testing.T) {
	for _, op := range []string{"converse", "converse-stream"} {
		want := []byte(body(t, full, op))
		for _, bit := range []int{0, 7, 8, 1001, 8*len(want) - 1} {
			got := []byte(read(t, post(t, faulty(t, says(full), bedrocktest.Fault{FlipBit: &bit}), "/model/m/"+op, helloBody)))
			got[bit/8] ^= 1 << (7 - bit%8)
			if !bytes.Equal(got, want) {
				t.Errorf("%s: bit %d is not the only difference", op, bit)
			}
		}
	}
	// A client sees it in the checksums.
	s := faulty(t, says(hello), bedrocktest.Fault{FlipBit: new(8 * 100)})
	if _, err := collect(t.Context(), s.Client()); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Error(err)
	}
}

func TestFaultException(t *testing.T) {
	all := len(frames(t, post(t, serve(t, says(hello), nil), "/model/m/converse-stream", helloBody).Body))
	for after := range all + 3 {
		s := faulty(t, says(hello), bedrocktest.Fault{Exception: "ServiceUnavailableException", After: after, Message: "gone"})
		got := frames(t, post(t, s, "/model/m/converse-stream", helloBody).Body)
		last := got[len(got)-1]
		if len(got)-1 != min(after, all) || last != (frame{"exception", "serviceUnavailableException", `{"message":"gone"}`}) {
			t.Errorf("after %d: %v", after, got)
		}
		_, err := collect(t.Context(), s.Client())
		var e *types.ServiceUnavailableException
		if !errors.As(err, &e) || e.ErrorMessage() != "gone" {
			t.Error(err)
		}
	}
}

type ending struct {
	name   string
	ending bedrocktest.Ending
	http1  func(error) bool
	http2  func(error) bool
}

// waits says whether the server lets the connection settle before it ends so.
func (e ending) waits(http2 bool) bool {
	switch e.ending {
	case bedrocktest.EndReset:
		return true
	case bedrocktest.EndClose, bedrocktest.EndInChunk, bedrocktest.EndUnframed:
		return http2
	}
	return false
}

// endings are how each shows to a client that reads the body.
var endings = []ending{
	{"abort", bedrocktest.EndAbort, is(io.ErrUnexpectedEOF), mentions("INTERNAL_ERROR")},
	{"clean", bedrocktest.EndClean, is(nil), is(nil)},
	{"close", bedrocktest.EndClose, is(io.ErrUnexpectedEOF), is(io.ErrUnexpectedEOF)},
	{"reset", bedrocktest.EndReset, is(syscall.ECONNRESET), isReset2},
	{"in chunk", bedrocktest.EndInChunk, is(io.ErrUnexpectedEOF), is(io.ErrUnexpectedEOF)},
	{"unframed", bedrocktest.EndUnframed, is(nil), is(io.ErrUnexpectedEOF)},
	{"length", bedrocktest.EndLength, is(nil), is(nil)},
	{"short", bedrocktest.EndShort, is(io.ErrUnexpectedEOF), is(io.ErrUnexpectedEOF)},
}

func is(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }

// isReset2 allows for an HTTP/2 client that was writing when the reset came: the write
// has then taken the error, and reading finds an end.
func isReset2(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrUnexpectedEOF)
}

func mentions(text string) func(error) bool {
	return func(err error) bool { return err != nil && strings.Contains(err.Error(), text) }
}

// Every ending, cut at every byte of the last frame and at some others, gives exactly
// the bytes before the cut, and ends as it says.
func TestFaultCut(t *testing.T) {
	timed := hello.Clone()
	timed.Latency = time.Second // a measured one would not be the same each time
	protocols(t, func(t *testing.T, http2 bool) {
		whole := body(t, timed, "converse-stream")
		last := len(whole) - lastFrame(t, whole)
		for _, e := range endings {
			t.Run(e.name, func(t *testing.T) {
				ends, step := e.http1, 1
				if http2 {
					ends = e.http2
				}
				if e.waits(http2) {
					step = 11
				}
				cuts := []int{0, 1, last - 1}
				for at := last; at < len(whole); at += step {
					cuts = append(cuts, at)
				}
				cuts = append(cuts, len(whole)-1, len(whole), len(whole)+100)
				fault := bedrocktest.Fault{Ending: e.ending}
				s := serve(t, says(timed), &bedrocktest.Options{Fault: func(int, *http.Request) *bedrocktest.Fault { return &fault }})
				for _, at := range cuts {
					fault.CutAt = &at
					got, err := readAll(get(t, s, http2, "converse-stream"))
					if got != whole[:min(at, len(whole))] {
						t.Errorf("cut at %d of %d: got %d bytes, %v", at, len(whole), len(got), err)
					}
					if !ends(err) {
						t.Errorf("cut at %d of %d: ended with %v", at, len(whole), err)
					}
				}
			})
		}
	})
}

// lastFrame is the length of a stream's last frame.
func lastFrame(t *testing.T, stream string) int {
	t.Helper()
	r := bytes.NewReader([]byte(stream))
	d := eventstream.NewDecoder()
	for {
		before := r.Len()
		if _, err := d.Decode(r, nil); err != nil {
			t.Fatal(err)
		}
		if r.Len() == 0 {
			return before
		}
	}
}

// How the headers frame the body on HTTP/1.1.
func TestFaultFraming(t *testing.T) {
	for _, c := range []struct {
		ending   bedrocktest.Ending
		length   int64
		encoding []string
	}{
		{bedrocktest.EndAbort, -1, []string{"chunked"}},
		{bedrocktest.EndClean, -1, []string{"chunked"}},
		{bedrocktest.EndInChunk, -1, []string{"chunked"}},
		{bedrocktest.EndUnframed, -1, nil},
		{bedrocktest.EndLength, 10, nil},
		{bedrocktest.EndShort, 11, nil},
	} {
		s := faulty(t, says(hello), bedrocktest.Fault{CutAt: new(10), Ending: c.ending})
		resp := get(t, s, false, "converse-stream")
		if resp.ContentLength != c.length || !slices.Equal(resp.TransferEncoding, c.encoding) {
			t.Errorf("ending %d: length %d, encoding %v", c.ending, resp.ContentLength, resp.TransferEncoding)
		}
	}
}

// Whole answers and errors are cut like streams.
func TestFaultCutOther(t *testing.T) {
	protocols(t, func(t *testing.T, http2 bool) {
		for _, e := range endings {
			for _, f := range []bedrocktest.Fault{{}, {Type: "ThrottlingException"}} {
				f.CutAt, f.Ending = new(7), e.ending
				got, err := readAll(get(t, faulty(t, says(hello), f), http2, "converse"))
				ok := e.http1
				if http2 {
					ok = e.http2
				}
				if len(got) != 7 || !ok(err) {
					t.Errorf("%s: %q, %v", e.name, got, err)
				}
			}
		}
	})
}

// A stalled answer stands still, and ends when the server closes.
func TestFaultStall(t *testing.T) {
	protocols(t, func(t *testing.T, http2 bool) {
		whole := body(t, full, "converse-stream")
		for _, at := range []int{0, 50, len(whole), len(whole) + 1} {
			s := faulty(t, says(full), bedrocktest.Fault{StallAt: &at})
			resp := get(t, s, http2, "converse-stream")
			if _, err := io.ReadFull(resp.Body, make([]byte, min(at, len(whole)))); err != nil {
				t.Errorf("before byte %d: %v", at, err)
			}
			ended := make(chan error)
			go func() {
				n, err := resp.Body.Read(make([]byte, 1))
				if n > 0 {
					t.Errorf("more than %d bytes", at)
				}
				ended <- err
			}()
			select {
			case err := <-ended:
				t.Errorf("ended by itself: %v", err)
			case <-time.After(30 * time.Millisecond):
			}
			s.Close()
			if err := <-ended; err == nil || err == io.EOF {
				t.Errorf("ended in good order: %v", err)
			}
		}
	})
}

// Values below 0 count as 0, or do nothing.
func TestFaultNegative(t *testing.T) {
	for _, c := range []struct {
		fault  bedrocktest.Fault
		frames int
	}{
		{bedrocktest.Fault{CutAt: new(-1), Ending: bedrocktest.EndClean}, 0},
		{bedrocktest.Fault{StallAt: new(1000), CutAt: new(-5), Ending: bedrocktest.EndClean}, 0},
		{bedrocktest.Fault{FlipBit: new(-1)}, 5},
		{bedrocktest.Fault{FlipBit: new(-9)}, 5},
		{bedrocktest.Fault{Delay: -1}, 5},
		{bedrocktest.Fault{Exception: "ThrottlingException", After: -1}, 1},
	} {
		got := frames(t, get(t, faulty(t, says(hello), c.fault), false, "converse-stream").Body)
		if len(got) != c.frames {
			t.Errorf("%+v: %v", c.fault, got)
		}
	}
}

// Frames go out as they are, between the model's events and at the end.
func TestFaultInsert(t *testing.T) {
	insert := []bedrocktest.Frame{
		{At: 99, Name: "late", Payload: `{"a": 1}`},
		{At: 2, Name: "contentBlockDelta", Payload: `{"contentBlockIndex":0,"delta":{"hologram":{"w":1}}}`},
		{At: -1, Name: "first", Payload: `not JSON`},
		{At: 2, Name: "brandNew", Payload: ``},
	}
	s := faulty(t, says(hello), bedrocktest.Fault{Insert: insert})
	got := frames(t, post(t, s, "/model/m/converse-stream", helloBody).Body)
	var names []string
	for _, f := range got {
		names = append(names, f.name)
	}
	want := []string{"first", "messageStart", "contentBlockDelta", "contentBlockDelta", "brandNew", "contentBlockStop", "messageStop", "metadata", "late"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	if insert[0].Name != "late" {
		t.Error("the frames of the fault were put in order where they are")
	}
	if got[0].payload != "not JSON" || got[3].payload != insert[1].Payload || got[8].payload != `{"a": 1}` {
		t.Error(got)
	}

	// They do not count for an exception, and come before it.
	s = faulty(t, says(hello), bedrocktest.Fault{Insert: insert, Exception: "ThrottlingException", After: 2})
	got = frames(t, post(t, s, "/model/m/converse-stream", helloBody).Body)
	if len(got) != 6 || got[4].name != "brandNew" || got[5].name != "throttlingException" {
		t.Error(got)
	}
	// The real client sees what it does not know.
	events, err := collect(t.Context(), faulty(t, says(hello), bedrocktest.Fault{Insert: insert[1:2]}).Client())
	if err != nil || len(events) != 6 || events[2].(*types.ConverseStreamOutputMemberContentBlockDelta).Value.Delta != nil {
		t.Error(events, err)
	}
}

// In a whole answer they are blocks.
func TestFaultInsertBlocks(t *testing.T) {
	two := &llm.Response{Message: llm.Assistant(llm.Text("a"), llm.Text("b")), StopReason: llm.StopEndTurn}
	fault := bedrocktest.Fault{Insert: []bedrocktest.Frame{
		{At: 1, Name: "hologram", Payload: `{"w":  1}`}, {At: 1, Name: "beam", Payload: `[]`}, {At: 7, Name: "end", Payload: `0`}, {Name: "start", Payload: `null`},
	}}
	got := read(t, post(t, faulty(t, says(two), fault), "/model/m/converse", helloBody))
	want := `"content":[{"start":null},{"text":"a"},{"hologram":{"w":  1}},{"beam":[]},{"text":"b"},{"end":0}]`
	if !strings.Contains(got, want) {
		t.Errorf("%s in\n%s", want, got)
	}
	got = read(t, post(t, faulty(t, says(&llm.Response{}), fault), "/model/m/converse", helloBody))
	if want = `"content":[{"start":null},{"hologram":{"w":  1}},{"beam":[]},{"end":0}]`; !strings.Contains(got, want) {
		t.Errorf("%s in\n%s", want, got)
	}
}

package bedrocktest_test

import (
	"context"
	"fmt"
	"iter"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/llm"
)

func TestConnectionsAreReused(t *testing.T) {
	var mu sync.Mutex
	conns := make(map[string]bool)
	s := serve(t, says(hello), &bedrocktest.Options{Forget: true, Fault: func(_ int, r *http.Request) *bedrocktest.Fault {
		mu.Lock()
		defer mu.Unlock()
		conns[r.RemoteAddr] = true
		return nil
	}})
	for range 200 {
		if events, err := collect(t.Context(), s.Client()); err != nil || len(events) != 5 {
			t.Fatalf("%d events, %v", len(events), err)
		}
		if _, err := converse(t.Context(), s.Client()); err != nil {
			t.Fatal(err)
		}
	}
	if len(conns) != 1 {
		t.Errorf("%d connections for 400 calls", len(conns))
	}
}

func TestConcurrency(t *testing.T) {
	echo := model{generate: func(_ context.Context, r *llm.Request) (*llm.Response, error) {
		resp := hello.Clone()
		resp.Message = llm.AssistantText(r.Messages[0].Content[0].(*llm.TextPart).Text)
		return resp, nil
	}}
	protocols(t, func(t *testing.T, http2 bool) {
		s := serve(t, echo, &bedrocktest.Options{HTTP2: http2})
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				for j := range 4 {
					text := fmt.Sprintf("%d of %d", j, i)
					messages := hi()
					messages[0].Content[0] = &types.ContentBlockMemberText{Value: text}
					if j%2 == 0 {
						out, err := s.Client().Converse(t.Context(), &bedrockruntime.ConverseInput{ModelId: aws.String("m"), Messages: messages})
						if err != nil {
							t.Error(err)
						} else if got := out.Output.(*types.ConverseOutputMemberMessage).Value.Content[0].(*types.ContentBlockMemberText).Value; got != text {
							t.Errorf("%q for %q", got, text)
						}
						continue
					}
					out, err := s.Client().ConverseStream(t.Context(), &bedrockruntime.ConverseStreamInput{ModelId: aws.String("m"), Messages: messages}, freshProtocol)
					if err != nil {
						t.Error(err)
						continue
					}
					got := ""
					for ev := range out.GetStream().Events() {
						if d, ok := ev.(*types.ConverseStreamOutputMemberContentBlockDelta); ok {
							got += d.Value.Delta.(*types.ContentBlockDeltaMemberText).Value
						}
					}
					if err := out.GetStream().Close(); err != nil || got != text {
						t.Errorf("%q for %q, %v", got, text, err)
					}
				}
			})
		}
		wg.Wait()
		if n := len(s.Requests()); n != 256 {
			t.Errorf("%d requests", n)
		}
	})
}

// Close does not wait for models that wait, nor for clients that do not read.
func TestClose(t *testing.T) {
	protocols(t, func(t *testing.T, http2 bool) {
		released := make(chan error, 3)
		waits := model{stream: func(ctx context.Context, _ *llm.Request) iter.Seq2[llm.Event, error] {
			return func(yield func(llm.Event, error) bool) {
				defer func() { released <- ctx.Err() }()
				if yield(&llm.PartStart{Part: llm.Text("")}, nil) && yield(&llm.TextDelta{Text: "and then"}, nil) {
					<-ctx.Done()
					yield(nil, ctx.Err())
				}
			}
		}}
		s := serve(t, waits, &bedrocktest.Options{HTTP2: http2, Fault: func(n int, _ *http.Request) *bedrocktest.Fault {
			if n == 1 {
				return &bedrocktest.Fault{StallAt: new(10)}
			}
			return nil
		}})
		var streams []*bedrockruntime.ConverseStreamEventStream
		for range 3 {
			out, err := s.Client().ConverseStream(t.Context(), &bedrockruntime.ConverseStreamInput{ModelId: aws.String("m"), Messages: hi()}, freshProtocol)
			if err != nil {
				t.Fatal(err)
			}
			streams = append(streams, out.GetStream())
		}
		silent, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()

		start := time.Now()
		s.Close()
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("Close took %v", took)
		}
		for range 3 {
			select {
			case err := <-released:
				if err == nil {
					t.Error("a model was released, but not cancelled")
				}
			default:
				t.Error("a model still runs after Close")
			}
		}
		for _, stream := range streams {
			stream.Close()
		}
		s.Close()
		if _, err := converse(t.Context(), s.Client()); err == nil {
			t.Error("a closed server answers")
		}
		if left := leaked(2 * time.Second); left != "" {
			t.Errorf("left behind:\n%s", left)
		}
	})
}

// A client that leaves cancels the model.
func TestClientLeaves(t *testing.T) {
	protocols(t, func(t *testing.T, http2 bool) {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		released := make(chan struct{})
		s := serve(t, model{generate: func(ctx context.Context, _ *llm.Request) (*llm.Response, error) {
			leave()
			<-ctx.Done()
			close(released)
			return nil, ctx.Err()
		}}, &bedrocktest.Options{HTTP2: http2})
		if _, err := converse(ctx, s.Client()); err == nil {
			t.Error("no error")
		}
		select {
		case <-released:
		case <-time.After(5 * time.Second):
			t.Error("the model was not cancelled")
		}
	})
}

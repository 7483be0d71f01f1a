package llmtest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// laws returns the cases of all laws, in the order of the laws. To add a case, add
// it to the function of its law.
func laws() []testCase {
	var cases []testCase
	for _, law := range []func() []testCase{
		law01, law02, law03, law04, law05, law06, law07, law08, law09, law10, law11, law12, errorCases, answerCases,
	} {
		cases = append(cases, law()...)
	}
	return cases
}

// law01: safe for concurrent use; the request is neither changed nor kept.
func law01() []testCase {
	return []testCase{
		{
			name: "law01/concurrent-use",
			explain: "A model is safe for concurrent use, since a server has one for all its requests. 64 goroutines " +
				"call one model, half with Generate and half with Stream, and each must get one answer, whole and " +
				"unmixed. Look for state of a call that is kept in the model: buffers, decoders, the current request. " +
				"Run with -race too.",
			run: concurrentUse,
		},
		{
			name: "law01/within-a-loop",
			real: true, // a lock that is held would stop the clock of a bubble
			explain: "A model is safe for concurrent use, and a stream that is ranged over is a call: who calls the same model " +
				"within the loop, as agents do, gets an answer. Look for a lock that is held over yield, and for a client that " +
				"has one connection.",
			run: withinALoop,
		},
		{
			name: "law01/shared-request",
			explain: "A model does not change the request, so several calls may share one at the same time. 32 " +
				"goroutines do. Look for defaults or normalisation written into the caller's request; with -race they " +
				"are reported as data races.",
			run: sharedRequest,
		},
		{
			name: "law01/request-unchanged",
			explain: "A model does not change the request: the caller appends to it and sends it again, and a retry " +
				"sends the same one. It is compared before and after calls that succeed, fail and are abandoned, with " +
				"its slices up to their capacity. Look for writes through pointers and parts, and for append to a slice " +
				"of the request: change a Clone.",
			run: requestUnchanged,
		},
		{
			name: "law01/request-not-kept",
			explain: "A model does not keep the request: once a call has ended the caller may change it in place and " +
				"use it again. The second call must send and answer what the request holds then. Look for caches keyed " +
				"by the request's address, and for encoded forms that are kept.",
			run: requestNotKept,
		},
	}
}

func concurrentUse(c *run) {
	const n = 64
	turns := make([]Turn, n)
	want := map[string]bool{}
	for i := range turns {
		text := strings.Repeat(fmt.Sprintf("<%d: så kaldt 🌲>", i), 20)
		want[text] = true
		turns[i] = Turn{Events: pieces(reply(llm.Text(text)))}
	}
	m := c.model(turns...)
	texts, errs := parallel(n, func(i int) (string, error) {
		resp, err := ways()[i%2].call(c.Context(), m, c.ask())
		if err != nil {
			return "", err
		}
		return resp.Text(), nil
	})
	for i := range n {
		switch {
		case errs[i] != nil:
			c.Errorf("call %d of %d at the same time failed: %v", i, n, errs[i])
		case !want[texts[i]]:
			c.Errorf("call %d of %d at the same time got an answer that was given to another, or that nobody gave: %q", i, n, clip(texts[i]))
		}
		delete(want, texts[i])
	}
}

func withinALoop(c *run) {
	if c.isMiddleware() {
		c.skipf("middleware/reentrant tries it, and lets a limit be a limit")
	}
	for _, w := range ways() {
		resp, err := c.callInLoop(w, promptly/2)
		if errors.Is(err, context.DeadlineExceeded) { // it hangs, or the process is busy
			resp, err = c.callInLoop(w, 4*promptly)
		}
		if err != nil {
			c.Fatalf("%s in the loop over a stream failed: %v", w.name, err)
		}
		if resp.Text() != "inner" {
			c.Errorf("%s in the loop over a stream was answered with %q, want %q", w.name, resp.Text(), "inner")
		}
	}
}

// callInLoop calls a model in the loop over a stream of it.
func (c *run) callInLoop(w way, limit time.Duration) (resp *llm.Response, err error) {
	c.Helper()
	m := c.model(says("outer"), says("inner"))
	c.withinTime(limit+promptly, w.name+" in the loop over a stream", func() {
		play(m.Stream(c.Context(), c.ask()), func(i int, _ llm.Event) bool {
			if i == 1 {
				ctx, cancel := context.WithTimeout(c.Context(), limit)
				defer cancel()
				resp, err = w.call(ctx, m, c.ask())
			}
			return true
		})
	})
	return resp, err
}

func sharedRequest(c *run) {
	const n = 32
	m := c.model(numbered(n)...)
	req, before := full(c.suite.lacks), stored(full(c.suite.lacks))
	_, errs := parallel(n, func(i int) (string, error) {
		_, err := ways()[i%2].call(c.Context(), m, req)
		return "", err
	})
	for i, err := range errs {
		if err != nil {
			c.Errorf("call %d of %d that share a request failed: %v", i, n, err)
		}
	}
	c.same("the shared request has changed", before, stored(req))
}

// parallel runs n calls at the same time and returns what each returned.
func parallel(n int, call func(i int) (string, error)) ([]string, []error) {
	texts, errs := make([]string, n), make([]error, n)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					errs[i] = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
				}
			}()
			<-start
			texts[i], errs[i] = call(i)
		})
	}
	close(start)
	wg.Wait()
	return texts, errs
}

func requestUnchanged(c *run) {
	turns := []Turn{says("one"), says("two"), says("three")}
	failing := repeated(Turn{Err: &llm.Error{Code: llm.ErrPermissionDenied, Message: "scripted"}})
	for _, try := range []struct {
		name string
		call func(req *llm.Request) error
	}{
		{"a Generate", func(req *llm.Request) error { _, err := c.model(turns...).Generate(c.Context(), req); return err }},
		{"a Stream", func(req *llm.Request) error {
			_, err := llm.Collect(c.model(turns...).Stream(c.Context(), req))
			return err
		}},
		{"a Stream that is never ranged over", func(req *llm.Request) error { c.model(turns...).Stream(c.Context(), req); return nil }},
		{"a Stream that is left at its first event", func(req *llm.Request) error {
			return play(c.model(turns...).Stream(c.Context(), req), func(int, llm.Event) bool { return false }).err
		}},
		{"a Generate that fails", func(req *llm.Request) error { c.model(failing...).Generate(c.Context(), req); return nil }},
		{"a Stream that fails", func(req *llm.Request) error { llm.Collect(c.model(failing...).Stream(c.Context(), req)); return nil }},
	} {
		got, want := full(c.suite.lacks), full(c.suite.lacks)
		if err := try.call(got); err != nil {
			c.Errorf("%s failed, though the request has no feature that the harness declares as lacking: %v", try.name, err)
		}
		if !c.same("the request after "+try.name, stored(want), stored(got)) {
			continue
		}
		if !reflect.DeepEqual(got, want) {
			c.Errorf("the request after %s is not deeply equal to the one before; its stored form is", try.name)
		} else if !reflect.DeepEqual(spread(got), spread(want)) {
			c.Errorf("%s has written into the array behind a slice of the request", try.name)
		}
	}
}

func requestNotKept(c *run) {
	for _, w := range ways() {
		m, log := c.logged(says("one"), says("two"))
		req := c.ask()
		if got := c.must(w, m, req).Text(); got != "one" {
			c.Errorf("%s: the first call was answered with %q, want %q", w.name, got, "one")
		}
		// The caller's own request, changed in every place that the first call saw.
		req.Messages[0].Content[0].(*llm.TextPart).Text = "Something else entirely."
		req.Messages = append(req.Messages, llm.AssistantText("Yes?"), llm.UserText("Go on."))
		req.System = []llm.Part{llm.Text("Be brief.")}
		if got := c.must(w, m, req).Text(); got != "two" {
			c.Errorf("%s: the second call was answered with %q, want %q", w.name, got, "two")
		}
		if arrived := log.arrived(); len(arrived) == 2 {
			c.same(w.name+": what arrived of the changed request", transcript(req, c.suite.lacks), transcript(arrived[1], c.suite.lacks))
		}
	}
}

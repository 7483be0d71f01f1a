package llmtest

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/llm"
)

// asking is a model that asks before it sends, as a backend does. Its fields are the
// ways to get that wrong.
type asking struct {
	next             *scriptModel
	forgetsGenerate  bool
	forgetsStream    bool
	forgetsCounting  bool
	sendsAllTheSame  bool
	refusesForGood   bool
	refusesUntyped   bool
	asksAboutAnother bool
}

func (m *asking) Info() llm.Info { return m.next.Info() }

func (m *asking) may(ctx context.Context, req *llm.Request) error {
	info := m.Info()
	if m.asksAboutAnother {
		info.Model = "another"
	}
	err := llm.MaySend(info)
	switch {
	case err != nil && m.sendsAllTheSame:
		m.next.Generate(ctx, req)
	case err != nil && m.refusesUntyped:
		return llm.ErrRejected
	case m.refusesForGood:
		return &llm.Error{Code: llm.ErrRejected}
	}
	return err
}

func (m *asking) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if err := m.may(ctx, req); err != nil && !m.forgetsGenerate {
		return nil, err
	}
	return m.next.Generate(ctx, req)
}

func (m *asking) Stream(ctx context.Context, req *llm.Request) stream {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		if err := m.may(ctx, req); err != nil && !m.forgetsStream {
			yield(nil, err)
			return
		}
		m.next.Stream(ctx, req)(yield)
	})
}

func (m *asking) CountTokens(context.Context, *llm.Request) (int, error) {
	if err := llm.MaySend(m.Info()); err != nil && !m.forgetsCounting {
		return 0, err
	}
	return 1, nil
}

// TestGuard is the test of a backend that keeps the guard.
func TestGuard(t *testing.T) {
	RunGuard(t, Harness{New: func(t *testing.T, s Script) llm.Model { return &asking{next: s.Model().(*scriptModel)} }})
}

// A test that is a subtest, and one that counts by itself.
func TestGuardOfCounting(t *testing.T) {
	t.Run("its own, by (estimate)", func(t *testing.T) {
		RunGuard(t, Harness{
			New: func(t *testing.T, s Script) llm.Model {
				return &asking{next: s.Model().(*scriptModel), forgetsCounting: true}
			},
			Lacks: []Capability{RemoteCount.Because("it divides by four")},
		})
	})
}

// guardMutants are models that break the guard, with what is said of each.
func guardMutants() map[string]struct {
	model asking
	said  string
} {
	return map[string]struct {
		model asking
		said  string
	}{
		"generates-unasked":  {asking{forgetsGenerate: true}, "Generate under llm.ForbidSend: no error"},
		"streams-unasked":    {asking{forgetsStream: true}, "Collect(Stream) under llm.ForbidSend: no error"},
		"counts-unasked":     {asking{forgetsCounting: true}, "CountTokens under llm.ForbidSend: no error"},
		"sends-all-the-same": {asking{sendsAllTheSame: true}, "2 requests arrived under llm.ForbidSend"},
		"refuses-for-good":   {asking{refusesForGood: true}, "of a model that is allowed to send"},
		"refuses-untyped":    {asking{refusesUntyped: true}, "does not wrap, an *llm.Error"},
		"names-another":      {asking{asksAboutAnother: true}, "of a model that is allowed to send"},
	}
}

const guardSubject = "LLMTEST_GUARD_SUBJECT"

func TestGuardSubject(t *testing.T) {
	name := os.Getenv(guardSubject)
	if name == "" {
		t.Skip("run by TestGuardMutants, in a process of its own")
	}
	mutant, isMutant := guardMutants()[name]
	RunGuard(t, Harness{New: func(t *testing.T, s Script) llm.Model {
		if !isMutant {
			llm.ForbidSend(func(llm.Info) bool { return true })
			return s.Model()
		}
		m := mutant.model
		m.next = s.Model().(*scriptModel)
		return &m
	}})
}

// Each way to break the guard is found.
func TestGuardMutants(t *testing.T) {
	said := map[string]string{"is-allowed": "is on the allow list of this process"}
	for name, m := range guardMutants() {
		said[name] = m.said
	}
	for name, want := range said {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestGuardSubject$", "-test.timeout=1m")
		cmd.Env = append(os.Environ(), guardSubject+"="+name, "GORACE=atexit_sleep_ms=0")
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%s passes", name)
		}
		if !slices.ContainsFunc(strings.Split(string(out), "\n"), func(line string) bool { return strings.Contains(line, want) }) {
			t.Errorf("%s: it is not said that %q:\n%s", name, want, out)
		}
		if !strings.Contains(string(out), guardExplained) {
			t.Errorf("%s: the failure does not print its explanation:\n%s", name, out)
		}
	}
}

package llmtest

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/llm"
)

// guarded names the test that RunGuard runs again, in the environment of the process
// that does so.
const guarded = "LLMTEST_GUARD"

// guardHeld is what that process prints when it got to its end.
const guardHeld = "llmtest: the guard was tried"

const guardExplained = "While llm.ForbidSend is in force a backend sends nothing, so that no test reaches a paid service by mistake. " +
	"Call llm.MaySend(m.Info()) before anything is sent, in Generate, Stream and CountTokens alike, and return its error as it is."

// RunGuard tests that a backend asks [llm.MaySend] before it sends: while
// [llm.ForbidSend] is in force each call is refused with [llm.ErrRejected] and nothing
// is sent, and the model sends again when the allow list names it.
//
// The ban holds for the rest of a process, so no case of [Run] can try it. RunGuard
// runs the test that called it once more, in a process of its own; so it is called by
// a test that does little else.
//
// The harness's models need a client that the guard is for. That of package bedrocktest
// is exempt, since it cannot leave the machine; and a model that the allow list of
// TestMain names needs another name here. A model whose tokens are counted without
// sending declares the lack [RemoteCount].
func RunGuard(t *testing.T, h Harness) {
	t.Helper()
	s := newSuite(t, h)
	if os.Getenv(guarded) != t.Name() {
		guardInProcess(t)
		return
	}
	c := &run{T: t, suite: s}
	defer func() {
		if t.Failed() {
			t.Log("what RunGuard checks: " + guardExplained)
		}
	}()
	defer c.caught()
	guard(c)
	fmt.Println(guardHeld)
}

// guardInProcess runs the test in a process of its own.
func guardInProcess(t *testing.T) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Split(t.Name(), "/")
	for i, name := range names {
		names[i] = "^" + regexp.QuoteMeta(name) + "$"
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run="+strings.Join(names, "/"), "-test.count=1", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), guarded+"="+t.Name())
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		t.Errorf("the guard does not hold, or could not be tried: %v\n%s", err, out)
	case !strings.Contains(string(out), guardHeld):
		t.Errorf("the test did not get to RunGuard in a process of its own:\n%s", out)
	}
}

// guard tries a model under the ban, and then without.
func guard(c *run) {
	m, log := c.logged(says("one"), says("two"))
	info := m.Info()
	llm.ForbidSend()
	if llm.MaySend(info) == nil {
		c.Fatalf("the model %+v is on the allow list of this process, so the ban cannot be tried on it: give it another name", info)
	}
	for _, w := range ways() {
		_, err := w.call(c.Context(), m, c.ask())
		c.wantCode(w.name+" under llm.ForbidSend", err, llm.ErrRejected)
	}
	if counter, ok := llm.As[llm.TokenCounter](m); ok && !c.lacks(RemoteCount) {
		_, err := counter.CountTokens(c.Context(), c.ask())
		c.wantCode("CountTokens under llm.ForbidSend", err, llm.ErrRejected)
	}
	if n := len(log.arrived()); n > 0 {
		c.Errorf("%d requests arrived under llm.ForbidSend", n)
	}

	llm.ForbidSend(func(i llm.Info) bool { return i == info })
	for i, w := range ways() {
		resp, err := w.call(c.Context(), m, c.ask())
		if err != nil {
			c.Errorf("%s of a model that is allowed to send: %v", w.name, err)
		} else if want := []string{"one", "two"}[i]; resp.Text() != want {
			c.Errorf("%s of a model that is allowed to send was answered with %q, want %q: what was refused must not be sent", w.name, resp.Text(), want)
		}
	}
}

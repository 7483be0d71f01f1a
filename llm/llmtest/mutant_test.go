package llmtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/parley-sdk/parley/llm"
)

// mutant is a model or a middleware that breaks a law on purpose. The suite must
// fail on it, in the cases named and in no others.
type mutant struct {
	name  string
	fails []string // the cases that must fail, and no others
	more  bool     // others may fail too, since hardly anything works
	law   string   // with the race detector run the cases of this law only, since the mutant is one of many alike; "" is all

	model      func(m *scriptModel) llm.Model // one of model and middleware is set
	middleware llm.Middleware
	lacks      []Capability // what the harness declares; nil is doubles()
}

func mutants() []mutant { return slices.Concat(modelMutants(), middlewareMutants()) }

// subject names the mutants that a child process runs the suite on.
const subject = "LLMTEST_SUBJECT"

// TestSubject runs the suite on mutants, and so fails. It is run by TestMutants, in a
// process of its own, since a test cannot look at the failure of another.
func TestSubject(t *testing.T) {
	names := os.Getenv(subject)
	if names == "" {
		t.Skip("run by TestMutants, in a process of its own")
	}
	for _, m := range mutants() {
		if !slices.Contains(strings.Split(names, ","), m.name) {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			if m.middleware != nil {
				RunMiddleware(t, m.middleware)
				return
			}
			lacks := m.lacks
			if lacks == nil {
				lacks = doubles()
			}
			Run(t, Harness{
				New:     func(t *testing.T, s Script) llm.Model { return m.model(s.Model().(*scriptModel)) },
				Virtual: true,
				Lacks:   lacks,
			})
		})
	}
}

// TestMutants checks that the suite finds what it is there to find: for each broken
// model exactly the cases that it breaks fail, and say why they matter.
func TestMutants(t *testing.T) {
	all, err := outcomes()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants() {
		t.Run(m.name, func(t *testing.T) { checkMutant(t, m, all[m.name]) })
	}
}

// outcomes runs the suite on all mutants, in a few processes at a time: two for those
// that run all cases, and one for each law whose cases alone are run under the race
// detector. It does so once in this one, since with -count it would find the same again.
var outcomes = sync.OnceValues(func() (map[string]*outcome, error) {
	type batch struct {
		law   string
		names []string
	}
	batches := []*batch{{}, {}}
	for i, m := range mutants() {
		b := batches[i%2]
		if m.law != "" && raced {
			at := slices.IndexFunc(batches, func(b *batch) bool { return b.law == m.law })
			if at < 0 {
				at = len(batches)
				batches = append(batches, &batch{law: m.law})
			}
			b = batches[at]
		}
		b.names = append(b.names, m.name)
	}
	var wg sync.WaitGroup
	outputs, errs := make([]string, len(batches)), make([]error, len(batches))
	for i, b := range batches {
		wg.Go(func() { outputs[i], errs[i] = runSubject(b.law, b.names) })
	}
	wg.Wait()
	return byMutant(strings.Join(outputs, "")), errors.Join(errs...)
})

// runSubject runs the suite, or its cases of a law, on mutants in a process of its own.
func runSubject(law string, names []string) (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(exe, "-test.run=^TestSubject$/./^"+law, "-test.v", "-test.timeout=8m")
	// The race detector's run time would sleep for a second before it exits.
	cmd.Env = append(os.Environ(), subject+"="+strings.Join(names, ","), "GORACE=atexit_sleep_ms=0", "GOMAXPROCS=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err == nil {
		return "", fmt.Errorf("the suite passes on all of %s", names)
	}
	return out.String(), nil
}

// outcome is what the suite said of a mutant.
type outcome struct {
	failed []string
	output strings.Builder
}

var failure = regexp.MustCompile(`^ +--- FAIL: TestSubject/([^/\s]+)/(\S+)`)

// byMutant takes the output of a process apart.
func byMutant(output string) map[string]*outcome {
	outcomes := map[string]*outcome{}
	of := func(name string) *outcome {
		if outcomes[name] == nil {
			outcomes[name] = &outcome{}
		}
		return outcomes[name]
	}
	current := of("")
	for line := range strings.Lines(output) {
		if _, rest, ok := strings.Cut(line, "=== RUN   TestSubject/"); ok {
			name, _, _ := strings.Cut(strings.TrimSpace(rest), "/")
			current = of(name)
		} else if match := failure.FindStringSubmatch(line); match != nil {
			of(match[1]).failed = append(of(match[1]).failed, match[2])
		} else {
			current.output.WriteString(line)
		}
	}
	return outcomes
}

func checkMutant(t *testing.T, m mutant, o *outcome) {
	if o == nil {
		t.Fatal("the suite was not run on it")
	}
	output := o.output.String()
	slices.Sort(o.failed)
	got, want := o.failed, slices.Sorted(slices.Values(m.fails))
	if m.more {
		got = slices.DeleteFunc(slices.Clone(got), func(name string) bool { return !slices.Contains(want, name) })
	}
	if !slices.Equal(got, want) {
		t.Errorf("these cases fail:\n  %s\nwant\n  %s\n%s", strings.Join(got, "\n  "), strings.Join(want, "\n  "), output[:min(len(output), 6000)])
	}
	for _, c := range slices.Concat(laws(), middlewareCases()) {
		if slices.Contains(got, c.name) && !strings.Contains(output, "what "+c.name+" checks: "+c.explain) {
			t.Errorf("the failure of %s does not print its explanation", c.name)
		}
	}
}

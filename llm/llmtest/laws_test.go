package llmtest

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// clause is a sentence of a law, and the cases that try it. A name that ends in * is
// of all cases that begin so.
type clause struct {
	text  string
	cases []string
	why   string // why there is no case
}

// chapter is a law of llm.Model, by its number, or what else the suite tries.
type chapter struct {
	law   int // 0 = none of llm.Model
	title string
	says  []clause // sentence for sentence what the law says
	also  []clause // what follows from it, or is said elsewhere
}

// chapters lists which cases try what.
func chapters() []chapter {
	is := func(text string, cases ...string) clause { return clause{text: text, cases: cases} }
	return []chapter{
		{law: 1, says: []clause{
			is("It is safe for concurrent use, and neither changes nor keeps the request.",
				"law01/concurrent-use", "law01/within-a-loop", "law01/shared-request", "law01/request-unchanged", "law01/request-not-kept", "middleware/request-unchanged"),
			{text: "(The caller leaves the request alone until Generate returns, or the loop ends.)", why: "it binds the caller"},
		}},
		{law: 2, says: []clause{
			is("Its constructor does no I/O.", "law02/lazy"),
			is("Stream sends nothing before the first iteration and its sequence may be ranged once: a second range yields [ErrStreamReused].",
				"law02/lazy", "law02/single-use", "law05/never-ranged", "middleware/unranged"),
		}, also: []clause{
			is("A request that is not valid is refused before anything is sent.", "law02/nil-request", "law02/invalid-request"),
		}},
		{law: 3, says: []clause{
			is("Generate returns what [Collect] makes of Stream.", "law03/*"),
		}},
		{law: 4, says: []clause{
			is("A stream yields at most one error, last, with a nil event.", "law04/one-error"),
			is("A stream that succeeded ended with exactly one [*Finish]; one that ended in any other way yields [ErrIncomplete].",
				"law04/one-finish", "law04/incomplete"),
		}},
		{law: 5, says: []clause{
			is("Leaving the loop, or cancelling the context, releases everything at once.",
				"law05/break", "law05/break-anywhere", "law05/cancel-*", "law05/panic-in-loop", "law05/failures-release",
				"middleware/break-passes", "middleware/break-before-first", "middleware/cancel-passes", "middleware/context-released"),
			is("A cancelled call satisfies errors.Is(err, context.Canceled), one past its deadline errors.Is(err, context.DeadlineExceeded).",
				"law05/cancelled-before", "law05/cancel-*", "law05/deadline", "middleware/deadline"),
		}},
		{law: 6, says: []clause{
			is("Part indices are dense, ascend where parts start, and may interleave.", "law06/grammar", "law06/interleaved"),
			is("Text, reasoning and tool input arrive in deltas only; other parts may arrive whole in [*PartStart].", "law06/grammar"),
			is("Every part stops before [*Finish].", "law06/grammar"),
			is("A rune is never split between deltas.", "law06/runes"),
			is("A [*UsageUpdate] may come before everything else; timers and retries that wait for the first event pass over it.",
				"law06/usage-first", "middleware/usage-update-first", "middleware/same-policy"),
		}},
		{law: 7, says: []clause{
			is("Nothing is lost in silence.", "law07/request-arrives", "law07/media-arrives", "law07/names", "law07/mixed-order", "law07/answer-goes-back",
				"law07/opaque-state", "law07/late-opaque-state", "law07/signature-*", "law07/redacted-is-marked", "law07/foreign-*", "law07/own-options", "law07/other-options"),
			is("What changes the meaning of a request and cannot be honoured is [ErrUnsupported]; what only tunes it is a [Warning].",
				featureNames()...),
			is("Blocks and deltas that the vocabulary lacks are [*ProviderPart] and [*ProviderDelta].",
				"law07/provider-*", "middleware/events-pass"),
		}, also: []clause{
			is("Tool arguments keep every digit.", "law07/digits", "law03/tool-arguments"),
		}},
		{law: 8, says: []clause{
			is("Errors and their text carry no prompt, completion, tool argument, header or credential.",
				"law08/refused-request", "law08/failed-call", "law08/provider-message"),
		}},
		{law: 9, says: []clause{
			is("A call that fails keeps what is known: the partial message and the usage so far, the latter marked as estimated.",
				"law09/failure-keeps-text", "law09/cut-keeps-text", "law09/cancel-keeps-text", "law09/usage-so-far", "law09/estimated", "middleware/partial-passes"),
		}},
		{law: 10, says: []clause{
			is("Tool arguments that are not a JSON object, or broke off, are [ToolCallPart.Malformed].",
				"law10/malformed-arguments", "law10/cut-arguments", "law10/malformed-replayed"),
			is("Empty arguments are {}.", "law10/empty-arguments", "law03/empty-arguments"),
			is("A call that the provider runs itself is never a [*ToolCallPart].", "law10/provider-runs-it"),
		}},
		{law: 11, says: []clause{
			is("A returned response belongs to the caller; whoever keeps it keeps a [Response.Clone].", "law11/response-owned"),
			is("Events, and the parts in them, never change once yielded.", "law11/events-immutable", "middleware/events-unchanged"),
		}},
		{law: 12, says: []clause{
			is("Usage obeys the subset rules of [Usage].", "law12/usage-subsets"),
		}},
		{title: "errors", also: []clause{
			is("The verdict on a failure survives its way, before an answer and within it.", "errors/before-*", "errors/midstream-*", "errors/retry-after"),
			is("An error says who failed, and in which call.", "errors/names-the-provider", "errors/request-id"),
		}},
		{title: "answers", also: []clause{
			is("An answer says who gave it, in which call, and why it ended.", "answers/served-by", "answers/raw-stop-reason", "answers/request-id"),
		}},
		{title: "middleware", also: []clause{
			is("What a wrapper makes is a model that llm.As looks through.", "middleware/unwrap", "middleware/info", "middleware/embedding"),
			is("What is not its business passes, at once, once and unchanged.", "middleware/one-call", "middleware/first-event", "middleware/every-event",
				"middleware/events-pass", "middleware/events-unchanged", "middleware/response-passes", "middleware/request-unchanged", "middleware/errors-pass",
				"middleware/partial-passes", "middleware/context-values", "middleware/deadline", "middleware/panic-passes"),
			is("A stream is never begun again once anything of it was seen but its usage.", "middleware/after-first-event", "middleware/usage-update-first"),
			is("Until then Stream gets what Generate gets from the policy.", "middleware/same-policy", "middleware/retryable-error"),
			is("When the wrapper's call ends the model's has ended, and nothing is left of it.", "middleware/break-passes", "middleware/break-before-first",
				"middleware/cancel-passes", "middleware/cancel-ends-loops", "middleware/context-released", "middleware/panic-passes"),
			is("What callers do to their own calls counts against nobody.", "middleware/callers-doing"),
			is("Load costs what it must: unranged streams, events, many callers, no lock while the model works.",
				"middleware/unranged", "middleware/allocations", "middleware/concurrency", "middleware/reentrant"),
		}},
	}
}

func featureNames() []string {
	var names []string
	for _, f := range slices.Concat(features(), details()) {
		names = append(names, "law07/"+f.name)
	}
	return names
}

// The table has each law of llm.Model sentence for sentence, so that a sentence which
// is added there wants its cases here.
func TestEverySentenceOfTheLawsIsTried(t *testing.T) {
	want := statedLaws(t)
	got := map[int]string{}
	for _, ch := range chapters() {
		if ch.law == 0 {
			continue
		}
		var sentences []string
		for _, c := range ch.says {
			sentences = append(sentences, c.text)
		}
		got[ch.law] = strings.Join(sentences, " ")
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("the laws in the documentation of llm.Model (-) and in the table (+) differ:\n%s", diff)
	}
}

var item = regexp.MustCompile(`^\s+(\d+)\. `)

// statedLaws reads the laws in the documentation of llm.Model.
func statedLaws(t *testing.T) map[int]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../model.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	laws, current := map[int]string{}, 0
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.TYPE || gen.Specs[0].(*ast.TypeSpec).Name.Name != "Model" {
			continue
		}
		for line := range strings.Lines(gen.Doc.Text()) {
			if m := item.FindStringSubmatch(line); m != nil {
				current, _ = strconv.Atoi(m[1])
				line = line[len(m[0]):]
			}
			if current > 0 {
				laws[current] = strings.TrimSpace(laws[current] + " " + strings.TrimSpace(line))
			}
		}
	}
	if len(laws) == 0 {
		t.Fatal("llm.Model has no laws")
	}
	return laws
}

// Each sentence has cases, each case has a sentence, and each has a mutant. The golden
// file shows it all.
func TestLawsHaveCasesAndMutants(t *testing.T) {
	cases := slices.Concat(laws(), middlewareCases())
	breaks := map[string][]mutant{}
	for _, m := range mutants() {
		for _, name := range m.fails {
			breaks[name] = append(breaks[name], m)
		}
	}
	tried := map[string]bool{}
	var b strings.Builder
	for _, ch := range chapters() {
		fmt.Fprintln(&b, cmp.Or(ch.title, fmt.Sprintf("law %d", ch.law)))
		for _, cl := range slices.Concat(ch.says, ch.also) {
			fmt.Fprintf(&b, "  %s\n", cl.text)
			if cl.why != "" {
				fmt.Fprintf(&b, "    no case: %s\n", cl.why)
				continue
			}
			if len(cl.cases) == 0 {
				t.Errorf("no case tries %q", cl.text)
			}
			for _, pattern := range cl.cases {
				found := false
				for _, c := range cases {
					prefix, many := strings.CutSuffix(pattern, "*")
					if c.name != pattern && !(many && strings.HasPrefix(c.name, prefix)) {
						continue
					}
					found = true
					if tried[c.name] {
						fmt.Fprintf(&b, "    %s (as above)\n", c.name)
						continue
					}
					tried[c.name] = true
					fmt.Fprintf(&b, "    %s\n", c.name)
					for _, m := range breaks[c.name] {
						also := ""
						if n := len(m.fails) - 1; m.more {
							also = ", and most others"
						} else if n > 0 {
							also = fmt.Sprintf(", and %d more", n)
						}
						fmt.Fprintf(&b, "      %s%s\n", m.name, also)
					}
					if len(breaks[c.name]) == 0 {
						t.Errorf("no mutant makes %s fail", c.name)
					}
				}
				if !found {
					t.Errorf("%q names no case", pattern)
				}
			}
		}
	}
	for _, c := range cases {
		if !tried[c.name] {
			t.Errorf("%s tries no sentence of the table", c.name)
		}
	}
	golden(t, "laws.txt", b.String())
}

// Each case has a mutant that breaks nothing else, so that none says only what another
// says too.
func TestEachCaseHasAMutantOfItsOwn(t *testing.T) {
	own := map[string]bool{}
	for _, m := range mutants() {
		if len(m.fails) == 1 && !m.more {
			own[m.fails[0]] = true
		}
	}
	for _, c := range slices.Concat(laws(), middlewareCases()) {
		if !own[c.name] {
			t.Errorf("each mutant that breaks %s breaks something else too", c.name)
		}
	}
}

// golden compares a text with that of a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	name = "testdata/" + name
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-) differs; with -update it is rewritten:\n%s", name, diff)
	}
}

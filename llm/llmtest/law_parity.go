package llmtest

import "github.com/parley-sdk/parley/llm"

// law03: Generate returns what Collect makes of Stream, and that is what the
// provider said.
func law03() []testCase {
	var cases []testCase
	for _, a := range corpus() {
		cases = append(cases, testCase{
			name:  "law03/" + a.name,
			needs: a.needs,
			explain: "Generate(x) equals Collect(Stream(x)), and both are what the provider said: content, stop reason and " +
				"usage. Applications switch between the two, and store the answers. The script gives the answer " + a.name +
				" whole and in small pieces. If one way only is wrong, compare its decoder with the other's; if both are, the " +
				"mapping loses or changes something.",
			run: func(c *run) { parity(c, a) },
		})
	}
	return append(cases, testCase{
		name: "law03/failure",
		explain: "Generate(x) equals Collect(Stream(x)) for failures too: the same code and the same verdict on whether " +
			"to try again, so that a policy works alike for both. Look for errors that are mapped in one of the two " +
			"places only.",
		run: sameFailure,
	})
}

func parity(c *run, a answer) {
	want := answered(a.response)
	forms := a.turns()
	m := c.model(forms[0], forms[0], forms[1], forms[1])
	var first string
	for _, form := range []string{"given whole", "given in pieces"} {
		for _, w := range ways() {
			what := w.name + " of an answer " + form
			resp := c.must(w, m, c.ask())
			c.same(what+" is not what the script says", want, answered(resp))
			got := normal(resp)
			if first == "" {
				first = got
			}
			c.same(what+" differs from "+ways()[0].name, first, got)
			again, err := llm.Collect(resp.Events())
			if err != nil {
				c.Errorf("%s: Collect(resp.Events()) failed: %v", what, err)
			}
			c.same(what+": Collect(resp.Events()) differs from resp", got, normal(again))
		}
	}
}

func sameFailure(c *run) {
	for _, code := range []llm.Code{llm.ErrInvalidRequest, llm.ErrPermissionDenied, llm.ErrRateLimited} {
		turns := repeated(Turn{Err: &llm.Error{Code: code, Message: "scripted"}})
		errs := map[string]error{}
		for _, w := range ways() {
			resp, err := w.call(c.Context(), c.model(turns...), c.ask())
			if errs[w.name] = err; err == nil {
				c.Errorf("%s: no error, want %s", w.name, code)
			}
			if resp != nil {
				c.Errorf("%s: a response with the error, though nothing had arrived: %s", w.name, stored(resp))
			}
		}
		g, s := errs[generate().name], errs[collect().name]
		if llm.CodeOf(g) != llm.CodeOf(s) || llm.IsRetryable(g) != llm.IsRetryable(s) {
			c.Errorf("Generate fails with %q (retryable: %t), Stream with %q (retryable: %t)",
				string(llm.CodeOf(g)), llm.IsRetryable(g), string(llm.CodeOf(s)), llm.IsRetryable(s))
		}
	}
}

package llmtest

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
)

// result is what became of a case.
type result struct {
	name  string
	state state
	why   string // of one that was skipped
	blind bool   // it could not be seen what arrived
}

type state int

const (
	statePassed state = iota
	stateFailed
	stateSkipped
)

// report is the end of a run, for people: what ran, what did not and why, and what is
// declared as lacking.
func (s *suite) report() string {
	var b strings.Builder
	total := s.count("")
	fmt.Fprintf(&b, "llmtest: %d cases: %d passed, %d failed, %d skipped", s.cases, total[statePassed], total[stateFailed], total[stateSkipped])
	if n := s.cases - len(s.results); n > 0 {
		fmt.Fprintf(&b, ", %d not selected", n)
	}
	b.WriteString("\n\n")

	table(&b, func(row func(cells ...any)) {
		row("", "passed", "failed", "skipped")
		for _, chapter := range s.chapters() {
			n := s.count(chapter)
			row(chapter, n[statePassed], n[stateFailed], n[stateSkipped])
		}
	})
	section(&b, "Skipped", func(row func(cells ...any)) {
		for _, r := range s.results {
			if r.state == stateSkipped {
				why := r.why
				if strings.HasPrefix(why, "lacks ") {
					why, _, _ = strings.Cut(why, ": ") // the lack is explained below
				}
				row(r.name, why)
			}
		}
	})
	section(&b, "Declared as lacking", func(row func(cells ...any)) {
		for _, c := range s.lacks.names() {
			row(c, s.lacks[c])
		}
	})
	section(&b, "Declared as lacking, yet it comes through: what is no lack goes untested", func(row func(cells ...any)) {
		for _, c := range s.carried {
			row(c)
		}
	})
	section(&b, "Ran without seeing what arrived, since the harness does not play Script.Model()", func(row func(cells ...any)) {
		for _, r := range s.results {
			if r.blind {
				row(r.name)
			}
		}
	})
	return strings.TrimSuffix(b.String(), "\n")
}

// chapters are the laws and other chapters of the cases, in the order of the cases.
func (s *suite) chapters() []string {
	var chapters []string
	for _, r := range s.results {
		if chapter, _, _ := strings.Cut(r.name, "/"); !slices.Contains(chapters, chapter) {
			chapters = append(chapters, chapter)
		}
	}
	return chapters
}

// count counts the results of a chapter, "" being all.
func (s *suite) count(chapter string) map[state]int {
	n := map[state]int{}
	for _, r := range s.results {
		if c, _, _ := strings.Cut(r.name, "/"); chapter == "" || c == chapter {
			n[r.state]++
		}
	}
	return n
}

// section writes a table under a title, unless it is empty.
func section(b *strings.Builder, title string, rows func(row func(cells ...any))) {
	var body strings.Builder
	if table(&body, rows); body.Len() > 0 {
		fmt.Fprintf(b, "\n%s:\n%s", title, &body)
	}
}

// table writes rows with aligned columns.
func table(b *strings.Builder, rows func(row func(cells ...any))) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	rows(func(cells ...any) {
		for i, cell := range cells {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, "  "[min(i, 1)*2:], cell)
		}
		fmt.Fprintln(w)
	})
	_ = w.Flush() // a strings.Builder takes everything
}

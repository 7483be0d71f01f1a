package llmtest

import (
	"context"

	"github.com/parley-sdk/parley/llm"
)

// answerMutants forget what an answer or an error says of itself.
func answerMutants() []mutant {
	return []mutant{
		{name: "does-not-say-who-served", fails: []string{"answers/served-by"}, model: finishes(func(f *llm.Finish) { f.Provider = "" })},
		{name: "takes-a-pattern-for-its-name", fails: []string{"answers/served-by"},
			model: finishes(func(f *llm.Finish) { f.Provider += ".eu-west-1" })},
		{name: "does-not-say-which-model-served", fails: []string{"answers/served-by"}, model: finishes(func(f *llm.Finish) { f.Model = "" })},
		{name: "has-no-raw-stop-reason-when-it-generates", fails: []string{"answers/raw-stop-reason"},
			model: answers(func(r *llm.Response, err error) (*llm.Response, error) {
				if r != nil && r.StopReason != llm.StopOther {
					r.RawStopReason = ""
				}
				return r, err
			})},
		{name: "reads-no-request-id-when-it-streams", fails: []string{"answers/request-id"},
			model: func(m *scriptModel) llm.Model {
				b := finishes(func(f *llm.Finish) { f.RequestID = "" })(m).(*broken)
				b.generate = func(ctx context.Context, m *scriptModel, req *llm.Request) (*llm.Response, error) {
					return m.Generate(ctx, req)
				}
				return b
			}},
		{name: "does-not-say-who-failed", fails: []string{"errors/names-the-provider"}, model: fails(func(e *llm.Error) { e.Provider = "" })},
		{name: "does-not-say-what-failed", fails: []string{"errors/names-the-provider"}, model: fails(func(e *llm.Error) { e.Op = "" })},
		{name: "does-not-say-who-broke-off", fails: []string{"errors/names-the-provider"}, model: fails(func(e *llm.Error) {
			if e.Code == llm.ErrIncomplete {
				e.Provider = ""
			}
		})},
		{name: "reads-no-request-id-of-errors", fails: []string{"errors/request-id"}, model: fails(func(e *llm.Error) { e.RequestID = "" })},
	}
}

// finishes changes the end of each answer.
func finishes(change func(f *llm.Finish)) func(m *scriptModel) llm.Model {
	return events(func(ev llm.Event) []llm.Event {
		f, ok := ev.(*llm.Finish)
		if !ok {
			return one(ev)
		}
		c := *f
		change(&c)
		return one(&c)
	})
}

// fails changes each error.
func fails(change func(e *llm.Error)) func(m *scriptModel) llm.Model {
	return failures(func(err error) error {
		e, ok := err.(*llm.Error)
		if !ok {
			return err
		}
		c := *e
		change(&c)
		return &c
	})
}

package llmtest

import (
	"context"
	"iter"
	"slices"
	"testing"

	"github.com/parley-sdk/parley/llm"
)

// doubles lack what belongs to one provider.
func doubles() []Capability {
	return []Capability{ForeignState.Because("the model of a script is a double"), OwnOptions.Because("the model of a script is a double")}
}

func TestScriptModelKeepsTheLaws(t *testing.T) {
	Run(t, Harness{New: playScript, Virtual: true, Lacks: doubles()})
}

func TestScriptModelKeepsTheLawsInRealTime(t *testing.T) {
	Run(t, Harness{New: playScript, Lacks: doubles()})
}

func playScript(t *testing.T, s Script) llm.Model { return s.Model() }

// A backend that lacks nothing at all passes all cases.
func TestBackendThatLacksNothing(t *testing.T) {
	Run(t, Harness{
		New:     func(t *testing.T, s Script) llm.Model { return &backend{next: s.Model()} },
		Virtual: true,
	})
}

// A backend that lacks every feature of a request passes where it says so.
func TestBackendThatLacksEveryFeature(t *testing.T) {
	var lacks []Capability
	for _, f := range features() {
		lacks = append(lacks, f.capability.Because("this test"))
	}
	lacks = append(lacks, ProviderBlocksBack)
	// With tools among them, nothing that needs tools would be tried.
	withTools := slices.DeleteFunc(slices.Clone(lacks), func(c Capability) bool { return c.name() == Tools })
	for name, lacks := range map[string][]Capability{"all": lacks, "all but tools": withTools} {
		t.Run(name, func(t *testing.T) {
			Run(t, Harness{
				New:     func(t *testing.T, s Script) llm.Model { return &backend{next: s.Model(), lacks: lacks} },
				Virtual: true,
				Lacks:   lacks,
			})
		})
	}
}

// A harness whose doubles translate turns cannot stall, and sees no requests.
func TestHarnessWithTurnsOfItsOwn(t *testing.T) {
	Run(t, Harness{
		New: func(t *testing.T, s Script) llm.Model {
			translated := Script{Name: s.Name}
			for _, turn := range s.Turns {
				translated.Turns = append(translated.Turns, Turn{Response: turn.Response, Events: turn.Events, Err: turn.Err, Delay: turn.Delay})
			}
			return translated.Model()
		},
		Virtual: true,
		Lacks:   append(doubles(), Stalls.Because("its turns cannot stop half-way")),
	})
}

func TestMiddlewareThatPassesEverythingOn(t *testing.T) {
	t.Run("the model itself", func(t *testing.T) {
		RunMiddleware(t, func(next llm.Model) llm.Model { return next })
	})
	t.Run("a wrapper", func(t *testing.T) {
		RunMiddleware(t, func(next llm.Model) llm.Model { return &wrapper{next: next} })
	})
}

// wrapper is a middleware that does nothing, written as one should be.
type wrapper struct{ next llm.Model }

func (w *wrapper) Info() llm.Info    { return w.next.Info() }
func (w *wrapper) Unwrap() llm.Model { return w.next }

func (w *wrapper) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return w.next.Generate(ctx, req)
}

func (w *wrapper) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		for ev, err := range w.next.Stream(ctx, req) {
			if !yield(ev, err) {
				return
			}
		}
	})
}

// backend is a model that knows its own from another's, as one over a wire does, and
// refuses or warns of the features that it lacks.
type backend struct {
	next  llm.Model
	lacks []Capability
	mute  bool // it does not say what it leaves out
}

func (b *backend) Info() llm.Info { return b.next.Info() }

func (b *backend) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	sent, warnings, err := b.encode(req)
	if err != nil {
		return nil, err
	}
	resp, err := b.next.Generate(ctx, sent)
	if resp != nil {
		resp.Warnings = slices.Concat(resp.Warnings, warnings)
	}
	return resp, err
}

func (b *backend) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		sent, warnings, err := b.encode(req)
		if err != nil {
			yield(nil, err)
			return
		}
		for ev, err := range b.next.Stream(ctx, sent) {
			if f, ok := ev.(*llm.Finish); ok {
				c := *f
				c.Warnings = slices.Concat(f.Warnings, warnings)
				ev = &c
			}
			if !yield(ev, err) {
				return
			}
		}
	})
}

func (b *backend) lacking(c Capability) bool {
	return slices.ContainsFunc(b.lacks, func(l Capability) bool { return l.name() == c })
}

// encode makes the request that is sent.
func (b *backend) encode(req *llm.Request) (*llm.Request, []llm.Warning, error) {
	if err := req.Validate(); err != nil {
		return nil, nil, err
	}
	own := b.Info().Provider
	for _, o := range req.Options {
		if o.ProviderName() == own {
			return nil, nil, &llm.Error{Code: llm.ErrInvalidRequest, Message: "options of a type that is not mine"}
		}
	}
	r := req.Clone()
	var warnings []llm.Warning
	warn := func(field string) {
		if b.mute {
			return
		}
		warnings = append(warnings, llm.Warning{Code: llm.WarningDropped, Field: field, Message: "left out"})
	}
	for _, t := range r.Tools {
		if t.Provider != "" && t.Provider != own {
			return nil, nil, &llm.Error{Code: llm.ErrUnsupported, Message: "a tool of another provider"}
		}
	}
	for i, m := range r.Messages {
		if b.lacking(ProviderBlocksBack) && slices.ContainsFunc(m.Content, isA[*llm.ProviderPart]) {
			return nil, nil, &llm.Error{Code: llm.ErrUnsupported, Message: path("messages", i) + ": a block that cannot be written"}
		}
		r.Messages[i].Content = slices.DeleteFunc(m.Content, func(p llm.Part) bool {
			switch p := p.(type) {
			case *llm.ReasoningPart:
				if p.Opaque != nil && p.Opaque.Provider != own {
					warn(path("messages", i))
					return true
				}
			case *llm.ProviderPart:
				if p.Provider != own {
					warn(path("messages", i))
					return true
				}
			}
			return false
		})
	}
	for _, f := range features() {
		if !b.lacking(f.capability) || !uses(req, f.name) {
			continue
		}
		if f.kind != tuning {
			return nil, nil, &llm.Error{Code: llm.ErrUnsupported, Message: "cannot do " + f.name}
		}
		warn(f.field)
	}
	return r, warnings, nil
}

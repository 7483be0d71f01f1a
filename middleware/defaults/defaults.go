// Package defaults fills the fields of a request that the application left unset.
//
// MaxTokens matters most: some models cut an answer at 4,096 tokens where it is not set, in
// silence.
package defaults

import (
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/parley-sdk/parley/llm"
)

// New returns middleware that fills what a request leaves unset with what the template has.
// A field of the request that is set stays as it is. A slice or map is unset where it is nil:
// one that is empty is the caller's choice, and stays so. ToolChoice is filled only together
// with Tools, since it is a choice among those. Metadata that is set is filled key by key, and
// Options provider by provider, unless they are empty. The template's Messages are not used.
// The template is copied; a nil one fills nothing.
//
// The request that comes in is not changed: one that lacks something is passed on as a copy.
func New(template *llm.Request) llm.Middleware {
	t := template.Clone()
	return func(next llm.Model) llm.Model { return &model{next, t} }
}

type model struct {
	next     llm.Model
	template *llm.Request
}

func (m *model) Info() llm.Info    { return m.next.Info() }
func (m *model) Unwrap() llm.Model { return m.next }

func (m *model) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return m.next.Generate(ctx, m.fill(req))
}

func (m *model) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return m.next.Stream(ctx, m.fill(req))
}

// fill returns a request in which nothing is unset that the template has.
func (m *model) fill(req *llm.Request) *llm.Request {
	if req == nil || m.template == nil {
		return req
	}
	t, r := m.template, *req
	if r.System == nil {
		r.System = t.System
	}
	if r.Tools == nil && t.Tools != nil {
		r.Tools = t.Tools
		if r.ToolChoice == (llm.ToolChoice{}) {
			r.ToolChoice = t.ToolChoice
		}
	}
	if r.MaxTokens == 0 {
		r.MaxTokens = t.MaxTokens
	}
	if r.Temperature == nil {
		r.Temperature = t.Temperature
	}
	if r.TopP == nil {
		r.TopP = t.TopP
	}
	if r.TopK == nil {
		r.TopK = t.TopK
	}
	if r.StopSequences == nil {
		r.StopSequences = t.StopSequences
	}
	if r.Output == nil {
		r.Output = t.Output
	}
	if r.Reasoning == nil {
		r.Reasoning = t.Reasoning
	}
	r.Metadata = fillMetadata(r.Metadata, t.Metadata)
	r.Options = fillOptions(r.Options, t.Options)
	return &r
}

func fillMetadata(have, defaults map[string]string) map[string]string {
	switch {
	case have == nil:
		return defaults
	case len(have) == 0 || len(defaults) == 0:
		return have
	}
	filled := maps.Clone(defaults)
	maps.Copy(filled, have)
	return filled
}

func fillOptions(have, defaults []llm.ProviderOptions) []llm.ProviderOptions {
	if have != nil && len(have) == 0 {
		return have
	}
	filled := slices.Clip(have)
	for _, d := range defaults {
		sameProvider := func(o llm.ProviderOptions) bool { return o != nil && o.ProviderName() == d.ProviderName() }
		if d != nil && !slices.ContainsFunc(have, sameProvider) {
			filled = append(filled, d)
		}
	}
	return filled
}

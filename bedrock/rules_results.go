package bedrock

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// editResult offers f the parts of a tool result. Where it gives a reason, the part
// it returns takes the place; nil leaves it out.
func (d *draft) editResult(it item, p *llm.ToolResultPart, f func(llm.Part) (llm.Part, string)) ([]item, bool) {
	var mended *llm.ToolResultPart
	for i, c := range p.Content {
		now, why := f(c)
		if why == "" {
			if mended != nil {
				mended.Content = append(mended.Content, c)
			}
			continue
		}
		d.changed(llm.WarningRepaired, it.at, fmt.Sprintf("content[%d]", i), "%s", why)
		if mended == nil {
			mended = new(*p)
			mended.Content = slices.Clone(p.Content[:i])
		}
		if now != nil {
			mended.Content = append(mended.Content, now)
		}
	}
	if mended == nil {
		return nil, false
	}
	return it.with(mended), true
}

// toolResults brings results into the form that the family takes.
func toolResults(d *draft) {
	d.edit(results, func(t *turn, it item) ([]item, bool) {
		p := it.part.(*llm.ToolResultPart)
		var after []item
		now, changed := d.editResult(it, p, func(c llm.Part) (llm.Part, string) {
			switch c := c.(type) {
			case *llm.CachePointPart:
				return nil, "left out: a cache point cannot stand in a tool result"
			case *llm.MediaPart, *llm.DocumentPart:
				if !d.takesInResult(c) {
					after = append(after, item{part: c, at: it.at})
					return llm.Text(fmt.Sprintf("(attachment %d follows)", len(after))), "the model takes no such media in a tool result: it goes after it"
				}
			case *llm.ProviderPart:
				return d.nativeInResult(c)
			}
			return c, ""
		})
		if changed {
			it, p = now[0], now[0].part.(*llm.ToolResultPart)
		}
		if p.IsError && !d.profile.ToolResultStatus {
			d.changed(llm.WarningDowngraded, it.at, "is_error", "the model takes no status of a result: its text says it")
			mended := *p
			mended.IsError = false
			mended.Content = slices.Insert(slices.Clone(p.Content), 0, llm.Part(llm.Text("error:")))
			it, changed = item{part: &mended, at: it.at}, true
		}
		return append([]item{it}, after...), changed
	})
}

// nativeInResult is a provider's part within a result.
func (d *draft) nativeInResult(p *llm.ProviderPart) (llm.Part, string) {
	switch {
	case p.Provider != Provider:
		return nil, "left out: it belongs to another provider"
	case p.Kind == "json" && !strings.HasPrefix(strings.TrimSpace(string(p.Data)), "{"):
		return llm.Text(string(p.Data)), "JSON that is no object is sent as text"
	case p.Kind == "json" && !d.profile.ToolResultJSON:
		return llm.Text(string(p.Data)), "the model takes no JSON in a tool result: it is sent as text"
	}
	return p, ""
}

func (d *draft) takesInResult(p llm.Part) bool {
	switch p := p.(type) {
	case *llm.DocumentPart:
		switch mediaTypeOf(p.MediaType, p.Data) {
		case "text/csv", "text/plain":
			return d.profile.ToolResultDocuments || d.profile.ToolResultTextDocuments
		case "":
			return d.profile.ToolResultDocuments || d.profile.ToolResultTextDocuments && p.Text != ""
		}
		return d.profile.ToolResultDocuments
	case *llm.MediaPart:
		switch kind, _, _ := strings.Cut(mediaTypeOf(p.MediaType, p.Data), "/"); kind {
		case "image":
			return d.profile.ToolResultImages
		case "video":
			return d.profile.ToolResultVideo
		}
	}
	return false
}

func emptyResults(d *draft) {
	if d.profile.EmptyToolResult {
		return
	}
	d.edit(results, func(t *turn, it item) ([]item, bool) {
		p := it.part.(*llm.ToolResultPart)
		if len(p.Content) > 0 {
			return nil, false
		}
		d.changed(llm.WarningRepaired, it.at, "content", "an empty result says so")
		mended := *p
		mended.Content = []llm.Part{llm.Text("(empty)")}
		return it.with(&mended), true
	})
}

// withheldTools tells calls and results in text where the request has no tools: the
// service refuses them then.
func withheldTools(d *draft) {
	if d.req.ToolChoice.Mode == llm.ToolChoiceNone && len(d.req.Tools) > 0 {
		// Converse has no "none". Without the tools there is none either.
		d.req.Tools = nil
	}
	if len(d.req.Tools) > 0 {
		return
	}
	names := make(map[string]string) // of the calls, by id
	d.edit(calls|results|native, func(t *turn, it item) ([]item, bool) {
		switch p := it.part.(type) {
		case *llm.ToolCallPart:
			names[p.ID] = p.Name
			d.changed(llm.WarningDowngraded, it.at, "", "without tools a call is told in text")
			return it.with(llm.Text("[called the tool " + p.Name + " with " + string(input(p)) + "]")), true
		case *llm.ToolResultPart:
			d.changed(llm.WarningDowngraded, it.at, "", "without tools a result is told in text")
			return resultAsText(it, p, names[p.CallID]), true
		case *llm.ProviderPart:
			if p.Kind == "toolUse" || p.Kind == "toolResult" {
				d.changed(llm.WarningDropped, it.at, "", "left out: without tools there are no calls that Bedrock ran")
				return nil, true
			}
		}
		return nil, false
	})
}

// resultAsText tells a result in text, with its media after it.
func resultAsText(it item, p *llm.ToolResultPart, name string) []item {
	var said []string
	var after []item
	for _, c := range p.Content {
		switch c := c.(type) {
		case *llm.TextPart:
			said = append(said, c.Text)
		case *llm.ProviderPart:
			if c.Provider == Provider {
				said = append(said, string(c.Data))
			}
		case *llm.MediaPart, *llm.DocumentPart:
			after = append(after, item{part: c, at: it.at})
		}
	}
	if p.Name != "" {
		name = p.Name
	}
	if name != "" {
		name = " " + name
	}
	what := "result"
	if p.IsError {
		what = "error"
	}
	return append(it.with(llm.Text("["+what+" of the tool"+name+": "+strings.Join(said, " ")+"]")), after...)
}

// input are the arguments of a call; none are an empty object.
func input(p *llm.ToolCallPart) json.RawMessage {
	if len(p.Input) == 0 {
		return json.RawMessage("{}")
	}
	return p.Input
}

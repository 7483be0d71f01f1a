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
func (d *draft) editResult(it item, p *llm.ToolResultPart, f func(llm.Part, location) (llm.Part, string)) ([]item, bool) {
	var mended *llm.ToolResultPart
	var inner []int
	for i, c := range p.Content {
		at := it.within(i)
		now, why := f(c, at)
		if why != "" && mended == nil {
			mended, inner = new(*p), make([]int, i, len(p.Content))
			mended.Content = slices.Clone(p.Content[:i])
			for j := range inner {
				inner[j] = int(it.within(j).k) - 1
			}
		}
		if why != "" {
			d.changed(llm.WarningRepaired, at, "", "%s", why)
		}
		if mended != nil && now != nil {
			mended.Content, inner = append(mended.Content, now), append(inner, int(at.k)-1)
		}
	}
	if mended == nil {
		return nil, false
	}
	return []item{{part: mended, at: it.at, inner: inner}}, true
}

// toolResults brings results into the form that the family takes. Media that cannot
// stand in them goes behind the last of a message.
func toolResults(d *draft) {
	var after []item // of the message at hand
	var within *turn
	d.edit(results, func(t *turn, it item) ([]item, bool) {
		p := it.part.(*llm.ToolResultPart)
		if kindsIn(p) == results|text && !p.IsError && len(after) == 0 {
			return nil, false
		}
		if t != within {
			within, after = t, nil
		}
		now, changed := d.editResult(it, p, func(c llm.Part, at location) (llm.Part, string) {
			switch {
			case kindOf(c) == cachePoints:
				return nil, "left out: a cache point cannot stand in a tool result"
			case kindOf(c)&(media|documents) != 0 && !d.takesInResult(c):
				after = append(after, item{part: c, at: at})
				return llm.Text(fmt.Sprintf("(attachment %d follows the tool results)", len(after))), "the model takes no such media in a tool result: it goes after it"
			}
			if p, ok := c.(*llm.ProviderPart); ok {
				return d.nativeInResult(p)
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
			inner := []int{-1}
			for i := range p.Content {
				inner = append(inner, int(it.within(i).k)-1)
			}
			it, changed = item{part: &mended, at: it.at, inner: inner}, true
		}
		if len(after) > 0 && lastResult(t, it.at) {
			return append([]item{it}, after...), true
		}
		return []item{it}, changed
	})
}

// lastResult says whether a message has no results behind that place.
func lastResult(t *turn, at location) bool {
	for _, it := range slices.Backward(t.items) {
		if kindOf(it.part) == results {
			return it.at == at
		}
	}
	return true
}

// nativeInResult is a provider's part within a result.
func (d *draft) nativeInResult(p *llm.ProviderPart) (llm.Part, string) {
	switch {
	case foreign(p) != "":
		return nil, foreign(p)
	case p.Kind == "json" && len(p.Data) == 0:
		return nil, "left out: it has no data"
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
	case *llm.ProviderPart:
		switch p.Kind {
		case "document":
			return d.profile.ToolResultDocuments
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
			return []item{callAsText(it, p)}, true
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

// callAsText tells a call in text.
func callAsText(it item, p *llm.ToolCallPart) item {
	return item{part: llm.Text("[called the tool " + p.Name + " with " + string(input(p)) + "]"), at: it.at}
}

// resultAsText tells a result in text, with its media after it.
func resultAsText(it item, p *llm.ToolResultPart, name string) []item {
	var said []string
	var after []item
	for i, c := range p.Content {
		switch c := c.(type) {
		case *llm.TextPart:
			said = append(said, c.Text)
		case *llm.MediaPart, *llm.DocumentPart:
			after = append(after, item{part: c, at: it.within(i)})
		case *llm.ProviderPart:
			switch {
			case kindOf(c)&(media|documents) != 0:
				after = append(after, item{part: c, at: it.within(i)})
			case c.Provider == Provider:
				said = append(said, string(c.Data))
			}
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

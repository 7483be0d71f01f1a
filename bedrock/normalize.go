package bedrock

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/schema"
)

// draft is a request on its way to Bedrock, which the rules may change. It is a copy
// down to the lists; what these hold is the application's, and replaced, never
// written to.
type draft struct {
	req      llm.Request // System and Messages are those of the application
	options  *RequestOptions
	system   []item
	turns    []turn
	profile  *Profile
	modelID  string
	strict   bool
	stream   bool
	has      kinds
	rule     *rule // the one at work
	warnings []llm.Warning
	err      error // the first fault

	tools   bool              // the list of tools is the draft's own
	names   map[string]string // of tools: what was sent, and what the application calls it
	fields  []field           // of the model, that rules set
	reasons bool              // the model will reason
	schema  *schema.Schema    // of llm.OutputFormat; nil where there is none
	answer  string            // the tool that takes the document of llm.OutputFormat, if one does
	unary   bool              // a stream is served from Converse
}

// turn is a message.
type turn struct {
	role  llm.Role
	index int // of the message it came from
	items []item
}

// item is a part and the place where the application put it.
type item struct {
	part  llm.Part
	at    location
	block types.ContentBlock // where it is encoded already
	inner []int              // of a tool result: where its parts stood, -1 for new ones; nil is where they stand
}

// within is the place of a part of a tool result.
func (it item) within(i int) location {
	if it.inner != nil {
		i = it.inner[i]
	}
	at := it.at
	at.k = int32(i + 1)
	return at
}

// location is the place of a part in the request.
type location struct {
	list list
	i, j int32 // j is that of the part in a message; -1 is the whole message
	k    int32 // k-1 is that of the part in a tool result; 0 is the whole part
}

// list is one of the lists of a request.
type list uint8

const (
	inMessages list = iota
	ofSystem
	inTools
)

func (l location) String() string {
	switch {
	case l.list == ofSystem:
		return fmt.Sprintf("system[%d]", l.i)
	case l.list == inTools:
		return fmt.Sprintf("tools[%d]", l.i)
	case l.j < 0:
		return fmt.Sprintf("messages[%d]", l.i)
	}
	path := fmt.Sprintf("messages[%d].content[%d]", l.i, l.j)
	if l.k > 0 {
		path += fmt.Sprintf(".content[%d]", l.k-1)
	}
	return path
}

// rule is one of Bedrock's demands, and what is done to meet it.
type rule struct {
	pitfall string // its numbers in the project's list of what Bedrock refuses
	name    string
	does    string // for the documentation, as is what follows
	says    string // what the service answers where the rule is not kept
	on      kinds  // it runs where the request has any of them; 0 is always
	apply   func(*draft)
}

// normalize makes a request that Bedrock takes, or says why there is none.
func (m *Model) normalize(req *llm.Request, opts *RequestOptions, stream bool) (*draft, error) {
	d := newDraft(req)
	d.options, d.profile, d.modelID, d.strict, d.stream = opts, m.opts.Profile, m.modelID, m.opts.Strict, stream
	for i := range rules {
		if r := &rules[i]; r.on == 0 || d.has&r.on != 0 {
			d.rule = r
			r.apply(d)
			if d.err != nil {
				return nil, d.err
			}
		}
	}
	return d, nil
}

func newDraft(req *llm.Request) *draft {
	d := &draft{req: *req}
	n := len(req.System)
	for _, m := range req.Messages {
		n += len(m.Content)
	}
	items := make([]item, 0, n) // for all lists; each is clipped, so that it grows apart
	add := func(list list, i int, parts []llm.Part) []item {
		from := len(items)
		for j, p := range parts {
			at := location{list: list, i: int32(i), j: int32(j)}
			if list == ofSystem {
				at = location{list: list, i: int32(j)}
			}
			items = append(items, item{part: p, at: at})
			d.has |= kindsIn(p)
		}
		return items[from:len(items):len(items)]
	}
	d.system = add(ofSystem, 0, req.System)
	d.turns = make([]turn, len(req.Messages))
	for i, m := range req.Messages {
		d.turns[i] = turn{m.Role, i, add(inMessages, i, m.Content)}
		if m.Role == llm.RoleSystem {
			d.has |= systemMessage
		}
	}
	for _, t := range req.Tools {
		d.has |= tools
		if t.Cache != nil {
			d.has |= cachePoints
		}
	}
	return d
}

// kinds is a set of what a request holds.
type kinds uint

const (
	text kinds = 1 << iota
	media
	documents
	calls
	results
	reasoning
	cachePoints
	native // provider parts that are neither media nor documents
	systemMessage
	tools
	cited     // text with citations
	malformed // calls with malformed arguments
)

func kindOf(p llm.Part) kinds {
	switch p := p.(type) {
	case *llm.TextPart:
		return text
	case *llm.MediaPart:
		return media
	case *llm.DocumentPart:
		return documents
	case *llm.ToolCallPart:
		return calls
	case *llm.ToolResultPart:
		return results
	case *llm.ReasoningPart:
		return reasoning
	case *llm.CachePointPart:
		return cachePoints
	case *llm.ProviderPart:
		if p.Provider == Provider { // by Bedrock's own name
			switch p.Kind {
			case "document":
				return documents
			case "image", "video", "audio":
				return media
			}
		}
	}
	return native
}

// kindsIn is the kind of a part, with those of what it holds.
func kindsIn(p llm.Part) kinds {
	k := kindOf(p)
	switch p := p.(type) {
	case *llm.ToolResultPart:
		for _, c := range p.Content {
			k |= kindOf(c)
		}
	case *llm.TextPart:
		if len(p.Citations) > 0 {
			k |= cited
		}
	case *llm.ToolCallPart:
		if p.Malformed != "" {
			k |= malformed
		}
	}
	return k
}

// holds says whether a list holds a part of any of these kinds, at its top level.
func holds(items []item, k kinds) bool {
	return slices.ContainsFunc(items, func(it item) bool { return kindOf(it.part)&k != 0 })
}

// changed notes what a rule did, as a warning that names the rule and the place. With
// [Options.Strict] it is an error instead.
func (d *draft) changed(code llm.WarningCode, at fmt.Stringer, field, format string, args ...any) {
	path := field
	if at != nil {
		path = at.String()
		if field != "" {
			path += "." + field
		}
	}
	message := d.rule.label() + ": " + d.say(format, args...)
	if d.strict {
		if strings.HasPrefix(path, "metadata.") {
			path = "metadata" // the key is the application's content
		}
		d.refuse(llm.ErrInvalidRequest, nil, path, "%s; Options.Strict allows no such repair", message)
		return
	}
	d.warnings = append(d.warnings, llm.Warning{Code: code, Field: path, Message: message})
}

// say adds to what the profile says of the model that it may know nothing of it.
func (d *draft) say(format string, args ...any) string {
	message := fmt.Sprintf(format, args...)
	if d.profile.Family == "" && strings.HasPrefix(message, "the model ") {
		message += ", as far as is known: Options.Profile tells more"
	}
	return message
}

// warn notes what is done in another way than asked, and needs no repair.
func (d *draft) warn(field, format string, args ...any) {
	d.warnings = append(d.warnings, llm.Warning{Code: llm.WarningDowngraded, Field: field, Message: d.rule.label() + ": " + d.say(format, args...)})
}

func (r *rule) label() string {
	if r.pitfall == "" {
		return r.name
	}
	return r.name + " (" + r.pitfall + ")"
}

// refuse notes what no rule can repair.
func (d *draft) refuse(code llm.Code, at fmt.Stringer, field, format string, args ...any) {
	if d.err != nil {
		return
	}
	f := &fault{code, field, fmt.Sprintf(format, args...)}
	d.err = f
	if at != nil {
		d.err = within(f, "%v", at)
	}
}

// edit offers f every part of these kinds in the messages. Where f says so, what it
// returns takes the part's place: nothing, another part, or several.
func (d *draft) edit(on kinds, f func(t *turn, it item) (now []item, changed bool)) {
	if d.has&on == 0 {
		return
	}
	for i := range d.turns {
		t := &d.turns[i]
		var out []item // nil until something changes
		for j, it := range t.items {
			var now []item
			changed := false
			if kindOf(it.part)&on != 0 && d.err == nil {
				now, changed = f(t, it)
			}
			switch {
			case changed && out == nil:
				out = append(append(make([]item, 0, len(t.items)+len(now)), t.items[:j]...), now...)
			case changed:
				out = append(out, now...)
			case out != nil:
				out = append(out, it)
			}
			for _, it := range now {
				d.has |= kindsIn(it.part)
			}
		}
		if out != nil {
			t.items = out
		}
	}
}

// with is another part in the same place.
func (it item) with(p llm.Part) []item { return []item{{part: p, at: it.at}} }

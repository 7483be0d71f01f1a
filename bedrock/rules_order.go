package bedrock

import (
	"slices"
	"strings"
	"unicode"

	"github.com/parley-sdk/parley/llm"
)

// filler stands where Bedrock wants a message and the application has none.
const filler = "."

// noSystemPrompt puts the system prompt where a family reads it that has no place for
// one.
func noSystemPrompt(d *draft) {
	if !d.profile.NoSystem || len(d.system) == 0 {
		return
	}
	if !holds(d.system, ^cachePoints) {
		d.changed(llm.WarningDropped, nil, "system", "left out: it has nothing but cache points")
		d.system = nil
		return
	}
	d.changed(llm.WarningDowngraded, nil, "system", "the model takes no system prompt: it is put in front of the first user message")
	if len(d.turns) > 0 && d.turns[0].role == llm.RoleUser {
		d.turns[0].items = slices.Concat(d.system, d.turns[0].items)
	} else {
		d.turns = slices.Insert(slices.Clone(d.turns), 0, turn{role: llm.RoleUser, items: d.system})
	}
	d.system = nil
}

// systemMessages finds a place for instructions within the conversation. Only those
// that lead it can join the system prompt: others would change its prefix, and caches
// would miss.
func systemMessages(d *draft) {
	lead := 0
	for lead < len(d.turns) && d.turns[lead].role == llm.RoleSystem {
		if slices.ContainsFunc(d.turns[lead].items, func(it item) bool { return !inSystem(it.part) }) {
			break
		}
		d.changed(llm.WarningRepaired, d.turns[lead], "", "it joins the system prompt")
		d.system = slices.Concat(d.system, d.turns[lead].items)
		lead++
	}
	d.turns = d.turns[lead:]
	defer alternate(d)
	for i, t := range d.turns {
		// Between calls and their results there can be no other message.
		fits := !slices.ContainsFunc(t.items, func(it item) bool { return !inSystem(it.part) && !changesTools(t) })
		if t.role != llm.RoleSystem || d.profile.SystemMessages && fits && i > 0 && !holds(d.turns[i-1].items, calls) {
			continue
		}
		if changesTools(t) {
			d.refuse(llm.ErrUnsupported, t, "", "the model takes no system messages here, and no other can change the tools: Profile.SystemMessages says that it does")
			return
		}
		d.changed(llm.WarningDowngraded, t, "role", "the model takes no system message here: it becomes a user message")
		d.turns[i].role = llm.RoleUser
	}
}

// inSystem says whether a part may stand in the system prompt.
func inSystem(part llm.Part) bool {
	p, ok := part.(*llm.ProviderPart)
	return kindOf(part)&(text|cachePoints) != 0 || ok && p.Kind == guardContent
}

// changesTools says whether a system message adds or removes tools, which no other
// message can.
func changesTools(t turn) bool {
	return slices.ContainsFunc(t.items, func(it item) bool {
		p, ok := it.part.(*llm.ProviderPart)
		return ok && (p.Kind == "toolAddition" || p.Kind == "toolRemoval")
	})
}

// alternate makes one message of those that follow each other with the same role.
func alternate(d *draft) {
	var out []turn // nil until two are joined
	own := false   // the items of the last of them may be appended to
	for i, t := range d.turns {
		if i == 0 || d.turns[i-1].role != t.role {
			own = false
			if out != nil {
				out = append(out, t)
			}
			continue
		}
		if out == nil {
			out = append(make([]turn, 0, len(d.turns)), d.turns[:i]...)
		}
		d.changed(llm.WarningRepaired, t, "", "it joins the message before it, which has the same role")
		last := &out[len(out)-1]
		if !own {
			last.items, own = slices.Clone(last.items), true
		}
		last.items = append(last.items, t.items...)
	}
	if out != nil {
		d.turns = out
	}
}

// pairResults gives every call exactly one result, in the next message and at its
// front.
func pairResults(d *draft) {
	for i := 0; i < len(d.turns) && d.err == nil; i++ {
		var before []item
		if i > 0 {
			before = d.turns[i-1].items
		}
		d.sameIDs(&d.turns[i])
		if !paired(before, d.turns[i].items) {
			d.answerCalls(&d.turns[i], callsOf(before))
		}
		if i == len(d.turns)-1 && holds(d.turns[i].items, calls) {
			d.refuse(llm.ErrInvalidRequest, d.turns[i], "content", "the conversation ends with a tool call: add a user message with its result")
		}
	}
}

// sameIDs makes text of a call that has the id of one before it in its message, and
// leaves out such a call of Bedrock's own.
func (d *draft) sameIDs(t *turn) {
	n := 0
	for _, it := range t.items {
		if kindOf(it.part)&(calls|native) != 0 {
			n++
		}
	}
	if n < 2 {
		return
	}
	seen := make(map[string]bool, n)
	own := false // the items may be changed
	for i, it := range t.items {
		p, isCall := it.part.(*llm.ToolCallPart)
		id := nativeCallID(it.part)
		if isCall {
			id = p.ID
		}
		if id == "" || !seen[id] {
			seen[id] = true
			continue
		}
		if !own {
			t.items, own = slices.Clone(t.items), true
		}
		if isCall {
			d.changed(llm.WarningRepaired, it.at, "", "a second call with the same id becomes text")
			t.items[i] = callAsText(it, p)
			continue
		}
		d.changed(llm.WarningDropped, it.at, "", "left out: a second call with the same id")
		t.items[i] = item{}
	}
	if own {
		t.items = slices.DeleteFunc(t.items, func(it item) bool { return it.part == nil })
	}
}

// nativeCallID is the id of a call that Bedrock ran itself.
func nativeCallID(part llm.Part) string {
	p, ok := part.(*llm.ProviderPart)
	if !ok || p.Kind != "toolUse" {
		return ""
	}
	return string(dataOf(p).get("toolUseId").appendString(nil))
}

// paired says whether a message begins with the results of the calls in the message
// before it, in their order, and holds no others.
func paired(before, items []item) bool {
	n := 0
	for _, it := range before {
		c, ok := it.part.(*llm.ToolCallPart)
		if !ok {
			continue
		}
		if n == len(items) {
			return false
		}
		if p, ok := items[n].part.(*llm.ToolResultPart); !ok || p.CallID != c.ID {
			return false
		}
		n++
	}
	return !holds(items[n:], results)
}

// answerCalls puts the results of the calls in front of a user's turn.
func (d *draft) answerCalls(t *turn, open []*llm.ToolCallPart) {
	var answers, rest []item
	done := make(map[string]bool, len(open))
	for _, it := range t.items {
		p, ok := it.part.(*llm.ToolResultPart)
		switch {
		case !ok:
			rest = append(rest, it)
		case !slices.ContainsFunc(open, func(c *llm.ToolCallPart) bool { return c.ID == p.CallID }):
			d.changed(llm.WarningRepaired, it.at, "", "a result without a call in the message before it becomes text")
			rest = append(rest, resultAsText(it, p, "")...)
		case done[p.CallID]:
			d.changed(llm.WarningRepaired, it.at, "", "a second result of the same call becomes text")
			rest = append(rest, resultAsText(it, p, "")...)
		default:
			done[p.CallID] = true
			answers = append(answers, it)
		}
	}
	at := location{list: inMessages, i: int32(t.index), j: -1}
	for _, c := range open {
		if !done[c.ID] {
			done[c.ID] = true
			d.changed(llm.WarningRepaired, at, "", "a call without a result gets one that says so")
			p := &llm.ToolResultPart{CallID: c.ID, Name: c.Name, IsError: d.profile.ToolResultStatus, Content: []llm.Part{llm.Text("error: the call was interrupted, and has no result")}}
			answers = append(answers, item{part: p, at: at})
			d.has |= results
		}
	}
	if !slices.EqualFunc(t.items, slices.Concat(answers, rest), func(a, b item) bool { return a.part == b.part }) {
		if len(answers) > 0 && len(rest) > 0 && len(answers)+len(rest) == len(t.items) {
			d.changed(llm.WarningRepaired, at, "", "tool results are moved to the front")
		}
		t.items = slices.Concat(answers, rest)
	}
}

func callsOf(items []item) []*llm.ToolCallPart {
	var out []*llm.ToolCallPart
	for _, it := range items {
		if p, ok := it.part.(*llm.ToolCallPart); ok {
			out = append(out, p)
		}
	}
	return out
}

// besideResults puts what the family does not take beside tool results into a message
// of its own, after one of the assistant's: two of the user's would count as one.
func besideResults(d *draft) {
	if d.profile.BesideToolResult == BesideAny {
		return
	}
	stays := func(it item) bool {
		switch kindOf(it.part) {
		case results, cachePoints:
			return true
		case text:
			return d.profile.BesideToolResult == BesideText
		case media:
			return d.profile.BesideToolResult == BesideText && blockKind(it.part) == "image"
		case native:
			p, ok := it.part.(*llm.ProviderPart)
			return ok && p.Kind == guardContent && d.profile.BesideToolResult == BesideText
		}
		return false
	}
	var out []turn // nil until one is split
	for i, t := range d.turns {
		if t.role != llm.RoleUser || !holds(t.items, results) || !slices.ContainsFunc(t.items, func(it item) bool { return !stays(it) }) {
			if out != nil {
				out = append(out, t)
			}
			continue
		}
		var beside, rest []item
		for _, it := range t.items {
			if stays(it) {
				beside = append(beside, it)
			} else {
				d.changed(llm.WarningRepaired, it.at, "", "it goes into a message after that of the tool results")
				rest = append(rest, it)
			}
		}
		if out == nil {
			out = append(make([]turn, 0, len(d.turns)+2), d.turns[:i]...)
		}
		between := turn{llm.RoleAssistant, t.index, []item{{part: llm.Text(filler), at: rest[0].at}}}
		out = append(out, turn{t.role, t.index, beside}, between, turn{t.role, t.index, rest})
	}
	if out != nil {
		d.turns = out
	}
}

func firstMessage(d *draft) {
	switch {
	case len(d.turns) == 0 && !isPrompt(d.modelID):
		d.refuse(llm.ErrInvalidRequest, nil, "messages", "empty, or with nothing that can be sent: add a user message")
	case len(d.turns) > 0 && d.turns[0].role == llm.RoleAssistant && !d.profile.LeadingAssistant && !isPrompt(d.modelID):
		d.changed(llm.WarningRepaired, d.turns[0], "", "a user message is put before it, since the model wants to be asked first")
		first := turn{llm.RoleUser, 0, []item{{part: llm.Text(filler), at: location{list: inMessages, j: -1}}}}
		d.turns = slices.Insert(slices.Clone(d.turns), 0, first)
	}
}

func lastMessage(d *draft) {
	if len(d.turns) == 0 || d.turns[len(d.turns)-1].role != llm.RoleAssistant {
		return
	}
	t := &d.turns[len(d.turns)-1]
	if !d.profile.Prefill && d.profile.Family != "" { // what is not known may be a prefill
		d.refuse(llm.ErrInvalidRequest, t, "", "the model does not continue a message of the assistant: add a user message")
		return
	}
	last := len(t.items) - 1
	for last > 0 && kindOf(t.items[last].part) == cachePoints {
		last--
	}
	if p, ok := t.items[last].part.(*llm.TextPart); ok && p.Text != strings.TrimRightFunc(p.Text, unicode.IsSpace) {
		d.changed(llm.WarningRepaired, t.items[last].at, "text", "white space at the end of the last message is cut")
		mended := *p
		mended.Text = strings.TrimRightFunc(p.Text, unicode.IsSpace)
		t.items = slices.Clone(t.items)
		t.items[last].part = &mended
	}
}

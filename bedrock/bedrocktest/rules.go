package bedrocktest

import (
	"slices"

	"github.com/parley-sdk/parley/bedrock"
)

// call is one request as the rules see it: a request that has its shape.
type call struct {
	op      string
	modelID string
	profile *bedrock.Profile // nil where nothing is known of the model
	body    *node            // of Converse; of CountTokens what stands under input.converse
	turns   []turn
}

// turn is a message.
type turn struct {
	role   string
	blocks []block
}

// block is a content block.
type block struct {
	kind string
	v    *node // the value of its only member
	at   path  // where it stands in the request
}

func newCall(op, modelID string, profile *bedrock.Profile, body *node) *call {
	c := &call{op: op, modelID: modelID, profile: profile, body: body}
	for i, m := range body.get("messages").items() {
		c.turns = append(c.turns, turn{m.get("role").string(), blocksOf(m.get("content"), path{}.key("messages").index(i).key("content"))})
	}
	return c
}

func blocksOf(n *node, at path) []block {
	var blocks []block
	for i, item := range n.items() {
		kind, v := item.member()
		blocks = append(blocks, block{kind, v, at.index(i)})
	}
	return blocks
}

// blocks ranges over the blocks of all messages.
func (c *call) blocks(yield func(block) bool) {
	for _, t := range c.turns {
		for _, b := range t.blocks {
			if !yield(b) {
				return
			}
		}
	}
}

// of returns the turn's blocks of one kind.
func (t turn) of(kind string) []block {
	return slices.DeleteFunc(slices.Clone(t.blocks), func(b block) bool { return b.kind != kind })
}

// results are the blocks within a tool result.
func (b block) results() []block {
	return blocksOf(b.v.get("content"), b.at.key("toolResult").key("content"))
}

// tools are those of the request.
func (c *call) tools() []block {
	return blocksOf(c.body.get("toolConfig").get("tools"), path{}.key("toolConfig").key("tools"))
}

// lists are those in which a cache point may stand.
func (c *call) lists() [][]block {
	lists := [][]block{c.tools(), blocksOf(c.body.get("system"), path{}.key("system"))}
	for _, t := range c.turns {
		lists = append(lists, t.blocks)
	}
	return lists
}

// rule is a check of a request. pitfall is its number in the project's list of
// pitfalls; "" where the list has none.
type rule struct {
	pitfall string
	check   func(*call) *exception
}

// rules are what Bedrock demands of any request beyond its shape, whatever the
// model. What a model demands is in familyRules. P18, P19, most of P45 and the
// ranges of settings are in the shapes.
var rules = []rule{
	{"", promptARN},
	{"P02", someMessage},
	{"P05", noEmptyContent},
	{"P04", noBlankText},
	{"P58", noEmptyGuardContent},
	{"P14", toolConfigForTools},
	{"P17", objectInput},
	{"P16", objectResult},
	{"P12", everyCallAnswered},
	{"P13", noStrayResult},
	{"P21", objectSchema},
	{"", uniqueTools},
	{"P15", knownToolChoice},
	{"", chosenToolExists},
	{"P37", noUserReasoning},
	{"P50", documentNames},
	{"P51", textBesideDocument},
	{"P53", somethingToCache},
	{"P54", fewCachePoints},
	{"", outputSchema},
	{"P70", countedByBareID},
}

// check returns the first rule's refusal, or nil.
func (c *call) check() *exception {
	all := rules
	if c.profile != nil {
		all = slices.Concat(rules, familyRules)
	}
	for _, r := range all {
		if e := r.check(c); e != nil {
			return e
		}
	}
	return nil
}

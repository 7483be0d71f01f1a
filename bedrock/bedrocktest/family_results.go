package bedrocktest

import (
	"slices"
	"strings"

	"github.com/parley-sdk/parley/bedrock"
)

// toolResults ranges over the tool results of all messages.
func (c *call) toolResults(yield func(block) bool) {
	for b := range c.blocks {
		if b.kind == "toolResult" && !yield(b) {
			return
		}
	}
}

// unanswered is how Claude sees results that stand where it does not look for them:
// those to the calls of the turn before turn i.
func (c *call) unanswered(i int) *exception {
	return byModel("messages.%d: `tool_use` ids were found without `tool_result` blocks immediately after: %s. "+
		"Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
		i-1, strings.Join(c.turns[i].answers(), ", "))
}

func resultsFirst(c *call) *exception {
	for i, t := range c.turns {
		other := slices.IndexFunc(t.blocks, func(b block) bool { return b.kind != "toolResult" && b.kind != "cachePoint" })
		if c.claude() && t.role == "user" && other >= 0 && len(turn{blocks: t.blocks[other:]}.of("toolResult")) > 0 {
			return c.unanswered(i)
		}
	}
	return nil
}

// besideResults leaves cache points to rules of their own.
func besideResults(c *call) *exception {
	allowed := []string{"toolResult", "cachePoint"}
	switch c.profile.BesideToolResult {
	case bedrock.BesideAny:
		return nil
	case bedrock.BesideText:
		allowed = append(allowed, "text", "image", "guardContent")
	}
	for i, t := range c.turns {
		if len(t.answers()) == 0 || !slices.ContainsFunc(t.blocks, func(b block) bool { return !slices.Contains(allowed, b.kind) }) {
			continue
		}
		if c.claude() {
			return c.unanswered(i)
		}
		return invalid("Conversation blocks and tool result blocks cannot be provided in the same turn.")
	}
	return nil
}

func mediaInResults(c *call) *exception {
	for b := range c.toolResults {
		for _, r := range b.results() {
			ok := true
			switch r.kind {
			case "image":
				ok = c.profile.ToolResultImages
			case "video":
				ok = c.profile.ToolResultVideo
			case "document":
				ok = c.profile.ToolResultDocuments || c.profile.ToolResultTextDocuments && textDocument(r.v)
			}
			if !ok {
				return unsupportedBlock(r.kind)
			}
		}
	}
	return nil
}

func textDocument(n *node) bool {
	switch n.get("format").string() {
	case "csv", "txt":
		return true
	case "":
		return n.get("source").get("text") != nil
	}
	return false
}

func resultStatus(c *call) *exception {
	for b := range c.toolResults {
		if b.v.get("type") == nil && b.v.get("status") != nil && !c.profile.ToolResultStatus {
			return unsupportedField("status")
		}
	}
	return nil
}

func emptyResult(c *call) *exception {
	for b := range c.toolResults {
		if b.v.get("type") == nil && len(b.results()) == 0 && !c.profile.EmptyToolResult {
			return invalid("The content field in the ToolResultBlock object at %s.toolResult is empty. "+
				"Add a ToolResultContentBlock object to the content field and try again.", b.at)
		}
	}
	return nil
}

func jsonResult(c *call) *exception {
	for b := range c.toolResults {
		for _, r := range b.results() {
			if b.v.get("type") == nil && r.kind == "json" && !c.profile.ToolResultJSON {
				return unsupportedField("json")
			}
		}
	}
	return nil
}

package bedrocktest

import (
	"encoding/json"
	"regexp"
	"strings"
)

// promptARNs are the ids of stored prompts, which bring their own settings and may
// bring their own messages.
var promptARNs = regexp.MustCompile(`^arn:aws[a-z-]*:bedrock:[a-z0-9-]*:[0-9]*:prompt/`)

func promptARN(c *call) *exception {
	if !promptARNs.MatchString(c.modelID) {
		return nil
	}
	for _, key := range []string{"additionalModelRequestFields", "inferenceConfig", "system", "toolConfig"} {
		if c.body.get(key) != nil {
			return invalid("The %s field cannot be used with a prompt from Prompt management.", key)
		}
	}
	return nil
}

const startWithUser = "A conversation must start with a user message. Try again with a conversation that starts with a user message."

func someMessage(c *call) *exception {
	if len(c.turns) == 0 && !promptARNs.MatchString(c.modelID) {
		return invalid(startWithUser)
	}
	return nil
}

func noEmptyContent(c *call) *exception {
	for i, t := range c.turns {
		if len(t.blocks) == 0 {
			return invalid("The content field in the Message object at messages.%d is empty. Add a ContentBlock object to the content field and try again.", i)
		}
	}
	return nil
}

// noBlankText also covers P07, the empty result of a tool.
func noBlankText(c *call) *exception {
	blank := func(union string, blocks []block) *exception {
		for _, b := range blocks {
			if b.kind == "text" && strings.TrimSpace(b.v.string()) == "" {
				return invalid("The text field in the %s object at %s is blank. Add text to the text field, and try again.", union, b.at)
			}
		}
		return nil
	}
	if e := blank("SystemContentBlock", blocksOf(c.body.get("system"), path{}.key("system"))); e != nil {
		return e
	}
	for _, t := range c.turns {
		if e := blank("ContentBlock", t.blocks); e != nil {
			return e
		}
		for _, b := range t.of("toolResult") {
			if e := blank("ToolResultContentBlock", b.results()); e != nil {
				return e
			}
		}
	}
	return nil
}

func noEmptyGuardContent(c *call) *exception {
	for _, blocks := range c.lists() {
		for _, b := range blocks {
			text := b.v.get("text")
			if b.kind == "guardContent" && text != nil && strings.TrimSpace(text.get("text").string()) == "" {
				return invalid("The text field in the GuardrailConverseTextBlock object at %s.guardContent.text is blank. Add text to the text field, and try again.", b.at)
			}
		}
	}
	return nil
}

// userReasoning is also what Bedrock says of reasoning in the model's own turns, where
// the model takes none back.
const userReasoning = "User messages cannot contain reasoning content. Please remove the reasoning content and try again."

func noUserReasoning(c *call) *exception {
	for _, t := range c.turns {
		if t.role == "user" && len(t.of("reasoningContent")) > 0 {
			return invalid(userReasoning)
		}
	}
	return nil
}

func somethingToCache(c *call) *exception {
	for _, blocks := range c.lists() {
		if len(blocks) > 0 && blocks[0].kind == "cachePoint" {
			return invalid("There is nothing available to cache. Please remove the invalid cache point and try again.")
		}
	}
	return nil
}

func fewCachePoints(c *call) *exception {
	n := 0
	for _, blocks := range c.lists() {
		n += len(turn{blocks: blocks}.of("cachePoint"))
	}
	if n > 4 {
		return invalid("A maximum of 4 blocks with cache_control may be provided. Found %d.", n)
	}
	return nil
}

func outputSchema(c *call) *exception {
	schema := c.body.get("outputConfig").get("textFormat").get("structure").get("jsonSchema").get("schema")
	if schema != nil && !json.Valid([]byte(schema.string())) {
		return invalid("The value at outputConfig.textFormat.structure.jsonSchema.schema is not valid JSON.")
	}
	return nil
}

// geoIDs are those of inference profiles that AWS made: "us.anthropic.…". An unknown
// first segment may be a vendor.
var geoIDs = regexp.MustCompile(`^(us|us-gov|eu|apac|jp|au|ca|in|sa|amer|global)\.[^.]+\.`)

func countedByBareID(c *call) *exception {
	if c.op == "CountTokens" && geoIDs.MatchString(c.modelID) {
		return cannotCount()
	}
	return nil
}

func cannotCount() *exception {
	return invalid("The provided model doesn't support counting tokens.")
}

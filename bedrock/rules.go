package bedrock

import "github.com/parley-sdk/parley/llm"

// rules are run in this order. The numbers are those of the project's list of
// pitfalls, the sources of which are reports of what the service answered.
var rules = []rule{
	// What the family cannot do at all.
	{"P49", "not on Converse", "the request is refused",
		"The provided model identifier is invalid.", 0, notOnConverse},
	{"", "stored prompts", "a prompt of Prompt management has its own system prompt, tools and parameters: parameters of the request are dropped, the others are an error",
		"The system field cannot be used with a prompt from Prompt management.", 0, storedPrompts},
	{"", "refused media", "images, documents, video or audio that the family refuses are an error",
		"This model doesn't support documents.", media | documents, refusedMedia},

	// What is in the messages.
	{"P09", "foreign parts", "parts of other providers, and of kinds that the AWS SDK does not know, are left out",
		"Malformed input request: extraneous key is not permitted", native, foreignParts},
	{"P35 P36 P37", "reasoning", "only signed reasoning of the same vendor goes back",
		"Invalid `signature` in `thinking` block; User messages cannot contain reasoning content.", reasoning, replayReasoning},
	{"", "media of the assistant", "generated media goes back only to families that take it",
		"This model doesn't support the image field for assistant messages.", media | documents, assistantMedia},
	{"P59", "citations", "those of other providers, of search results, and of kinds that the AWS SDK does not know are left out",
		"", cited, replayCitations},
	{"P17", "malformed arguments", "arguments that are no JSON object are sent as text within one",
		"The format of the value at messages.1.content.0.toolUse.input is invalid. Provide a json object", malformed, malformedArguments},
	{"P14 P15", "tools withheld", "without tools, or with the choice none, calls and results become text",
		"The toolConfig field must be defined when using toolUse and toolResult content blocks.", 0, withheldTools},
	{"P04 P06 P07", "blank text", "blank text is left out",
		"The text field in the ContentBlock object at messages.0.content.0 is blank.", text | results | native, blankText},
	{"P05", "empty messages", "messages without content are left out",
		"The content field in the Message object at messages.0 is empty.", 0, emptyMessages},

	// Their order.
	{"P01", "alternation", "messages of the same role in a row become one",
		"A conversation must alternate between user and assistant roles.", 0, alternate},
	{"P34", "leading reasoning", "within a budget, reasoning leads its message",
		"Expected `thinking` or `redacted_thinking`, but found `text`.", reasoning, leadingReasoning},
	{"P10", "system messages", "leading ones join the system prompt, later ones become user messages where the family takes none",
		"Member must satisfy enum value set: [user, assistant]", systemMessage, systemMessages},
	{"P11", "no system prompt", "a system prompt goes in front of the first user message where the family takes none",
		"This model doesn't support system messages.", 0, noSystemPrompt},
	{"P12 P13", "calls and results", "results without a call become text, calls without a result get one that says so, and results come first; of calls with one id only the first stays one",
		"Expected toolResult blocks at messages.2.content for the following Ids; The number of toolResult blocks exceeds the number of toolUse blocks of previous turn.", calls | results | native, pairResults},
	{"P16 P29 P30", "tool results", "what the family does not take in a tool result is told in text, or goes after it",
		"The format of the value at …toolResult.content.0.json is invalid; This model doesn't support the status field.", results, toolResults},
	{"P31", "empty tool results", "they say that they are empty",
		"", results, emptyResults},
	{"P28", "beside tool results", "what cannot stand beside results goes into a message of its own",
		"Conversation blocks and tool result blocks cannot be provided in the same turn.", results, besideResults},
	{"P50 P51", "documents", "names are made valid and unique, and a text stands beside them",
		"The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, and square brackets.", documents, documentNames},
	{"", "media limits", "more than 20 images or 5 documents in a message are an error",
		"", media | documents, mediaLimits},
	{"P52 P53 P54 P55 P56", "cache points", "those that cannot stand where they are move or are left out, and lifetimes never grow",
		"There is nothing available to cache; A maximum of 4 blocks with cache_control may be provided.", cachePoints, cachePointPlaces},
	{"P02", "first message", "a user message is put before an assistant's",
		"A conversation must start with a user message.", 0, firstMessage},
	{"P03 P08", "last message", "an assistant's is an error where the family does not continue it; else its text ends without white space",
		"This model does not support assistant message prefill; final assistant content cannot end with trailing whitespace", 0, lastMessage},

	// Tools.
	{"", "no tools", "tools are refused where the family has none",
		"This model doesn't support tool use.", tools, refusedTools},
	{"P18", "tool names", "names that Bedrock refuses are replaced, and put back in the answer",
		"Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+", tools | calls, toolNames},
	{"P20", "call ids", "ids that the family refuses are replaced",
		"Tool call id was … but must be a-z, A-Z, 0-9, with a length of 9.", calls | results, callIDs},
	{"P21", "tool schemas", "a schema says that it is of an object",
		"The value at …inputSchema.json.type must be one of the following: object.", tools, toolSchemas},
	{"P43", "max tokens", "more than the family's maximum is clamped",
		"The maximum tokens you requested exceeds the model limit", 0, maxTokens},
	{"P38 P39", "reasoning parameters", "reasoning is asked for in the family's way",
		"Thinking may not be enabled when tool_choice forces tool use; \"thinking.type.enabled\" is not supported for this model.", 0, reasoningParameters},
	{"", "output schemas", "a schema that answers cannot be held to is told, and one that would never end is an error",
		"", 0, outputSchemas},
	{"", "structured output", "without native support a tool takes the document",
		"Extra inputs are not permitted", 0, structuredOutput},
	{"P21", "schema dialect", "strict is dropped where the family has none; else schemas lose what strict mode refuses",
		"For 'object' type, 'additionalProperties' must be explicitly set to false", 0, strictSchemas},
	{"P15", "tool choice", "a forced call that the family does not know is an error",
		"This model doesn't support the toolConfig.toolChoice.any field.", tools, toolChoice},
	{"P22", "streamed tools", "a stream is served from Converse where the family does not stream calls",
		"This model doesn't support tool use in streaming mode.", 0, streamedTools},

	// Parameters.
	{"P41 P42 P44", "sampling", "what the family refuses is dropped, and values are brought into range",
		"`temperature` and `top_p` cannot both be specified for this model; `temperature` is deprecated for this model.", 0, samplingParameters},
	{"P45", "stop sequences", "those that the family refuses are dropped",
		"This model doesn't support the stopSequences field.", 0, stopSequences},
	{"", "metadata", "tags that Bedrock refuses are dropped",
		"", 0, metadata},
}

// notOnConverse refuses models that other operations serve.
func notOnConverse(d *draft) {
	if d.profile.NoConverse {
		d.refuse(llm.ErrUnsupported, nil, "model", "Converse does not serve this model")
	}
}

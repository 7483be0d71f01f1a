package bedrocktest

import "slices"

// The shapes of what Converse, ConverseStream and CountTokens receive. A test
// compares them with the schemas of the AWS SDK.

func object(members ...member) *shape { return &shape{kind: structureKind, members: members} }

func either(name string, members ...member) *shape {
	return &shape{kind: unionKind, name: name, members: members}
}

func must(name string, s *shape) member { return member{name, s, true} }
func may(name string, s *shape) member  { return member{name, s, false} }

func listOf(s *shape, min, max float64) *shape {
	return &shape{kind: listKind, element: s, min: min, max: max}
}

func mapOf(s *shape, min, max float64) *shape {
	return &shape{kind: mapKind, element: s, min: min, max: max}
}

func words(min, max float64) *shape { return &shape{kind: textKind, min: min, max: max} }
func oneOf(values ...string) *shape { return &shape{kind: textKind, enum: values} }

func sourceOf(union string) *shape {
	return either(union, may("bytes", anyBytes), may("s3Location", s3LocationShape))
}

// plus returns the members and some more.
func plus(members []member, more ...member) []member { return slices.Concat(members, more) }

var (
	anyJSON    = &shape{kind: jsonKind}
	anyText    = &shape{kind: textKind}
	anyBytes   = &shape{kind: blobKind}
	flagShape  = &shape{kind: booleanKind}
	unitShape  = &shape{kind: numberKind, max: 1}
	emptyShape = object()

	// P18 and P20.
	toolNameShape  = &shape{kind: textKind, min: 1, max: 64, pattern: newPattern("[a-zA-Z0-9_-]+")}
	toolUseIDShape = &shape{kind: textKind, min: 1, max: 64, pattern: newPattern("[a-zA-Z0-9_.:-]+")}
)

// Media.
var (
	s3LocationShape  = object(must("uri", words(1, 1024)), may("bucketOwner", anyText))
	errorBlockShape  = object(may("message", anyText))
	citeConfigShape  = object(must("enabled", flagShape))
	imageFormatShape = oneOf("png", "jpeg", "gif", "webp")

	imageShape = object(must("format", imageFormatShape), must("source", sourceOf("ImageSource")), may("error", errorBlockShape))
	videoShape = object(
		must("format", oneOf("mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp")),
		must("source", sourceOf("VideoSource")))
	audioShape = object(
		must("format", oneOf("mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg", "mpga", "pcm", "webm")),
		must("source", sourceOf("AudioSource")), may("error", errorBlockShape))
	fileShape = object(
		may("format", oneOf("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md")),
		must("name", words(1, 200)),
		must("source", either("DocumentSource", may("bytes", anyBytes), may("s3Location", s3LocationShape), may("text", anyText),
			may("content", listOf(either("DocumentContentBlock", may("text", anyText)), 0, 0)))),
		may("context", anyText), may("citations", citeConfigShape))
)

// Content.
var (
	cachePointShape = object(must("type", oneOf("default")), may("ttl", oneOf("5m", "1h")))

	toolUseShape = object(must("toolUseId", toolUseIDShape), must("name", toolNameShape), must("input", anyJSON),
		may("type", oneOf("server_tool_use")))
	toolResultShape = object(must("toolUseId", toolUseIDShape), must("content", listOf(toolResultBlockShape, 0, 0)),
		may("status", oneOf("success", "error")), may("type", anyText))
	toolResultBlockShape = either("ToolResultContentBlock", may("text", anyText), may("json", anyJSON), may("image", imageShape),
		may("document", fileShape), may("video", videoShape), may("searchResult", searchResultShape))

	searchResultShape = object(must("source", anyText), must("title", anyText),
		must("content", listOf(object(must("text", anyText)), 0, 0)), may("citations", citeConfigShape))

	guardContentShape = either("GuardrailConverseContentBlock",
		may("text", object(must("text", anyText), may("qualifiers", listOf(oneOf("grounding_source", "query", "guard_content"), 0, 0)))),
		may("image", object(must("format", oneOf("png", "jpeg")),
			must("source", either("GuardrailConverseImageSource", may("bytes", anyBytes))))))

	reasoningContentShape = either("ReasoningContentBlock",
		may("reasoningText", object(must("text", anyText), may("signature", anyText))),
		may("redactedContent", anyBytes))

	spanMembers           = []member{may("start", positionShape), may("end", positionShape)}
	positionShape         = &shape{kind: integerKind}
	documentSpanShape     = object(plus(spanMembers, may("documentIndex", positionShape))...)
	citationLocationShape = either("CitationLocation",
		may("web", object(may("url", anyText), may("domain", anyText))),
		may("documentChar", documentSpanShape), may("documentPage", documentSpanShape), may("documentChunk", documentSpanShape),
		may("searchResultLocation", object(plus(spanMembers, may("searchResultIndex", positionShape))...)))
	citationsContentShape = object(
		may("content", listOf(either("CitationGeneratedContent", may("text", anyText)), 0, 0)),
		may("citations", listOf(object(may("title", anyText), may("source", anyText),
			may("sourceContent", listOf(either("CitationSourceContent", may("text", anyText)), 0, 0)),
			may("location", citationLocationShape)), 0, 0)))

	toolReferenceShape = object(must("tool", object(may("type", anyText), may("name", anyText), may("serverName", anyText))))

	contentBlockShape = either("ContentBlock",
		may("text", anyText), may("image", imageShape), may("document", fileShape), may("video", videoShape), may("audio", audioShape),
		may("toolUse", toolUseShape), may("toolResult", toolResultShape), may("guardContent", guardContentShape),
		may("cachePoint", cachePointShape), may("reasoningContent", reasoningContentShape), may("citationsContent", citationsContentShape),
		may("searchResult", searchResultShape), may("toolAddition", toolReferenceShape), may("toolRemoval", toolReferenceShape))
	systemBlockShape = either("SystemContentBlock",
		may("text", words(1, 0)), may("guardContent", guardContentShape), may("cachePoint", cachePointShape))
	messageShape = object(must("role", oneOf("user", "assistant", "system")), must("content", listOf(contentBlockShape, 0, 0)))
)

// Tools and settings.
var (
	toolShape = either("Tool",
		may("toolSpec", object(must("name", toolNameShape), may("description", words(1, 0)),
			must("inputSchema", either("ToolInputSchema", may("json", anyJSON))), may("strict", flagShape))),
		may("systemTool", object(must("name", toolNameShape))),
		may("cachePoint", cachePointShape))
	toolConfigShape = object(must("tools", listOf(toolShape, 1, 0)),
		may("toolChoice", either("ToolChoice", may("auto", emptyShape), may("any", emptyShape), may("tool", object(must("name", toolNameShape))))))

	inferenceConfigShape = object(
		may("maxTokens", &shape{kind: integerKind, min: 1}), may("temperature", unitShape), may("topP", unitShape),
		may("stopSequences", listOf(words(1, 0), 0, 0)))
	outputConfigShape = object(
		may("textFormat", object(must("type", oneOf("json_schema")),
			must("structure", either("OutputFormatStructure",
				may("jsonSchema", object(must("schema", anyText), may("name", anyText), may("description", anyText))))))),
		may("effort", anyText))
	guardrailMembers = []member{may("guardrailIdentifier", words(0, 2048)), may("guardrailVersion", anyText),
		may("trace", oneOf("enabled", "disabled", "enabled_full"))}

	tokenMembers = []member{may("messages", listOf(messageShape, 0, 0)), may("system", listOf(systemBlockShape, 0, 0)),
		may("toolConfig", toolConfigShape), may("additionalModelRequestFields", anyJSON)}
	converseMembers = plus(tokenMembers,
		may("inferenceConfig", inferenceConfigShape),
		may("promptVariables", mapOf(either("PromptVariableValues", may("text", anyText)), 0, 0)),
		may("additionalModelResponseFieldPaths", listOf(words(1, 256), 0, 10)),
		may("requestMetadata", mapOf(words(0, 256), 1, 16)),
		may("performanceConfig", object(may("latency", oneOf("standard", "optimized")))),
		may("serviceTier", object(must("type", oneOf("priority", "default", "flex", "reserved")))),
		may("outputConfig", outputConfigShape))
)

// The three operations.
var (
	converseShape = object(plus(converseMembers,
		may("guardrailConfig", object(guardrailMembers...)))...)
	converseStreamShape = object(plus(converseMembers,
		may("guardrailConfig", object(plus(guardrailMembers, may("streamProcessingMode", oneOf("sync", "async")))...)))...)
	countTokensShape = object(must("input", either("CountTokensInput",
		may("converse", object(tokenMembers...)),
		may("invokeModel", object(must("body", anyBytes))))))
)

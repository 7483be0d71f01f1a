package tracing

import "go.opentelemetry.io/otel/attribute"

// Names of the OpenTelemetry conventions for generative AI, as of version 1.41.0. They are
// kept here since later semconv packages lack them: the conventions moved to a repository of
// their own. Whoever updates them changes this file, and the version in schemaURL.
const (
	scopeName = "github.com/parley-sdk/parley/middleware/tracing"
	schemaURL = "https://opentelemetry.io/schemas/1.41.0"
)

// Values of gen_ai.operation.name, with which names of spans begin.
const (
	opChat        = "chat"
	opExecuteTool = "execute_tool"
	opInvokeAgent = "invoke_agent"
)

// Attributes of the conventions.
const (
	keyOperation      = attribute.Key("gen_ai.operation.name")
	keyProvider       = attribute.Key("gen_ai.provider.name")
	keyConversationID = attribute.Key("gen_ai.conversation.id")
	keyOutputType     = attribute.Key("gen_ai.output.type")
	keyErrorType      = attribute.Key("error.type")

	keyRequestModel  = attribute.Key("gen_ai.request.model")
	keyStream        = attribute.Key("gen_ai.request.stream")
	keyMaxTokens     = attribute.Key("gen_ai.request.max_tokens")
	keyTemperature   = attribute.Key("gen_ai.request.temperature")
	keyTopP          = attribute.Key("gen_ai.request.top_p")
	keyTopK          = attribute.Key("gen_ai.request.top_k") // a double, says the convention
	keyStopSequences = attribute.Key("gen_ai.request.stop_sequences")

	keyResponseModel    = attribute.Key("gen_ai.response.model")
	keyFinishReasons    = attribute.Key("gen_ai.response.finish_reasons")
	keyTimeToFirstChunk = attribute.Key("gen_ai.response.time_to_first_chunk")

	keyInputTokens      = attribute.Key("gen_ai.usage.input_tokens") // cached tokens included
	keyOutputTokens     = attribute.Key("gen_ai.usage.output_tokens")
	keyCacheReadTokens  = attribute.Key("gen_ai.usage.cache_read.input_tokens")
	keyCacheWriteTokens = attribute.Key("gen_ai.usage.cache_creation.input_tokens")
	keyReasoningTokens  = attribute.Key("gen_ai.usage.reasoning.output_tokens")
	keyTokenType        = attribute.Key("gen_ai.token.type") // "input" or "output", of metrics

	keySystemInstructions = attribute.Key("gen_ai.system_instructions")
	keyInputMessages      = attribute.Key("gen_ai.input.messages")
	keyOutputMessages     = attribute.Key("gen_ai.output.messages")
	keyToolDefinitions    = attribute.Key("gen_ai.tool.definitions")

	keyToolName        = attribute.Key("gen_ai.tool.name")
	keyToolType        = attribute.Key("gen_ai.tool.type")
	keyToolDescription = attribute.Key("gen_ai.tool.description")
	keyToolCallID      = attribute.Key("gen_ai.tool.call.id")
	keyToolArguments   = attribute.Key("gen_ai.tool.call.arguments")
	keyToolResult      = attribute.Key("gen_ai.tool.call.result")

	keyAgentName        = attribute.Key("gen_ai.agent.name")
	keyAgentID          = attribute.Key("gen_ai.agent.id")
	keyAgentDescription = attribute.Key("gen_ai.agent.description")
	keyAgentVersion     = attribute.Key("gen_ai.agent.version")

	keyAWSRequestID = attribute.Key("aws.request_id") // where the provider is one of AWS
)

// Names of our own, for what the conventions have no word.
const (
	keyRequestID      = attribute.Key("parley.request_id")
	keyPrimaryModel   = attribute.Key("parley.primary_model")
	keyServiceTier    = attribute.Key("parley.service_tier")
	keyEstimated      = attribute.Key("parley.usage.estimated")
	keyCost           = attribute.Key("parley.cost_usd")
	keyAbandoned      = attribute.Key("parley.abandoned")
	keyMetadataPrefix = "parley.metadata."

	eventPrefix = "parley." // of span events; the kind of the hook event follows
	keyPolicy   = attribute.Key("parley.policy")
	keyAttempt  = attribute.Key("parley.attempt")
	keyWait     = attribute.Key("parley.wait_seconds")

	partOmitted = "parley.omitted" // the type of what stands for content that the size bound left out
)

// The histograms.
const (
	metricDuration   = "gen_ai.client.operation.duration"
	metricTokens     = "gen_ai.client.token.usage"
	metricFirstChunk = "gen_ai.client.operation.time_to_first_chunk"
	metricPerChunk   = "gen_ai.client.operation.time_per_output_chunk"
	metricCost       = "parley.client.operation.cost"

	unitSeconds = "s"
	unitTokens  = "{token}"
	unitDollars = "{USD}"
)

// Other words of the conventions.
const (
	tokenTypeInput     = "input"
	tokenTypeOutput    = "output"
	errorTypeOther     = "_OTHER" // what has no known name
	outputTypeJSON     = "json"
	toolTypeFunction   = "function"
	captureEnvironment = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
)

// The bounds of the buckets are functions, so that nobody changes them.
func secondBounds() []float64 {
	return []float64{0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92}
}

func tokenBounds() []float64 {
	return []float64{1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864}
}

func dollarBounds() []float64 {
	return []float64{0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30}
}

// Package tracing shows calls of models in OpenTelemetry: a span for each call, with the
// names that the conventions for generative AI give to its parts, and histograms of how long
// calls take, what they use and what they cost.
//
//	m := llm.Wrap(backend, tracing.New(nil), retry.New(nil))
//
// It stands outside of retries, fallbacks and hedges, so that one span is one call as the
// application made it. What those do to the call are events of its span; and the context that
// they get carries the span, so that the spans of HTTP clients nest under it. Wrapped again
// inside of a retry it shows each attempt too, in spans of their own; then calls and tokens
// are measured twice.
//
// # Spans
//
// A call is a span of kind CLIENT. The names are those of version 1.41.0 of the conventions.
//
//	chat {model}                               Generate or Stream
//	  gen_ai.operation.name, provider.name, request.model   when it starts, for samplers
//	  gen_ai.conversation.id                   within a turn of a conversation
//	  gen_ai.request.stream                    true, of streams
//	  gen_ai.request.max_tokens, temperature, top_p, top_k, stop_sequences   as far as set
//	  gen_ai.output.type                       json, where the request asks for a schema
//	  gen_ai.response.model                    which model served
//	  gen_ai.response.finish_reasons           the llm.StopReason
//	  gen_ai.response.time_to_first_chunk      seconds, of streams
//	  gen_ai.usage.input_tokens, output_tokens          input with what was cached
//	  gen_ai.usage.cache_read.input_tokens, cache_creation.input_tokens, reasoning.output_tokens
//	  error.type                               the llm.Code; the status is Error then
//	  aws.request_id, or parley.request_id     the provider's id of the call
//	  parley.service_tier                      as served
//	  parley.usage.estimated                   true, where the provider did not report all of it
//	  parley.abandoned                         true, where the caller left the loop early
//	  parley.primary_model                     the model that was asked first, after a fallback
//	  parley.cost_usd, parley.metadata.{key}   see Options
//	parley.retry, .wait, .reject, .timeout, .fallback, .hedge   events: what policies did
//	  parley.policy, parley.attempt, parley.wait_seconds, error.type
//	  gen_ai.provider.name, gen_ai.request.model   of the model that a fallback turns to
//	execute_tool {tool}                        INTERNAL; conversation runs a tool
//	  gen_ai.operation.name, tool.name, tool.type, tool.description, tool.call.id, error.type
//	invoke_agent {agent}                       INTERNAL; a turn of a conversation
//	  gen_ai.operation.name, provider.name, agent.*, conversation.id, error.type
//	  gen_ai.request.*, output.type, response.finish_reasons, usage.* as above
//
// The span of a stream starts when its loop does, and ends when the loop ends: after Finish,
// an error, a break or a panic. A loop that is left early is no error, for the application
// had enough; a call that is cancelled is one, canceled. Of a call that failed, the span has
// the code and never the message. A code that package llm does not know is _OTHER.
//
// After a fallback the call is that of the model which was asked at last: the span's name,
// provider and request model change, and so do the metrics. gen_ai.response.model alone says
// where a router or an alias led.
//
// Options of a provider may name attributes that its conventions have for them: they
// implement SpanAttributes() map[string]string, which is called on nil pointers too. It shows
// in calls of that provider.
//
// # Metrics
//
// All are histograms with the buckets of the conventions. They are recorded after the span
// has ended, whether or not it was sampled, with its context, so that exemplars point to it.
//
//	gen_ai.client.operation.duration               s        each call; with error.type
//	gen_ai.client.token.usage                      {token}  gen_ai.token.type input, output
//	gen_ai.client.operation.time_to_first_chunk    s        streams
//	gen_ai.client.operation.time_per_output_chunk  s        streams, each chunk after the first
//	parley.client.operation.cost                   {USD}    where Options.Cost knows it
//
// Each has gen_ai.operation.name, gen_ai.provider.name, gen_ai.request.model and
// gen_ai.response.model. A chunk is a delta, or a part that comes whole; the time between two
// includes what the application does in its loop. Tokens that nobody reported are not
// recorded: no usage, no record. Input tokens include cached ones, once. The cost is a float
// for dashboards; the ledger of package usage has it exact.
//
// # Content
//
// Prompts and answers are not recorded, unless [Options.CaptureContent] or the environment
// variable OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT asks for them; with
// [Options.IgnoreEnvironment] the variable has no say. Then spans that are recorded get, as
// JSON text of the conventions' schemas:
//
//	gen_ai.system_instructions, gen_ai.input.messages, gen_ai.output.messages
//	gen_ai.tool.definitions                    type and name of each tool
//	gen_ai.tool.call.arguments, gen_ai.tool.call.result   of execute_tool
//
// [Options.Redact] sees each text first, and [Options.MaxContentBytes] bounds each attribute.
// Media are shown by their URI, or by a hash of their bytes: sha256:…; blocks of one provider
// by their kind. A URI is shown with its query, which may hold a signature that admits to the
// medium. Signatures of reasoning and encrypted reasoning are not shown.
//
// Text that is not UTF-8 is mended in every attribute, with U+FFFD: exporters of OTLP refuse
// whole batches for it.
//
// # Cost of tracing
//
// Where no span is recorded and no meter is enabled, calls pass with the allocations that a
// span costs in OpenTelemetry: one with the no-op providers, three where none was set; and
// events of streams are not looked at. Else events cost no allocation; with meters each chunk
// reads the clock, and its record is made at the end.
package tracing

// Package bedrock is an [llm.Model] on Amazon Bedrock's Converse API, for every model
// that Bedrock offers there.
//
// # Use
//
// The AWS client is yours: region, credentials, endpoint, proxies and HTTP settings
// come from the usual AWS configuration.
//
//	cfg, err := config.LoadDefaultConfig(ctx)
//	if err != nil {
//		return err
//	}
//	model := bedrock.NewFromConfig(cfg, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", nil)
//
// Many models are reached by an inference profile only: the id with a prefix such as
// "us.", "eu." or "global.".
//
// # What is sent
//
// The neutral request is mapped to Converse one to one, after a table of rules has
// brought it into the form that Bedrock and the model's family take: on a copy, each
// change with a warning in the response. What no rule can repair is an
// [llm.ErrInvalidRequest] with its path, before anything is sent; what the model cannot
// do is [llm.ErrUnsupported] where it changes the request's meaning, and a warning
// where it only tunes it. docs/bedrock.md lists the rules.
//
// What families can do is data: see [Profile] and [ProfileFor]. From a model that is not
// known what some refuse is held back, where it only tunes.
//
// Where a family has no structured output, a tool takes the document; either way the
// text of the answer satisfies [llm.OutputFormat], or the error is
// [llm.ErrMalformedOutput] and comes with the answer as it was.
//
// Features of Bedrock alone travel in [RequestOptions] and as [llm.ProviderPart]:
// [GuardText], [SearchResult], [ToolAddition] and others make them, and any content
// block can be written by its name in the Converse API; docs/bedrock.md lists where
// each member of the API is found. Blocks in an
// answer that the neutral vocabulary lacks come back as such parts, also those of
// tools that Bedrock runs itself, and can be sent back.
//
// # What comes back
//
// Usage counts cached tokens as part of the input, as [llm.Usage] wants it, whichever
// way the model counts. [Details] has the guardrail's verdict, the prompt router's
// choice and more, [Output] the SDK's own type, [RawJSON] the bytes.
//
// # Guardrails
//
// [RequestOptions.Guardrail] applies one to a call, and a [GuardrailClient] asks for a
// verdict without a model.
//
// # Errors
//
// Every exception of the service, before and within a stream, becomes an
// [llm.Error] with a code, HTTP status and request id; the SDK's typed exception is
// its cause. A stream that ends before the model's answer does, however it ends, is
// [llm.ErrIncomplete]: the AWS SDK reports most of them as success.
//
// # Retries
//
// The SDK's own retries are off, see [Options.KeepSDKRetries].
package bedrock

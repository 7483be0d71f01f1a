// Package bedrocktest is a local Amazon Bedrock, in the manner of net/http/httptest:
// a server that speaks the wire protocol of Bedrock Runtime, answered by any
// [llm.Model].
//
// It serves Converse, ConverseStream and CountTokens over HTTP/1.1 and cleartext
// HTTP/2, on one port. Any AWS SDK can talk to it, given its URL as the endpoint and
// any credentials.
//
// # Use
//
// Put a model behind a server and talk to it through the real AWS client. In a test
// the model is usually a fake:
//
//	server := bedrocktest.NewServer(model, nil)
//	defer server.Close()
//	out, err := server.Client().Converse(ctx, &bedrockruntime.ConverseInput{…})
//
// [Server.Requests] returns what was received, in neutral terms; [Server.Wire] shows
// headers and bodies, and so what only Bedrock has a word for.
//
// # What the model gets and gives
//
// A request reaches the model as an [llm.Request]. Everything in Converse that has a
// neutral form is in it, and tool input, schemas and unknown blocks keep every byte.
// JSON in a tool's result arrives as text, so that any model can read it. A block
// that the vocabulary lacks, or that has a member for which its part has no field (the
// owner of an S3 bucket), is an [llm.ProviderPart] of provider "aws.bedrock", with
// the name of the union's member as its kind; so are calls that Bedrock runs itself
// and their results. Guardrails, service tier, latency, prompt variables, additional
// fields and effort are in [Server.Wire] only.
//
// Answers go the other way. An [llm.ProviderPart] of provider "aws.bedrock" goes out
// as the block that it names, and an [llm.ProviderDelta] as the delta or, with Index
// -1, as an event: that is how a test sends blocks and events that no client knows
// yet. Parts of other providers, warnings, and usage before the end have no form on
// the wire and are left out. Arguments of a tool that are not valid JSON go out as a
// JSON string. A raw stop reason is kept where it is one of Bedrock's. Input tokens
// exclude the cached ones, as with Claude.
//
// A stream is played as the model yields it, event by event, so that timing and
// chunks pass through. Only a rune is never split.
//
// Errors become exceptions by their [llm.Code], with Retry-After where they have one:
// before the first event as an HTTP status, after it as an exception in the stream.
// [llm.ErrIncomplete] cuts the connection. [llm.ErrQuotaExhausted] is
// ServiceQuotaExceededException; the daily token limit, which Bedrock reports as a
// ThrottlingException, can be had from a [Fault] with its text.
//
// CountTokens asks the model if it can count ([llm.TokenCounter]); otherwise it
// answers a quarter of the input's bytes, as they are in JSON. A fake does not count, and
// estimates the usage of its answers from less, so that the two numbers differ.
//
// # Faults
//
// [Options].Fault is asked once for every request what shall go wrong with it:
//
//	Fault: func(n int, r *http.Request) *bedrocktest.Fault {
//		if n < 2 {
//			return &bedrocktest.Fault{Type: "ThrottlingException", RetryAfter: time.Second}
//		}
//		return nil
//	}
//
// A [Fault] throttles, fails, delays, stalls, corrupts, breaks a stream off with an
// exception, and cuts an answer at any byte with any [Ending].
//
// # What it checks
//
// A request must be as Bedrock wants it, whatever the model: the members, types,
// formats and ranges of Converse; no blank text and no empty message; tool results
// that match the calls before them; tool configuration where tools are used; input
// and schemas that are objects; document names; cache points. Refusals have Bedrock's
// own messages where they are known. A request must be signed, but the signature is
// not verified.
//
// # What it does not do
//
// It does not check what depends on the model: roles that alternate, who speaks first
// and last, media, limits of size and number. It knows no guardrails, and does not
// serve InvokeModel.
//
// # AWS clients for Go
//
// Other clients than [Server.Client] work too. The AWS SDK for Go drops its connection
// now and then when a server answers within microseconds of reading the request, so
// the server waits for a millisecond ([Options].Latency). Measured with raw clients
// (bedrockruntime v1.63.11, HTTP/1.1, 2,000 calls one after the other): without the
// wait 40 to 86 connections were used, and 2 streams failed; with it one connection,
// and none failed. [Server.Client] has neither trouble, with or without the wait.
package bedrocktest

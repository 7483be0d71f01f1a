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
// A backend of Parley's own is tested the same way:
//
//	model := bedrock.New(server.Client(), "amazon.nova-lite-v1:0", nil)
//
// Code that makes its own client from an aws.Config is given that of the server:
//
//	model := bedrock.NewFromConfig(server.Config(), "amazon.nova-lite-v1:0", nil)
//
// Both kinds of client reach nothing but the server, and so the ban of [llm.ForbidSend]
// leaves them alone; any other client it refuses, whatever the address.
//
// The server listens on a socket, so it cannot be in a bubble of testing/synctest: there
// time waits for it for ever. What is about time alone is tested with a fake.
//
// Programs in other languages talk to examples/localbedrock, which is this server as
// a command; recipes for their SDKs are beside it.
//
// # What was sent
//
// [Server.Requests] returns what was received, in neutral terms, and [Server.Last] the
// last of it. [Server.AssertRequests] fails a test that made other calls than it says,
// or in another order; retries are calls too:
//
//	server.AssertRequests(t, "ConverseStream amazon.nova-lite-v1:0", "ConverseStream amazon.nova-lite-v1:0")
//	if got := server.Last(t).MaxTokens; got != 100 { … }
//
// # Wire traffic
//
// [Server.Exchanges] shows headers and bodies, and so what only Bedrock has a word for, and
// the bytes of each answer, as far as they were sent. [Exchange.String] is an exchange as a
// text to read, with the events of a stream decoded and secrets redacted; its headers
// are those that stay the same from run to run, so that it can be a golden file.
// [Options].Record writes all exchanges so, as they end:
//
//	file, err := os.Create("traffic.txt")
//	…
//	server := bedrocktest.NewServer(model, &bedrocktest.Options{Record: file})
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
// fields and effort are in [Server.Exchanges] only.
//
// Answers go the other way. An [llm.ProviderPart] of provider "aws.bedrock" goes out
// as the block that it names, and an [llm.ProviderDelta] as the delta or, with Index
// -1, as an event: that is how a model sends blocks and events that no client knows
// yet; a [Fault] can put them into any model's answer. Parts of other providers,
// warnings, and usage before the end have no form on the wire and are left out.
// Arguments of a tool that are not valid JSON go out as a JSON string. A raw stop reason
// is kept where it is one of Bedrock's. Input tokens exclude the cached ones, as with
// Claude.
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
// [Options].Fault is asked once for every request what shall go wrong with it. [Faults]
// is a list by number: throttle twice, cut the third answer after three events, and
// then be well:
//
//	throttle := &bedrocktest.Fault{Type: "ThrottlingException", RetryAfter: time.Second}
//	Fault: bedrocktest.Faults(throttle, throttle, &bedrocktest.Fault{CutAfter: new(3)}),
//
// [Plan] has lists for some operations or models each, and what is any other rule is
// a function of your own.
//
// A [Fault] throttles, fails, delays, stalls, corrupts, breaks a stream off with an
// exception, puts events or blocks of its own into an answer ([Frame]), and cuts an
// answer at any byte, or a stream after any event, with any [Ending].
//
// # What it checks
//
// A request must be as Bedrock wants it, whatever the model: the members, types,
// formats and ranges of Converse; no blank text and no empty message; tool results
// that match the calls before them; tool configuration where tools are used; input
// and schemas that are objects; document names; cache points. Refusals have Bedrock's
// own messages where they are known.
//
// Where the model's family is known, from the id in the request or from
// [Options].Profile, a request must also be as the family wants it, by the data of its
// [bedrock.Profile]:
//
//	messages    roles alternate; who speaks first and last; system prompts and
//	            messages; no white space at the end of a prefill
//	tools       none; in streams; forced, also while the model reasons; ids, short
//	            and unique; strict tools, how many, and the dialect of their schemas;
//	            structured output
//	results     what stands beside them, and where; media, JSON, status, nothing
//	reasoning   the fields that ask for it, budgets, efforts; reasoning leads the turn
//	            that goes on; signatures; what is not taken back
//	settings    temperature, top_p and top_k, alone and beside reasoning; maxTokens;
//	            stop sequences
//	media       kinds, S3, roles, number and size
//	cache       sections; beside tools; after reasoning, documents and video; lifetimes
//	            and their order
//	counting    whether CountTokens is served at all; never for the id of a profile
//
// Set Options.Profile in a test of one family's requests, and change what you want to
// see refused. The rules read the profile's data and share no code with the adapter in
// package bedrock, so that each proves the other.
//
// A request must be signed. With [Options].Keys the signature is verified: the key, the
// scope, the date to within five minutes, the headers that it must cover, and the
// signature itself. Presigned URLs and bearer tokens are refused then.
//
// # What it does not do
//
// It knows no guardrails, counts no tokens against a context window, does not look into
// images and documents, and cannot tell a true signature of reasoning from an invented
// one. It does not mind ids that can only be called through an inference profile, and
// does not serve InvokeModel.
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

// Package fake is an [llm.Model] in memory, for tests and demonstrations. It needs
// no network and no account, answers the same way every time, and refuses structure
// that every provider refuses. It imports package llm and the standard library only.
//
// # What a test wants
//
//	an answer                        New(Text("hello"))
//	a tool loop without a script     Auto(), with other values AutoWith(&AutoOptions{Seed: 7})
//	a document of a schema           Auto() and Request.Output
//	an answer made by code           Func, or StreamFunc for its events
//	an answer for a certain request  Text("Oslo").On(UserSays("Norway"), HasTool("map"))
//	the third call only              Fail(err).On(Nth(3))
//	two failures, then success       Fail(llm.ErrRateLimited).Times(2), Text("hello")
//	the same answer for ever         Text("hello").Always()
//	an error half-way                Text("hello").CutAfter(3).ThenFail(err)
//	a cut connection                 Text("hello").CutAfter(3)
//	a stream that stops half-way     Text("hello").StallAfter(3)
//	a slow start, slow tokens        Text("hello").Delay(time.Second).Pace(50)
//	arguments that are not JSON      ToolCall("weather", json.RawMessage(`{"city": "Os`))
//	a refusal, a filter, a limit     Text("I cannot.").StopWith(llm.StopRefusal)
//	reasoning and text               Parts(&llm.ReasoningPart{…}, llm.Text("hello"))
//	usage to the token               Text("hello").WithUsage(llm.Usage{…})
//	events, legal or not             Events(…)
//	strictness about reasoning       New(…).RequireSignedReasoning()
//	what the code has sent           Requests()
//	nothing left unplayed            AssertExhausted(t)
//	a real model's answers           Record, Replay
//
// # Scripts
//
// [New] plays a script: one [Turn] for each call, in order.
//
//	m := fake.New(
//		fake.ToolCall("weather", map[string]any{"city": "Oslo"}),
//		fake.Text("It is 4 degrees in Oslo."),
//	)
//
// A turn is [Text], [ToolCall], [Parts], a whole [Response], a list of [Events], or
// a failure ([Fail]). Its methods change how it is played. A call for which no turn is
// left is an error, never a panic.
//
// [Model.Requests] returns what the code under test has sent, [Model.Last] the last of it,
// and [Model.AssertExhausted] fails a test while turns are left, and where calls found
// none. They take the interface [TB], which *testing.T implements, so that package
// testing is not linked into programs that use a fake.
//
// # Matching
//
// A turn with matchers ([Turn.On]) is skipped, not consumed, until all of them match a
// request. The first turn left that matches, or that has no matchers, is played. A
// [Matcher] has a name: where a script does not fit, AssertExhausted shows what each
// turn waits for and what the last request was instead. The error of the call shows
// shapes only, since errors are logged. [Turn.When] takes a plain function; [Match] gives
// it a name. Matchers run without a lock held and get a copy of the request.
//
// # Functions and schemas
//
// [Func] asks a function of yours for each answer, and [StreamFunc] for its events.
// [Auto] needs neither a script nor a function: it calls the tools that the request
// offers, with arguments that satisfy their schemas, and reports their results.
//
// # Streaming and time
//
// Answers are streamed in pieces of a few runes, tool arguments too; [Turn.Chunk]
// sets the size. Generate collects the same stream. Nothing is consumed or recorded
// before the loop starts. Time passes in [Turn.Delay], [Turn.Pace] and
// [Turn.StallAfter] only, on timers and without a goroutine, so that a
// testing/synctest bubble makes it free. A context that ends before the call, while
// time passes or between two events ends the call.
//
// # What it refuses
//
// Every request is validated with [llm.Request.Validate]. Then, as an
// [llm.ErrInvalidRequest] with the path of each fault, the fake refuses
//
//   - a conversation without messages, or whose last message is not the user's,
//   - a tool result that answers no call of the assistant's message before it, or
//     answers a call again,
//   - a tool call that the next user message does not answer,
//   - two calls of the same id in one message,
//   - text that is empty or only white space, but for that of the model and of tools,
//   - messages of cache points only,
//   - a tool whose schema does not have the type object at the top; none at all will do,
//   - reasoning without a signature, after [Model.RequireSignedReasoning],
//   - options for the provider "fake", which has none.
//
// Messages of [llm.RoleSystem] are passed over when messages are paired. Once a
// model has stopped with [llm.StopPause], a conversation may end with the
// assistant's message, which is how a paused answer is resumed. A refused request
// consumes no turn. [Replay] alone does not refuse: its tape holds the provider's
// own verdicts. A fake stands for any provider, so the options, parts and tools of
// others pass, and so does what only some providers refuse. Some of this a backend
// repairs, with a warning, before it sends it; the fake is the provider, and repairs
// nothing.
//
// # Usage
//
// Usage is estimated from the request and the answer, the same for the same input,
// so that limits and budgets can be tested: a token for every four bytes, and a flat
// number for an image or a document. [Turn.WithUsage] sets it. The fake is the
// provider, so Estimated is false, except where an answer breaks off.
//
// # Recording
//
// [Record] writes the calls of any model to a tape, one JSON object a line, and
// [Replay] is a model that answers from it: at once and by the digest of the request,
// or, with [ReplayWith], in order, or in the time that the calls took. The digest is the
// SHA-256 of the request in the storage format of package llm, which is the same for a
// request that was stored and loaded.
//
// [Cassette] is for tests. The model of such a test is recorded once, with
// PARLEY_RECORD=1 in the environment, and replayed from then on, without network,
// account or cost:
//
//	PARLEY_RECORD=1 go test -run TestAnswer ./...
//
// A replay sends nothing, so TestMain may forbid it:
//
//	if !fake.Recording() {
//		llm.ForbidSend()
//	}
//
// # Secrets on tapes
//
// A tape holds whole conversations. What looks like a secret is "[scrubbed]" there, in
// requests, answers and errors, also where a stream cut it in two; the caller gets it as
// it came. These are scrubbed:
//
//   - private keys in PEM blocks, and JSON web tokens,
//   - AWS access key ids, and API keys of Amazon Bedrock, OpenAI, Anthropic, Stripe,
//     GitHub, GitLab, Slack, Google, Hugging Face, npm, Groq, xAI and Perplexity,
//   - what follows Bearer, Authorization: Basic, Signature=, Cookie and Set-Cookie in headers,
//   - user and password, signatures, credentials and tokens in URLs, and the addresses of
//     webhooks of Slack, Discord and Teams,
//   - what follows a name that ends in access_key, account_key, secret_key, api_key,
//     session_token, security_token, access_token, auth_token, private_token,
//     refresh_token, client_secret, password or passwd, in JSON, environments and
//     configurations.
//
// It is a net, not a proof: look before you commit a tape. [TapeOptions] adds a function
// of your own, or switches it off. Media, signatures and encrypted reasoning are not
// texts and stay, and so do the keys of JSON objects. Digests are of the scrubbed
// request, so that a conversation which repeats its secrets is replayed; but code that
// computes something from one, such as its length, sends another request on replay.
package fake

// Package fake is an [llm.Model] in memory, for tests and demonstrations. It needs
// no network and no account, answers the same way every time, and refuses structure
// that every provider refuses. It imports package llm and the standard library only.
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
// a failure ([Fail]). Its methods change how it is played: [Turn.WithUsage],
// [Turn.StopWith], [Turn.Delay], [Turn.Chunk], [Turn.CutAfter], [Turn.ThenFail] and
// [Turn.When]. A call for which no turn is left is an error, never a panic.
//
// [Model.Requests] returns what the code under test has sent, and
// [Model.AssertExhausted] fails a test while turns are left. The latter takes the
// interface [TB], which *testing.T implements, so that package testing is not
// linked into programs that use a fake.
//
// # Matching
//
// A turn with [Turn.When] is skipped, not consumed, until its function returns true
// for a request. The first turn left that matches, or that has no matcher, is
// played. Matchers run without a lock held and get a copy of the request.
//
// # Functions
//
// [Func] asks a function of yours for each answer. [Auto] needs neither a script nor
// a function: it calls the tools that the request offers and reports their results.
//
// # Streaming and time
//
// Answers are streamed in pieces of a few runes, tool arguments too; [Turn.Chunk]
// sets the size. Generate collects the same stream. Nothing is consumed or recorded
// before the loop starts. Time passes in [Turn.Delay] only, on a timer and without
// a goroutine, so that a testing/synctest bubble makes it free. A context that ends
// before the call, during the delay or between two events ends the call.
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
//   - options for the provider "fake", which has none.
//
// Messages of [llm.RoleSystem] are passed over when messages are paired. Once a
// model has stopped with [llm.StopPause], a conversation may end with the
// assistant's message, which is how a paused answer is resumed. A refused request
// consumes no turn. [Replay] alone does not refuse: its tape holds the provider's
// own verdicts. A fake stands for any provider, so the options, parts and tools of
// others pass.
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
//     GitHub, GitLab, Slack, Google, Hugging Face and npm,
//   - what follows Bearer, Authorization: Basic and Signature= in headers,
//   - user and password, signatures, credentials and tokens in URLs,
//   - what follows a name that ends in secret_access_key, secret_key, session_token,
//     security_token, api_key, access_token, refresh_token, client_secret or password,
//     in JSON, environments and configurations.
//
// It is a net, not a proof: look before you commit a tape. [TapeOptions] adds a function
// of your own, or switches it off. Media, signatures and encrypted reasoning are not
// texts and stay, and so do the keys of JSON objects. Digests are of the scrubbed
// request, so that a conversation which repeats its secrets is replayed; but code that
// computes something from one, such as its length, sends another request on replay.
package fake

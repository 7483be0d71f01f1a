// Package llm is the provider-neutral vocabulary of Parley: one small interface,
// [Model], and the messages, events, usage and errors that pass through it.
// It imports the standard library only.
//
// # A first call
//
// A [Request] goes in, a [Response] comes out. The model comes from a backend
// (package bedrock), from memory (package fake), or from your own code:
//
//	req := &llm.Request{
//		System:    []llm.Part{llm.Text("Answer in one sentence.")},
//		Messages:  []llm.Message{llm.UserText("How are you today?")},
//		MaxTokens: 200,
//	}
//	resp, err := model.Generate(ctx, req)
//	if err != nil {
//		return err
//	}
//	fmt.Println(resp.Text())
//
// A model keeps nothing between calls. The application keeps the history: append
// the answer and the next question, and send all of it again.
//
//	req.Messages = append(req.Messages, resp.Message, llm.UserText("And yesterday?"))
//
// # Messages and parts
//
// A [Message] has a [Role] and a list of parts. [Part] is a closed union of
// pointer types; a type switch over it has one case for each:
//
//   - [*TextPart]: text, with citations where the model gave them
//   - [*MediaPart]: an image, a video or a sound
//   - [*DocumentPart]: a document that the model reads
//   - [*ToolCallPart]: the model asks the application to run a tool
//   - [*ToolResultPart]: what the tool answered; it travels in a user message
//   - [*ReasoningPart]: the model's reasoning, with what proves its origin
//   - [*CachePointPart]: everything before it may be cached by the provider
//   - [*ProviderPart]: what the neutral vocabulary lacks, kept as JSON
//
// The same types describe what is sent and what comes back, so that an answer is
// appended to the history as it is. A switch needs a default: kinds are added in
// minor releases.
//
// # Tools
//
// [Request.Tools] offers tools. Where the model wants one run it stops with
// [StopToolUse], and [Response.ToolCalls] lists the calls. Answer all of them, in
// one user message, and call again:
//
//	results := llm.Message{Role: llm.RoleUser}
//	for _, call := range resp.ToolCalls() {
//		var part *llm.ToolResultPart
//		if call.Malformed != "" {
//			part = llm.ToolError(call.ID, "the arguments were not valid JSON")
//		} else {
//			part = llm.ToolResult(call.ID, llm.Text(run(call.Name, call.Input)))
//		}
//		results.Content = append(results.Content, part)
//	}
//	req.Messages = append(req.Messages, resp.Message, results)
//
// # Streaming
//
// [Model.Stream] returns a sequence of events. Nothing is sent before the loop
// starts; leaving the loop ends the call and releases everything it held. A
// sequence may be ranged once.
//
//	for ev, err := range model.Stream(ctx, req) {
//		if err != nil {
//			return err
//		}
//		if d, ok := ev.(*llm.TextDelta); ok {
//			fmt.Print(d.Text)
//		}
//	}
//
// Always take both loop variables: a loop over the events alone compiles and loses
// the error. [TextStream] yields the text only, [Collect] makes a [Response] of a
// stream, and an [Accumulator] does both at once:
//
//	var acc llm.Accumulator
//	for text, err := range llm.TextStream(acc.Tee(model.Stream(ctx, req))) {
//		if err != nil {
//			return err
//		}
//		fmt.Print(text)
//	}
//	usage := acc.Response().Usage
//
// # Errors
//
// Every error of a model is, or wraps, an [*Error] with a [Code]. Ask one question
// with errors.Is(err, llm.ErrRateLimited), or switch on [CodeOf]. [IsRetryable]
// and [RetryAfter] say whether and when to try again. A call that failed half-way
// returns what had arrived together with the error. The text of an error never
// carries prompts, answers, tool arguments, headers or credentials.
//
// # Middleware
//
// A [Middleware] takes a model and returns a model. [Wrap] applies several, the
// first outermost. [As] finds an ability, such as [TokenCounter], under any number
// of wrappers.
//
// # Provider options
//
// What only one provider understands travels in [Request.Options] as that
// provider's own type, for example *bedrock.RequestOptions. Other backends ignore
// it; its own backend obeys it or refuses the request. See [OptionsFor].
//
// # Storage
//
// Messages, requests, responses and events have a stable JSON form: flat objects
// whose first key is "type", keys in snake case in the order of the fields, zero
// fields left out, durations as strings, bytes in base64. Encoding is
// deterministic. A part or event of a later release loads as a [*ProviderPart] or
// [*ProviderDelta] and saves as it was. Decode into a [Message], a [Request], a
// [Response] or a [Parts] value, and an event with [UnmarshalEvent].
//
// Raw JSON (tool input, schemas, provider data) reaches the provider in one
// canonical form, that of json.Marshal(json.RawMessage(x)), whether it is live or
// reloaded. The same history therefore sends the same bytes, and prompt caches hit.
//
// # Stability
//
// Interfaces and laws are frozen; structs, codes, parts and events grow.
// Not here, on purpose: several answers per call, log probabilities, embeddings.
package llm

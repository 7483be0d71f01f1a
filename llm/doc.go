// Package llm is the provider-neutral vocabulary of Parley: one small interface,
// [Model], and the messages, events, usage and errors that pass through it.
// It imports the standard library only.
//
// # A first call
//
// A [Request] goes in, a [Response] comes out. The model comes from a backend
// (package bedrock), from memory (package fake), or from your own code. What every
// model guarantees are the twelve laws of [Model].
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
//	resp := acc.Response()
//
// # Tools
//
// [Request.Tools] offers tools. Where the model wants some run, [Response.ToolCalls]
// lists the calls. Answer all of them, in one user message, and call again. A tool
// without output is answered with ToolResult(id) and no parts. Bound the number of
// rounds.
//
//	results := llm.Message{Role: llm.RoleUser}
//	for _, call := range resp.ToolCalls() {
//		if call.Malformed != "" {
//			results.Content = append(results.Content, llm.ToolError(call.ID, "the arguments are not valid JSON"))
//			continue
//		}
//		out, err := run(ctx, call.Name, call.Input)
//		if err != nil {
//			results.Content = append(results.Content, llm.ToolError(call.ID, err.Error()))
//			continue
//		}
//		results.Content = append(results.Content, llm.ToolResult(call.ID, llm.Text(out)))
//	}
//	req.Messages = append(req.Messages, resp.Message, results)
//
// # Errors and warnings
//
// Every error of a model is, or wraps, an [*Error] with a [Code]. Ask one question
// with errors.Is(err, llm.ErrRateLimited), or switch on [CodeOf]. [IsRetryable]
// and [RetryAfter] say whether and when to try again. The text of an error never
// carries prompts, answers, tool arguments, headers or credentials.
//
// A setting that only tunes the answer may be dropped or clamped where a provider
// does not have it. The call then succeeds, and [Response.Warnings] says what was
// done: log them.
//
// # After a failure
//
// A call that failed half-way returns what had arrived together with the error. In a
// stream that failed, or whose loop was left, it is in the accumulator. Show it, but
// do not append it to the history as it is: keep its text that is not blank and
// nothing else, since a call without its result or reasoning without its signature
// makes every later request invalid. Where nothing remains the question may stay: two
// user messages in a row are valid.
//
// # Middleware
//
// A [Middleware] takes a model and returns a model. [Wrap] applies several, the
// first outermost. [As] finds an ability, such as [TokenCounter], under any number
// of wrappers. A wrapper keeps the model in a named field and its stream single-use:
//
//	type upper struct{ next llm.Model }
//
//	func (m upper) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
//		return llm.Collect(m.Stream(ctx, req))
//	}
//
//	func (m upper) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
//		return llm.Once(func(yield func(llm.Event, error) bool) {
//			for ev, err := range m.next.Stream(ctx, req) {
//				if d, ok := ev.(*llm.TextDelta); ok {
//					ev = &llm.TextDelta{Index: d.Index, Text: strings.ToUpper(d.Text)}
//				}
//				if !yield(ev, err) {
//					return
//				}
//			}
//		})
//	}
//
//	func (m upper) Info() llm.Info    { return m.next.Info() }
//	func (m upper) Unwrap() llm.Model { return m.next }
//
// A wrapper that changes content yields new events and never alters one, passes on
// those that it does not know, yields what it holds back before a part stops or an
// error passes, and clears Raw, and the Opaque and Signature of what it changed.
// llmtest.RunMiddleware checks it.
//
// # Backends
//
// A backend validates the request, asks [MaySend] and [OptionsFor], and calls its
// provider within [Once]. It fills Provider and Model in its answers and errors, and
// passes the provider's error texts through [Redact]. Law 7 of [Model] says what it
// does with a request that it cannot honour: it refuses what changes the meaning
// (tools and their choice, the output format, media, documents, its own options), and
// warns where it leaves out what tunes the answer (temperature, top_p, top_k,
// reasoning, cache points, metadata, strict). What lies between, such as stop
// sequences, it may treat either way. llmtest.Run checks it,
// and examples/custombackend is one to be read.
//
// # Provider options
//
// What only one provider understands travels in [Request.Options] as that
// provider's own type, for example *bedrock.RequestOptions. Other backends ignore
// it; its own backend obeys it or refuses the request. See [OptionsFor].
//
// # Storage
//
// Messages, requests, responses, parts and events have a stable JSON form. Keys are
// the fields' names in snake case, in the order of the fields; parts and events have
// the key "type" first. Zero fields are left out, durations are strings ("1h0m0s"),
// bytes are base64. Encoding is deterministic. A part or event of a later release
// loads as a [*ProviderPart] or [*ProviderDelta] and saves as it was; a field that is
// not known is left out. Decode into a [Message], a [Request], a [Response] or a
// [Parts] value, and an event with [UnmarshalEvent].
//
// The JSON of a request makes a cache key, with [Model].Info, unless its options hold
// what does not encode, such as functions.
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

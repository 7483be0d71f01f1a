// Package conversation keeps the history of a conversation and runs the tools that its model
// calls.
//
//	c := conversation.New(model, &conversation.Options{
//		System: []llm.Part{llm.Text("Be brief.")},
//		Tools:  []tool.Tool{weather},
//	})
//	resp, err := c.Send(ctx, llm.Text("Do I need an umbrella in Oslo?"))
//
// # Turns
//
// A turn is a question, the model's answer, and between them as many steps as it takes: each is
// one call of the model, whose tool calls are run, several at a time, and answered in their order.
// [Conversation.Send] returns the last step's answer, [Conversation.Stream] is one stream over
// all steps. [Options.Request] is the template of each step's request, [Options.Prepare] has the
// last word on it. [Options.MaxSteps] and [Options.MaxFailures] end a turn that gets nowhere.
//
// # History
//
// A turn is committed whole, just before Send returns or the stream finishes, or not at all:
// after a failure, a cancel, a panic or the death of the process the history is what it was. So
// it can always be sent. What is known of a turn that failed comes with the error; to keep an
// answer that was stopped, append what [Interrupted] makes of it. Use [Repair] on a history that
// another program has left with open calls.
//
// Turns of a conversation run one after the other; a tool that sends to its own conversation
// waits for itself until the context ends. [Conversation.Fork] goes on separately from here.
//
// # Stores
//
// With an [Options.Store] each commit is written before it counts, and [Open] finds it again, in
// this process or another. [NewFileStore] keeps a file for each, [NewMemoryStore] nothing beyond
// the process, and package sqlstore a table of a database; a [Store] of your own is two methods,
// which package storetest tries. An id is any string but the empty one, records come back byte for
// byte, and a call whose context is over does nothing but return an error that is the context's.
//
// Two processes may write to one conversation: the slower gets an error that is [ErrConflict] by
// errors.Is, and opens it again. After another error of the store it is not known whether the
// turn was written; if it was, the next commit conflicts. The format has a version, and later
// releases read it.
//
// # Approval
//
// [Options.Approve] is asked about each call before any of its step runs: [Run], [Deny], or
// [Defer], which ends Send with [llm.StopToolUse] and stores the turn as it is. A human may take
// days: [Open] the conversation, look at [Conversation.Pending], and [Conversation.Resume] or
// [Conversation.Abandon] it. Until then no call of that step is run. Resume runs the calls that
// Approve, which is asked again, now lets run; for others give it their results. Calls of tools
// that stand in the template, and not in [Options.Tools], are deferred too: that is how an
// application runs them itself.
//
// A call that waited is run at most once: Resume commits that it begins before its calls run, and
// their results after. A second Resume of the same turn, in whatever process, gets [ErrConflict],
// and so does one after a death within the calls, of which nobody knows whether they took effect.
// Set [Options.RunAgain] where they may be repeated.
//
// # Long histories
//
// [Options.Trim] changes what is sent, never what is stored: [KeepTurns], [KeepTokens],
// [TruncateToolResults], [Summarize], several by [Trim], or your own [TrimFunc]. They cut at
// turns, so that no call loses its result or its reasoning, and in blocks, so that the start of
// what is sent stays the same for a prompt cache. What they leave out is a warning of the
// response. A request that the model refuses as too long is reduced and sent again, once.
//
// # Traces
//
// Where middleware/tracing is among the model's layers a turn is an invoke_agent span, with the
// calls of the model and an execute_tool span for each tool below it.
package conversation

// Package llmtest proves that a model keeps the laws of [llm.Model]. Every backend
// and every middleware runs it in its own tests.
//
// A case is a subtest that is named after its law, such as law05/break. One that
// fails prints what the law says, why it matters and where to look. At the end a report
// is logged: how many cases of each law passed, failed and were skipped, why, and what
// is declared as lacking. Look at it with go test -v, since a suite that runs nothing
// passes too.
//
// # Backends
//
// A backend's test is a [Harness] whose New makes a model that answers as a [Script]
// says, and a call of [Run]:
//
//	func TestConformance(t *testing.T) {
//		llmtest.Run(t, llmtest.Harness{
//			New: func(t *testing.T, s llmtest.Script) llm.Model {
//				server := acmetest.NewServer(s.Model())
//				t.Cleanup(server.Close)
//				return acme.New(server.Client(), "model-1", nil)
//			},
//			Lacks: []llmtest.Capability{
//				llmtest.TopK.Because("acme has no such setting"),
//			},
//		})
//	}
//
// A backend over a wire is tested through that wire: with its real client, against a
// server on the loopback interface that puts [Script.Model] behind the provider's
// protocol. Such a harness tests the most, since the suite then sees what arrives and
// can stop an answer half-way. The server maps what the model yields: an error to the
// provider's own, and [llm.ErrIncomplete] to a connection that is cut.
//
// A model in memory may translate the turns into its own instead. It then declares
// the lack [Stalls], and that of what needs a provider: [OwnOptions], [ForeignState].
// What an answer or an error says of itself (who gave it, the request id, the raw stop
// reason, whose reasoning it is) a backend adds; where the suite looks at it the
// script says it too, so that a model which plays answers as they are passes.
//
// The laws speak of goroutines, so Run counts them: call it from a test that does not
// run in parallel with others. Run it with the race detector.
//
// # What arrives
//
// Where the harness plays [Script.Model], the suite compares what arrives there with
// what was sent: messages, tools, and each setting that is not lacked. So the test's
// server decodes all of a request; what it does not read counts as lost. A setting
// that a [llm.Warning] names may arrive as something else. Where another model plays,
// the suite sees only that the requests are taken; the log says in how many cases.
//
// # Virtual time
//
// Some cases wait: for a cancel, a deadline, or 30 seconds that must not pass. Where
// [Harness.Virtual] is set each case runs in a bubble of testing/synctest, where this
// costs nothing. A model may run there that uses only package time to wait, and no
// network. Else the cases run in real time, and wait for some 50 milliseconds each.
//
// # Scripts
//
// A [Script] is a list of turns, and the n-th call plays the n-th [Turn]: its Delay,
// then its Events or those of its Response, then its Err. Calls that are refused
// before anything is sent take no turn; this is how the suite knows.
//
// [Script.Model] is a model of its own right, for tests that want to say exactly
// which events come, and how they end.
//
// # Capabilities
//
// Not every wire carries everything. What a model cannot do is declared in
// [Harness.Lacks], never found out by trying, so that a feature which breaks is a
// failure and not a skip. Each [Capability] has a sentence that is printed with each
// case that is skipped; [Capability.Because] adds the reason.
//
// A lack that is none would keep cases from running. So after the cases the model is
// asked for what its answers and errors are said to lack, and the report lists what
// came through whole, on both ways. That is no failure: the test's server may have what
// the provider has not.
//
// The capabilities of a request are checked even where they are lacked. By law 7 a
// model refuses with [llm.ErrUnsupported] what would change the meaning of the
// request (tools, a forced choice, the output format, media), and says in a
// [llm.Warning] what it left out of what only tunes it (sampling, reasoning, cache
// points, metadata, strict). What lies between (stop sequences, a single call, a
// tool's error, citations of a document) it may treat either way.
//
// # Middleware
//
// [RunMiddleware] runs the same laws on a wrapped model, so that parity, laziness and
// the grammar of streams are those of any model. Cases of its own check what makes a
// wrapper one:
//
//   - What is not its business passes, at once, once and unchanged: requests, answers,
//     each event when it comes, errors with their causes, partial answers, usage,
//     context values and deadlines, panics.
//   - A stream is never begun again once anything of it was seen but its usage. Until
//     then Stream gets what Generate gets from the policy.
//   - However a call ends, by an answer, a failure, a break, a cancel, a deadline or a
//     panic, the model's call has ended before the wrapper's does, and what the wrapper
//     made for it is released. Then nothing calls the model any more. What callers do
//     to their own calls, such as a cancel, counts against nobody.
//   - Streams that nobody ranges over take nothing, events cost no memory, many callers
//     do not get in each other's way, and no lock is held while the model works.
//
// What the policy is for, the suite does not know: test that yourself, with Generate
// and with Stream.
//
// A retry, a breaker, a limiter, a timeout, a hedge, a fallback to the same model and
// a cache can pass: no case asks a second time where the model failed for a reason
// that is not retryable, and scripts go on failing where it may be asked again, up to
// 16 times. The state of the policy lives on from case to case, but each case uses new
// models, with an [llm.Info] of their own, and a minute of virtual time lies between
// two of them. Choose options for which the suite is ordinary traffic:
//
//   - a limiter lets 200 small calls through at once, one after the other at least
//   - a breaker of one model opens at five failures in a row or more
//   - a retry makes no more than 16 attempts
//   - a timeout is above 45 seconds
//   - a hedge waits for half a second or more
//
// A middleware that is made to change questions or answers cannot pass.
//
// A case whose middleware runs the model in a goroutine and does not bring its panics
// back ends the whole test process; the text of the panic says so.
//
// # Guard
//
// A backend asks [llm.MaySend] before it sends, so that [llm.ForbidSend] in TestMain
// keeps tests from reaching a paid service. The ban holds for the rest of a process,
// so no case of Run can try it: [RunGuard] runs the test that calls it once more, in a
// process of its own.
//
//	func TestGuard(t *testing.T) {
//		llmtest.RunGuard(t, llmtest.Harness{
//			New: func(t *testing.T, s llmtest.Script) llm.Model {
//				server := acmetest.NewServer(s.Model())
//				t.Cleanup(server.Close)
//				return acme.New(http.DefaultClient, server.URL, "model-1")
//			},
//		})
//	}
//
// A client that cannot leave the machine, such as that of package bedrocktest, is
// exempt from the ban; so that test needs another client. What must hold is: Generate,
// Stream and CountTokens fail with [llm.ErrRejected] in an [*llm.Error], nothing
// arrives, and a model that the allow list names sends again.
//
// # What the suite cannot see
//
// A backend tests itself that usage which the provider did not report is marked as
// estimated, with a warning: a script has no usage that every server would leave out.
//
// It also tests itself that it redacts what the provider says, and shows no key of its
// own: the errors of [Script.Model] are redacted before a server sees them, and the suite
// knows no credential. Waits of its own that are longer than a few seconds pass unseen, and
// so do tries that it makes again by itself.
package llmtest

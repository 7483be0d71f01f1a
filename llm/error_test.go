package llm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parley-sdk/parley/llm"
)

var codes = []llm.Code{
	llm.ErrInvalidRequest, llm.ErrUnauthenticated, llm.ErrPermissionDenied, llm.ErrNotFound, llm.ErrRateLimited,
	llm.ErrQuotaExhausted, llm.ErrOverloaded, llm.ErrNotReady, llm.ErrUnavailable, llm.ErrTimeout, llm.ErrCanceled,
	llm.ErrContextTooLong, llm.ErrContentFiltered, llm.ErrMalformedOutput, llm.ErrUnsupported, llm.ErrIncomplete,
	llm.ErrRejected, llm.ErrBudgetExceeded, llm.ErrInternal, llm.ErrUnknown,
}

func TestRetryableCodes(t *testing.T) {
	want := map[llm.Code]bool{llm.ErrRateLimited: true, llm.ErrOverloaded: true, llm.ErrNotReady: true, llm.ErrUnavailable: true,
		llm.ErrTimeout: true, llm.ErrIncomplete: true, llm.ErrInternal: true}
	for _, c := range codes {
		for _, err := range []error{c, &llm.Error{Code: c}, fmt.Errorf("w: %w", &llm.Error{Code: c})} {
			if got := llm.IsRetryable(err); got != want[c] {
				t.Errorf("IsRetryable(%T %v) = %v", err, err, got)
			}
			if got := llm.CodeOf(err); got != c {
				t.Errorf("CodeOf(%T %v) = %q, want %q", err, err, got, c)
			}
			if !errors.Is(err, c) {
				t.Errorf("errors.Is(%T, %q) is false", err, c)
			}
		}
	}
}

func TestVerdict(t *testing.T) {
	limited := &llm.Error{Code: llm.ErrRateLimited, RetryAfter: 2 * time.Second, Err: io.EOF}
	cases := []struct {
		name      string
		err       error
		code      llm.Code
		retryable bool
		after     time.Duration
		is        []error
	}{
		{name: "nil", err: nil, code: ""},
		{name: "foreign", err: io.EOF, code: llm.ErrUnknown},
		{name: "canceled", err: context.Canceled, code: llm.ErrCanceled},
		{name: "deadline", err: fmt.Errorf("x: %w", context.DeadlineExceeded), code: llm.ErrTimeout},
		{name: "own", err: limited, code: llm.ErrRateLimited, retryable: true, after: 2 * time.Second, is: []error{llm.ErrRateLimited, io.EOF}},
		{name: "cancel in backoff", err: &llm.Error{Code: llm.ErrCanceled, Err: errors.Join(context.Canceled, limited)},
			code: llm.ErrCanceled, after: 2 * time.Second, is: []error{llm.ErrCanceled, llm.ErrRateLimited, context.Canceled}},
		{name: "exhausted", err: &llm.Error{Code: llm.ErrRateLimited, Retryable: new(false), Err: limited}, code: llm.ErrRateLimited, after: 2 * time.Second},
		{name: "worth once more", err: &llm.Error{Code: llm.ErrMalformedOutput, Retryable: new(true)}, code: llm.ErrMalformedOutput, retryable: true},
		{name: "joined", err: errors.Join(io.EOF, llm.ErrOverloaded, llm.ErrInvalidRequest), code: llm.ErrOverloaded, retryable: true},
		{name: "code of the cause", err: &llm.Error{Err: llm.ErrNotReady}, code: llm.ErrNotReady, retryable: true},
		{name: "empty", err: &llm.Error{}, code: llm.ErrUnknown},
		{name: "empty code", err: llm.Code(""), code: llm.ErrUnknown},
		{name: "empty code first", err: errors.Join(llm.Code(""), io.EOF, llm.ErrNotFound), code: llm.ErrNotFound},
		{name: "typed nil", err: (*llm.Error)(nil), code: llm.ErrUnknown},
		{name: "reused", err: llm.ErrStreamReused, code: llm.ErrInvalidRequest, is: []error{llm.ErrStreamReused, llm.ErrInvalidRequest}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := llm.CodeOf(c.err); got != c.code {
				t.Errorf("CodeOf = %q, want %q", got, c.code)
			}
			if got := llm.IsRetryable(c.err); got != c.retryable {
				t.Errorf("IsRetryable = %v", got)
			}
			if got, ok := llm.RetryAfter(c.err); got != c.after || ok != (c.after > 0) {
				t.Errorf("RetryAfter = %v, %v, want %v", got, ok, c.after)
			}
			for _, target := range c.is {
				if !errors.Is(c.err, target) {
					t.Errorf("errors.Is %v is false", target)
				}
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	secret := errors.New("Authorization: Bearer SECRET")
	cases := []struct {
		err  error
		want string
	}{
		{&llm.Error{Code: llm.ErrRateLimited, Op: "generate", Provider: "aws.bedrock", Model: "m", Message: "Too many requests", Status: 429, RequestID: "req-1", Err: secret},
			"aws.bedrock generate m: rate limited: Too many requests (status 429, request id req-1)"},
		{&llm.Error{Code: llm.ErrCanceled, Err: errors.Join(context.Canceled, &llm.Error{Code: llm.ErrOverloaded, Status: 503}, secret)},
			"canceled: context canceled; overloaded (status 503)"},
		{&llm.Error{Code: llm.ErrOverloaded, Op: "retry", Err: fmt.Errorf("SECRET: %w", &llm.Error{Code: llm.ErrOverloaded, Message: "3 attempts", RequestID: "r3"})},
			"retry: overloaded: 3 attempts (request id r3)"},
		{&llm.Error{Code: llm.ErrInternal, Err: llm.ErrInternal}, "internal"},
		{&llm.Error{Code: llm.ErrQuotaExhausted, Status: 429, RawCode: "insufficient_quota"}, "quota exhausted (status 429, insufficient_quota)"},
		{&llm.Error{Code: llm.ErrUnavailable, Err: fmt.Errorf("dial SECRET: %w", syscall.ECONNREFUSED)}, "unavailable: connection refused"},
		{&llm.Error{Code: llm.ErrInternal, Message: "open /x: " + syscall.ENOENT.Error(), Err: fmt.Errorf("open /x: %w", syscall.ENOENT)}, "internal: open /x: no such file or directory"},
		{&llm.Error{Code: llm.ErrInternal, Message: "write: " + syscall.ENOSPC.Error() + "; retry: " + syscall.EIO.Error() + "; free some space", Err: errors.Join(syscall.ENOSPC, syscall.EIO)},
			"internal: write: no space left on device; retry: input/output error; free some space"},
		{&llm.Error{Code: llm.ErrInternal, Message: "write: '" + syscall.ENOSPC.Error() + "'", Err: syscall.ENOSPC}, "internal: write: '…': no space left on device"},
		{&llm.Error{Code: llm.ErrInternal, Message: strings.Repeat("x", 250) + syscall.ENOSPC.Error(), Err: syscall.ENOSPC}, "internal: " + strings.Repeat("x", 250) + "no …: no space left on device"},
		{&llm.Error{Code: llm.ErrTimeout, Message: "no answer: context deadline exceeded", Err: context.DeadlineExceeded}, "timeout: no answer: context deadline exceeded"},
		{&llm.Error{Code: llm.ErrInternal, Message: "all: " + syscall.EIO.Error(), Err: errors.Join(&llm.Error{Code: llm.ErrInternal, Provider: "a", Err: syscall.EIO}, &llm.Error{Code: llm.ErrInternal, Provider: "b", Err: syscall.EIO})},
			"internal: all: input/output error: a: input/output error; b: input/output error"},
		{&llm.Error{Code: llm.ErrInvalidRequest, Message: "Value 'SECRET' at 'messages' failed"}, "invalid request: Value '…' at 'messages' failed"},
		{&llm.Error{Err: secret}, "unknown"},
		{&llm.Error{Code: llm.ErrInternal, RequestID: "my SECRET prompt", RawCode: strings.Repeat("x", 200)}, "internal (…, request id …)"},
		{&llm.Error{Code: llm.ErrInternal, RequestID: "my-SECRET-prompt", RawCode: "U0VDUkVUIHByb21wdA=="}, "internal (…, request id …)"},
		{&llm.Error{Code: "SECRET code", Err: llm.Code("SECRET cause")}, "…: …"},
		{&llm.Error{Code: llm.ErrNotFound, Op: "count tokens", Provider: "p", Model: "m\nERROR: forged"}, `p count tokens "m\nERROR: forged": not found`},
		{(*llm.Error)(nil), "<nil>"},
		{llm.ErrContextTooLong, "context too long"},
	}
	for _, c := range cases {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestAnnotate(t *testing.T) {
	inner := &llm.Error{Code: llm.ErrRateLimited, Op: "generate", Provider: "p", Model: "m", Message: "slow down", Status: 429, RequestID: "r1",
		RetryAfter: time.Second, Err: io.EOF}
	e := llm.Annotate(fmt.Errorf("w: %w", inner), "gave up after 3 attempts")
	if got, want := e.Error(), "p generate m: rate limited: gave up after 3 attempts: slow down (status 429, request id r1)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !errors.Is(e, io.EOF) || e.RetryAfter != time.Second || !llm.IsRetryable(e) {
		t.Errorf("something is lost: %#v", e)
	}
	joined := llm.Annotate(errors.Join(&llm.Error{Code: llm.ErrOverloaded, Provider: "p", Model: "a"}, &llm.Error{Code: llm.ErrOverloaded, Provider: "p", Model: "b"}), "both failed")
	if got, want := joined.Error(), "p a: overloaded: both failed: p a; p b"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	inner.Op = "stream"
	canceled := llm.Annotate(errors.Join(context.Canceled, inner), "ended in the delay before attempt 2")
	canceled.Code = llm.ErrCanceled
	if got, want := canceled.Error(), "p stream m: canceled: ended in the delay before attempt 2: context canceled; rate limited: slow down (status 429, request id r1)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, c := range []struct {
		err       error
		code      llm.Code
		retryable bool
	}{
		{nil, llm.ErrUnknown, false},
		{context.DeadlineExceeded, llm.ErrTimeout, false},
		{llm.ErrOverloaded, llm.ErrOverloaded, true},
		{&llm.Error{Code: llm.ErrMalformedOutput, Retryable: new(true)}, llm.ErrMalformedOutput, true},
		{(*llm.Error)(nil), llm.ErrUnknown, false},
	} {
		e := llm.Annotate(c.err, "more")
		if e.Code != c.code || llm.IsRetryable(e) != c.retryable || (c.err != nil && e.Err != c.err) {
			t.Errorf("Annotate(%v) = %#v", c.err, e)
		}
	}
}

// A structured log shows what the text does, and no cause.
func TestErrorJSON(t *testing.T) {
	b, err := json.Marshal(map[string]any{"err": &llm.Error{Code: llm.ErrRateLimited, Message: `bad "SECRET"`, Status: 429, RequestID: "r1", RetryAfter: 1500 * time.Millisecond, Err: errors.New("SECRET")}})
	want := `{"err":{"code":"rate_limited","error":"rate limited: bad \"…\" (status 429, request id r1)","status":429,"request_id":"r1","retry_after_seconds":1.5,"retryable":true}}`
	if err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
	// As a value too, which a copy or a struct may hold.
	value := llm.Error{Code: "SECRET", Message: `bad "SECRET"`, Err: errors.New("SECRET")}
	b, err = json.Marshal(struct{ E llm.Error }{value})
	if text := fmt.Sprintf("%s %v %+v", b, value, value); err != nil || strings.Contains(text, "SECRET") {
		t.Errorf("%s, %v", text, err)
	}
	if b, err := json.Marshal((*llm.Error)(nil)); err != nil || string(b) != "null" {
		t.Errorf("%s, %v", b, err)
	}
}

func TestRedact(t *testing.T) {
	cases := []struct{ in, want string }{
		{"Too many tokens, please wait before trying again.", "Too many tokens, please wait before trying again."},
		{"Value 'my SECRET prompt' failed", "Value '…' failed"},
		{`it's the model's fault: "SECRET"`, `it's the model's fault: "…"`},
		{`'it's SECRET'`, `'…'`},
		{`"he said "hi" to SECRET" is bad`, `"…" is bad`},
		{`"never closed SECRET`, `"…`},
		{`'closed' and "never closed SECRET`, `'…`},
		{`'closed' and " SECRET`, `'…`},
		{"“SECRET” and ‘SECRET’ and «SECRET»", "“…»"},
		{`{"text":"SECRET","n":"SECRET"}`, `{…}`},
		{"`temperature` and `top_p` cannot both be specified", "`temperature` and `top_p` cannot both be specified"},
		{"`my SECRET prompt` is bad", "`…` is bad"},
		{`Invalid value: "he said \"hi\" and SECRET", sorry`, `Invalid value: "…", sorry`},
		{`value:"SECRET"`, `value:"…"`}, {`value"SECRET" x`, `value"…" x`}, {`" SECRET " x`, `"…`}, {"'\nSECRET' x", "'…' x"},
		{`the models' names: 'SECRET'`, `the models'…'`}, {"no such luck for the models' names", "no such luck for the models' names"},
		{"line\nbreak\x00and\u2028more", "line break and more"},
		{"bad \xff utf8", "bad \uFFFD utf8"},
		{"", ""},

		// What AWS says stays useful.
		{"2 validation errors detected: Value 'my SECRET' at 'messages.1.member.content' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+",
			"2 validation errors detected: Value '…' at 'messages.1.member.content' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"},
		{"Value 'the dogs' SECRET one' at 'toolConfig.tools.1.member.toolSpec.name' failed; Value 'SECRET' at 'messages' failed", "Value '…' at 'messages' failed"},
		{"Invocation of model ID a.b-v1:0 with on-demand throughput isn’t supported.", "Invocation of model ID a.b-v1:0 with on-demand throughput isn’t supported."},
		{"input length and `max_tokens` exceed context limit: 199990 + 20000 > 200000", "input length and `max_tokens` exceed context limit: 199990 + 20000 > 200000"},
		{"messages[2].content[0] and messages.2: required key [tool_result] not found", "messages[2].content[0] and messages.2: required key [tool_result] not found"},

		// JSON, whole and broken.
		{`Malformed: {"pin":4711,"acct":[12345678,true]}, sorry`, `Malformed: {…}, sorry`},
		{`Malformed: [12345678,true] [4711]`, `Malformed: […] […]`},
		{`Malformed: {pin: 4711`, `Malformed: {…`},
		{`x "a" {b "c", 4711} z`, `x "…`},
		{`Value "{"ssn":"SECRET"}" at x`, `Value "…" at x`},
	}
	// However a value is quoted, it does not show.
	for _, open := range []string{"'", `"`, "`", "``", "```", "b'", "text2'", `f"`, "''", `"" `, "l'", "x's'", "prompt:'", "``", "´", "＇", "‟", "‛", "《", "〈", "｢", "〝", "❝", "″", "„", "»", "“", "‘", "‹", "「", "『", "＂",
		"&quot;", "&#34;", "&#034;", "&#x22;", "&#39;", "&#039;", "&#x27;", "&apos;", "&ldquo;", "&lsquo;", "&laquo;", "&#8220;", "&amp;quot;", "&amp;amp;quot;",
		`\u0022`, `\u201c`, `\u00ab`, `\\u201C`, `\x22`, `\x27`, `\U00000022`, "%22", "%27", "%E2%80%9C"} {
		for _, value := range []string{"SECRET", "SECRET one", "sk-live-SECRET-abc123", "dogs' SECRET", `it is \' SECRET`, "the talkin' SECRET", `"hi" SECRET`, `{"a":"SECRET"}`, "] SECRET"} {
			for _, closer := range []string{open, "'", `"`, "''", "”", "&rdquo;", ""} {
				cases = append(cases, struct{ in, want string }{"bad " + open + value + closer + " at 'messages'", ""})
			}
		}
	}
	for _, c := range cases {
		got := llm.Redact(c.in)
		if c.want == "" && strings.Contains(got, "SECRET") || c.want != "" && got != c.want {
			t.Errorf("Redact(%q)\ngot  %q\nwant %q", c.in, got, c.want)
		}
		if again := llm.Redact(got); again != got {
			t.Errorf("Redact(%q) changes again to %q", got, again)
		}
	}
	long := llm.Redact(strings.Repeat("é", 500))
	if len(long) > 256 || !strings.HasSuffix(long, "…") {
		t.Errorf("a long text becomes %d bytes", len(long))
	}
}

func FuzzRedact(f *testing.F) {
	for _, s := range []string{"", "'a", `"a" b "c"`, "“a “b” c”", "it's", "\xff'\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := llm.Redact(s)
		if len(got) > 256 {
			t.Errorf("%d bytes", len(got))
		}
		// (A cut may fall within quotes.)
		if again := llm.Redact(got); again != got && len(got) < 250 {
			t.Errorf("%q changes again to %q", got, again)
		}
		// What is quoted does not show, whatever it holds.
		escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
		plain := strings.NewReplacer(`\`, "", `"`, "").Replace(s)
		for _, value := range []string{s, escaped, plain} {
			if strings.Contains(value, "amp") {
				continue // too many layers are elided whole
			}
			quoted := llm.Redact(`x "S` + value + `T" y`)
			if strings.Contains(value, "&") && quoted == `x "…` {
				continue // with an entity in it, all that follows may be quoted, too
			}
			if quoted != `x "…" y` {
				t.Errorf("a quoted value shows: %q", quoted)
			}
		}
	})
}

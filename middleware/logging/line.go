package logging

import (
	"cmp"
	"errors"
	"log/slog"
	"regexp"
	"time"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
)

// line is the attributes of a line. What is empty is left out.
type line []slog.Attr

// most is how many attributes a line can have.
const most = 26

func (l line) text(key, s string) line {
	if s != "" {
		l = append(l, slog.String(key, s))
	}
	return l
}

func (l line) count(key string, n int) line {
	if n != 0 {
		l = append(l, slog.Int(key, n))
	}
	return l
}

func (l line) flag(key string, on bool) line {
	if on {
		l = append(l, slog.Bool(key, true))
	}
	return l
}

// time adds whole milliseconds: as a slog.Duration it would be a text in one handler, and
// nanoseconds in another.
func (l line) time(key string, d time.Duration) line {
	return append(l, slog.Int64(key, d.Round(time.Millisecond).Milliseconds()))
}

// describe makes the line of a call that has ended.
func (c *call) describe(l line, o outcome) line {
	served := c.served()
	failure, typed := errors.AsType[*llm.Error](c.err)
	if failure == nil {
		failure, typed = &llm.Error{}, false
	}
	info := c.m.next.Info()

	l = l.text("op", c.op)
	l = l.text("provider", cmp.Or(failure.Provider, served.Provider, info.Provider))
	l = l.text("model", cmp.Or(failure.Model, served.Model, info.Model))
	if n := hook.Attempt(c.ctx); n > 1 {
		l = l.count("attempt", n)
	}
	l = l.time("duration_ms", time.Since(c.start))
	if c.begun {
		l = l.time("time_to_first_event_ms", c.first)
	}

	l = l.text("stop_reason", word(string(served.StopReason)))
	l = l.text("code", string(known(o.code)))
	if typed { // of other errors the text may hold anything
		l = l.text("error", failure.Error())
	}
	l = l.count("status", failure.Status)
	if d, ok := llm.RetryAfter(c.err); ok {
		l = l.time("retry_after_ms", d)
	}
	l = l.flag("abandoned", o.abandoned)
	l = l.flag("panic", o.panicked)

	u := served.Usage
	l = l.count("input_tokens", u.InputTokens)
	l = l.count("output_tokens", u.OutputTokens)
	l = l.count("cache_read_tokens", u.CacheReadTokens)
	l = l.count("cache_write_tokens", u.CacheWriteTokens)
	l = l.count("cache_write_1h_tokens", u.CacheWrite1hTokens)
	l = l.count("reasoning_tokens", u.ReasoningTokens)
	l = l.text("service_tier", word(u.ServiceTier))
	l = l.flag("estimated", u.Estimated)
	l = l.count("warnings", len(served.Warnings))
	l = l.text("request_id", id(cmp.Or(failure.RequestID, served.RequestID)))

	if c.req != nil {
		l = c.metadata(l)
	}
	if f := c.m.opts.Attributes; f != nil {
		l = append(l, f(c.ctx, c.req)...)
	}
	if c.m.opts.Content {
		l = c.content(l)
	}
	return l
}

// known is c, or "…" where package llm has no such code: then it may be any text.
func known(c llm.Code) llm.Code {
	if c != "" && (&llm.Error{Code: c}).Error() != c.Error() {
		return "…"
	}
	return c
}

// What comes from a server may be any text. It is logged where it looks like what it is to be.
var (
	words = regexp.MustCompile(`^[A-Za-z0-9_.-]{0,32}$`)
	ids   = regexp.MustCompile(`^[A-Za-z0-9_-]{0,63}[0-9][A-Za-z0-9_-]{0,63}$`)
)

func word(s string) string {
	if !words.MatchString(s) {
		return "…"
	}
	return s
}

func id(s string) string {
	if s != "" && (len(s) > 64 || !ids.MatchString(s)) {
		return "…"
	}
	return s
}

// served is what the answer says of itself, as far as there is one.
func (c *call) served() llm.Finish {
	if r := c.resp; r != nil {
		return llm.Finish{StopReason: r.StopReason, Usage: r.Usage, Provider: r.Provider, Model: r.Model,
			RequestID: r.RequestID, Warnings: r.Warnings}
	}
	if c.finish != nil {
		return *c.finish
	}
	u := c.usage
	u.Estimated = u != llm.Usage{}
	return llm.Finish{Usage: u}
}

func (c *call) metadata(l line) line {
	var tags []slog.Attr
	for _, key := range c.m.opts.Metadata {
		if v, ok := c.req.Metadata[key]; ok {
			tags = append(tags, slog.String(key, v))
		}
	}
	if tags != nil {
		l = append(l, slog.GroupAttrs("metadata", tags...))
	}
	return l
}

func (c *call) content(l line) line {
	limit := c.m.opts.MaxContent
	if c.req != nil {
		l = l.text("input", lastOf(input(c.req), limit))
	}
	answer := c.resp
	if c.answer != nil {
		answer = c.answer.Response()
	}
	if answer != nil {
		l = l.text("output", firstOf(output(answer), limit))
	}
	return l
}

package llmtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// law08: errors carry no content.
func law08() []testCase {
	const law = "Errors and their text carry no prompts, completions, tool arguments, headers or credentials, since errors " +
		"are logged, traced and shown. "
	return []testCase{
		{
			name: "law08/provider-message",
			explain: law + "Providers quote the request in their error messages. The scripted error quotes a secret in " +
				"its message, and has another in its cause. Pass a provider's text through llm.Redact before it goes " +
				"into Error.Message, and wrap the cause in Error.Err, whose text is not printed.",
			run: secretMessage,
		},
		{
			name: "law08/refused-request",
			explain: law + "A request with secrets in every place is refused for a fault in another. Name the path, " +
				"never the value.",
			run: secretRequest,
		},
		{
			name: "law08/failed-call",
			explain: law + "Calls with secrets in the request and in the answer fail, break off, are cancelled and ask " +
				"for what is lacking. Look for %q and %v of parts, and for errors of encoding/json, which quote what " +
				"they could not read.",
			run: secretCall,
		},
	}
}

// secret is planted wherever content may stand.
const secret = "hunter2-correct-horse"

// revealing returns a request with a secret in each place that the model can take.
func (c *run) revealing() *llm.Request {
	r := c.ask()
	r.System = []llm.Part{llm.Text("The password is " + secret)}
	r.Messages[0].Content = append(r.Messages[0].Content, llm.Text(secret))
	if !c.lacks(Metadata) {
		r.Metadata = map[string]string{"tenant": secret}
	}
	if !c.lacks(Tools) {
		r.Tools = []llm.Tool{{Name: "login", Description: secret, Schema: json.RawMessage(`{"type":"object","description":"` + secret + `"}`)}}
		r.Messages = append(r.Messages,
			llm.Assistant(call("call_1", "login", `{"password":"`+secret+`"}`)),
			llm.User(llm.ToolResult("call_1", llm.Text(secret))))
	}
	return r
}

// keeps checks that an error does not reveal the secret, in no form and at no depth.
// That there is an error at all is for the cases of other laws to check.
func (c *run) keeps(what string, err error) {
	c.Helper()
	if err == nil {
		return
	}
	for _, format := range []string{"%v", "%+v", "%s", "%q"} {
		if text := fmt.Sprintf(format, err); strings.Contains(text, secret) {
			c.Errorf("%s: the text of the error (%s) holds the secret: %s", what, format, text)
			return
		}
	}
	if logged, _ := json.Marshal(err); strings.Contains(string(logged), secret) {
		c.Errorf("%s: the error as JSON, which is how logs have it, holds the secret: %s", what, logged)
	}
	for _, e := range tree(err) {
		if e, ok := e.(*llm.Error); ok && strings.Contains(stored([]string{e.Op, e.Message, e.RequestID, e.Error()}), secret) {
			c.Errorf("%s: an *llm.Error within the error holds the secret: Op %q, Message %q", what, e.Op, e.Message)
		}
	}
}

// tree returns an error and all its causes.
func tree(err error) []error {
	if err == nil {
		return nil
	}
	all := []error{err}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		all = append(all, tree(e.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			all = append(all, tree(err)...)
		}
	}
	return all
}

func secretMessage(c *run) {
	failure := &llm.Error{
		Code:    llm.ErrInvalidRequest,
		Message: `The value "` + secret + `" at messages.0 is wrong, and so is '` + secret + `'.`,
		Err:     errors.New("body: " + secret),
	}
	for _, w := range ways() {
		for _, turn := range []Turn{{Err: failure}, {Events: halfway(), Err: failure}} {
			what := w.name + " that fails at once"
			if turn.Events != nil {
				what = w.name + " that fails half-way"
			}
			_, err := w.call(c.Context(), c.model(repeated(turn)...), c.ask())
			c.keeps(what, err)
		}
	}
}

func secretRequest(c *run) {
	for _, w := range ways() {
		for name, spoil := range map[string]func(r *llm.Request){
			"a nil part": func(r *llm.Request) { r.Messages[0].Content = append(r.Messages[0].Content, nil) },
			"an unknown role": func(r *llm.Request) {
				r.Messages = append(r.Messages, llm.Message{Role: secret, Content: []llm.Part{llm.Text(secret)}})
			},
			"a choice of an unknown tool": func(r *llm.Request) { r.ToolChoice = llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: secret} },
			"arguments that are not JSON": func(r *llm.Request) {
				r.Messages = append(r.Messages, llm.Assistant(call("call_2", "login", `{"password":"`+secret)))
			},
			"a schema that is not JSON": func(r *llm.Request) {
				r.Output = &llm.OutputFormat{Name: secret, Schema: json.RawMessage(`{"` + secret + `":`)}
			},
		} {
			req := c.revealing()
			spoil(req)
			_, err := w.call(c.Context(), c.model(says(secret)), req)
			c.keeps(w.name+" of a request with "+name, err)
		}
	}
}

func secretCall(c *run) {
	partial := []llm.Event{
		&llm.PartStart{Index: 0, Part: &llm.TextPart{}},
		&llm.TextDelta{Index: 0, Text: "The password is " + secret},
	}
	late := says(secret)
	late.Delay = ages
	for _, w := range ways() {
		_, err := w.call(c.Context(), c.model(repeated(Turn{Events: partial})...), c.revealing())
		c.keeps(w.name+" of an answer that breaks off", err)

		failing := Turn{Events: partial, Err: &llm.Error{Code: llm.ErrInternal, Message: "scripted"}}
		_, err = w.call(c.Context(), c.model(repeated(failing)...), c.revealing())
		c.keeps(w.name+" that fails half-way", err)

		m := c.model(late)
		ctx, cancel := context.WithTimeout(c.Context(), moment)
		c.within(w.name, func() { _, err = w.call(ctx, m, c.revealing()) })
		cancel()
		c.keeps(w.name+" that passes its deadline", err)

		for _, f := range features() {
			if f.kind != meaning || !c.lacks(f.capability) || c.lacks(f.needs...) {
				continue
			}
			req := c.revealing()
			f.set(req)
			if _, err := w.call(c.Context(), c.model(says("taken")), req); err != nil {
				c.keeps(w.name+" with "+f.name, err)
			}
		}
	}
	// Cancelled in the middle, by a policy with something to say.
	m := c.model(late)
	ctx, cancel := context.WithCancelCause(c.Context())
	time.AfterFunc(moment, func() { cancel(errors.New(secret)) })
	var err error
	c.within("a call that is cancelled with a cause", func() { _, err = m.Generate(ctx, c.revealing()) })
	c.keeps("a call that is cancelled with a cause", err)
}

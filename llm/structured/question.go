package structured

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/schema"
)

// question is a request for a T.
type question[T any] struct {
	req     *llm.Request // a copy, which grows by what is sent back
	schema  *schema.Schema
	wrapped bool // the value is the one in an envelope
	repairs int
}

// envelope is the object in which a value travels that is none.
type envelope[T any] struct {
	Value T `json:"value"`
}

func newQuestion[T any](m llm.Model, req *llm.Request, opts *Options) (*question[T], error) {
	invalid := func(message string) (*question[T], error) {
		return nil, &llm.Error{Code: llm.ErrInvalidRequest, Op: "structured", Message: message}
	}
	if m == nil || req == nil {
		return invalid("the model or the request is nil")
	}
	q := &question[T]{repairs: 1}
	if opts != nil && opts.Repairs != 0 {
		q.repairs = max(opts.Repairs, 0)
	}
	copied := *req
	q.req, copied.Messages = &copied, slices.Clone(req.Messages)
	format := llm.OutputFormat{}
	if req.Output != nil {
		format = *req.Output
	}
	copied.Output = &format
	if len(format.Schema) > 0 {
		var err error
		if q.schema, err = schema.Parse(format.Schema); err != nil {
			return invalid("output.schema: " + err.Error())
		}
		return q, nil
	}
	q.schema = must(schema.For[T]())
	if !slices.Equal(q.schema.Types(), []string{"object"}) {
		q.schema, q.wrapped = must(schema.For[envelope[T]]()), true
	}
	format.Schema = q.schema.JSON()
	return q, nil
}

func must(s *schema.Schema, err error) *schema.Schema {
	if err != nil {
		panic("structured: " + err.Error())
	}
	return s
}

// answer asks, by way of ask, until the answer is a T or there is no use.
func (q *question[T]) answer(ctx context.Context, ask func(context.Context, *llm.Request) (*llm.Response, error)) (T, *llm.Response, error) {
	var none T
	var usage llm.Usage
	for ; ; q.repairs-- {
		r, failed := ask(ctx, q.req)
		if r == nil && failed == nil {
			failed = &llm.Error{Code: llm.ErrIncomplete, Op: "structured", Message: "the model returned nothing"}
		}
		if r != nil {
			usage = usage.Add(r.Usage)
			whole := *r
			whole.Usage = usage
			r = &whole
		}
		// A backend may hold the answer to the schema as well, and then returns it beside the error.
		if failed != nil && (r == nil || r.Text() == "" || llm.CodeOf(failed) != llm.ErrMalformedOutput) {
			return none, r, failed
		}
		if err := noDocument(r); err != nil {
			return none, r, err
		}
		document := unfenced(r.Text())
		wrong := q.schema.Validate(document)
		if wrong == nil {
			value, err := q.decode(document)
			switch {
			case err == nil && failed == nil:
				return value, r, nil
			case err == nil: // what the backend found, or a stream that broke, is not seen here
				return none, r, failed
			}
			wrong = &schema.Error{Keyword: "type", Detail: err.Error()}
		}
		if q.repairs <= 0 || ctx.Err() != nil {
			return none, r, &llm.Error{Code: llm.ErrMalformedOutput, Op: "structured", Provider: r.Provider, Model: r.Model, RequestID: r.RequestID,
				Message: wrong.Error(), Retryable: new(false), Err: wrong}
		}
		q.req.Messages = append(q.req.Messages, r.Message.Clone(), llm.UserText(correction(wrong)))
	}
}

// decode reads a document, whole or not.
func (q *question[T]) decode(document []byte) (T, error) {
	if q.wrapped {
		var e envelope[T]
		err := json.Unmarshal(document, &e)
		return e.Value, err
	}
	var value T
	err := json.Unmarshal(document, &value)
	return value, err
}

// noDocument is the error of an answer that was not meant to be one, or is not whole.
func noDocument(r *llm.Response) error {
	e := &llm.Error{Op: "structured", Provider: r.Provider, Model: r.Model, RequestID: r.RequestID, Retryable: new(false)}
	switch {
	case r.StopReason == llm.StopRefusal || r.StopReason == llm.StopContentFilter:
		e.Code, e.Message = llm.ErrContentFiltered, "the model refused to answer, or its answer was filtered"
	case r.StopReason == llm.StopMaxTokens || r.StopReason == llm.StopContextWindow:
		e.Code, e.Message = llm.ErrMalformedOutput, "the answer was cut short: raise max_tokens, or ask for less"
	case len(r.ToolCalls()) > 0:
		e.Code, e.Message = llm.ErrUnsupported, "the model called tools instead of answering: use a conversation, or take the tools out"
	default:
		return nil
	}
	return e
}

// unfenced is the document without the fence that some models put around it.
func unfenced(text string) []byte {
	text = strings.TrimSpace(text)
	if inner, ok := strings.CutPrefix(text, "```"); ok {
		if _, body, ok := strings.Cut(inner, "\n"); ok {
			text = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(body), "```"))
		}
	}
	return []byte(text)
}

// correction says to the model what is wrong with its answer.
func correction(wrong error) string {
	detail := wrong.Error()
	if e, ok := errors.AsType[*schema.Error](wrong); ok {
		detail = e.Detail
	}
	return "This answer does not satisfy the JSON schema:\n" + detail + "\nAnswer with the whole document again, corrected, and nothing else."
}

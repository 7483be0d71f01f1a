package llm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// The storage format is flat objects with "type" first. The tags on the types give
// their keys; this file adds the type, and json_part.go and json_event.go the
// unions.

// tagged encodes v, which must encode as an object, with "type" as its first key.
func tagged(typ string, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(`{"type":"",`)+len(typ)+len(body))
	out = append(out, `{"type":"`...)
	out = append(out, typ...)
	out = append(out, '"')
	if len(body) > len("{}") {
		out = append(out, ',')
	}
	return append(out, body[1:]...), nil
}

// typeOf reads the type of an object.
func typeOf(b []byte) (string, error) {
	var t struct {
		Type *string `json:"type"`
	}
	if err := json.Unmarshal(b, &t); err != nil {
		return "", badJSON("", err)
	}
	if t.Type == nil || *t.Type == "" {
		return "", badJSON("an object without a type", nil)
	}
	return *t.Type, nil
}

// foreign says whether data is an object of that type, as an unknown part or event
// is kept.
func foreign(data json.RawMessage, typ string) bool {
	if !json.Valid(data) || !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		return false
	}
	t, err := typeOf(data)
	return err == nil && t == typ
}

// badJSON is the error for stored data that cannot be read. The cause's text may
// quote the data, so it is not part of the message.
func badJSON(message string, cause error) error {
	if message == "" {
		message = "not in the storage format"
		if te, ok := cause.(*json.UnmarshalTypeError); ok {
			message += fmt.Sprintf(": %s is a %s", te.Field, te.Value)
		}
	}
	return &Error{Code: ErrInvalidRequest, Op: "load", Message: message, Err: cause}
}

// within adds a step of a path to an error of this file.
func within(step string, err error) error {
	if e, ok := err.(*Error); ok {
		e.Message = step + ": " + e.Message
		return e
	}
	return err
}

// duration is a time.Duration that is stored as a string: "1h0m0s".
type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = duration(v)
	return err
}

func (m Message) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Role    Role  `json:"role,omitempty"`
		Content Parts `json:"content,omitempty"`
	}{m.Role, m.Content})
}

func (m *Message) UnmarshalJSON(b []byte) error {
	var v struct {
		Role    Role  `json:"role"`
		Content Parts `json:"content"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return asBadJSON(err)
	}
	*m = Message{v.Role, v.Content}
	return nil
}

// storedOptions are options that were loaded. Their type is not known until
// [OptionsFor] asks for it, so they keep their JSON.
type storedOptions struct {
	Provider string          `json:"provider"`
	Options  json.RawMessage `json:"options,omitempty"`
}

func (o *storedOptions) ProviderName() string {
	if o == nil {
		return ""
	}
	return o.Provider
}

// decode reads the options into their own type. What that type does not know is an
// error: it may be a setting that matters.
func (o *storedOptions) decode(into any) error {
	d := json.NewDecoder(bytes.NewReader(o.Options))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil || isNil(reflect.ValueOf(into).Elem().Interface()) {
		return badJSON("stored options that do not fit their type: set them again with SetOptions", err)
	}
	return nil
}

// MarshalJSON encodes the request in the storage format. Options are kept with
// their provider's name.
func (r Request) MarshalJSON() ([]byte, error) {
	type plain Request
	v := struct {
		System Parts `json:"system,omitempty"`
		*plain
		Options []*storedOptions `json:"options,omitempty"`
	}{System: r.System, plain: (*plain)(&r)}
	for _, o := range r.Options {
		if isNil(o) {
			continue
		}
		if s, ok := o.(*storedOptions); ok {
			v.Options = append(v.Options, s)
			continue
		}
		b, err := json.Marshal(o)
		if err != nil {
			return nil, err
		}
		v.Options = append(v.Options, &storedOptions{Provider: o.ProviderName(), Options: b})
	}
	return json.Marshal(v)
}

// UnmarshalJSON loads a request. Its options get their own type when [OptionsFor]
// asks for them; what does not encode, such as functions, is not stored.
func (r *Request) UnmarshalJSON(b []byte) error {
	type plain Request
	v := struct {
		*plain
		System  Parts            `json:"system"`
		Options []*storedOptions `json:"options"`
	}{plain: (*plain)(r)}
	if err := json.Unmarshal(b, &v); err != nil {
		return asBadJSON(err)
	}
	r.System, r.Options = v.System, nil
	for _, o := range v.Options {
		r.Options = append(r.Options, o)
	}
	return nil
}

// answerJSON is what a stored response and a stored finish event have in common.
type answerJSON struct {
	StopReason    StopReason `json:"stop_reason,omitempty"`
	RawStopReason string     `json:"raw_stop_reason,omitempty"`
	Usage         Usage      `json:"usage,omitzero"`
	Provider      string     `json:"provider,omitempty"`
	Model         string     `json:"model,omitempty"`
	RequestID     string     `json:"request_id,omitempty"`
	Latency       duration   `json:"latency,omitzero"`
	Warnings      []Warning  `json:"warnings,omitempty"`
}

type responseJSON struct {
	Message Message `json:"message,omitzero"`
	answerJSON
}

// MarshalJSON encodes the response in the storage format, without Raw.
func (r Response) MarshalJSON() ([]byte, error) {
	return json.Marshal(responseJSON{r.Message, answerJSON{r.StopReason, r.RawStopReason, r.Usage,
		r.Provider, r.Model, r.RequestID, duration(r.Latency), r.Warnings}})
}

// UnmarshalJSON loads a response.
func (r *Response) UnmarshalJSON(b []byte) error {
	var v responseJSON
	if err := json.Unmarshal(b, &v); err != nil {
		return asBadJSON(err)
	}
	*r = Response{Message: v.Message, StopReason: v.StopReason, RawStopReason: v.RawStopReason, Usage: v.Usage,
		Provider: v.Provider, Model: v.Model, RequestID: v.RequestID, Latency: time.Duration(v.Latency), Warnings: v.Warnings}
	return nil
}

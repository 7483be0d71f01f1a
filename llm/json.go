package llm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/parley-sdk/parley/internal/rawjson"
)

// The storage format. The tags on the types give the keys; parts and events have
// their type first: this file adds it, and json_part.go and json_event.go have the
// unions.
//
// encoding/json compacts again what a MarshalJSON returns, at every level. So that a
// 20 MB image is not copied at each, parts and messages append to one buffer.

// appendTagged appends v, which must encode as an object, with "type" as its first key.
func appendTagged(dst []byte, typ string, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dst = append(dst, `{"type":"`...)
	dst = append(dst, typ...)
	dst = append(dst, '"')
	if len(body) > len("{}") {
		dst = append(dst, ',')
	}
	return append(dst, body[1:]...), nil
}

func tagged(typ string, v any) ([]byte, error) { return appendTagged(nil, typ, v) }

// typeOf reads the type of an object, which is valid JSON. One that has the key twice,
// or in capitals, is refused: readers would not agree on what it is.
func typeOf(b []byte) (string, error) {
	if b = bytes.TrimLeft(b, " \t\r\n"); b[0] != '{' && b[0] != 'n' {
		return "", badJSON("", nil)
	}
	typ, found := "", false
	for key, v := range rawjson.Fields(b) {
		if !strings.EqualFold(string(key), "type") {
			continue
		}
		if found || string(key) != "type" {
			return "", badJSON("an object with more than one type", nil)
		}
		if found = true; v[0] != '"' {
			return "", badJSON("", nil)
		}
		typ = string(rawjson.AppendString(nil, v))
	}
	if typ == "" {
		return "", badJSON("an object without a type", nil)
	}
	return typ, nil
}

// foreign says whether data is an object of that type, as an unknown part or event
// is kept.
func foreign(data json.RawMessage, typ string) bool {
	if !json.Valid(data) {
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
		if te, ok := cause.(*json.UnmarshalTypeError); ok && te.Field != "" {
			field := strings.TrimPrefix(strings.TrimPrefix(te.Field, "plain."), "toolResultJSON.") // what is embedded
			kind, _, _ := strings.Cut(te.Value, " ")                                               // of a number it would be the number
			message += fmt.Sprintf(": %s is a %s", field, kind)
		}
	}
	return &Error{Code: ErrInvalidRequest, Op: "load", Message: message, Err: cause}
}

// within adds a step of a path to an error of this file.
func within(step string, err error) error {
	e, ok := err.(*Error)
	if !ok {
		return err
	}
	c := *e
	if !strings.HasPrefix(c.Message, "[") {
		step += ": "
	}
	c.Message = step + c.Message
	return &c
}

// duration is a time.Duration that is stored as a string: "1h0m0s".
type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = duration(v)
	return err
}

// MarshalJSON encodes the message in the storage format.
func (m Message) MarshalJSON() ([]byte, error) {
	role, err := json.Marshal(m.Role)
	if err != nil {
		return nil, err
	}
	out := []byte{'{'}
	if m.Role != "" {
		out = append(append(out, `"role":`...), role...)
	}
	if len(m.Content) > 0 {
		if len(out) > 1 {
			out = append(out, ',')
		}
		if out, err = appendParts(append(out, `"content":`...), m.Content); err != nil {
			return nil, within("content", err)
		}
	}
	return append(out, '}'), nil
}

// UnmarshalJSON loads a message. Parts of an unknown type become [*ProviderPart].
func (m *Message) UnmarshalJSON(b []byte) error {
	var v struct {
		Role    Role            `json:"role"`
		Content json.RawMessage `json:"content"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return asBadJSON(err)
	}
	content, err := loadParts(v.Content)
	if err != nil {
		return within("content", err)
	}
	*m = Message{v.Role, content}
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
	var fresh plain
	v := struct {
		*plain
		System   json.RawMessage   `json:"system"`
		Messages []json.RawMessage `json:"messages"`
		Options  []*storedOptions  `json:"options"`
	}{plain: &fresh}
	if err := json.Unmarshal(b, &v); err != nil {
		return asBadJSON(err)
	}
	var err error
	if fresh.System, err = loadParts(v.System); err != nil {
		return within("system", err)
	}
	for i, b := range v.Messages {
		var m Message
		if err := m.UnmarshalJSON(b); err != nil {
			return within(fmt.Sprintf("messages[%d]", i), err)
		}
		fresh.Messages = append(fresh.Messages, m)
	}
	for _, o := range v.Options {
		fresh.Options = append(fresh.Options, o)
	}
	*r = Request(fresh)
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

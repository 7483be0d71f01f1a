package bedrock

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/parley-sdk/parley/internal/rawjson"
	"github.com/parley-sdk/parley/llm"
)

// jsonDecoder reads the JSON of answers, whole and streamed alike. What is not known
// is passed on; what is known and has another form than it must is noted, and the
// answer is refused: half of one is none.
type jsonDecoder struct {
	modelID string
	names   map[string]string // of tools: what was sent, and the application's own
	scratch []byte            // reused for every string
	wrong   string            // the first thing that has not the form it must
}

// note notes that a member has the wrong form.
func (d *jsonDecoder) note(what string) {
	if d.wrong == "" {
		d.wrong = what
	}
}

// fault is the error for what was noted.
func (d *jsonDecoder) fault() error {
	if d.wrong == "" {
		return nil
	}
	return &llm.Error{Code: llm.ErrMalformedOutput, Message: "the service's answer is not as the Converse API has it: " + d.wrong}
}

// text returns the content of a JSON string, "" for null.
func (d *jsonDecoder) text(v value) string {
	if !v.isNull() && v[0] != '"' {
		d.note("a value that should be a string")
	}
	d.scratch = v.appendString(d.scratch[:0])
	return string(d.scratch)
}

// bytes returns the content of a base64 string.
func (d *jsonDecoder) bytes(v value) []byte {
	if !v.isNull() && v[0] != '"' {
		d.note("a value that should be base64")
	}
	d.scratch = v.appendString(d.scratch[:0])
	out := make([]byte, base64.StdEncoding.DecodedLen(len(d.scratch)))
	n, err := base64.StdEncoding.Decode(out, d.scratch)
	if err != nil {
		d.note("a value that should be base64")
	}
	return out[:n]
}

// object returns v where it is an object; any other value but null is noted.
func (d *jsonDecoder) object(v value, what string) value {
	if v.isNull() || v[0] != '{' {
		if !v.isNull() {
			d.note(what + " that is not an object")
		}
		return nil
	}
	return v
}

// list returns v where it is a list of objects; anything else but null is noted.
func (d *jsonDecoder) list(v value, what string) value {
	if !v.isNull() && v[0] != '[' {
		d.note(what + " that is not a list")
	}
	for item := range v.items() {
		d.object(item, "an element of "+what)
	}
	return v
}

// texts joins the texts of a list. Whole says that there was nothing else in it.
func (d *jsonDecoder) texts(list value) (text string, n int, whole bool) {
	var b strings.Builder
	whole = true
	for item := range list.items() {
		for key, v := range item.fields() {
			if string(key) == "text" {
				b.WriteString(d.text(v))
			} else if !v.isNull() {
				whole = false
			}
		}
		n++
	}
	return b.String(), n, whole
}

// data is JSON to be kept as it is.
func (d *jsonDecoder) data(v value) json.RawMessage {
	if rawjson.Depth(v) > rawjson.MaxDepth {
		d.note("a value that is nested too deep")
	}
	return json.RawMessage(bytes.Clone(v))
}

// native is a block or an event that has no neutral form.
func (d *jsonDecoder) native(kind []byte, v value) *llm.ProviderPart {
	return &llm.ProviderPart{Provider: Provider, Kind: string(kind), Data: d.data(v)}
}

// required is text that must be there.
func (d *jsonDecoder) required(v value, name string) string {
	s := d.text(v)
	if s == "" {
		d.note(name + " is missing")
	}
	return s
}

// opaque marks a part as ours.
func (d *jsonDecoder) opaque() *llm.Opaque {
	return &llm.Opaque{Provider: Provider, Model: d.modelID}
}

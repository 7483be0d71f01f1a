package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/parley-sdk/parley/internal/rawjson"
)

// Schema is a JSON Schema. It is immutable and safe for concurrent use; the zero Schema lets
// every JSON value pass.
type Schema struct {
	text     json.RawMessage
	resolved *jsonschema.Resolved // nil where it cannot be checked
}

// Parse returns the schema of a text. A text that is no JSON object or boolean is an error,
// and so is a schema whose check would not come to an end: a reference that leads back to
// itself, more than 100 levels, or more than 1,000 subschemas for one value. One with
// keywords or references that cannot be followed here, such as those to other documents or to
// anchors, or of another dialect, is not an error, but see [Schema.Checks].
func Parse(text json.RawMessage) (*Schema, error) {
	text = bytes.TrimSpace(text)
	if !json.Valid(text) || !strings.ContainsRune("{tf", rune(text[0])) {
		return nil, errors.New("a schema is a JSON object, or true or false")
	}
	if rawjson.Depth(text) > maxDepth {
		return nil, errors.New("deeper than 100 levels")
	}
	s := &Schema{text: bytes.Clone(text)}
	var parsed jsonschema.Schema
	if json.Unmarshal(text, &parsed) != nil {
		return s, nil
	}
	// As the library understands it: of a name that occurs twice, or in other letters.
	understood, err := json.Marshal(&parsed)
	if err != nil {
		return s, nil
	}
	w := newWork(understood)
	if why := w.walk(w.root); why != "" {
		return nil, errors.New(why)
	}
	if w.lost || !followed(parsed.Schema) {
		return s, nil
	}
	if s.resolved, err = parsed.Resolve(nil); err != nil {
		s.resolved = nil
	}
	return s, nil
}

// followed says whether the library knows a dialect, by what $schema says. To one that it does
// not know it holds no value, not even one that is right.
func followed(dialect string) bool {
	switch dialect {
	case "", "https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft-07/schema#":
		return true
	}
	return false
}

// JSON returns the text of the schema, which must not be changed.
func (s *Schema) JSON() json.RawMessage {
	if s.text == nil {
		return json.RawMessage("true")
	}
	return s.text
}

// Types returns what the keyword type says of the value itself: "object", for one. It is nil
// where the schema says nothing, which lets every type pass, or none where it is false.
func (s *Schema) Types() []string {
	var has struct {
		Type json.RawMessage `json:"type"`
	}
	_ = json.Unmarshal(s.JSON(), &has) // a boolean has no keywords
	var one string
	if json.Unmarshal(has.Type, &one) == nil && one != "" {
		return []string{one}
	}
	var several []string
	_ = json.Unmarshal(has.Type, &several)
	return several
}

// Checks says whether [Schema.Validate] looks at more than whether a text is JSON.
func (s *Schema) Checks() bool { return s.resolved != nil }

// Validate says whether a JSON text satisfies the schema: nil, or an [*Error] about the faults
// that were found, the same for the same text. Numbers are compared as float64. A name that
// occurs twice in an object is a fault, since programs differ in what they make of it.
func (s *Schema) Validate(text json.RawMessage) error {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return &Error{Keyword: "json", Detail: "not valid JSON: " + err.Error()}
	}
	if path, twice := repeated(bytes.TrimSpace(text), ""); twice {
		return &Error{Keyword: "uniqueNames", Detail: path + ": the name occurs twice in its object"}
	}
	if s.resolved == nil {
		return nil
	}
	if err := s.resolved.Validate(v); err != nil {
		return told(s.faults(v), newError(err))
	}
	return nil
}

// repeated finds a name that occurs twice in an object, as a JSON pointer. A check sees the
// last of them, and encoding/json reads all into one struct.
func repeated(v []byte, path string) (at string, twice bool) {
	names := make(map[string]bool)
	for name, member := range rawjson.Fields(v) {
		at := path + "/" + string(name)
		if names[string(name)] {
			return at, true
		}
		names[string(name)] = true
		if at, twice := repeated(member, at); twice {
			return at, true
		}
	}
	i := 0
	for item := range rawjson.Items(v) {
		if at, twice := repeated(item, path+"/"+strconv.Itoa(i)); twice {
			return at, true
		}
		i++
	}
	return "", false
}

// Error says where and how a value does not satisfy a schema. Path and Keyword are of the first
// fault.
type Error struct {
	Path    string // in the schema, as a JSON pointer: "/properties/city"; "" is the whole
	Keyword string // of the schema: "required"; "json" where the text is no JSON, "uniqueNames" where a name occurs twice

	// Detail tells of up to 8 faults, a line for each, and whether there are more. It quotes
	// values, shortened, and their places: ".items[2].price: type: x has type …".
	Detail string
}

// Error quotes no value.
func (e *Error) Error() string {
	switch e.Keyword {
	case "json":
		return "not valid JSON"
	case "uniqueNames":
		return "a name occurs twice in an object"
	}
	if e.Path == "" {
		return fmt.Sprintf("the value does not satisfy %s of its schema", e.Keyword)
	}
	return fmt.Sprintf("the value does not satisfy %s of its schema at %s", e.Keyword, e.Path)
}

// newError reads what the library says, which is text alone:
// "validating root: validating /properties/n: type: 4.5 has type …".
func newError(err error) *Error {
	e := &Error{Keyword: "the conditions", Detail: err.Error()}
	rest := e.Detail
	for {
		after, ok := strings.CutPrefix(rest, "validating ")
		if !ok {
			break
		}
		path, next, ok := strings.Cut(after, ": ")
		if !ok {
			break
		}
		if rest = next; path != "root" {
			e.Path = path
		}
	}
	e.Detail = rest
	if e.Path != "" {
		e.Detail = e.Path + ": " + rest
	}
	if strings.HasPrefix(rest, "unexpected additional properties") {
		e.Keyword = "additionalProperties"
	} else if keyword, _, ok := strings.Cut(rest, ": "); ok && isKeyword(keyword) {
		e.Keyword = keyword
	}
	return e
}

// isKeyword says whether a word is a name and not a piece of a value.
func isKeyword(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return s != "" && len(s) <= 24
}

// Package schema makes JSON Schemas of Go types and holds JSON to them. Packages tool and
// structured are built on it; use it where you write an [llm.Tool] or an [llm.OutputFormat]
// by hand.
//
// It is a thin layer over github.com/google/jsonschema-go, which follows draft 2020-12 and
// draft-07, and mends what is in the way of models.
//
// # Types
//
// [For] describes what encoding/json reads into a type. Structs become closed objects, their
// properties in the order of the fields; those marked omitempty or omitzero are optional, all
// others required. A pointer may be null where it is required, and is left out where it is
// optional. Maps, slices, arrays, strings, numbers, booleans and any are what one expects,
// and beyond that:
//
//   - []byte is a base64 string;
//   - [time.Time] is a string, [json.Number] a number, [big.Int] an integer;
//   - [json.RawMessage] and other types that implement [json.Unmarshaler] are anything;
//   - types that implement [encoding.TextUnmarshaler] alone are strings;
//   - [time.Duration] is an integer, nanoseconds: use a string or seconds of your own;
//   - a struct type that contains itself stands under $defs.
//
// Maps whose keys are no strings, functions, channels and complex numbers have no schema.
//
// # Tags
//
// A tag says what the type cannot:
//
//	type Search struct {
//		Query string   `json:"query" jsonschema:"what to look for" minLength:"1"`
//		Unit  string   `json:"unit,omitempty" enum:"celsius,fahrenheit"`
//		Limit int      `json:"limit,omitempty" minimum:"1" maximum:"50"`
//		Tags  []string `json:"tags,omitempty" maxItems:"5" pattern:"^[a-z]+$"`
//	}
//
// The text of jsonschema is the description. The others are the schema's keywords: enum (with
// commas between the values), minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf,
// minLength, maxLength, pattern, format, minItems, maxItems, uniqueItems and default. On a
// slice all but default and those about items apply to what it holds. Format is a hint to the model and is
// not checked.
//
// # Errors
//
// An [Error] says where a value does not fit and which keyword it breaks. Its text quotes no
// value, so that it may be logged; [Error.Detail] does, for the model whose value it is, and
// tells of several faults at once, so that it can mend them at once. Of a choice between
// references, such as in anyOf, it may tell only when all else is right.
package schema

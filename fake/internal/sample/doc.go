// Package sample makes JSON values that satisfy a JSON Schema: what fake.Auto puts into the
// arguments of tools and into structured answers.
//
// # How it works
//
// A schema is a tree of objects that keep their order and paths (schema.go, value.go). The
// generator expands it into a flat list of schemas that a value must satisfy together: it
// follows $ref and allOf, and takes a branch of anyOf, oneOf, if and so on, one after the other
// until one leads to a value (generate.go). From the list it makes a value of each type that
// all allow, by construction where it can: bounds, lengths, patterns, formats, properties
// (number.go, string.go, pattern.go, array.go, object.go). What no construction gives, such as
// not, oneOf and uniqueItems, it gets by trying, since each value is checked before it is used
// (check.go); a keyword that cannot be read, or is not known to the check, is an error (form.go).
//
// # Bounds
//
// A schema may come from a stranger. All work is counted in steps, a look at a schema costs the
// more the more is in it, and no schema gets more than 100,000 of them. Schemas, values,
// patterns and depth are limited too.
//
// It is here, in the standard library alone, since an application that imports only llm and
// fake shall compile no third-party code. The tests hold it against google/jsonschema-go.
package sample

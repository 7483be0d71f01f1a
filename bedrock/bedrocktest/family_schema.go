package bedrocktest

import (
	"slices"
	"strings"
)

// strictDialect holds the schemas that a model must keep to against the part of JSON
// Schema that it can keep to.
func strictDialect(c *call) *exception {
	for i, b := range c.tools() {
		if b.v.get("strict").bool() {
			if fault := dialect(b.v.get("inputSchema").get("json")); fault != "" {
				return byModel("tools.%d.custom: %s", i, fault)
			}
		}
	}
	text := c.body.get("outputConfig").get("textFormat").get("structure").get("jsonSchema").get("schema").string()
	if fault := dialect(parse([]byte(text))); fault != "" {
		return byModel("output_config.format.schema: %s", fault)
	}
	return nil
}

// Where a schema holds schemas: as a member, in a list, and in an object.
var (
	schemaMembers = []string{"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"}
	schemaLists   = []string{"anyOf", "oneOf", "allOf", "prefixItems"}
	schemaMaps    = []string{"properties", "patternProperties", "$defs", "definitions"}
)

// dialect says what a schema has that the dialect lacks; "" is nothing.
func dialect(s *node) string {
	if fault := dialectHere(s); fault != "" || !s.is('{') {
		return fault
	}
	for i, key := range s.keys {
		var inner []*node
		switch {
		case slices.Contains(schemaMembers, key):
			inner = []*node{s.values[i]}
		case slices.Contains(schemaLists, key), slices.Contains(schemaMaps, key):
			inner = s.values[i].items()
		}
		for _, n := range inner {
			if fault := dialect(n); fault != "" {
				return fault
			}
		}
	}
	return ""
}

func dialectHere(s *node) string {
	if typed(s, "object") && !s.get("additionalProperties").is('f') {
		return "For 'object' type, 'additionalProperties' must be explicitly set to false"
	}
	var bounds []string
	for _, key := range []string{"exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"} {
		if s.get(key) != nil {
			bounds = append(bounds, key)
		}
	}
	switch {
	case len(bounds) > 0 && typed(s, "integer"):
		return "For 'integer' type, properties " + strings.Join(bounds, ", ") + " are not supported"
	case len(bounds) > 0:
		return "For 'number' type, properties " + strings.Join(bounds, ", ") + " are not supported"
	case s.get("maxItems") != nil:
		return "For 'array' type, property 'maxItems' is not supported"
	case s.get("minItems").int() > 1:
		return "For 'array' type, 'minItems' values other than 0 or 1 are not supported"
	}
	return ""
}

// typed says whether a schema is of that type, or allows it among others.
func typed(s *node, name string) bool {
	t := s.get("type")
	return t.string() == name || slices.ContainsFunc(t.items(), func(n *node) bool { return n.string() == name })
}

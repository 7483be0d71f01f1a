package bedrocktest

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// shape says what form a JSON value must have. The shapes of Converse are in
// shapes.go; this file holds a value against one.
type shape struct {
	kind     kind
	name     string   // of a union, as Bedrock's messages call it
	members  []member // of a structure or union
	element  *shape   // of a list or map
	min, max float64  // length, or value of a number; max 0 = none
	pattern  *pattern // of a text
	enum     []string // of a text
}

type kind int

const (
	jsonKind      kind = iota // any JSON
	structureKind             // an object with these members
	unionKind                 // an object with exactly one of these members
	listKind
	mapKind // an object with any keys
	textKind
	blobKind // base64
	numberKind
	integerKind
	booleanKind
)

type member struct {
	name     string
	shape    *shape
	required bool
}

// pattern is a regular expression that a whole text must match, and its source as
// Bedrock's messages quote it.
type pattern struct {
	source string
	whole  *regexp.Regexp
}

func newPattern(source string) *pattern {
	return &pattern{source, regexp.MustCompile(`^(?:` + source + `)$`)}
}

// checker holds a request against its shape.
type checker struct {
	refused *exception // the first fault that ends the check
	broken  []string   // the constraints that do not hold, in AWS's words
}

// check returns nil where the value has the shape.
func check(s *shape, n *node) *exception {
	var c checker
	c.value(s, n, nil)
	switch {
	case c.refused != nil:
		return c.refused
	case len(c.broken) == 1:
		return invalid("1 validation error detected: %s", c.broken[0])
	case len(c.broken) > 1:
		return invalid("%d validation errors detected: %s", len(c.broken), strings.Join(c.broken, "; "))
	}
	return nil
}

func (c *checker) value(s *shape, n *node, at path) {
	if c.refused != nil {
		return
	}
	switch s.kind {
	case jsonKind:
	case structureKind, unionKind, mapKind:
		if !n.is('{') {
			c.mistyped(n, at, "a structure")
			return
		}
		c.object(s, n, at)
	case listKind:
		if !n.is('[') {
			c.mistyped(n, at, "a list")
			return
		}
		c.length(s, n, at, len(n.values))
		for i, v := range n.values {
			c.value(s.element, v, at.index(i))
		}
	case textKind:
		if !n.is('"') {
			c.mistyped(n, at, "a String")
			return
		}
		c.text(s, n, at)
	case blobKind:
		if !n.is('"') {
			c.mistyped(n, at, "a Blob")
			return
		}
		if _, err := n.bytes(); err != nil {
			c.refuse(invalid("The value at %s is not valid base64.", at))
		}
	case integerKind:
		if _, err := strconv.ParseInt(string(n.text), 10, 32); err != nil {
			c.mistyped(n, at, "an Integer")
			return
		}
		c.bounds(s, n, at, "value", *n.float())
	case numberKind:
		if _, err := strconv.ParseFloat(string(n.text), 64); err != nil {
			c.mistyped(n, at, "a Float")
			return
		}
		c.bounds(s, n, at, "value", *n.float())
	case booleanKind:
		if !n.is('t') && !n.is('f') {
			c.mistyped(n, at, "a Boolean")
		}
	}
}

func (c *checker) object(s *shape, n *node, at path) {
	if s.kind == mapKind {
		c.length(s, n, at, len(n.keys))
		for i, key := range n.keys {
			c.value(s.element, n.values[i], at.key(key))
		}
		return
	}
	set := 0
	for i, key := range n.keys {
		if n.values[i].is('n') {
			continue
		}
		set++
		m := slices.IndexFunc(s.members, func(m member) bool { return m.name == key })
		switch {
		case m >= 0:
			c.value(s.members[m].shape, n.values[i], at.key(key))
		case s.kind == unionKind:
			// A member of a later version of the service: the model gets it as it is.
		default:
			c.refuse(extraneous(at, key))
		}
	}
	if s.kind == unionKind && set != 1 {
		var names []string
		for _, m := range s.members {
			names = append(names, m.name)
		}
		how := "must set one"
		if set > 1 {
			how = "can only set one"
		}
		c.refuse(invalid("%s object at %s %s of the following keys: %s.", s.name, at, how, strings.Join(names, ", ")))
	}
	for _, m := range s.members {
		if m.required && n.get(m.name) == nil {
			c.breach(nil, at.key(m.name), "Member must not be null")
		}
	}
}

func (c *checker) text(s *shape, n *node, at path) {
	v := n.string()
	if s.pattern != nil && !s.pattern.whole.MatchString(v) {
		c.breach(n, at, "Member must satisfy regular expression pattern: %s", s.pattern.source)
	}
	if s.enum != nil && !slices.Contains(s.enum, v) {
		c.breach(n, at, "Member must satisfy enum value set: [%s]", strings.Join(s.enum, ", "))
	}
	c.length(s, n, at, utf8.RuneCountInString(v))
}

func (c *checker) length(s *shape, n *node, at path, length int) {
	c.bounds(s, n, at, "length", float64(length))
}

func (c *checker) bounds(s *shape, n *node, at path, what string, v float64) {
	switch {
	case v < s.min:
		c.breach(n, at, "Member must have %s greater than or equal to %v", what, s.min)
	case s.max != 0 && v > s.max:
		c.breach(n, at, "Member must have %s less than or equal to %v", what, s.max)
	}
}

func (c *checker) mistyped(n *node, at path, want string) {
	is := map[byte]string{'{': "START_OBJECT", '[': "START_ARRAY", '"': "STRING_VALUE",
		't': "TRUE_VALUE", 'f': "FALSE_VALUE", 'n': "NULL_VALUE"}[n.text[0]]
	c.refuse(newException("SerializationException",
		fmt.Sprintf("%s: %s can not be converted to %s", at, cmp.Or(is, "NUMBER_VALUE"), want)))
}

// breach notes a constraint that does not hold. Bedrock quotes the value; one that
// is long or not a scalar is left out, as it does with some.
func (c *checker) breach(n *node, at path, format string, args ...any) {
	value := "Value"
	if n != nil && n.values == nil && n.keys == nil && !n.is('[') && !n.is('{') && len(n.text) <= 100 {
		value = "Value '" + strings.Trim(string(n.text), `"`) + "'"
	}
	c.broken = append(c.broken, fmt.Sprintf("%s at '%s' failed to satisfy constraint: %s", value, at.members(), fmt.Sprintf(format, args...)))
}

func extraneous(at path, key string) *exception {
	return invalid("Malformed input request: %s: extraneous key [%s] is not permitted, "+
		"please reformat your input and try again.", at.pointer(), key)
}

func (c *checker) refuse(e *exception) {
	if c.refused == nil {
		c.refused = e
	}
}

// path leads to a value of the request. Bedrock writes paths in three ways.
type path []step

type step struct {
	key string
	i   int // where key is ""
}

func (p path) key(key string) path { return append(p[:len(p):len(p)], step{key: key}) }
func (p path) index(i int) path    { return append(p[:len(p):len(p)], step{i: i}) }

// String is the form of most messages: messages.0.content.1.text.
func (p path) String() string {
	return p.join(".", func(i int) string { return strconv.Itoa(i) })
}

// members is the form of broken constraints: messages.1.member.content.2.member.text.
func (p path) members() string {
	return p.join(".", func(i int) string { return strconv.Itoa(i+1) + ".member" })
}

// pointer is the form of extraneous keys: #/messages/0/content/1.
func (p path) pointer() string {
	return strings.TrimSuffix("#/"+p.join("/", strconv.Itoa), "/")
}

func (p path) join(sep string, index func(int) string) string {
	var b strings.Builder
	for i, s := range p {
		if i > 0 {
			b.WriteString(sep)
		}
		if s.key == "" {
			b.WriteString(index(s.i))
		} else {
			b.WriteString(s.key)
		}
	}
	return b.String()
}

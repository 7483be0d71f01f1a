package bedrocktest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// node is a JSON value together with its text.
//
// The request is read into nodes, and not into structs, for three reasons: the text
// of tool input, schemas and unknown blocks must reach the model with every byte;
// encoding/json takes "Text" for "text", and Bedrock does not; and a block's members
// must be counted, of which a struct keeps no record.
type node struct {
	text   []byte   // as it stood, without the white space around it
	keys   []string // of an object, in order
	values []*node  // of an object, as keys; or of an array
	blob   []byte   // of a text, what it holds in base64, once that was asked for
}

// parse reads a JSON text; nil means that it is none, or not in UTF-8.
func parse(text []byte) *node {
	if !utf8.Valid(text) || !json.Valid(text) {
		return nil
	}
	p := parser{text: text}
	return p.value()
}

// parser reads a text that is known to be valid, so it looks for ends only.
type parser struct {
	text []byte
	at   int
}

func (p *parser) value() *node {
	p.skip(" \t\r\n")
	start, n := p.at, new(node)
	switch open := p.text[p.at]; open {
	case '{', '[':
		p.at++
		for p.skip(" \t\r\n,"); p.text[p.at] != open+2; p.skip(" \t\r\n,") { // '}' is '{'+2, ']' is '['+2
			if open == '{' {
				n.keys = append(n.keys, p.value().string())
				p.skip(" \t\r\n:")
			}
			n.values = append(n.values, p.value())
		}
		p.at++
	case '"':
		for p.at++; p.text[p.at] != '"'; p.at++ {
			if p.text[p.at] == '\\' {
				p.at++
			}
		}
		p.at++
	default:
		for p.at < len(p.text) && !strings.ContainsRune(" \t\r\n,]}", rune(p.text[p.at])) {
			p.at++
		}
	}
	n.text = p.text[start:p.at:p.at]
	return n
}

func (p *parser) skip(chars string) {
	for p.at < len(p.text) && strings.IndexByte(chars, p.text[p.at]) >= 0 {
		p.at++
	}
}

// The methods below may be called on a nil node, which stands for a member that is
// absent, and return zero values where the node is of another kind.

// is says what kind of value it is, by its first byte: { [ " t f n, or - for any
// number.
func (n *node) is(kind byte) bool {
	if n == nil {
		return false
	}
	first := n.text[0]
	if first >= '0' && first <= '9' {
		first = '-'
	}
	return first == kind
}

// get returns a member of an object. A member that is null counts as absent, as it
// does in AWS's protocols.
func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	if i := slices.Index(n.keys, key); i >= 0 && !n.values[i].is('n') {
		return n.values[i]
	}
	return nil
}

func (n *node) items() []*node {
	if n == nil {
		return nil
	}
	return n.values
}

// member returns the only member of a union, and its key.
func (n *node) member() (string, *node) {
	if n != nil {
		for i, key := range n.keys {
			if !n.values[i].is('n') {
				return key, n.values[i]
			}
		}
	}
	return "", nil
}

func (n *node) string() string {
	if !n.is('"') {
		return ""
	}
	return string(n.unescaped())
}

// unescaped is what stands between the quotes of a text.
func (n *node) unescaped() []byte {
	s := n.text[1 : len(n.text)-1]
	if bytes.IndexByte(s, '\\') < 0 {
		return s
	}
	var unescaped string
	_ = json.Unmarshal(n.text, &unescaped) // it is valid
	return []byte(unescaped)
}

// bytes decodes a text from base64. It does so once, as that is most of the work in
// a large request.
func (n *node) bytes() ([]byte, error) {
	if !n.is('"') {
		return nil, nil
	}
	if n.blob != nil {
		return n.blob, nil
	}
	b, err := base64.StdEncoding.AppendDecode(nil, n.unescaped())
	n.blob = b
	return b, err
}

func (n *node) int() int {
	if n == nil {
		return 0
	}
	i, _ := strconv.Atoi(string(n.text))
	return i
}

func (n *node) float() *float64 {
	if n == nil {
		return nil
	}
	f, _ := strconv.ParseFloat(string(n.text), 64)
	return &f
}

func (n *node) bool() bool { return n.is('t') }

// raw returns the value's text.
func (n *node) raw() json.RawMessage {
	if n == nil {
		return nil
	}
	return n.text
}

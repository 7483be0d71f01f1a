package bedrocktest

import (
	"regexp"
	"slices"
	"strings"
)

// documentName allows the underscore, as Bedrock does though it does not say so.
var documentName = regexp.MustCompile(`^[a-zA-Z0-9_\-()\[\] ]*$`)

func documentNames(c *call) *exception {
	var names []string
	check := func(b block) *exception {
		name := b.v.get("name").string()
		switch {
		case b.kind != "document":
			return nil
		case !documentName.MatchString(name) || strings.Contains(name, "  "):
			return invalid("The document file name can only contain alphanumeric characters, whitespace characters, " +
				"hyphens, parentheses, and square brackets. The name can't contain more than one consecutive whitespace character.")
		case slices.Contains(names, name):
			return invalid("Messages can't contain duplicate document names. Rename the document and retry your request.")
		}
		names = append(names, name)
		return nil
	}
	for b := range c.blocks {
		if e := check(b); e != nil {
			return e
		}
		if b.kind == "toolResult" {
			for _, r := range b.results() {
				if e := check(r); e != nil {
					return e
				}
			}
		}
	}
	return nil
}

func textBesideDocument(c *call) *exception {
	for _, t := range c.turns {
		if len(t.of("document")) > 0 && len(t.of("text")) == 0 {
			return invalid("A text block must be included when using documents.")
		}
	}
	return nil
}

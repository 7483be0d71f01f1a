package tool

import (
	"fmt"
	"slices"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// Set is the tools of a request, in the order in which they were given. It is immutable and
// safe for concurrent use. The nil Set is empty.
type Set struct {
	tools []Tool
	specs []llm.Tool
	index map[string]int
}

// NewSet returns the set of these tools. The error is an [llm.ErrInvalidRequest] that names
// the tool which is nil, has no name, or has the name of another.
func NewSet(tools ...Tool) (*Set, error) {
	s := &Set{tools: slices.Clone(tools), index: make(map[string]int, len(tools))}
	for i, t := range tools {
		refuse := func(why string) error {
			return &llm.Error{Code: llm.ErrInvalidRequest, Op: "tool", Message: fmt.Sprintf("tools[%d]: %s", i, why)}
		}
		if t == nil {
			return nil, refuse("the tool is nil")
		}
		spec := t.Spec()
		if spec.Name == "" {
			return nil, refuse("a tool needs a name")
		}
		if first, taken := s.index[spec.Name]; taken {
			return nil, refuse(fmt.Sprintf("tools[%d] has the same name", first))
		}
		s.index[spec.Name] = i
		s.specs = append(s.specs, spec)
	}
	return s, nil
}

// Specs returns what a request says of the tools, in their order. The list is the caller's.
func (s *Set) Specs() []llm.Tool {
	if s == nil {
		return nil
	}
	return slices.Clone(s.specs)
}

// Lookup returns the tool of that name.
func (s *Set) Lookup(name string) (Tool, bool) {
	if s == nil {
		return nil, false
	}
	i, ok := s.index[name]
	if !ok {
		return nil, false
	}
	return s.tools[i], true
}

// choice lists the tools, for a model that asked for another.
func (s *Set) choice() string {
	if s == nil || len(s.specs) == 0 {
		return ""
	}
	var names []string
	for _, spec := range s.specs {
		names = append(names, spec.Name)
	}
	return "; there are " + strings.Join(names, ", ")
}

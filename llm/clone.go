package llm

import (
	"reflect"
	"slices"
)

// clonePart copies a part and everything in it but its payloads. Nil parts, typed
// or not, stay what they are.
func clonePart(p Part) Part {
	if isNil(p) {
		return p
	}
	switch p := p.(type) {
	case *TextPart:
		c := *p
		c.Citations = cloneCitations(p.Citations)
		c.Opaque = clonePtr(p.Opaque)
		return &c
	case *MediaPart:
		c := *p
		c.Opaque = clonePtr(p.Opaque)
		return &c
	case *DocumentPart:
		return clonePtr(p)
	case *ToolCallPart:
		c := *p
		c.Opaque = clonePtr(p.Opaque)
		return &c
	case *ToolResultPart:
		c := *p
		c.Content = cloneParts(p.Content)
		return &c
	case *ReasoningPart:
		c := *p
		c.Opaque = clonePtr(p.Opaque)
		return &c
	case *CachePointPart:
		return clonePtr(p)
	case *ProviderPart:
		return clonePtr(p)
	}
	return p
}

func cloneParts(parts []Part) []Part {
	c := slices.Clone(parts)
	for i := range c {
		c[i] = clonePart(c[i])
	}
	return c
}

func cloneCitations(cs []Citation) []Citation {
	c := slices.Clone(cs)
	for i := range c {
		c[i] = cloneCitation(c[i])
	}
	return c
}

func cloneCitation(c Citation) Citation {
	c.Document, c.Start, c.End = clonePtr(c.Document), clonePtr(c.Start), clonePtr(c.End)
	return c
}

func clonePtr[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

// isNil says whether v is nil or holds a nil pointer. `img, _ := ImageFile(…)` puts
// the latter into a message.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}

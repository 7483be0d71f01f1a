package bedrock

import (
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/schema"
)

// outputSchemas reads the schema that the answer will be held to. One that would not come
// to an end is told before the call.
func outputSchemas(d *draft) {
	if d.req.Output == nil {
		return
	}
	s, err := schema.Parse(d.req.Output.Schema)
	if err != nil {
		d.refuse(llm.ErrInvalidRequest, nil, "output.schema", "%v", err)
		return
	}
	d.schema = s
	if !s.Checks() {
		d.warn("output.schema", "the answer is held to being JSON only, since the schema has keywords or references that cannot be checked here")
	}
}

// Package structured asks a model for a value of a Go type.
//
//	type Invoice struct {
//		Number string `json:"number"`
//		Cents  int    `json:"cents" minimum:"0"`
//	}
//	invoice, resp, err := structured.Generate[Invoice](ctx, model, req)
//
// The type's schema goes into [llm.Request.Output], so that providers hold the model to it as
// strictly as they can; package schema says how a type becomes a schema and which tags say
// more. Types that are no JSON object, such as a slice, travel in one and come out again.
//
// # Violations
//
// The answer is held to the schema here too. One that breaks it is sent back to the model with
// its faults, up to eight and each with its place, [Options.Repairs] times, and then is an
// [llm.ErrMalformedOutput]. The response beside the error keeps the text. Its usage is the sum of
// all rounds. What [Stream] yields before the whole is not held to the schema: a string may be
// half of what it will be, and a round that is then repaired shows its faults.
//
// An answer that was refused or filtered is an [llm.ErrContentFiltered], one that was cut short
// an [llm.ErrMalformedOutput]; neither is sent back. A model that calls tools instead is an
// [llm.ErrUnsupported]: package conversation runs them.
package structured

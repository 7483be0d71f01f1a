package schema_test

import (
	"fmt"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/schema"
)

func ExampleFor() {
	type Weather struct {
		City string `json:"city" jsonschema:"the city's name" minLength:"1"`
		Unit string `json:"unit,omitempty" enum:"celsius,fahrenheit"`
	}
	s, err := schema.For[Weather]()
	if err != nil {
		panic(err) // the type has no schema
	}
	tool := llm.Tool{Name: "weather", Schema: s.JSON()}
	fmt.Println(string(tool.Schema))
	// Output:
	// {"type":"object","properties":{"city":{"type":"string","description":"the city's name","minLength":1},"unit":{"type":"string","enum":["celsius","fahrenheit"]}},"required":["city"],"additionalProperties":false}
}

func ExampleSchema_Validate() {
	s, err := schema.Parse([]byte(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`))
	if err != nil {
		panic(err)
	}
	fmt.Println(s.Validate([]byte(`{"city":"Oslo"}`)))
	fmt.Println(s.Validate([]byte(`{"city":59.9}`)))
	// Output:
	// <nil>
	// the value does not satisfy type of its schema at /properties/city
}

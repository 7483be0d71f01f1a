package tool_test

import (
	"context"
	"fmt"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/tool"
)

func ExampleNew() {
	type In struct {
		City string `json:"city" jsonschema:"the city's name"`
		Unit string `json:"unit,omitempty" enum:"celsius,fahrenheit"`
	}
	weather := tool.New("weather", "current weather of a city", func(ctx context.Context, in In) (string, error) {
		if in.City != "Oslo" {
			return "", tool.Errorf("no weather for %s", in.City)
		}
		return "4 °C, rain", nil
	})

	fmt.Println(string(weather.Spec().Schema))
	// Output:
	// {"type":"object","properties":{"city":{"type":"string","description":"the city's name"},"unit":{"type":"string","enum":["celsius","fahrenheit"]}},"required":["city"],"additionalProperties":false}
}

func ExampleSet_Run() {
	double := tool.New("double", "twice a number", func(ctx context.Context, in struct{ N int }) (int, error) {
		return 2 * in.N, nil
	})
	set, err := tool.NewSet(double)
	if err != nil {
		panic(err)
	}

	// What a model might ask for.
	calls := []*llm.ToolCallPart{
		{ID: "1", Name: "double", Input: []byte(`{"N":21}`)},
		{ID: "2", Name: "double", Input: []byte(`{"N":"many"}`)},
		{ID: "3", Name: "triple", Input: []byte(`{}`)},
	}
	answer := llm.Message{Role: llm.RoleUser}
	for result, err := range set.Run(context.Background(), nil, calls...) {
		answer.Content = append(answer.Content, result)
		fmt.Println(result.CallID, result.Content[0].(*llm.TextPart).Text, err != nil)
	}
	// Output:
	// 1 42 false
	// 2 the arguments do not satisfy the schema of the tool:
	// .N: type: many has type "string", want "integer" true
	// 3 there is no such tool; there are double true
}

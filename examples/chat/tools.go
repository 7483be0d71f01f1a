package main

import (
	"context"
	"time"

	"github.com/parley-sdk/parley/llm/tool"
)

// tools are what models are bad at by themselves: they have no clock, and miscount days.
func tools(now func() time.Time) []tool.Tool {
	type none struct{}
	type span struct {
		From string `json:"from" jsonschema:"the first day, as 2006-01-02"`
		To   string `json:"to" jsonschema:"the last day, as 2006-01-02"`
	}
	return []tool.Tool{
		tool.New("current_time", "the date and the time", func(context.Context, none) (string, error) {
			return now().Format("Monday, 2 January 2006, 15:04 MST"), nil
		}),
		tool.New("days_between", "how many days lie between two days", func(_ context.Context, in span) (int, error) {
			from, err := time.Parse(time.DateOnly, in.From)
			if err != nil {
				return 0, tool.Errorf("from is no day: write it as 2006-01-02")
			}
			to, err := time.Parse(time.DateOnly, in.To)
			if err != nil {
				return 0, tool.Errorf("to is no day: write it as 2006-01-02")
			}
			return int(to.Sub(from) / (24 * time.Hour)), nil
		}),
	}
}

package fake_test

import (
	"testing"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/llm/llmtest"
)

func TestConformance(t *testing.T) {
	llmtest.Run(t, llmtest.Harness{
		New: func(t *testing.T, s llmtest.Script) llm.Model {
			var turns []fake.Turn
			for _, turn := range s.Turns {
				turns = append(turns, scripted(turn))
			}
			return fake.New(turns...)
		},
		Virtual: true,
		Lacks: []llmtest.Capability{
			llmtest.ForeignState.Because("a fake stands for any provider"),
			llmtest.Stalls.Because("a turn of the suite that stops half-way tells only its own model"),
		},
	})
}

// scripted is a turn of the suite as one of the fake.
func scripted(turn llmtest.Turn) fake.Turn {
	var t fake.Turn
	switch {
	case turn.Events != nil:
		t = fake.Events(turn.Events...)
	case turn.Response != nil:
		t = fake.Response(turn.Response)
	}
	if turn.Err != nil {
		t = t.ThenFail(turn.Err)
	}
	return t.Delay(turn.Delay)
}

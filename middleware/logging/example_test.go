package logging_test

import (
	"context"
	"log/slog"
	"os"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/logging"
	"github.com/parley-sdk/parley/middleware/usage"
)

// stdout returns a logger whose lines are the same each time, as those of an example must be.
func stdout() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "duration_ms" {
				return slog.Attr{}
			}
			return a
		},
	}))
}

func ExampleNew() {
	m := llm.Wrap(fake.New(fake.Text("Hello."), fake.Fail(llm.ErrOverloaded)), logging.New(stdout(), nil))

	for range 2 {
		_, _ = m.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.UserText("Say hello.")}})
	}
	// Output:
	// level=INFO msg="model call" op=generate provider=fake model=fake stop_reason=end_turn input_tokens=3 output_tokens=2 request_id=fake-1
	// level=WARN msg="model call" op=generate provider=fake model=fake code=overloaded error="fake generate fake: overloaded (request id fake-2)" request_id=fake-2
}

// Answers at a level of their own, with a tag of the request and the text of prompt and answer.
func ExampleOptions() {
	m := llm.Wrap(fake.New(fake.Text("Hello.")), logging.New(stdout(), &logging.Options{
		Level: func(code llm.Code) slog.Level {
			if code == "" {
				return slog.LevelDebug
			}
			return logging.DefaultLevel(code)
		},
		Metadata: []string{"tenant"},
		Content:  true,
	}))

	_, _ = m.Generate(context.Background(), &llm.Request{
		Messages: []llm.Message{llm.UserText("Say hello.")},
		Metadata: map[string]string{"tenant": "acme"},
	})
	// Output:
	// level=DEBUG msg="model call" op=generate provider=fake model=fake stop_reason=end_turn input_tokens=3 output_tokens=2 request_id=fake-1 metadata.tenant=acme input="user: Say hello." output=Hello.
}

// The tags of a call, which its context carries, stand in its line.
func ExampleOptions_attributes() {
	m := llm.Wrap(fake.New(fake.Text("Hello.")), logging.New(stdout(), &logging.Options{
		Attributes: func(ctx context.Context, _ *llm.Request) []slog.Attr {
			return []slog.Attr{slog.String("feature", usage.TagsFrom(ctx)["feature"])}
		},
	}))

	ctx := usage.WithTags(context.Background(), map[string]string{"feature": "greeting"})
	_, _ = m.Generate(ctx, &llm.Request{Messages: []llm.Message{llm.UserText("Say hello.")}})
	// Output:
	// level=INFO msg="model call" op=generate provider=fake model=fake stop_reason=end_turn input_tokens=3 output_tokens=2 request_id=fake-1 feature=greeting
}

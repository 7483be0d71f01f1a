package fake_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// What a call differs in is said with its path, and shown around the place.
func TestDifference(t *testing.T) {
	base := func() *llm.Request {
		r := conv(llm.UserText("Is it warm?"), llm.AssistantText("Yes."), llm.UserText("And wet?"))
		r.System = []llm.Part{llm.Text(strings.Repeat("Be brief. ", 70) + "Be kind. The end.")}
		r.MaxTokens = 100
		return r
	}
	for name, c := range map[string]struct {
		change func(r *llm.Request)
		want   string
	}{
		"end of a long text": {func(r *llm.Request) {
			r.System[0].(*llm.TextPart).Text = strings.Repeat("Be brief. ", 70) + "Be köind. The end."
		}, "in system[0].text:\n      recorded …rief. Be brief. Be kind. The end.\"\n      asked    …rief. Be brief. Be köind. The end.\""},
		"setting":         {func(r *llm.Request) { r.MaxTokens = 200 }, "in max_tokens:\n      recorded 100\n      asked    200"},
		"missing setting": {func(r *llm.Request) { r.MaxTokens = 0 }, "in max_tokens:\n      recorded 100\n      asked    (nothing)"},
		"one more":        {func(r *llm.Request) { r.Tools = []llm.Tool{{Name: "t"}} }, "in tools:\n      recorded (nothing)\n      asked    [{\"name\":\"t\"}]"},
		"fewer messages":  {func(r *llm.Request) { r.Messages = r.Messages[:1] }, "in messages[1]:\n      recorded {\"content\":[{\"text\":\"Yes.\""},
		"another kind":    {func(r *llm.Request) { r.Messages[0] = llm.User(llm.Image("image/png", []byte("png"))) }, "in messages[0].content[0].data:\n      recorded (nothing)\n      asked    \"cG5n\""},
	} {
		t.Run(name, func(t *testing.T) {
			var tape bytes.Buffer
			generate(t, fake.Record(fake.New(fake.Text("x")), &tape), base())
			m, err := fake.Replay(&tape)
			if err != nil {
				t.Fatal(err)
			}
			r := base()
			c.change(r)
			if _, err := m.Generate(t.Context(), r); err == nil {
				t.Fatal("it is answered")
			}
			var tb recorderTB
			m.AssertExhausted(&tb)
			if len(tb.errors) != 1 || !strings.Contains(tb.errors[0], "fake-1 differs from the next recording "+c.want) {
				t.Errorf("got %s\nwant %s", tb.errors, c.want)
			}
		})
	}
}

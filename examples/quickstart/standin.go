package main

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// newStandIn starts a server that speaks Bedrock's protocol, over a fake model.
func newStandIn() *bedrocktest.Server {
	return bedrocktest.NewServer(paced{fake.Func(answer)}, nil)
}

// answer answers the questions of the walk-through, and says of any other that it is
// a fake.
func answer(_ context.Context, req *llm.Request) (*llm.Response, error) {
	question := ""
	for _, p := range req.Messages[len(req.Messages)-1].Content {
		switch p := p.(type) {
		case *llm.TextPart:
			question = p.Text
		case *llm.MediaPart:
			if p.MediaType != "image/webp" || len(p.Data) != len(image) {
				return nil, &llm.Error{Code: llm.ErrInvalidRequest, Message: "the image did not arrive whole"}
			}
		}
	}
	text := "I am a fake model, and know the answers to the walk-through only."
	switch {
	case strings.HasPrefix(question, "How are you"):
		text = "I'm doing well, thanks for asking! I'm a fake model on a local server, so every day is much the same."
	case strings.HasPrefix(question, "What could we talk about"):
		text = "We could look at a picture together, and then you might ask me to tell our story the way a pirate would."
	case strings.HasPrefix(question, "Please describe"):
		text = "The image shows a small toy house on a wooden surface. It has a blue front with two white-framed windows and a brown door, a red roof with a chimney, and green bushes with yellow flowers on both sides. The background is a soft, blurred green."
	case strings.HasPrefix(question, "Can you please summarize"):
		text = "You asked how I was, we spoke of what to talk about, and I described a picture of a toy house."
		if len(req.System) > 0 {
			text = "Arr, matey! Ye hailed me and asked how I fared, and I told ye all be shipshape. Then we parleyed o' what to talk about, and ye showed me a picture o' a wee blue house with a roof as red as the captain's coat. That be our whole yarn so far, aye!"
		}
	}
	return &llm.Response{Message: llm.AssistantText(text)}, nil
}

// paced is a model that streams at the speed of a fast typist, to be watched.
type paced struct{ next llm.Model }

func (m paced) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	return m.next.Generate(ctx, req)
}

func (m paced) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return llm.Once(func(yield func(llm.Event, error) bool) {
		for ev, err := range m.next.Stream(ctx, req) {
			if _, ok := ev.(*llm.TextDelta); ok {
				select {
				case <-time.After(40 * time.Millisecond):
				case <-ctx.Done(): // the model will say so
				}
			}
			if !yield(ev, err) {
				return
			}
		}
	})
}

func (m paced) Info() llm.Info    { return m.next.Info() }
func (m paced) Unwrap() llm.Model { return m.next }

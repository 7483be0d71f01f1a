package bedrock

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// What was taken for an answer can be saved, and goes back with the next question.
func TestAnswersGoBack(t *testing.T) {
	start := func(kind string) string { return `contentBlockStart {"contentBlockIndex":0,"start":` + kind + `}` }
	citation := func(c string) string {
		return `contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"a"}}
			contentBlockDelta {"contentBlockIndex":0,"delta":{"citation":` + c + `}}`
	}
	cases := map[string]struct{ stream, dropped string }{
		"a new citation location": {citation(`{"location":{"moon":{"x":1}}}`), "messages[1].content[0].citations[0]"},
		"a new citation member":   {citation(`{"confidence":0.5,"location":{"web":{"url":"u"}}}`), "messages[1].content[0].citations[0].data"},
		"a page beyond 32 bits":   {citation(`{"location":{"documentPage":{"documentIndex":0,"start":4294967296}}}`), "messages[1].content[0].citations[0]"},
		"a new kind of passage":   {citation(`{"sourceContent":[{"video":"x"}]}`), "messages[1].content[0].citations[0].data"},
		"a new block":             {start(`{"hologram":{"v":1}}`), "messages[1].content[0]"},
		"a known block, odd":      {start(`{"audio":"x"}`), "messages[1].content[0]"},
		"a known block, empty":    {start(`{"audio":{}}`), "messages[1].content[0]"},
		"an image of which nothing came": {start(`{"image":{"format":"png"}}`) + `
			contentBlockDelta {"contentBlockIndex":0,"delta":{"image":{"source":{"bytes":""}}}}`, "messages[1].content[0]"},
		"an image of a new format": {start(`{"image":{"format":"avif"}}`) + `
			contentBlockDelta {"contentBlockIndex":0,"delta":{"image":{"source":{"bytes":"AQI="}}}}`, "messages[1].content[0]"},
		"a native call, cut": {start(`{"toolUse":{"toolUseId":"a","name":"f","type":"server_tool_use"}}`) + `
			contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"q"}}}`, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r, _, err := decodeStream(bytes.NewReader(stream(t, c.stream+"\nmessageStop {\"stopReason\":\"max_tokens\"}")))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := json.Marshal(r); err != nil {
				t.Error(err)
			}
			warnings, err := goBack(r.Message)
			if err != nil {
				t.Fatal(err)
			}
			found := c.dropped == ""
			for _, w := range warnings {
				found = found || w.Field == c.dropped && w.Code == llm.WarningDropped
			}
			if !found {
				t.Errorf("no warning about %s: %v", c.dropped, warnings)
			}
		})
	}
}

// goBack encodes a conversation in which a model gave that answer.
func goBack(answer llm.Message) ([]llm.Warning, error) {
	m := &Model{modelID: "m", opts: Options{Profile: &Profile{AssistantMedia: true}}}
	req := &llm.Request{Messages: []llm.Message{llm.UserText("hi"), answer, llm.UserText("go on")}}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	d, err := m.normalize(req, nil, false)
	if err != nil {
		return nil, err
	}
	_, err = m.encode(d)
	return d.warnings, err
}

// Calls are judged alike, whole and streamed.
func TestArgumentsOfWholeAnswers(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 1001) + "1" + strings.Repeat("}", 1001)
	for input, want := range map[string]llm.ToolCallPart{
		"{\"x\":\"\xff\"}": {Input: json.RawMessage("{\"x\":\"\uFFFD\"}")},
		"[\"\xff\"]":       {Malformed: "[\"\uFFFD\"]"},
		deep:               {Malformed: deep},
	} {
		c := &call{model: &Model{modelID: "m"}}
		r, err := c.decodeAnswer([]byte(`{"output":{"message":{"content":[{"toolUse":{"toolUseId":"a","name":"f","input":` + input + `}}]}},"stopReason":"tool_use"}`))
		if err != nil {
			t.Error(err)
		} else if got := r.ToolCalls()[0]; string(got.Input) != string(want.Input) || got.Malformed != want.Malformed {
			t.Errorf("%.40q: %.40q, %.40q", input, got.Input, got.Malformed)
		}
	}
}

// Time grows with the answer, not with its square.
func TestLargeAnswers(t *testing.T) {
	items := strings.TrimSuffix(strings.Repeat(`{"text":"a"},`, 400_000), ",")
	began := time.Now()
	c := &call{model: &Model{modelID: "m"}}
	_, whole := c.decodeAnswer([]byte(`{"output":{"message":{"content":[{"citationsContent":{"content":[` + items + `]}}]}},"stopReason":"end_turn"}`))
	_, _, streamed := decodeStream(bytes.NewReader(stream(t, `contentBlockDelta {"contentBlockIndex":0,"delta":{"citation":{"sourceContent":[`+items+`]}}}`+end)))
	if err := errors.Join(whole, streamed); err != nil {
		t.Error(err)
	}
	var open []byte
	for i := range 20_000 {
		open = append(open, eventFrame(t, "contentBlockDelta", fmt.Sprintf(`{"contentBlockIndex":%d,"delta":{"text":"a"}}`, i))...)
	}
	if _, _, err := decodeStream(bytes.NewReader(open)); llm.CodeOf(err) != llm.ErrMalformedOutput {
		t.Errorf("20,000 open blocks: %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

// Who cancels gets nothing more, though all of it has been read.
func TestCancelWhileDecoding(t *testing.T) {
	body := stream(t, `contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"a"}}
		contentBlockDelta {"contentBlockIndex":1,"delta":{"text":"b"}}`+end)
	for at := 1; at <= 7; at++ {
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		d := &streamDecoder{ctx: ctx, frames: frameReader{r: bytes.NewReader(body)}, yield: func(llm.Event, error) bool {
			if n++; n == at {
				cancel()
			}
			return true
		}}
		err := d.run()
		if whole := at == 7; n != at || (err == nil) != whole || !whole && !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled at event %d: %d events, %v", at, n, err)
		}
		cancel()
	}
}

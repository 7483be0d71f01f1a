package bedrocktest

import (
	"encoding/base64"
	"net/http"
	"testing"

	"github.com/parley-sdk/parley/bedrock"
)

// Whatever is sent, the server reads it or refuses it, and what it reads is a request
// that encodes.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		`{"messages":[{"role":"user","content":[{"text":"Hi"}]}]}`,
		`{"messages":[{"role":"user","content":[{"toolResult":{"toolUseId":"a","content":[{"json":{}}]}}]}],"toolConfig":{"tools":[{"cachePoint":{"type":"default"}}]}}`,
		`{"messages":[{"role":"user","content":[{"image":{"format":"png","source":{"bytes":"AA=="}}},{"text":null,"x":1}]}],"system":[{"text":" "}]}`,
		`{"inferenceConfig":{"maxTokens":1e3,"temperature":-0.0},"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{"}}}}}`,
		`{"messages":[{"role":"assistant","content":[{"citationsContent":{"citations":[{"location":{"web":{"url":"a","domain":"b"}}}]}}]}]}`,
		`[1,{"a":[]},"\u00e9\ud83d\ude00",null,true]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		n := parse(text)
		if n == nil || check(converseShape, n) != nil {
			return
		}
		req := decode(n)
		for _, profile := range []*bedrock.Profile{nil, {}, {Family: "claude", Reasoning: bedrock.ReasoningBudget, StrictTools: true, StructuredOutput: true}} {
			newCall("Converse", someID, profile, n).check()
		}
		for _, m := range req.Messages {
			if blocks := arr(encodeBlocks(m.Content)); parse(blocks) == nil {
				t.Errorf("not JSON: %s", blocks)
			}
		}
	})
}

const someID = "amazon.nova-lite-v1:0"

// What a message says survives being read and written.
func TestBlocksRoundTrip(t *testing.T) {
	for _, block := range []string{
		`{"text":"a"}`,
		`{"image":{"format":"png","source":{"bytes":"AA=="}}}`,
		`{"audio":{"format":"wav","source":{"s3Location":{"uri":"s3://b/k"}}}}`,
		`{"document":{"citations":{"enabled":true},"context":"c","format":"docx","name":"n","source":{"bytes":"AA=="}}}`,
		`{"document":{"name":"n","source":{"text":"t"}}}`,
		`{"toolUse":{"input":{"a": 1.0},"name":"f","toolUseId":"t"}}`,
		`{"toolResult":{"content":[{"text":"a"}],"status":"error","toolUseId":"t"}}`,
		`{"reasoningContent":{"reasoningText":{"signature":"s","text":""}}}`,
		`{"reasoningContent":{"redactedContent":"AA=="}}`,
		`{"cachePoint":{"ttl":"1h","type":"default"}}`,
		`{"cachePoint":{"ttl":"5m","type":"default"}}`,
		`{"cachePoint":{"type":"default"}}`,
		`{"citationsContent":{"citations":[{"location":{"web":{"domain":"d","url":"u"}},"title":"t"}],"content":[{"text":"a"}]}}`,
		`{"guardContent":{"text":{"text":"a"}}}`,
		`{"brandNew":[1,  2]}`,
	} {
		got := encodeBlocks(decodeBlocks(parse([]byte("["+block+"]")), "user"))
		if len(got) != 1 || string(got[0]) != block {
			t.Errorf("%s became %s", block, got)
		}
	}
}

// What the server costs a test that sends a large image.
func BenchmarkReadImage(b *testing.B) {
	body := []byte(`{"messages":[{"role":"user","content":[{"text":"a"},{"image":{"format":"png","source":{"bytes":"` +
		base64.StdEncoding.EncodeToString(make([]byte, 4<<20)) + `"}}}]}]}`)
	r := &http.Request{Header: http.Header{"Authorization": {"a"}, "Content-Type": {"application/json"}}}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		q := request{r: r, op: "Converse", id: someID, body: body}
		if e := q.read(&Options{}); e != nil {
			b.Fatal(e.message)
		}
	}
}

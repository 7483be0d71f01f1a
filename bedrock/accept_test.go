package bedrock_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/llm"
)

// FuzzAccepted makes any request on any profile: the strict server, which knows nothing
// of the rules, must take it, or we must have refused it, with a path.
func FuzzAccepted(f *testing.F) {
	servers := map[bedrock.Profile]*bedrocktest.Server{}
	f.Cleanup(func() {
		for _, s := range servers {
			s.Close()
		}
	})
	n := uint64(200)
	if soak := os.Getenv("PARLEY_SOAK"); soak != "" {
		more, _ := strconv.ParseUint(soak, 10, 16)
		n *= max(more, 1)
	}
	for seed := range n {
		f.Add(seed, uint64(0))
		f.Add(seed, seed+1)
	}
	f.Fuzz(func(t *testing.T, seed, profile uint64) {
		p := anyProfile(profile)
		s := servers[*p]
		if s == nil {
			if len(servers) == 50 {
				for k, s := range servers {
					s.Close()
					delete(servers, k)
				}
			}
			s = bedrocktest.NewServer(anyAnswer(), &bedrocktest.Options{Profile: p, Forget: true, Latency: -1})
			servers[*p] = s
		}
		req := (&maker{rand.New(rand.NewPCG(seed, 1))}).request()
		if req.Validate() != nil {
			t.Skip("not a valid request")
		}
		before, err := json.Marshal(req)
		if err != nil {
			t.Fatal(err)
		}
		m := bedrock.New(s.Client(), "anthropic.test", &bedrock.Options{Profile: p})
		_, generate := m.Generate(t.Context(), req)
		_, stream := llm.Collect(m.Stream(t.Context(), req))
		for op, err := range map[string]error{"generate": generate, "stream": stream} {
			switch code := llm.CodeOf(err); {
			case err == nil, code == llm.ErrMalformedOutput:
			case asError(t, err).Status != 0 || code != llm.ErrInvalidRequest && code != llm.ErrUnsupported:
				t.Errorf("%s: %v", op, err)
				if testing.Verbose() {
					t.Logf("profile %+v\nrequest %s", p, before)
				}
			case !hasPath(asError(t, err)):
				t.Errorf("%s: no path: %v", op, err)
			}
		}
		if after, _ := json.Marshal(req); !bytes.Equal(before, after) {
			t.Error("the request was changed")
		}
	})
}

// anyProfile is that of a model that can do everything for 0, for some the one of a
// family, and else has its switches set by chance.
func anyProfile(seed uint64) *bedrock.Profile {
	if seed == 0 {
		return able()
	}
	if seed%4 == 0 {
		p := bedrock.ProfileFor(familyIDs[seed/4%uint64(len(familyIDs))])
		p.NoCountTokens = false
		if p.Family == "" {
			p.Family = "unknown" // to the server; the rules let pass what may be a prefill
		}
		return p
	}
	m := &maker{rand.New(rand.NewPCG(seed, 2))}
	p := &bedrock.Profile{Family: "any"}
	v := reflect.ValueOf(p).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Bool {
			f.SetBool(m.chance(2))
		}
	}
	p.NoConverse, p.NoCountTokens = false, false
	p.NoTools = m.chance(10)
	p.BesideToolResult = pick(m, bedrock.BesideNothing, bedrock.BesideText, bedrock.BesideAny)
	p.Reasoning = pick(m, bedrock.ReasoningNone, bedrock.ReasoningBudget, bedrock.ReasoningAdaptive, bedrock.ReasoningNova, bedrock.ReasoningEffort)
	p.Efforts = pick(m, "low medium high", "low medium high xhigh max", "high")
	p.Sampling = pick(m, bedrock.SamplingBoth, bedrock.SamplingOne, bedrock.SamplingNone)
	p.TopKField = pick(m, "", "top_k", "inferenceConfig.topK")
	p.MaxStopSequences = m.IntN(5)
	p.StopSequenceLength = pick(m, 0, 10)
	p.MaxOutputTokens = pick(m, 0, 8192, 64000)
	return p
}

// maker makes requests by chance.
type maker struct{ *rand.Rand }

func pick[T any](m *maker, from ...T) T { return from[m.IntN(len(from))] }

// chance is true once in n.
func (m *maker) chance(n int) bool { return m.IntN(n) == 0 }

func (m *maker) request() *llm.Request {
	r := &llm.Request{}
	for range m.IntN(3) {
		r.System = append(r.System, pick[llm.Part](m, llm.Text("Be brief."), llm.Text(" "), m.cache(), bedrock.GuardText("g", "query"), bedrock.GuardText(" ")))
	}
	for range 1 + m.IntN(7) {
		r.Messages = append(r.Messages, m.message())
	}
	if m.chance(2) && len(r.Messages) > 0 {
		r.Messages = append(r.Messages, llm.UserText("So?"))
	}
	for i := range m.IntN(4) {
		r.Tools = append(r.Tools, m.tool(i))
	}
	if len(r.Tools) > 0 {
		r.ToolChoice = pick(m, llm.ToolChoice{}, llm.ToolChoice{}, llm.ToolChoice{Mode: llm.ToolChoiceAny}, llm.ToolChoice{Mode: llm.ToolChoiceNone},
			llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: r.Tools[0].Name})
	}
	m.parameters(r)
	return r
}

func (m *maker) parameters(r *llm.Request) {
	r.MaxTokens = pick(m, 0, 0, 500, 4096, 100000)
	if m.chance(4) {
		r.Temperature = new(pick(m, 0, 0.5, 1, 2))
	}
	if m.chance(4) {
		r.TopP = new(pick(m, 0, 0.9, 1))
	}
	if m.chance(4) {
		r.TopK = new(40)
	}
	for range m.IntN(7) / 4 * 3 {
		r.StopSequences = append(r.StopSequences, pick(m, "", "END", "a longer sequence", "ü"))
	}
	if m.chance(3) {
		r.Reasoning = &llm.Reasoning{Effort: pick(m, "", llm.EffortNone, llm.EffortLow, llm.EffortHigh, llm.EffortMax, "xhigh", "unheard")}
		if m.chance(3) && r.Reasoning.Effort != llm.EffortNone {
			r.Reasoning.BudgetTokens = pick(m, 1, 2000, 10000, 90000)
		}
	}
	if m.chance(4) {
		r.Output = &llm.OutputFormat{Name: pick(m, "", "animal", "an animal!", "look"), Schema: raw(pick(m, `{"type":"object"}`, `{"type":"array","items":{"type":"integer","minimum":1}}`, `{"$ref":"#"}`, `{"type":"object","properties":{"next":{"$ref":"#"}}}`, `{"type":"object","patternProperties":{"^\\d\"":{}}}`,
			`{"type":"object","properties":{"n":{"type":"integer","maximum":3},"l":{"type":"array","minItems":2,"items":{"type":"object"}}},"required":["n"]}`, `{}`))}
	}
	if m.chance(4) {
		r.Metadata = map[string]string{"a": "b", "ü": "c", "d": strings.Repeat("x", 300)}
	}
	if m.chance(4) {
		r.SetOptions(&bedrock.RequestOptions{AdditionalFields: raw(pick(m, "", "", `{"anthropic_beta":["x"]}`, `{"output_config":{"task_budget":20000}}`)), Guardrail: pick(m, nil, &bedrock.Guardrail{ID: "g1", Version: "1", Trace: "enabled"}), ServiceTier: pick(m, "", "flex"),
			Latency: pick(m, "", "optimized"), ResponseFieldPaths: pick(m, nil, []string{"/stop_sequence"})})
	}
}

func (m *maker) tool(i int) llm.Tool {
	if m.chance(6) {
		return llm.Tool{Name: "nova_grounding", Provider: bedrock.Provider, Kind: "systemTool"}
	}
	t := llm.Tool{Name: []string{pick(m, "look", "look at!", strings.Repeat("long", 30)), "find", "küche"}[i], Description: pick(m, "", "Looks."), Strict: m.chance(3)}
	t.Schema = raw(pick(m, "", `{"type":"object","properties":{"at":{"type":"string"}}}`, `{"properties":{}}`, `{"type":"array"}`, `{"type":"object","additionalProperties":{"type":["object","null"]}}`, `{"type":"object","properties":{"o":{"type":["object","null"],"properties":{}}}}`, `{"type":"object","properties":{"n":{"type":"number","multipleOf":2}},"additionalProperties":true}`))
	if m.chance(3) {
		t.Cache = m.cache()
	}
	return t
}

func (m *maker) cache() *llm.CachePointPart {
	return &llm.CachePointPart{TTL: pick(m, 0, 0, 5*time.Minute, time.Hour, 2*time.Hour)}
}

func (m *maker) message() llm.Message {
	switch m.IntN(9) {
	case 0:
		return llm.System(llm.Text("Now in French."))
	case 1, 2, 3:
		var parts []llm.Part
		for range m.IntN(4) {
			parts = append(parts, m.assistantPart())
		}
		return llm.Assistant(parts...)
	}
	var parts []llm.Part
	for range 1 + m.IntN(4) {
		parts = append(parts, m.userPart())
	}
	return llm.User(parts...)
}

func (m *maker) assistantPart() llm.Part {
	ours := pick(m, nil, &llm.Opaque{Provider: bedrock.Provider, Model: pick(m, "anthropic.test", "amazon.nova-lite-v1:0")}, &llm.Opaque{Provider: "openai"})
	switch m.IntN(9) {
	case 0, 1, 2:
		return &llm.ToolCallPart{ID: m.id(), Name: m.name(), Input: pick(m, nil, raw(`{"at": 1.50}`), raw(`{}`))}
	case 3:
		return &llm.ToolCallPart{ID: m.id(), Name: m.name(), Malformed: `{"at":`}
	case 4:
		return pick(m, &llm.ReasoningPart{Text: "r", Signature: "s", Opaque: ours}, &llm.ReasoningPart{Text: "r", Opaque: ours}, &llm.ReasoningPart{Redacted: []byte{1}, Opaque: ours}, &llm.ReasoningPart{})
	case 5:
		return &llm.TextPart{Text: m.text(), Opaque: ours, Citations: []llm.Citation{pick(m, llm.Citation{Kind: "web", URL: "https://example.com"}, llm.Citation{Kind: "search_result", Document: new(1)},
			llm.Citation{Kind: "document_char", Document: new(0), Start: new(1 << 40)}, llm.Citation{Data: raw(`{"moon":1}`)})}}
	case 6:
		return pick[llm.Part](m, m.cache(), m.media(), m.document(), m.native())
	}
	return llm.Text(m.text())
}

func (m *maker) userPart() llm.Part {
	switch m.IntN(8) {
	case 0, 1, 2:
		p := &llm.ToolResultPart{CallID: m.id(), Name: pick(m, "", "look"), IsError: m.chance(3)}
		for range m.IntN(3) {
			p.Content = append(p.Content, pick[llm.Part](m, llm.Text(m.text()), llm.Text(m.text()), m.media(), m.document(), m.cache(), jsonPart(pick(m, `{"n":1}`, `[1]`, `null`)),
				&llm.ProviderPart{Provider: "openai", Kind: "x"}, bedrock.GuardText("g")))
		}
		return p
	case 3:
		return m.media()
	case 4:
		return m.document()
	case 5:
		return pick[llm.Part](m, m.cache(), m.native())
	}
	return llm.Text(m.text())
}

func (m *maker) native() llm.Part {
	block := pick(m, [2]string{"guardContent", `{"text":{"text":"g"}}`}, [2]string{"guardContent", `{"text":{"text":" "}}`}, [2]string{"hologram", `{"x":1}`},
		[2]string{"searchResult", `{"source":"s","title":"t","content":[{"text":"x"}]}`}, [2]string{"toolUse", `{"toolUseId":"s1","name":"nova_grounding","type":"server_tool_use","input":{}}`},
		[2]string{"guardContent", `7`}, [2]string{"text", `"native"`}, [2]string{"text", ""}, [2]string{"toolUse", ""}, [2]string{"document", ""}, [2]string{"cachePoint", ""}, [2]string{"text", `" "`}, [2]string{"cachePoint", `{"type":"default","ttl":"1h"}`}, [2]string{"toolResult", `{"toolUseId":"1","content":[]}`},
		[2]string{"toolUse", `{"toolUseId":"1","name":"look","input":{}}`}, [2]string{"toolUse", `{"toolUseId":"a b","name":"x","type":"server_tool_use","input":"{\"q"}`}, [2]string{"reasoningContent", `{"reasoningText":{"text":"r"}}`}, [2]string{"document", `{"name":"a.b","format":"txt","source":{"content":[{"text":"x"}]}}`},
		[2]string{"image", `{"format":"png","source":{"bytes":"iVBORw0KGgo="}}`})
	if m.chance(5) {
		return &llm.ProviderPart{Provider: pick(m, "", "openai"), Kind: "x", Data: raw(`{"type":"x"}`)}
	}
	return &llm.ProviderPart{Provider: bedrock.Provider, Kind: block[0], Data: []byte(block[1])}
}

func (m *maker) media() llm.Part {
	return pick(m, llm.Image("image/png", png), llm.Image("", png), &llm.MediaPart{MediaType: "image/jpeg", URI: "s3://b/k"}, &llm.MediaPart{MediaType: "image/png", URI: "https://example.com/a.png"},
		&llm.MediaPart{MediaType: "video/mp4", Data: []byte{1}}, &llm.MediaPart{MediaType: "audio/wav", Data: []byte{1}}, llm.Image("image/tiff", []byte{1}))
}

func (m *maker) document() llm.Part {
	d := pick(m, llm.Document("", "application/pdf", []byte("%PDF-1")), llm.Document("", "", []byte{1}), &llm.DocumentPart{Text: "t", Cite: m.chance(2), Context: "c"},
		&llm.DocumentPart{MediaType: "text/csv", Data: []byte("a,b")}, &llm.DocumentPart{MediaType: "application/pdf", URI: "s3://b/d"})
	d.Name = pick(m, "", "paper", "paper.pdf", "a  b", "日本", strings.Repeat("x", 250), "paper (2)")
	return d
}

func (m *maker) text() string { return pick(m, "", " ", "hello", "trailing \n", "ü") }
func (m *maker) id() string {
	return pick(m, "1", "2", "3", "a:b", "x y", "abcdefghi", strings.Repeat("i", 80))
}
func (m *maker) name() string {
	return pick(m, "look", "find", "look at!", "made.up", strings.Repeat("n", 80))
}

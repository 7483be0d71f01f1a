package fake_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

func tool(name string) llm.Tool {
	return llm.Tool{Name: name, Schema: json.RawMessage(`{"type":"object","properties":{"q":{"type":"string"}},"required":["q"]}`)}
}

// called is what a response calls: "name id input".
func called(r *llm.Response) []string {
	var out []string
	for _, c := range r.ToolCalls() {
		out = append(out, c.Name+" "+c.ID+" "+string(c.Input))
	}
	return out
}

// answerAll answers every call of a response with its tool's name.
func answerAll(req *llm.Request, r *llm.Response) {
	results := llm.Message{Role: llm.RoleUser}
	for _, c := range r.ToolCalls() {
		results.Content = append(results.Content, llm.ToolResult(c.ID, llm.Text("result of "+c.Name)))
	}
	req.Messages = append(req.Messages, r.Message, results)
}

func TestAutoCallsToolsAndReports(t *testing.T) {
	m := fake.Auto()
	req := ask("please")
	req.Tools = []llm.Tool{tool("a"), {Name: "b"}, {Provider: "p", Kind: "search", Name: "s"}}
	r := generate(t, m, req)
	if diff := cmp.Diff([]string{`a call_1 {"q":"fake"}`, `b call_2 {}`}, called(r)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if r.StopReason != llm.StopToolUse {
		t.Errorf("stop reason %q", r.StopReason)
	}
	req.Messages = append(req.Messages, r.Message, llm.User(
		llm.ToolResult("call_1", llm.Text("one"), llm.Image("image/png", []byte{1, 2}), llm.CachePoint(), &llm.ProviderPart{Kind: "json", Data: json.RawMessage(`{"n":1}`)}),
		llm.ToolError("call_2", "out of order")))
	want := "This is a fake model. Results of the tools:\na answered: one (media 2 bytes) {\"n\":1}\nb failed: out of order"
	r = generate(t, m, req)
	if diff := cmp.Diff(want, r.Text()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The next question is answered at once, and not with old results.
	req.Messages = append(req.Messages, r.Message, llm.UserText("and now?"))
	if r = generate(t, m, req); len(r.ToolCalls()) != 0 || !strings.Contains(r.Text(), "fake model") || strings.Contains(r.Text(), "one") {
		t.Errorf("got %q, calls %v", r.Text(), called(r))
	}
}

func TestAutoWithoutResults(t *testing.T) {
	req := conv(question, llm.Assistant(call("1")), llm.User(llm.ToolResult("1")))
	if got, want := generate(t, fake.Auto(), req).Text(), "This is a fake model. Results of the tools:\nweather answered: nothing"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAutoToolChoice(t *testing.T) {
	tools := []llm.Tool{tool("a"), tool("b")}
	tests := []struct {
		name   string
		choice llm.ToolChoice
		tools  []llm.Tool
		want   [][]string // the names called, a turn each; each turn's calls are answered
	}{
		{"auto", llm.ToolChoice{}, tools, [][]string{{"a", "b"}, nil}},
		{"one at a time", llm.ToolChoice{Single: true}, tools, [][]string{{"a"}, {"b"}, nil}},
		{"none", llm.ToolChoice{Mode: llm.ToolChoiceNone}, tools, [][]string{nil}},
		{"any", llm.ToolChoice{Mode: llm.ToolChoiceAny}, tools, [][]string{{"a", "b"}, {"a"}, {"a"}}},
		{"that tool", llm.ToolChoice{Mode: llm.ToolChoiceTool, Name: "b"}, tools, [][]string{{"b"}, {"b"}}},
		{"no tools", llm.ToolChoice{}, nil, [][]string{nil}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := fake.Auto()
			req := ask("please")
			req.Tools, req.ToolChoice = tt.tools, tt.choice
			for i, want := range tt.want {
				r := generate(t, m, req)
				var got []string
				for _, c := range r.ToolCalls() {
					got = append(got, c.Name)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("turn %d (-want +got):\n%s", i, diff)
				}
				if want != nil {
					answerAll(req, r)
				}
			}
		})
	}
	for _, choice := range []llm.ToolChoice{{Mode: llm.ToolChoiceAny}, {Mode: llm.ToolChoiceTool, Name: "s"}} {
		req := ask("please")
		req.Tools = []llm.Tool{{Provider: "p", Kind: "search", Name: "s"}}
		req.ToolChoice = choice
		_, err := fake.Auto().Generate(t.Context(), req)
		wantError(t, err, llm.ErrUnsupported, "tool_choice")
	}
}

func TestAutoOutput(t *testing.T) {
	req := ask("please")
	req.Tools = []llm.Tool{tool("a")}
	req.Output = &llm.OutputFormat{Schema: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"},"warm":{"type":"boolean"}},"required":["warm","city"]}`)}
	m := fake.Auto()
	r := generate(t, m, req)
	if len(r.ToolCalls()) != 1 {
		t.Fatalf("the tools come first: %+v", r)
	}
	answerAll(req, r)
	if got, want := generate(t, m, req).Text(), `{"warm":true,"city":"fake"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	req.Output.Schema = json.RawMessage(`{"anyOf":[]}`)
	_, err := m.Generate(t.Context(), req)
	wantError(t, err, llm.ErrUnsupported, "output.schema.anyOf: ")
}

func TestAutoIsDeterministic(t *testing.T) {
	req := ask("please")
	req.Tools = []llm.Tool{tool("a"), tool("b")}
	want := generate(t, fake.Auto(), req)
	for range 5 {
		if diff := cmp.Diff(want, generate(t, fake.Auto(), req)); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
}

// autoSchemas are schemas and what Auto makes of them.
var autoSchemas = []struct{ schema, want string }{
	{`true`, `"fake"`},
	{`{}`, `"fake"`},
	{`{"type":"string"}`, `"fake"`},
	{`{"type":"boolean"}`, `true`},
	{`{"type":"null"}`, `null`},
	{`{"type":["null","integer"]}`, `0`},
	{`{"type":["null"]}`, `null`},
	{`{"const":null}`, `null`},
	{`{"const":{"a":1.50}}`, `{"a":1.50}`},
	{`{"type":"string","enum":["red","green"]}`, `"red"`},
	{`{"type":"integer","default":7}`, `7`},
	{`{"type":"string","default":"x","pattern":"^x$"}`, `"x"`},
	{`{"type":"string","description":"any","x-order":1,"examples":["y"]}`, `"fake"`},

	{`{"type":"string","minLength":7}`, `"fakefak"`},
	{`{"type":"string","minLength":2,"maxLength":2}`, `"fa"`},
	{`{"type":"string","maxLength":0}`, `""`},
	{`{"type":"string","format":"date-time"}`, `"2006-01-02T15:04:05Z"`},
	{`{"type":"string","format":"uuid","minLength":36}`, `"00000000-0000-4000-8000-000000000000"`},

	{`{"type":"integer"}`, `0`},
	{`{"type":"integer","format":"int64"}`, `0`},
	{`{"type":"integer","minimum":3}`, `3`},
	{`{"type":"integer","minimum":9223372036854775807}`, `9223372036854775807`},
	{`{"type":"integer","minimum":2.5}`, `3`},
	{`{"type":"integer","minimum":1e3}`, `1000`},
	{`{"type":"integer","maximum":-2}`, `-2`},
	{`{"type":"integer","maximum":-2.5}`, `-3`},
	{`{"type":"integer","exclusiveMinimum":0}`, `1`},
	{`{"type":"integer","exclusiveMaximum":0}`, `-1`},
	{`{"type":"integer","minimum":5,"multipleOf":5}`, `5`},
	{`{"type":"number","minimum":0.25}`, `0.25`},
	{`{"type":"number","maximum":-1.5}`, `-1.5`},
	{`{"type":"number","exclusiveMinimum":0,"maximum":0.5}`, `0.5`},

	{`{"type":"array"}`, `["fake"]`},
	{`{"type":"array","items":{"type":"integer"}}`, `[0]`},
	{`{"items":{"type":"integer"},"minItems":3}`, `[0,0,0]`},
	{`{"type":"array","items":{"type":"integer"},"uniqueItems":true}`, `[0]`},
	{`{"type":"array","items":false,"maxItems":0}`, `[]`},

	{`{"type":"object"}`, `{}`},
	{`{"type":"object","properties":{"a":{"$ref":"#/x"}}}`, `{}`},
	{`{"properties":{"b":{"type":"integer"},"a":{"properties":{"c":{"type":"array","items":{"const":1}}},"required":["c"]}},"required":["a","b","a"]}`, `{"a":{"c":[1]},"b":0}`},
	{`{"type":"object","required":["any"]}`, `{"any":"fake"}`},
	{`{"type":"object","required":["n"],"additionalProperties":{"type":"integer"}}`, `{"n":0}`},
	{`{"type":"object","required":["a\"b"]}`, `{"a\"b":"fake"}`},

	{`{"type":"string","minLength":3,"pattern":"^x*$"}`, `"xxx"`},
	{`{"type":"string","pattern":"^[A-Z]{2}-\\d{4}$"}`, `"AA-0000"`},
	{`{"type":"string","pattern":"^(foo|bar)+$","minLength":4}`, `"barbar"`},
	{`{"type":"string","pattern":"secret"}`, `"secret"`},
	{`{"type":"string","pattern":"^$"}`, `""`},
	{`{"type":"string","pattern":"b","minLength":3}`, `"baa"`},
	{`{"type":"string","pattern":"^.{3}$","maxLength":3}`, `"aaa"`},
	{`{"type":"string","pattern":"^[^a-zA-Z0-9]$"}`, `"-"`},
	{`{"type":"string","pattern":"^\\p{Greek}$"}`, `"Ͱ"`},
	{`{"allOf":[{"type":"string","pattern":"^a"},{"pattern":"b$"}]}`, `"ab"`},
	{`{"type":"string","format":"ipv6"}`, `"2001:db8::1"`},
	{`{"type":"string","format":"duration"}`, `"PT1H"`},
	{`{"type":"string","const":"<&>"}`, `"<&>"`},

	{`{"type":"integer","minimum":4,"multipleOf":3}`, `6`},
	{`{"type":"integer","exclusiveMinimum":10,"multipleOf":5}`, `15`},
	{`{"type":"integer","minimum":1,"allOf":[{"multipleOf":4},{"multipleOf":6}]}`, `12`},
	{`{"type":"number","minimum":0.15,"multipleOf":0.1}`, `1`},
	{`{"type":"number","exclusiveMinimum":0,"exclusiveMaximum":1}`, `0.5`},
	{`{"type":"integer","not":{"const":0}}`, `47`},
	{`{"type":["number","string"],"allOf":[{"type":["integer","boolean"]}]}`, `0`},

	{`{"type":"array","minItems":2,"uniqueItems":true,"items":{"type":"boolean"}}`, `[true,false]`},
	{`{"type":"array","minItems":3,"uniqueItems":true,"items":{"enum":[1,1.0,2,3]}}`, `[1,3,2]`},
	{`{"uniqueItems":true,"enum":[[1,1.0],[{"a":1},{"a":1}],[1,2]]}`, `[1,2]`},
	{`{"type":"array","uniqueItems":true,"default":[1,1],"items":{"type":"integer"}}`, `[0]`},
	{`{"contains":{"const":1},"maxContains":1,"enum":[[1,1],[1,2]]}`, `[1,2]`},
	{`{"dependentRequired":{"a":["b"]},"enum":[{"a":1},{"a":1,"b":2}]}`, `{"a":1,"b":2}`},
	{`{"type":"array","prefixItems":[{"type":"integer"},{"type":"null"}],"items":false,"minItems":2}`, `[0,null]`},
	{`{"type":"array","items":[{"type":"integer"}],"additionalItems":{"type":"null"},"minItems":2}`, `[0,null]`},
	{`{"type":"array","items":{"type":"integer"},"contains":{"minimum":7}}`, `[7]`},
	{`{"type":"array","items":{"type":"integer"},"contains":{"minimum":7},"minContains":2,"minItems":3}`, `[7,7,0]`},
	{`{"type":"array","prefixItems":[{"type":"null"}],"contains":{"type":"boolean"}}`, `[null,true]`},
	{`{"type":"array","items":{"not":{}}}`, `[]`},

	{`{"type":"object","minProperties":2}`, `{"property1":"fake","property2":"fake"}`},
	{`{"properties":{"b":{"type":"null"}},"minProperties":1}`, `{"b":null}`},
	{`{"patternProperties":{"^x-[a-z]+$":{"type":"integer"}},"additionalProperties":false,"minProperties":1}`, `{"x-a":0}`},
	{`{"type":"object","propertyNames":{"pattern":"^[A-Z]$"},"minProperties":1}`, `{"A":"fake"}`},
	{`{"required":["a"],"properties":{"a":{"minimum":1}},"patternProperties":{"a":{"type":"integer"}}}`, `{"a":1}`},
	{`{"required":["a"],"dependentRequired":{"a":["b"]},"additionalProperties":{"type":"null"}}`, `{"a":null,"b":null}`},
	{`{"required":["a"],"dependentSchemas":{"a":{"required":["c"]}},"additionalProperties":{"type":"null"}}`, `{"a":null,"c":null}`},
	{`{"required":["a"],"dependencies":{"a":["b"]},"additionalProperties":{"type":"null"}}`, `{"a":null,"b":null}`},

	{`{"anyOf":[{"type":"integer"},{"type":"string"}]}`, `0`},
	{`{"anyOf":[false,{"type":"string","maxLength":2}]}`, `"fa"`},
	{`{"type":"integer","anyOf":[{"type":"string"},{"minimum":5}]}`, `5`},
	{`{"oneOf":[{"type":"integer"},{"type":"number"}]}`, `4.11`},
	{`{"oneOf":[{"required":["a"]},{"required":["b"]}],"type":"object"}`, `{"a":"fake"}`},
	{`{"allOf":[{"required":["a"]},{"properties":{"a":{"type":"integer"}}}],"type":"object"}`, `{"a":0}`},
	{`{"not":{"type":"string"}}`, `0`},
	{`{"type":"string","not":{"enum":["fake"]}}`, `"daki"`},
	{`{"type":"object","properties":{"k":{"enum":["a","b"]}},"required":["k"],"if":{"properties":{"k":{"const":"a"}}},"then":{"required":["a"],"properties":{"a":{"type":"null"}}}}`, `{"k":"a","a":null}`},
	{`{"enum":[1,"x"],"type":"string"}`, `"x"`},
	{`{"type":"integer","minimum":5,"default":1}`, `5`},
	{`{"$ref":"#/properties/v/$defs/n","$defs":{"n":{"type":"integer"}}}`, `0`},
	{`{"$ref":"#n","$defs":{"x":{"$anchor":"n","type":"null"}}}`, `null`},
	{`{"type":"object","required":["next"],"properties":{"next":{"anyOf":[{"$ref":"#/properties/v"},{"type":"null"}]}}}`, `{"next":{"next":null}}`},
}

func TestAutoGenerates(t *testing.T) {
	for _, tt := range autoSchemas {
		t.Run(tt.schema, func(t *testing.T) {
			req := ask("please")
			req.Tools = []llm.Tool{{Name: "t", Schema: json.RawMessage(`{"type":"object","properties":{"v":` + tt.schema + `},"required":["v"]}`)}}
			got := string(generate(t, fake.Auto(), req).ToolCalls()[0].Input)
			if want := `{"v":` + tt.want + `}`; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestAutoRefusesSchemas(t *testing.T) {
	tests := []struct{ schema, path string }{
		{`false`, ""},
		{`[]`, ""},
		{`{"$ref":"#/$defs/x"}`, ".$ref"},
		{`{"type":"string","format":"iri"}`, ".format"},
		{`{"type":"string","format":"date","maxLength":3}`, ".maxLength"},
		{`{"type":"string","minLength":1000000}`, ".minLength"},
		{`{"type":"string","minLength":3,"maxLength":2}`, ".minLength"},
		{`{"type":"money"}`, ".type"},
		{`{"type":7}`, ".type"},
		{`{"type":"integer","minimum":5,"maximum":3}`, ".minimum"},
		{`{"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":1}`, ".exclusiveMinimum"},
		{`{"type":"number","exclusiveMinimum":0.1,"maximum":0.01}`, ".exclusiveMinimum"},
		{`{"type":"array","minItems":1000000}`, ".minItems"},
		{`{"items":{"items":{"items":{"type":"null"},"minItems":100},"minItems":100},"minItems":100}`, ".minItems"},
		{`{"required":["a","b"],"additionalProperties":{"items":{"type":"string","minLength":400},"minItems":100}}`, ".properties"},
		{`{"type":"array","minItems":2,"maxItems":1}`, ".maxItems"},
		{`{"type":"array","minItems":1,"items":{"type":"object","required":["a"],"properties":{"a":{"not":{}}}}}`, ".items.properties.a.not"},
		{`{"anyOf":[]}`, ".anyOf"},
		{`{"anyOf":[{"type":"string","format":"iri"},{"const":1,"minimum":2}]}`, ".anyOf[0].format"},
		{`{"oneOf":[{"type":"null"},{"type":["null"]}]}`, ".oneOf"},
		{`{"not":true}`, ".not"},
		{`{"const":"secret","maxLength":2}`, ".maxLength"},
		{`{"enum":["secret"],"type":"integer"}`, ".type"},
		{`{"enum":[]}`, ".enum"},
		{`{"type":["string"],"allOf":[{"type":"integer"}]}`, ".allOf[0].type"},
		{`{"type":"string","pattern":"^(?=secret)"}`, ".pattern"},
		{`{"type":"string","pattern":"^secret$","maxLength":2}`, ".pattern"},
		{`{"type":"string","format":"date","allOf":[{"format":"time"}]}`, ".allOf[0].format"},
		{`{"type":"string","minLength":"secret"}`, ".minLength"},
		{`{"type":"integer","minimum":1,"exclusiveMinimum":true}`, ".exclusiveMinimum"},
		{`{"type":"array","uniqueItems":true,"minItems":3,"items":{"type":"boolean"}}`, ".uniqueItems"},
		{`{"type":"array","contains":{"type":"null"},"items":{"type":"string"}}`, ".contains"},
		{`{"type":"object","unevaluatedProperties":false}`, ".unevaluatedProperties"},
		{`{"type":"object","minProperties":1,"additionalProperties":false}`, ".minProperties"},
		{`{"type":"object","required":["a"],"propertyNames":{"minLength":2}}`, ".propertyNames.minLength"},
		{`{"$ref":"https://secret.example.com/s.json"}`, ".$ref"},
		{`{"$ref":"#secret"}`, ".$ref"},
		{`{"anyOf":[{"type":"string"},{"$ref":"#/properties/v"}]}`, ""}, // validators loop
		{`{"$ref":"#/properties/v"}`, ".$ref.$ref"},
		{`{"type":"object","required":["n"],"properties":{"n":{"$ref":"#/properties/v"}}}`, ".properties.n.$ref.properties.n.$ref"},
		{`{"type":"object","required":["a"],"additionalProperties":false}`, ".additionalProperties"},
		{`{"type":"object","required":"a"}`, ".required"},
		{`{"type":"object","properties":[]}`, ".properties"},
		{`{"type":"object","required":["a"],"maxProperties":0}`, ".maxProperties"},
	}
	for _, tt := range tests {
		t.Run(tt.schema, func(t *testing.T) {
			req := ask("please")
			req.Tools = []llm.Tool{{Name: "t", Schema: json.RawMessage(`{"type":"object","properties":{"v":` + tt.schema + `},"required":["v"]}`)}}
			_, err := fake.Auto().Generate(t.Context(), req)
			wantError(t, err, llm.ErrUnsupported, "tools[0].schema.properties.v"+tt.path+": ")
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the schema is quoted: %v", err)
			}
		})
	}
	req := ask("please")
	req.Tools = []llm.Tool{{Name: "t", Schema: json.RawMessage(`{"enum":[1]}`)}}
	_, err := fake.Auto().Generate(t.Context(), req)
	wantError(t, err, llm.ErrUnsupported, "tools[0].schema.type: arguments must be an object")
}

package bedrocktest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const (
	userHi    = `{"role":"user","content":[{"text":"Hi"}]}`
	tools     = `"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}}]}`
	calls     = `{"role":"assistant","content":[{"toolUse":{"toolUseId":"t1","name":"f","input":{}}},{"toolUse":{"toolUseId":"t2","name":"f","input":{}}}]}`
	answers   = `{"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[]}},{"toolResult":{"toolUseId":"t2","content":[]}}]}`
	invalid   = "ValidationException"
	unread    = "SerializationException"
	broken    = "failed to satisfy constraint: "
	keysOfDoc = "bytes, s3Location, text, content."
)

// content is a request whose only message has these blocks.
func content(blocks string) string {
	return `{"messages":[{"role":"user","content":[` + blocks + `]}]}`
}

// talk is a request with these messages and a tool.
func talk(turns ...string) string {
	return `{` + tools + `,"messages":[` + strings.Join(turns, ",") + `]}`
}

// with is a good request with something more at the top.
func with(more string) string { return `{"messages":[` + userHi + `],` + more + `}` }

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		rule      string // the pitfall's number, or a word
		body      string
		exception string
		message   string
	}{
		{"not JSON", `{"messages":`, unread, "not valid JSON"},
		{"not UTF-8", content(`{"text":"` + "\xff" + `"}`), unread, "not valid JSON"},
		{"not an object", `[]`, unread, ": START_ARRAY can not be converted to a structure"},
		{"empty", ``, unread, "not valid JSON"},
		{"type", content(`{"text":1}`), unread, "messages.0.content.0.text: NUMBER_VALUE can not be converted to a String"},
		{"type", `{"messages":{}}`, unread, "messages: START_OBJECT can not be converted to a list"},
		{"type", with(`"inferenceConfig":{"maxTokens":1.5}`), unread, "inferenceConfig.maxTokens: NUMBER_VALUE can not be converted to an Integer"},
		{"type", with(`"inferenceConfig":{"maxTokens":2147483648}`), unread, "NUMBER_VALUE can not be converted to an Integer"},
		{"type", with(`"inferenceConfig":{"topP":"1"}`), unread, "STRING_VALUE can not be converted to a Float"},
		{"type", content(`{"document":{"name":"a","source":{"text":"t"},"citations":{"enabled":"yes"}}}`), unread, "STRING_VALUE can not be converted to a Boolean"},
		{"base64", content(`{"image":{"format":"png","source":{"bytes":"%%%"}}}`), invalid, "The value at messages.0.content.0.image.source.bytes is not valid base64."},

		{"P02", `{}`, invalid, "A conversation must start with a user message."},
		{"P02", `{"messages":[]}`, invalid, "A conversation must start with a user message."},
		{"P04", content(`{"text":"a"},{"text":" \n"}`), invalid, "The text field in the ContentBlock object at messages.0.content.1 is blank. Add text to the text field, and try again."},
		{"P04", with(`"system":[{"text":" "}]`), invalid, "The text field in the SystemContentBlock object at system.0 is blank."},
		{"P05", `{"messages":[` + userHi + `,{"role":"assistant","content":[]}]}`, invalid, "The content field in the Message object at messages.1 is empty."},
		{"P07", talk(userHi, calls, strings.Replace(answers, `[]`, `[{"text":""}]`, 1)), invalid, "is blank"},
		{"role", `{"messages":[{"role":"tool","content":[{"text":"Hi"}]}]}`, invalid, "Value 'tool' at 'messages.1.member.role' " + broken + "Member must satisfy enum value set: [user, assistant, system]"},
		{"role", `{"messages":[{"content":[{"text":"Hi"}]}]}`, invalid, "Value at 'messages.1.member.role' " + broken + "Member must not be null"},

		{"P09", with(`"top_k":5`), invalid, "Malformed input request: #: extraneous key [top_k] is not permitted, please reformat your input and try again."},
		{"P09", content(`{"image":{"format":"png","source":{"bytes":"AA=="},"detail":"high"}}`), invalid, "Malformed input request: #/messages/0/content/0/image: extraneous key [detail] is not permitted"},
		{"P09", with(`"Messages":[]`), invalid, "extraneous key [Messages]"},
		{"P09", with(`"modelId":"m"`), invalid, "extraneous key [modelId]"},
		{"union", content(`{}`), invalid, "ContentBlock object at messages.0.content.0 must set one of the following keys: text, image, document, "},
		{"union", content(`{"text":null}`), invalid, "must set one of the following keys"},
		{"union", content(`{"text":"a","image":{"format":"png","source":{"bytes":"AA=="}}}`), invalid, "ContentBlock object at messages.0.content.0 can only set one of the following keys: text, "},
		{"union", content(`{"text":"a","text":"b"}`), invalid, "can only set one"},
		{"union", content(`{"document":{"name":"a","source":{}}}`), invalid, "DocumentSource object at messages.0.content.0.document.source must set one of the following keys: " + keysOfDoc},

		{"P12", talk(userHi, calls, userHi), invalid, "Expected toolResult blocks at messages.2.content for the following Ids: t1, t2"},
		{"P12", talk(userHi, calls, strings.Replace(answers, "t1", "t3", 1)), invalid, "for the following Ids: t1"},
		{"P12", talk(userHi, calls), invalid, "Expected toolResult blocks at messages.2.content"},
		{"P13", talk(answers), invalid, "The number of toolResult blocks at messages.0.content exceeds the number of toolUse blocks of previous turn."},
		{"P13", talk(userHi, calls, strings.Replace(answers, `[`, `[{"toolResult":{"toolUseId":"t1","content":[]}},`, 1)), invalid, "The number of toolResult blocks at messages.2.content exceeds"},
		{"P14", `{"messages":[` + userHi + `,` + calls + `,` + answers + `]}`, invalid, "The toolConfig field must be defined when using toolUse and toolResult content blocks."},
		{"P16", talk(userHi, calls, strings.Replace(answers, `[]`, `[{"json":[1]}]`, 1)), invalid, "The format of the value at messages.2.content.0.toolResult.content.0.json is invalid. Provide a json object for the field and try again."},
		{"P17", talk(userHi, strings.Replace(calls, `"input":{}`, `"input":"{"`, 1), answers), invalid, "The format of the value at messages.1.content.0.toolUse.input is invalid. Provide a json object for the field and try again."},
		{"P18", with(strings.Replace(tools, `"f"`, `"get weather"`, 1)), invalid, "1 validation error detected: Value 'get weather' at 'toolConfig.tools.1.member.toolSpec.name' " + broken + "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"},
		{"P18", with(strings.Replace(tools, `"f"`, `"`+strings.Repeat("f", 65)+`"`, 1)), invalid, "Member must have length less than or equal to 64"},
		{"P18", talk(userHi, strings.Replace(calls, `"f"`, `"a.b"`, 1), answers), invalid, "Value 'a.b' at 'messages.2.member.content.1.member.toolUse.name'"},
		{"P19", with(strings.Replace(tools, `"name":"f"`, `"name":"","description":""`, 1)), invalid, "3 validation errors detected: Value '' at 'toolConfig.tools.1.member.toolSpec.name' " + broken},
		{"P20", talk(userHi, strings.Replace(calls, "t1", "t 1", 1)), invalid, "Member must satisfy regular expression pattern: [a-zA-Z0-9_.:-]+"},
		{"P21", with(strings.Replace(tools, `{"type":"object"}`, `{}`, 1)), invalid, "The value at toolConfig.tools.0.toolSpec.inputSchema.json.type must be one of the following: object."},
		{"P21", with(strings.Replace(tools, `{"type":"object"}`, `[]`, 1)), invalid, "The format of the value at toolConfig.tools.0.toolSpec.inputSchema.json is invalid."},
		{"no tools", with(`"toolConfig":{"tools":[]}`), invalid, "1 validation error detected: Value at 'toolConfig.tools' " + broken + "Member must have length greater than or equal to 1"},
		{"no tools", with(`"toolConfig":{}`), invalid, "Value at 'toolConfig.tools' " + broken + "Member must not be null"},
		{"tool twice", with(strings.Replace(tools, `[`, `[{"systemTool":{"name":"f"}},`, 1)), invalid, "Tool names must be unique"},
		{"tool choice", with(strings.Replace(tools, `]}`, `],"toolChoice":{"tool":{"name":"g"}}}`, 1)), invalid, "not one of toolConfig.tools"},
		{"tool choice", with(strings.Replace(tools, `]}`, `],"toolChoice":{}}`, 1)), invalid, "ToolChoice object at toolConfig.toolChoice must set one of the following keys: auto, any, tool."},

		{"P15", with(strings.Replace(tools, `]}`, `],"toolChoice":{"none":{}}}`, 1)), invalid, "ToolChoice object at toolConfig.toolChoice must set one of the following keys: auto, any, tool."},

		{"P37", content(`{"text":"a"},{"reasoningContent":{"reasoningText":{"text":"a"}}}`), invalid, "User messages cannot contain reasoning content."},
		{"parameters", with(`"inferenceConfig":{"maxTokens":0}`), invalid, "Value '0' at 'inferenceConfig.maxTokens' " + broken + "Member must have value greater than or equal to 1"},
		{"parameters", with(`"inferenceConfig":{"temperature":1.5}`), invalid, "Member must have value less than or equal to 1"},
		{"parameters", with(`"inferenceConfig":{"topP":-0.1}`), invalid, "Member must have value greater than or equal to 0"},
		{"P45", with(`"inferenceConfig":{"stopSequences":[""]}`), invalid, "'inferenceConfig.stopSequences.1.member' " + broken + "Member must have length greater than or equal to 1"},

		{"P50", content(`{"text":"a"},{"document":{"name":"a.pdf","source":{"text":"t"}}}`), invalid, "The document file name can only contain alphanumeric characters"},
		{"P50", content(`{"text":"a"},{"document":{"name":"a  b","source":{"text":"t"}}}`), invalid, "The document file name can only contain"},
		{"P50", content(`{"text":"a"},{"document":{"name":"a","source":{"text":"t"}}},{"document":{"name":"a","source":{"text":"u"}}}`), invalid, "Messages can't contain duplicate document names. Rename the document and retry your request."},
		{"P50", content(`{"text":"a"},{"document":{"name":"","source":{"text":"t"}}}`), invalid, "Member must have length greater than or equal to 1"},
		{"P51", content(`{"document":{"name":"a","source":{"text":"t"}}}`), invalid, "A text block must be included when using documents."},
		{"format", content(`{"image":{"format":"bmp","source":{"bytes":"AA=="}}}`), invalid, "Value 'bmp' at 'messages.1.member.content.1.member.image.format' " + broken + "Member must satisfy enum value set: [png, jpeg, gif, webp]"},
		{"P53", content(`{"cachePoint":{"type":"default"}},{"text":"a"}`), invalid, "There is nothing available to cache."},
		{"P53", with(strings.Replace(tools, `[`, `[{"cachePoint":{"type":"default"}},`, 1)), invalid, "There is nothing available to cache."},
		{"P54", content(`{"text":"a"}` + strings.Repeat(`,{"cachePoint":{"type":"default"}}`, 5)), invalid, "A maximum of 4 blocks with cache_control may be provided. Found 5."},
		{"ttl", content(`{"text":"a"},{"cachePoint":{"type":"default","ttl":"2h"}}`), invalid, "Member must satisfy enum value set: [5m, 1h]"},
		{"P58", content(`{"text":"a"},{"guardContent":{"text":{"text":" "}}}`), invalid, "The text field in the GuardrailConverseTextBlock object at messages.0.content.1.guardContent.text is blank."},
		{"P58", with(`"system":[{"guardContent":{"text":{"text":""}}}]`), invalid, "at system.0.guardContent.text is blank"},
		{"schema", with(`"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{"}}}}`), invalid, "is not valid JSON"},
		{"metadata", with(`"requestMetadata":{}`), invalid, "Member must have length greater than or equal to 1"},
		{"metadata", with(`"requestMetadata":{` + entries(17) + `}`), invalid, "'requestMetadata' " + broken + "Member must have length less than or equal to 16"},
		{"paths", with(`"additionalModelResponseFieldPaths":["/a","/b","/c","/d","/e","/f","/g","/h","/i","/j","/k"]`), invalid, "Member must have length less than or equal to 10"},
		{"tier", with(`"serviceTier":{"type":"fast"}`), invalid, "Member must satisfy enum value set: [priority, default, flex, reserved]"},
	} {
		for _, op := range []string{"converse", "converse-stream"} {
			resp := post(t, serve(t, says(hello), nil), "/model/m/"+op, c.body)
			checkError(t, c.rule, resp, 400, c.exception, c.message)
		}
	}
}

func entries(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"k%d":"v"`, i))
	}
	return strings.Join(all, ",")
}

func checkError(t *testing.T, what string, resp *http.Response, status int, exception, message string) {
	t.Helper()
	body := read(t, resp)
	var e struct{ Message string }
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Errorf("%s: %v in %s", what, err, body)
	}
	if got := resp.Header.Get("X-Amzn-ErrorType"); resp.StatusCode != status || got != exception {
		t.Errorf("%s: %d %s, want %d %s: %s", what, resp.StatusCode, got, status, exception, e.Message)
	}
	if !strings.Contains(e.Message, message) {
		t.Errorf("%s: says  %s\nwant %s", what, e.Message, message)
	}
	if resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("x-amzn-requestid") == "" {
		t.Errorf("%s: headers %v", what, resp.Header)
	}
}

// What a strict reader might refuse, and Bedrock does not.
func TestAccepted(t *testing.T) {
	for name, body := range map[string]string{
		"same role twice":     `{"messages":[` + userHi + `,` + userHi + `]}`,
		"assistant first":     `{"messages":[{"role":"assistant","content":[{"text":"Hi"}]},` + userHi + `]}`,
		"assistant last":      `{"messages":[` + userHi + `,{"role":"assistant","content":[{"text":"Hi"}]}]}`,
		"unknown block":       content(`{"text":"a"},{"brandNew":{"a":1}}`),
		"nulls":               with(`"system":null,"toolConfig":null,"inferenceConfig":{"maxTokens":null}`),
		"all tools answered":  talk(userHi, calls, answers),
		"results besides":     talk(userHi, calls, strings.TrimSuffix(answers, `]}`)+`,{"text":"so"}]}`),
		"the provider's call": talk(userHi, strings.NewReplacer(`"input":{}`, `"input":{},"type":"server_tool_use"`).Replace(calls)),
		"guard content":       content(`{"guardContent":{"text":{"text":"a"}}},{"guardContent":{"image":{"format":"png","source":{"bytes":"AA=="}}}}`),
		"tool choice":         with(strings.Replace(tools, `]}`, `],"toolChoice":{"auto":{}}}`, 1)),
		"tags and paths":      with(`"requestMetadata":{` + entries(16) + `},"additionalModelResponseFieldPaths":["/a","/b","/c","/d","/e","/f","/g","/h","/i","/j"]`),
		"white space":         " \n\t" + helloBody + "\r\n ",
		"escapes":             content(`{"te\u0078t":"a\"\\\ud83d\ude00"}`),
	} {
		if resp := post(t, serve(t, says(hello), nil), "/model/m/converse", body); resp.StatusCode != 200 {
			t.Errorf("%s: %s", name, read(t, resp))
		}
	}
}

func TestRefusedBeforeTheBody(t *testing.T) {
	s := serve(t, says(hello), nil)
	for _, c := range []struct {
		name, method, path, auth, contentType string
		status                                int
		exception                             string
	}{
		{"unknown operation", "POST", "/model/m/invoke", "x", "application/json", 404, "UnknownOperationException"},
		{"unknown path", "POST", "/", "x", "application/json", 404, "UnknownOperationException"},
		{"method", "GET", "/model/m/converse", "x", "application/json", 404, "UnknownOperationException"},
		{"unescaped ARN", "POST", "/model/arn:aws:bedrock:us-east-1:1:inference-profile/x/converse", "x", "application/json", 404, "UnknownOperationException"},
		{"no model", "POST", "/model//converse", "x", "application/json", 400, "ValidationException"},
		{"bad model", "POST", "/model/a%20b/converse", "x", "application/json", 400, "ValidationException"},
		{"no signature", "POST", "/model/m/converse", "", "application/json", 403, "MissingAuthenticationTokenException"},
		{"content type", "POST", "/model/m/converse", "x", "text/plain", 415, "UnsupportedMediaTypeException"},
		{"no content type", "POST", "/model/m/converse", "x", "", 415, "UnsupportedMediaTypeException"},
		{"parameter", "POST", "/model/m/converse", "x", "application/json; charset=utf-8", 200, ""},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, s.URL+c.path, strings.NewReader(helloBody))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"Authorization": c.auth, "Content-Type": c.contentType} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		resp := do(t, http.DefaultClient, r)
		if resp.StatusCode != c.status || resp.Header.Get("X-Amzn-ErrorType") != c.exception {
			t.Errorf("%s: %s %s", c.name, resp.Status, read(t, resp))
		}
	}
}

// A body beyond the limit is read to its end, so that the client sees the answer.
func TestTooLarge(t *testing.T) {
	protocols(t, func(t *testing.T, http2 bool) {
		s := serve(t, says(hello), nil)
		var p http.Protocols
		p.SetHTTP1(!http2)
		p.SetUnencryptedHTTP2(http2)
		tr := &http.Transport{Protocols: &p}
		defer tr.CloseIdleConnections()
		body := content(fmt.Sprintf(`{"text":%q}`, strings.Repeat("a", 25_000_000)))
		resp := do(t, &http.Client{Transport: tr}, newPost(t, s, "/model/m/converse", body))
		checkError(t, "too large", resp, 400, invalid, "Member must have length less than or equal to 25000000")
		if n := len(s.Requests()); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

// A stored prompt brings its own messages and settings.
func TestPromptARN(t *testing.T) {
	const arn = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aprompt%2FABC%3A1/converse"
	s := serve(t, says(hello), nil)
	if resp := post(t, s, arn, `{"promptVariables":{"a":{"text":"b"}}}`); resp.StatusCode != 200 {
		t.Error(read(t, resp))
	}
	for _, more := range []string{`"system":[{"text":"a"}]`, `"inferenceConfig":{}`, tools, `"additionalModelRequestFields":{}`} {
		checkError(t, more, post(t, s, arn, with(more)), 400, invalid, "cannot be used with a prompt")
	}
}

func TestCountTokensRefuses(t *testing.T) {
	s := serve(t, says(hello), nil)
	for body, message := range map[string]string{
		`{}`: "Value at 'input' " + broken,
		`{"input":{"converse":{"messages":[{"role":"user","content":[]}]}}}`:   "is empty",
		`{"input":{"converse":{"inferenceConfig":{}}}}`:                        "extraneous key [inferenceConfig]",
		`{"input":{"invokeModel":{"body":"e30="}}}`:                            "Converse input only",
		`{"input":{"converse":{"messages":[]},"invokeModel":{"body":"e30="}}}`: "can only set one",
	} {
		checkError(t, body, post(t, s, "/model/m/count-tokens", body), 400, invalid, message)
	}
}

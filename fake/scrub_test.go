package fake_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// What looks like a secret is put together here, so that no scanner takes it for one.
var (
	accessKey = "AKIA" + "IOSFODNN7EXAMPLE"
	apiKey    = "sk-" + "ant-api03-abcdefghijklmnop"
	pemKey    = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEow\nIBAAKCAQ\n-----END RSA " + "PRIVATE KEY-----"
	webToken  = "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
	webhook   = "T0" + "1ABCDEF23/B0" + "4GHIJKL56/" + "abcdefghijklmnopqrstuvwx"
	longKey   = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

func TestSecretsAreScrubbed(t *testing.T) {
	tests := []struct{ text, want string }{
		{"nothing of the kind: sk-1, Bearer of news, password, AKIA, key: x", ""},
		{"The password is in the drawer; http://example.com:80/a?b=c#d is open", ""},
		{"the id " + accessKey + ".", "the id [scrubbed]."},
		{"x" + accessKey, ""}, // in a word
		{apiKey, "[scrubbed]"},
		{"ghp_" + strings.Repeat("a1", 18), "[scrubbed]"},
		{"AIza" + strings.Repeat("b", 35), "[scrubbed]"},
		{"ABSK" + strings.Repeat("Qm9v", 20) + "=", "[scrubbed]"},
		{webToken, "[scrubbed]"},
		{"before\n" + pemKey + "\nafter", "before\n[scrubbed]\nafter"},
		{"before " + pemKey[:50], "before [scrubbed]"},
		{"Authorization: Bearer " + longKey, "Authorization: Bearer [scrubbed]"},
		{"authorization: Basic dXNlcjpwYXNz", "authorization: Basic [scrubbed]"},
		{"export AWS_SECRET_ACCESS_KEY=" + longKey, "export AWS_SECRET_ACCESS_KEY=[scrubbed]"},
		{`{"SecretAccessKey": "` + longKey + `", "n": 1}`, `{"SecretAccessKey": "[scrubbed]", "n": 1}`},
		{`{\"client_secret\":\"` + longKey + `\"}`, `{\"client_secret\":\"[scrubbed]\"}`},
		{`password = 'correct horse battery'`, `password = '[scrubbed]'`},
		{`{"password": "don't tell"}`, `{"password": "[scrubbed]"}`},
		{`{"password": "half\"and \\ half"}, "n": 1`, `{"password": "[scrubbed]"}, "n": 1`},
		{`{'password': 'say "friend"'}`, `{'password': '[scrubbed]'}`},
		{`{\\\"password\\\":\\\"hunter22\\\"}`, `{\\\"password\\\":\\\"[scrubbed]\\\"}`},
		{"AccountName=x;AccountKey=" + longKey + "==;Suffix=y", "AccountName=x;AccountKey=[scrubbed];Suffix=y"},
		{"SharedAccessKeyName=Root;SharedAccessKey=" + longKey, "SharedAccessKeyName=Root;SharedAccessKey=[scrubbed]"},
		{"auth_token: " + longKey, "auth_token: [scrubbed]"},
		{"xo" + "xd-1234567890%2Babc", "[scrubbed]"},
		{"wh" + "sec_" + strings.Repeat("a1", 16), "[scrubbed]"},
		{"GOC" + "SPX-" + strings.Repeat("a1", 14), "[scrubbed]"},
		{"ya" + "29.a0" + strings.Repeat("a1", 14), "[scrubbed]"},
		{"gs" + "k_" + strings.Repeat("a1", 26), "[scrubbed]"},
		{"xa" + "i-" + strings.Repeat("a1", 40), "[scrubbed]"},
		{strings.ReplaceAll(strings.ReplaceAll(pemKey, "RSA", "PGP"), "KEY--", "KEY BLOCK--"), "[scrubbed]"},
		{"the cookie: a biscuit. if cookie == nil { c.Cookie = value }; func Cookie(name string) *http.Cookie", ""},
		{"https://x.webhook.office.com/webhookb2/" + strings.Repeat("aB1-", 9) + "@" + strings.Repeat("f0", 8), "https://x.webhook.office.com/webhookb2/[scrubbed]"},
		{"postgres://bob:hunter2@db/x", "postgres://[scrubbed]@db/x"},
		{"postgres://bob:hun@ter2@db/x", "postgres://[scrubbed]@db/x"},
		{"redis://:hunter2@cache:6379/0", "redis://[scrubbed]@cache:6379/0"},
		{"mongodb+srv://bob:p%40ss@a.example.com,b.example.com/x", "mongodb+srv://[scrubbed]@a.example.com,b.example.com/x"},
		{"GET / HTTP/1.1\r\nCookie: lang=en; sid=31d4d96e407aad42; b=1\r\nAccept: */*", "GET / HTTP/1.1\r\nCookie: [scrubbed]\r\nAccept: */*"},
		{"set-cookie: sid=31d4d96e407aad42; Path=/; HttpOnly\nDate: x", "set-cookie: [scrubbed]; HttpOnly\nDate: x"},
		{`curl -H "Cookie: sid=31d4d96e407aad42" https://example.com`, `curl -H "Cookie: [scrubbed]" https://example.com`},
		{`{"Set-Cookie": ["sid=31d4d96e407aad42; Secure"]}`, `{"Set-Cookie": ["[scrubbed]; Secure"]}`},
		{`{\"Cookie\":\"sid=31d4d96e407aad42\"}`, `{\"Cookie\":\"[scrubbed]\"}`},
		{"post to https://hooks.slack.com/services/" + webhook + ".", "post to https://hooks.slack.com/services/[scrubbed]."},
		{"https://discordapp.com/api/v10/webhooks/1234567890/" + strings.Repeat("aB-_", 17) + "?wait=true", "https://discordapp.com/api/v10/webhooks/1234567890/[scrubbed]?wait=true"},
		{"https://b.s3.amazonaws.com/k?X-Amz-Date=1&X-Amz-Signature=abc&X-Amz-Security-Token=d%2F", "https://b.s3.amazonaws.com/k?X-Amz-Date=1&X-Amz-Signature=[scrubbed]&X-Amz-Security-Token=[scrubbed]"},
		{"AWS4-HMAC-SHA256 SignedHeaders=host, Signature=" + strings.Repeat("0f", 32), "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=[scrubbed]"},
	}
	for _, tt := range tests {
		want := tt.want
		if want == "" {
			want = tt.text
		}
		if got := scrubbedOnTape(t, tt.text); got != want {
			t.Errorf("%q is on the tape as %q, want %q", tt.text, got, want)
		}
		if got := scrubbedOnTape(t, want); got != want {
			t.Errorf("%q, scrubbed once, is scrubbed again to %q", want, got)
		}
	}
}

// Ordinary source code speaks of secrets all the time, and holds none.
func TestSourceCodeIsNotScrubbed(t *testing.T) {
	for _, code := range []string{
		`http.SetCookie(w, &http.Cookie{Name: "sid", Value: id, Path: "/"})`,
		`w.Header().Set("Set-Cookie", c.String())`,
		`fmt.Fprintf(w, "Set-Cookie: %s=%s; Path=/\r\n", name, value)`,
		"fetch(url, {headers: {Cookie: `session=${token}`}})",
		`headers = {"Cookie": cookies, "Accept": "*/*"}`,
		`document.cookie = name + "=" + value + "; path=/"`,
		`cookie: { secure: true, maxAge: 3600000 },`,
		`type Jar struct { Cookie: string; other: number }`,
		`const webhook = process.env.SLACK_WEBHOOK ?? "https://hooks.slack.com/services/YOUR/WEBHOOK/URL"`,
		`u := "https://hooks.slack.com/services/" + path`,
		"`https://discord.com/api/webhooks/${id}/${token}`",
		`fmt.Sprintf("postgres://%s:%s@%s/%s", user, pass, host, name)`,
		"`postgres://${user}:${pass}@${host}/db`",
		`{"url":"http://localhost:8080","mail":"bob@example.com"}`,
		`{\"url\":\"http://localhost:8080\",\"mail\":\"bob@example.com\"}`,
		`import x from "https://esm.sh:443/@scope/pkg@1.2.3"`,
	} {
		if got := scrubbedOnTape(t, code); got != code {
			t.Errorf("%s\nis on the tape as\n%s", code, got)
		}
	}
}

// In the arguments of a tool a cookie stands under the name of its header.
func TestCookiesInArgumentsAreScrubbed(t *testing.T) {
	var tape bytes.Buffer
	input := `{"Cookie":"a=1","headers":{"set-cookie":["sid=31d4d96e; Path=/","b=2"]},"cookies":"x=1","cookie":"oat"}`
	generate(t, fake.Record(fake.New(fake.ToolCall("get", json.RawMessage(input))), &tape), ask("hi"))
	want := `{"Cookie":"[scrubbed]","headers":{"set-cookie":["[scrubbed]","[scrubbed]"]},"cookies":"x=1","cookie":"oat"}`
	if !strings.Contains(tape.String(), want) {
		t.Errorf("%s is not on the tape:\n%s", want, tape.String())
	}
}

// scrubbedOnTape records a question and says how the tape has it.
func scrubbedOnTape(t *testing.T, text string) string {
	t.Helper()
	var tape bytes.Buffer
	generate(t, fake.Record(fake.New(fake.Text("x")), &tape), ask(text))
	var rec struct{ Request llm.Request }
	if err := json.Unmarshal(tape.Bytes(), &rec); err != nil {
		t.Fatal(err)
	}
	return rec.Request.Messages[0].Content[0].(*llm.TextPart).Text
}

// A conversation that repeats the secrets of its answers is replayed, and none of them
// is on the tape, wherever it stood.
func TestScrubbedConversationIsReplayed(t *testing.T) {
	converse := func(m llm.Model) {
		t.Helper()
		req := ask("Sign in with " + apiKey)
		req.System = []llm.Part{llm.Text("aws_session_token=" + longKey + " api_key=" + longKey)}
		req.Tools = []llm.Tool{{Name: "login", Description: "as " + accessKey, Schema: json.RawMessage(`{"type":"object","properties":{"password":{"type":"string"}},"default":{"password":"` + longKey + `"},"examples":["` + apiKey + `"]}`)}}
		req.Metadata = map[string]string{"id": apiKey, "session_token": "short"}
		req.SetOptions(&llmOptions{Token: apiKey})
		for range 2 {
			resp, err := llm.Collect(m.Stream(t.Context(), req))
			if err != nil {
				t.Fatalf("%v", err)
			}
			req.Messages = append(req.Messages, resp.Message, llm.Message{Role: llm.RoleUser, Content: []llm.Part{
				llm.ToolResult(resp.ToolCalls()[0].ID, llm.Text("signed in: "+string(resp.ToolCalls()[0].Input)))}})
		}
		_, err := m.Generate(t.Context(), req)
		wantError(t, err, llm.ErrPermissionDenied)
	}
	turn := fake.Parts(
		&llm.ReasoningPart{Text: "The key is " + apiKey + ", I see.", Signature: apiKey, Redacted: []byte(apiKey)},
		llm.Text("I take "+accessKey+" and "+webToken+" now."),
		&llm.ToolCallPart{Name: "login", Input: json.RawMessage(`{"password":"short", "keys":["` + apiKey + `",9007199254740993]}`)},
	).Chunk(3)
	var tape bytes.Buffer
	converse(fake.Record(fake.New(turn, turn, fake.Fail(&llm.Error{Code: llm.ErrPermissionDenied, Message: "the key " + apiKey + " is not known"})), &tape))

	for _, secret := range []string{accessKey, longKey, webToken, `"short"`} {
		if strings.Contains(tape.String(), secret) {
			t.Errorf("%s is on the tape", secret)
		}
	}
	// A signature goes back as it is.
	if n := strings.Count(tape.String(), apiKey); n != strings.Count(tape.String(), `"signature":"`+apiKey) || n == 0 {
		t.Errorf("the key is on the tape %d times", n)
	}
	player := replay(t, tape.String())
	converse(player)
	player.AssertExhausted(t)
}

type llmOptions struct{ Token string }

func (*llmOptions) ProviderName() string { return "p" }

// What is cut between deltas is found, and all around it stays where it was.
func TestScrubbedDeltas(t *testing.T) {
	cut := func(s string, n int) []llm.Event {
		events := []llm.Event{&llm.PartStart{Part: llm.Text("")}}
		for len(s) > 0 {
			i := min(n, len(s))
			events = append(events, &llm.TextDelta{Text: s[:i]})
			s = s[i:]
		}
		return append(events, &llm.PartStop{}, &llm.Finish{})
	}
	text := "Grüße: " + apiKey + ", and 東京 goes on after " + accessKey + " and on."
	want := "Grüße: [scrubbed], and 東京 goes on after [scrubbed] and on."
	for n := 1; n <= len(text); n++ { // runes are cut too, for which JSON has no form
		var tape bytes.Buffer
		live := cut(text, n)
		seen, err := drain(t.Context(), fake.Record(fake.New(fake.Events(live...)), &tape), ask("hi"))
		if err != nil || cmp.Diff(live, seen) != "" {
			t.Fatalf("the caller saw %v, %v", seen, err)
		}
		got, err := drain(t.Context(), replay(t, tape.String()), ask("hi"))
		if err != nil || len(got) != len(live) {
			t.Fatalf("%d: %d events, %v", n, len(got), err)
		}
		var b strings.Builder
		for _, ev := range got {
			if d, ok := ev.(*llm.TextDelta); ok {
				b.WriteString(d.Text)
			}
		}
		if b.String() != want {
			t.Fatalf("in pieces of %d: %q, want %q", n, b.String(), want)
		}
	}
	var tape bytes.Buffer
	_, _ = drain(t.Context(), fake.Record(fake.New(fake.Events(cut("Say "+apiKey+" to all.", 4)...)), &tape), ask("hi"))
	got, _ := drain(t.Context(), replay(t, tape.String()), ask("hi"))
	if d := got[1].(*llm.TextDelta).Text + "|" + got[2].(*llm.TextDelta).Text + "|" + got[3].(*llm.TextDelta).Text; d != "Say |[scrubbed]|" {
		t.Errorf("the deltas begin %q", d)
	}
}

// Bytes are no text, whatever their base64 looks like, nor are the names that bind parts.
func TestScrubLeavesWhatIsNoText(t *testing.T) {
	const looks = "AKIA" + "IOSFODNN7EXAMPLE" // is base64 too
	data, want := []byte(nil), []byte(nil)
	if err := json.Unmarshal([]byte(`"`+looks+`"`), &data); err != nil {
		t.Fatal(err)
	}
	want = append(want, data...)
	var tape bytes.Buffer
	opts := &fake.TapeOptions{Scrub: func(s string) string { return strings.ReplaceAll(s, "1", "one") }}
	m := fake.RecordWith(fake.New(fake.Parts(llm.Text("1"), llm.Image("image/png", data), &llm.ToolCallPart{ID: "call_1", Name: "f1", Input: json.RawMessage(`{"type":"media","data":"` + looks + `","id":"1","n":1}`)})), &tape, opts)
	generate(t, m, conv(llm.User(llm.Text("1"), &llm.DocumentPart{Name: "1", MediaType: "application/pdf", Data: data})))
	line := tape.String()
	for _, s := range []string{`"text":"one"`, `"id":"call_1","name":"f1","input":{"type":"media","data":"[scrubbed]","id":"one","n":1}`, `"request_id":"fake-1"`} {
		if !strings.Contains(line, s) {
			t.Errorf("%s is not on the tape:\n%s", s, line)
		}
	}
	r, err := fake.ReplayWith(&tape, opts)
	if err != nil {
		t.Fatal(err)
	}
	resp := generate(t, r, conv(llm.User(llm.Text("1"), &llm.DocumentPart{Name: "1", MediaType: "application/pdf", Data: data})))
	if got := resp.Message.Content[1].(*llm.MediaPart).Data; !bytes.Equal(got, want) {
		t.Errorf("the image is %x, want %x", got, want)
	}
}

func TestKeepSecrets(t *testing.T) {
	var tape bytes.Buffer
	generate(t, fake.RecordWith(fake.New(fake.Text(apiKey)), &tape, &fake.TapeOptions{KeepSecrets: true}), ask(accessKey))
	if !strings.Contains(tape.String(), apiKey) || !strings.Contains(tape.String(), accessKey) {
		t.Errorf("scrubbed: %s", tape.String())
	}
	if got := generate(t, replay(t, tape.String()), ask(accessKey)); got.Text() != apiKey {
		t.Errorf("got %q", got.Text())
	}
}

// A function of the caller takes out what differs from run to run.
func TestScrubMakesRequestsEqual(t *testing.T) {
	day := func(s string) string {
		if at := strings.Index(s, "Today is "); at >= 0 {
			return s[:at] + "Today is a day."
		}
		return s
	}
	opts := &fake.TapeOptions{Scrub: day}
	var tape bytes.Buffer
	generate(t, fake.RecordWith(fake.New(fake.Text("x")), &tape, opts), ask("Today is Monday."))
	opts.Scrub = nil // it was copied
	m, err := fake.ReplayWith(&tape, &fake.TapeOptions{Scrub: day})
	if err != nil {
		t.Fatal(err)
	}
	generate(t, m, ask("Today is Tuesday."))
}

package llmtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/parley-sdk/parley/llm"
)

// answer is an entry of the corpus: an answer that a model may give.
type answer struct {
	name     string
	needs    []Capability
	response *llm.Response
}

// corpus returns the answers that the cases of several laws go through.
func corpus() []answer {
	answers := []answer{
		{"text", nil, reply(llm.Text("It is four degrees and raining."))},
		{"empty", nil, reply()},
		{"unicode", nil, reply(llm.Text(unicodeText))},
		{"whitespace", nil, reply(llm.Text("  two spaces before,\r\n\ta tab, and line breaks after\n\n"))},
		{"long", nil, reply(llm.Text(longText()))},
		{"several-texts", []Capability{SeveralTexts}, reply(llm.Text("First."), llm.Text("Second."), llm.Text("Third."))},

		{"tool-call", []Capability{Tools}, calling(call("call_1", "weather", `{"city":"Oslo"}`))},
		{"text-and-tool-call", []Capability{Tools}, calling(llm.Text("Let me look."), call("call_1", "weather", `{"city":"Oslo"}`))},
		{"parallel-tool-calls", []Capability{Tools}, calling(call("call_1", "weather", `{"city":"Oslo"}`),
			call("call_2", "weather", `{"city":"Bergen"}`), call("call_3", "clock", `{"zone":"CET"}`))},
		{"tool-arguments", []Capability{Tools}, calling(call("call_1", "weather", exactArguments))},
		{"empty-arguments", []Capability{Tools}, calling(call("call_1", "clock", ""))},

		{"reasoning", []Capability{Reasoning}, reply(&llm.ReasoningPart{Text: "Oslo lies north."}, llm.Text("Cold."))},
		{"signed-reasoning", []Capability{Reasoning, SignedReasoning},
			reply(&llm.ReasoningPart{Text: "Oslo lies north.", Signature: "c2lnbmF0dXJl+/=="}, llm.Text("Cold."))},
		{"redacted-reasoning", []Capability{Reasoning, RedactedReasoning},
			reply(&llm.ReasoningPart{Redacted: []byte{0, 1, 2, 127, 128, 254, 255}}, llm.Text("Cold."))},
		{"citations", []Capability{Citations}, reply(&llm.TextPart{Text: "Rain is likely.", Citations: []llm.Citation{
			{Kind: "document_char", Title: "forecast", Source: "met", Text: "rain in the evening", Document: new(0), Start: new(0), End: new(19)},
			{Kind: "document_page", Title: "almanac", Text: "wet", Document: new(1), Start: new(3), End: new(4)},
		}})},
		{"image", []Capability{MediaOutput}, reply(llm.Text("Here it is:"), llm.Image("image/png", onePixel()))},

		{"cache-read", []Capability{CacheReadUsage},
			using(llm.Usage{InputTokens: 1000, OutputTokens: 7, CacheReadTokens: 900})},
		{"cache-write", []Capability{CacheWriteUsage},
			using(llm.Usage{InputTokens: 1000, OutputTokens: 7, CacheWriteTokens: 950})},
		{"cache-read-and-write", []Capability{CacheReadUsage, CacheWriteUsage},
			using(llm.Usage{InputTokens: 1000, OutputTokens: 7, CacheReadTokens: 600, CacheWriteTokens: 400})},
		{"cache-write-1h", []Capability{CacheWriteUsage, CacheWrite1hUsage},
			using(llm.Usage{InputTokens: 1000, OutputTokens: 7, CacheWriteTokens: 300, CacheWrite1hTokens: 200})},
		{"reasoning-tokens", []Capability{ReasoningUsage}, using(llm.Usage{InputTokens: 25, OutputTokens: 500, ReasoningTokens: 493})},
		{"many-tokens", nil, using(llm.Usage{InputTokens: 1_000_003, OutputTokens: 70_001})},
		{"service-tier", []Capability{ServiceTier}, using(llm.Usage{InputTokens: 25, OutputTokens: 7, ServiceTier: "flex"})},
	}
	for _, r := range append([]llm.StopReason{llm.StopEndTurn, llm.StopMaxTokens}, optionalStopReasons()...) {
		resp := reply(llm.Text("So far so good"))
		resp.StopReason = r
		var needs []Capability
		if slices.Contains(optionalStopReasons(), r) {
			needs = append(needs, StopReason(r))
		}
		if r == llm.StopOther {
			resp.RawStopReason = "full_moon"
		}
		answers = append(answers, answer{"stop-" + strings.ReplaceAll(string(r), "_", "-"), needs, resp})
	}
	return answers
}

// unicodeText has what is lost most easily: joined emoji, flags, combining marks,
// right-to-left text, the line separators that JavaScript knows, no-break spaces,
// and what JSON, HTML and shells treat in ways of their own.
const unicodeText = "naïve café e\u0301 👩\u200d👩\u200d👧\u200d👦 🇳🇴 שלום עולם مرحبا 日本語 " +
	"\u2028line\u2029paragraph\u00a0\ufeff" +
	`"double" 'single' <b>&amp;</b> \n \u0041 ${HOME} %s {{x}}`

// longText is more than the buffers on its way hold: a bufio.Scanner has 64 KiB.
func longText() string {
	return strings.Repeat("Fjærlandsfjorden ligger stille 🌲. ", 2000) + "Ferdig."
}

// exactArguments would change on their way through a float64, a sorted map or an
// HTML escape that is undone carelessly.
const exactArguments = `{"b":9223372036854775807,"a":1.50,"nested":{"z":[1,2.0,1e400,-0.0],"y":{"deep":0.1000000000000000055}},` +
	`"text":"<a> & \"b\" \\u003c \u2028 é 🌲","null":null,"no":false}`

// reply returns an answer made of these parts.
func reply(parts ...llm.Part) *llm.Response {
	return &llm.Response{
		Message:    llm.Message{Role: llm.RoleAssistant, Content: parts},
		StopReason: llm.StopEndTurn,
		Usage:      llm.Usage{InputTokens: 25, OutputTokens: 7},
	}
}

// calling returns an answer that wants tools run.
func calling(parts ...llm.Part) *llm.Response {
	r := reply(parts...)
	r.StopReason = llm.StopToolUse
	return r
}

func using(u llm.Usage) *llm.Response {
	r := reply(llm.Text("Counted."))
	r.Usage = u
	return r
}

func call(id, name, input string) *llm.ToolCallPart {
	return &llm.ToolCallPart{ID: id, Name: name, Input: json.RawMessage(input)}
}

// says is a turn that answers with a text.
func says(text string) Turn { return Turn{Response: reply(llm.Text(text))} }

// numbered are n turns with distinct answers.
func numbered(n int) []Turn {
	turns := make([]Turn, n)
	for i := range turns {
		turns[i] = says(fmt.Sprintf("Answer %d.", i))
	}
	return turns
}

// repeated is a turn as often as the most stubborn retry would ask for it.
func repeated(turn Turn) []Turn { return slices.Repeat([]Turn{turn}, 16) }

// turns returns the turns of a script that gives the answer in two forms: whole, and
// as a provider would, in small pieces.
func (a answer) turns() []Turn {
	return []Turn{{Response: a.response}, {Events: pieces(a.response)}}
}

// pieces returns the events of a response with its deltas cut into small pieces,
// never within a rune.
func pieces(r *llm.Response) []llm.Event {
	var events []llm.Event
	for ev, err := range r.Events() {
		if err != nil {
			panic(err) // the corpus is at fault
		}
		switch ev := ev.(type) {
		case *llm.TextDelta:
			for _, s := range cut(ev.Text) {
				events = append(events, &llm.TextDelta{Index: ev.Index, Text: s})
			}
		case *llm.ToolCallDelta:
			for _, s := range cut(ev.Input) {
				events = append(events, &llm.ToolCallDelta{Index: ev.Index, Input: s})
			}
		case *llm.ReasoningDelta:
			for _, s := range cut(ev.Text) {
				events = append(events, &llm.ReasoningDelta{Index: ev.Index, Text: s})
			}
			if ev.Signature != "" || len(ev.Redacted) > 0 {
				events = append(events, &llm.ReasoningDelta{Index: ev.Index, Signature: ev.Signature, Redacted: ev.Redacted})
			}
		case *llm.PartStart:
			media, ok := ev.Part.(*llm.MediaPart)
			if !ok {
				events = append(events, ev)
				continue
			}
			half := len(media.Data) / 2
			events = append(events,
				&llm.PartStart{Index: ev.Index, Part: &llm.MediaPart{MediaType: media.MediaType}},
				&llm.MediaDelta{Index: ev.Index, Data: media.Data[:half]},
				&llm.MediaDelta{Index: ev.Index, Data: media.Data[half:]})
		default:
			events = append(events, ev)
		}
	}
	return events
}

// cut cuts a text into pieces of one to seven runes, and of more where it is long.
func cut(text string) []string {
	var out []string
	for size := 1; text != ""; size = size%7 + 1 {
		n := 0
		for range size * (1 + len(text)/1000) {
			_, width := utf8.DecodeRuneInString(text[n:])
			n += width
		}
		out = append(out, text[:n])
		text = text[n:]
	}
	return out
}

// onePixel is a whole png image.
func onePixel() []byte {
	return []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89" +
		"\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82")
}

package bedrocktest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
)

// volatile are the headers that differ from run to run, or from one release of a
// client to the next.
var volatile = []string{"Amz-Sdk-Invocation-Id", "User-Agent", "X-Amz-User-Agent", "X-Amz-Date", "X-Amzn-Requestid"}

// String is the exchange as a text for people and for golden files: the request after
// ">", the answer after "<", JSON indented, and a line for each event of a stream. Secrets
// are redacted, and headers that differ from run to run are left out (dates, ids of
// requests, names of clients). What is neither JSON nor a whole event is quoted, with
// what is wrong with it.
//
// An answer has the time that it took (latencyMs) wherever the model does not say
// it: a text to compare comes from a model whose answers have a Latency.
func (x Exchange) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %d %s\n", x.N, x.op())
	fmt.Fprintf(&b, "> %s %s %s\n", x.Method, x.Path, x.Proto)
	headers(&b, ">", x.Header)
	content(&b, x.Body)
	switch a := x.Answer; {
	case a.Status == 0:
		b.WriteString("< nothing was sent\n")
	default:
		fmt.Fprintf(&b, "< %d %s\n", a.Status, http.StatusText(a.Status))
		headers(&b, "<", a.Header)
		if a.Header.Get("Content-Type") == eventStreamType {
			events(&b, a.Body)
		} else {
			content(&b, a.Body)
		}
	}
	if x.Answer.Broken {
		b.WriteString("< broken off\n")
	}
	b.WriteString("\n")
	return b.String()
}

func headers(b *strings.Builder, mark string, h http.Header) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if !slices.Contains(volatile, http.CanonicalHeaderKey(name)) {
			fmt.Fprintf(b, "%s %s: %s\n", mark, name, strings.Join(h[name], ", "))
		}
	}
}

// content shows a body that is one JSON text, and quotes any other.
func content(b *strings.Builder, body []byte) {
	var indented bytes.Buffer
	switch {
	case len(body) == 0:
	case depth(body) > maxIndent && json.Valid(body):
		fmt.Fprintf(b, "%s\n", body)
	case json.Indent(&indented, body, "", "  ") == nil:
		fmt.Fprintf(b, "%s\n", indented.Bytes())
	default:
		fmt.Fprintf(b, "%d bytes that are not JSON: %q\n", len(body), body)
	}
}

// maxIndent is how deep JSON may be nested that is indented. Deeper, the indentation is
// most of the text, and that of a hostile body does not fit into the memory.
const maxIndent = 200

// depth is how deep a JSON text is nested.
func depth(text []byte) (deepest int) {
	open, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case quoted:
		case c == '{' || c == '[':
			open++
			deepest = max(deepest, open)
		case c == '}' || c == ']':
			open--
		}
	}
	return deepest
}

// events shows the frames of an event stream.
func events(b *strings.Builder, body []byte) {
	decoder := eventstream.NewDecoder()
	for len(body) > 0 {
		size := len(body) + 1
		if len(body) >= 4 {
			size = int(binary.BigEndian.Uint32(body))
		}
		if size > len(body) || size < 16 { // 16 is the smallest frame
			fmt.Fprintf(b, "%d bytes that are no whole frame: %q\n", len(body), body)
			return
		}
		frame := body[:size]
		body = body[size:]
		message, err := decoder.Decode(bytes.NewReader(frame), nil)
		if err != nil {
			fmt.Fprintf(b, "%d bytes that are a broken frame (%v): %q\n", size, err, frame)
			continue
		}
		kind := header(message, ":message-type")
		fmt.Fprintf(b, "%s %s %s\n", kind, header(message, ":"+kind+"-type"), oneLine(message.Payload))
	}
}

func header(m eventstream.Message, name string) string {
	if v := m.Headers.Get(name); v != nil {
		return v.String()
	}
	return "?"
}

// oneLine is a payload on one line.
func oneLine(payload []byte) string {
	var compact bytes.Buffer
	if json.Compact(&compact, payload) == nil {
		return compact.String()
	}
	return fmt.Sprintf("%q", payload)
}

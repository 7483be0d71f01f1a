package bedrocktest_test

import (
	"bytes"
	"context"
	"iter"
	"log"
	"math"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// A record shows no credential, however a client sends it.
func TestRecordHidesCredentials(t *testing.T) {
	var record bytes.Buffer
	s := bedrocktest.NewServer(fake.Auto(), &bedrocktest.Options{Record: &record})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/model/x/converse?X-Amz-Signature=hush", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Authorization": {"", "Bearer hush"}, "Cookie": {"", "hush"}, "Proxy-Authorization": {"hush"},
		"X-Amz-Security-Token": {"hush"}, "X-Api-Key": {"hush"}, "Api-Key": {"hush"}}
	transport := &http.Transport{}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	transport.CloseIdleConnections()
	s.Close()
	if n := strings.Count(record.String(), ": redacted\n"); n != 6 || strings.Contains(record.String(), "hush") {
		t.Errorf("%d headers are redacted:\n%s", n, record.String())
	}
}

// rude breaks the laws of a model.
type rude struct{ llm.Model }

func (rude) Generate(context.Context, *llm.Request) (*llm.Response, error)    { panic("rude") }
func (rude) Stream(context.Context, *llm.Request) iter.Seq2[llm.Event, error] { return nil }

// A model that panics breaks the connection off, and the record says so. A stream that
// is none is an error.
func TestRudeModel(t *testing.T) {
	log.SetOutput(&bytes.Buffer{})
	defer log.SetOutput(os.Stderr)
	s := bedrocktest.NewServer(rude{}, nil)
	defer s.Close()
	m := bedrock.New(s.Client(), "amazon.nova-lite-v1:0", nil)
	req := &llm.Request{Messages: []llm.Message{llm.UserText("Hi")}}
	if _, err := m.Generate(t.Context(), req); err == nil {
		t.Error("no error of a model that panics")
	}
	if _, err := llm.Collect(m.Stream(t.Context(), req)); llm.CodeOf(err) != llm.ErrInternal {
		t.Errorf("%v of a nil stream", err)
	}
	s.Close()
	if w := s.Exchanges(); !w[0].Answer.Broken || w[1].Answer.Broken {
		t.Errorf("broken off: %v, %v", w[0].Answer.Broken, w[1].Answer.Broken)
	}
}

// More is announced than is sent, however far off the cut.
func TestEndShortOfTheLongest(t *testing.T) {
	s := bedrocktest.NewServer(fake.Auto(), &bedrocktest.Options{
		Fault: bedrocktest.Faults(&bedrocktest.Fault{CutAt: aws.Int(math.MaxInt), Ending: bedrocktest.EndShort})})
	defer s.Close()
	m := bedrock.New(s.Client(), "amazon.nova-lite-v1:0", nil)
	_, err := m.Generate(t.Context(), &llm.Request{Messages: []llm.Message{llm.UserText("Hi")}})
	if llm.CodeOf(err) != llm.ErrIncomplete {
		t.Error(err)
	}
}

// The text of a body that is nested deep is not much longer than the body, whose
// indentation would fill the memory. Brackets within strings are no nesting.
func TestDeepBody(t *testing.T) {
	const deep = 5000
	nested := `{"a":` + strings.Repeat("[", deep) + strings.Repeat("1,", 100) + "1" + strings.Repeat("]", deep) + "}"
	if text := (bedrocktest.Exchange{Body: []byte(nested)}).String(); len(text) > 2*len(nested) || !strings.Contains(text, nested) {
		t.Errorf("the text of %d bytes has %d", len(nested), len(text))
	}
	flat := `{"a":"\"` + strings.Repeat("[", deep) + `"}`
	if text := (bedrocktest.Exchange{Body: []byte(flat)}).String(); !strings.Contains(text, "{\n  \"a\": ") {
		t.Errorf("a body that is not nested is not indented: %s", text[:50])
	}
}

package llm_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/llm"
)

// leaf is a model at the end of a chain; wrapper one around another.
type leaf struct{ name string }

func (l *leaf) Generate(context.Context, *llm.Request) (*llm.Response, error) {
	return &llm.Response{Message: llm.AssistantText(l.name)}, nil
}
func (l *leaf) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	r, _ := l.Generate(ctx, req)
	return r.Events()
}
func (l *leaf) Info() llm.Info                                         { return llm.Info{Model: l.name} }
func (l *leaf) CountTokens(context.Context, *llm.Request) (int, error) { return len(l.name), nil }

type wrapper struct {
	next llm.Model
	name string
}

func (w *wrapper) Generate(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	r, err := w.next.Generate(ctx, req)
	if r != nil {
		r.Message.Content = append([]llm.Part{llm.Text(w.name + ">")}, r.Message.Content...)
	}
	return r, err
}
func (w *wrapper) Stream(ctx context.Context, req *llm.Request) iter.Seq2[llm.Event, error] {
	return w.next.Stream(ctx, req)
}
func (w *wrapper) Info() llm.Info    { return w.next.Info() }
func (w *wrapper) Unwrap() llm.Model { return w.next }

func named(name string) llm.Middleware {
	return func(next llm.Model) llm.Model { return &wrapper{next, name} }
}

func TestWrapOrder(t *testing.T) {
	m := llm.Wrap(&leaf{"model"}, named("a"), nil, named("b"))
	r, err := m.Generate(t.Context(), &llm.Request{})
	if err != nil || r.Text() != "a>b>model" {
		t.Errorf("%q, %v", r.Text(), err)
	}
	l := &leaf{}
	if llm.Wrap(l) != llm.Model(l) {
		t.Error("no middleware changed the model")
	}
}

func TestAs(t *testing.T) {
	m := llm.Wrap(&leaf{"model"}, named("a"), named("b"))
	if c, ok := llm.As[llm.TokenCounter](m); !ok {
		t.Error("the ability at the bottom was not found")
	} else if n, err := c.CountTokens(t.Context(), nil); n != 5 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if w, ok := llm.As[*wrapper](m); !ok || w.name != "a" {
		t.Errorf("the outermost is not first: %v", w)
	}
	if _, ok := llm.As[interface{ Fly() }](m); ok {
		t.Error("found what is not there")
	}
	if _, ok := llm.As[*leaf](nil); ok {
		t.Error("found something in nil")
	}
	circle := &wrapper{}
	circle.next = circle
	if _, ok := llm.As[*leaf](circle); ok {
		t.Error("found something in a circle")
	}
	if _, ok := llm.As[*leaf](&wrapper{}); ok {
		t.Error("found something in a wrapper of nil")
	}
}

func TestOptionsFor(t *testing.T) {
	mine, other := &options{"p"}, &foreignOptions{}
	req := &llm.Request{Options: []llm.ProviderOptions{(*options)(nil), other, mine}}
	if o, ok, err := llm.OptionsFor[*options](req); o != mine || !ok || err != nil {
		t.Errorf("%v, %v, %v", o, ok, err)
	}
	if _, ok, err := llm.OptionsFor[*foreignOptions](req); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	if o, ok, err := llm.OptionsFor[llm.ProviderOptions](req); o != other || !ok || err != nil {
		t.Errorf("an interface gets the first that fits: %v, %v, %v", o, ok, err)
	}
	if _, ok, err := llm.OptionsFor[*options](&llm.Request{}); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	if _, ok, err := llm.OptionsFor[*options](nil); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	// The same provider, another type: ignoring it would lose a setting in silence.
	if _, ok, err := llm.OptionsFor[*options](&llm.Request{Options: []llm.ProviderOptions{&imposter{}}}); ok || llm.CodeOf(err) != llm.ErrInvalidRequest {
		t.Errorf("%v, %v", ok, err)
	}
}

type foreignOptions struct{}

func (*foreignOptions) ProviderName() string { return "q" }

type imposter struct{}

func (*imposter) ProviderName() string { return "p" }

func TestSetOptions(t *testing.T) {
	first := &llm.Request{Options: []llm.ProviderOptions{&options{"p"}, &foreignOptions{}}}
	second := *first
	second.SetOptions(&imposter{})
	second.SetOptions(nil)
	second.SetOptions((*options)(nil))
	second.SetOptions(&acmeOptions{})
	if _, ok := second.Options[0].(*imposter); !ok || len(second.Options) != 3 {
		t.Errorf("%v", second.Options)
	}
	if _, ok := first.Options[0].(*options); !ok || len(first.Options) != 2 {
		t.Error("the copy's options changed the first's")
	}
}

func TestClones(t *testing.T) {
	for seed := range uint64(300) {
		r := newRandom(seed)
		req, resp := r.request(), r.response()
		req.Options = []llm.ProviderOptions{&options{"p"}}
		if diff := cmp.Diff(req, req.Clone(), cmp.AllowUnexported(options{})); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(resp, resp.Clone()); diff != "" {
			t.Fatal(diff)
		}
		reqBefore, respBefore := mustJSON(t, req), mustJSON(t, resp)
		c, rc := req.Clone(), resp.Clone()
		scribble(c.System)
		for i := range c.Messages {
			scribble(c.Messages[i].Content)
			c.Messages[i].Role = "x"
		}
		c.Tools[0].Name, c.Tools[0].Cache.TTL = "x", 1
		*c.Temperature, *c.TopP, *c.TopK = 9, 9, 9
		c.StopSequences[0], c.Output.Name, c.Reasoning.Effort, c.Metadata["a"], c.Options[0] = "x", "x", "x", "x", nil
		scribble(rc.Message.Content)
		for i := range rc.Warnings {
			rc.Warnings[i].Field = "x"
		}
		if got := mustJSON(t, req); got != reqBefore {
			t.Fatalf("seed %d: the request changed with its clone:\n%s", seed, cmp.Diff(reqBefore, got))
		}
		if got := mustJSON(t, resp); got != respBefore {
			t.Fatalf("seed %d: the response changed with its clone:\n%s", seed, cmp.Diff(respBefore, got))
		}
	}
	if (*llm.Request)(nil).Clone() != nil || (*llm.Response)(nil).Clone() != nil {
		t.Error("a clone of nil")
	}
	odd := llm.User(nil, (*llm.TextPart)(nil)).Clone()
	if odd.Content[0] != nil || odd.Content[1] != llm.Part((*llm.TextPart)(nil)) {
		t.Errorf("%v", odd.Content)
	}
}

// scribble changes everything in parts but their payloads.
func scribble(parts []llm.Part) {
	for i, p := range parts {
		switch p := p.(type) {
		case *llm.TextPart:
			for j := range p.Citations {
				c := &p.Citations[j]
				for _, n := range []*int{c.Document, c.Start, c.End} {
					if n != nil {
						*n = 99
					}
				}
				c.Title = "x"
			}
			if p.Opaque != nil {
				p.Opaque.Model = "x"
			}
			p.Text = "x"
		case *llm.MediaPart:
			if p.Opaque != nil {
				p.Opaque.Model = "x"
			}
			p.URI = "x"
		case *llm.DocumentPart:
			p.Name = "x"
		case *llm.ToolCallPart:
			if p.Opaque != nil {
				p.Opaque.Model = "x"
			}
			p.Name = "x"
		case *llm.ToolResultPart:
			scribble(p.Content)
			p.Name = "x"
		case *llm.ReasoningPart:
			if p.Opaque != nil {
				p.Opaque.Model = "x"
			}
			p.Signature = "x"
		case *llm.CachePointPart:
			p.TTL = 99
		case *llm.ProviderPart:
			p.Kind = "x"
		}
		parts[i] = nil
	}
}

func TestUsageAdd(t *testing.T) {
	flex := llm.Usage{InputTokens: 10, OutputTokens: 2, CacheReadTokens: 3, CacheWriteTokens: 4, CacheWrite1hTokens: 1, ReasoningTokens: 1, ServiceTier: "flex"}
	plain := llm.Usage{InputTokens: 1, Estimated: true}
	if got := (llm.Usage{}).Add(flex).Add(llm.Usage{}); got != flex {
		t.Errorf("the zero value adds something: %+v", got)
	}
	want := llm.Usage{InputTokens: 20, OutputTokens: 4, CacheReadTokens: 6, CacheWriteTokens: 8, CacheWrite1hTokens: 2, ReasoningTokens: 2, ServiceTier: "flex"}
	if got := flex.Add(flex); got != want || got.TotalTokens() != 24 {
		t.Errorf("%+v", got)
	}
	if got := flex.Add(plain); got.ServiceTier != llm.TierMixed || !got.Estimated {
		t.Errorf("%+v", got)
	}
	// Associative and free of order.
	for seed := range uint64(500) {
		r := newRandom(seed)
		a, b, c := r.usage(), r.usage(), r.usage()
		if a.Add(b).Add(c) != a.Add(b.Add(c)) || a.Add(b) != b.Add(a) {
			t.Fatalf("%+v %+v %+v", a, b, c)
		}
	}
}

func TestReaders(t *testing.T) {
	call := &llm.ToolCallPart{ID: "1"}
	r := &llm.Response{Message: llm.Assistant(&llm.ReasoningPart{Text: "a"}, llm.Text("x"), call, nil, (*llm.TextPart)(nil), &llm.ReasoningPart{Text: "b"}, llm.Text("y"))}
	if r.Text() != "xy" || r.Reasoning() != "ab" || len(r.ToolCalls()) != 1 || r.ToolCalls()[0] != call {
		t.Errorf("%q %q %v", r.Text(), r.Reasoning(), r.ToolCalls())
	}
	var none *llm.Response
	if none.Text() != "" || none.Reasoning() != "" || none.ToolCalls() != nil {
		t.Error("something in nil")
	}
}

func TestWarningString(t *testing.T) {
	for _, c := range []struct {
		w    llm.Warning
		want string
	}{
		{llm.Warning{Code: llm.WarningDropped, Field: "reasoning", Message: "no such setting"}, "reasoning dropped: no such setting"},
		{llm.Warning{Code: llm.WarningIncomplete, Message: "no usage"}, "incomplete: no usage"},
		{llm.Warning{Code: llm.WarningClamped, Field: "top_k"}, "top_k clamped"},
		{llm.Warning{}, ""},
	} {
		if got := c.w.String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestDetectMediaType(t *testing.T) {
	for want, data := range map[string]string{
		"image/png": "\x89PNG\r\n\x1a\nrest", "image/jpeg": "\xff\xd8\xff\xe0", "image/gif": "GIF89a..", "image/webp": "RIFF....WEBPVP8 ",
		"audio/wav": "RIFF....WAVEfmt ", "application/pdf": "%PDF-1.7", "video/mp4": "\x00\x00\x00\x20ftypisom", "audio/mp4": "\x00\x00\x00\x20ftypM4A ",
		"image/heic": "\x00\x00\x00\x18ftypheic", "image/avif": "\x00\x00\x00\x20ftypavif", "video/3gpp": "\x00\x00\x00\x18ftyp3gp5",
		"video/quicktime": "\x00\x00\x00\x14ftypqt  ", "video/webm": "\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm",
		"video/x-matroska": "\x1aE\xdf\xa3\xa3B\x86\x81\x01matroska", "video/x-flv": "FLV\x01", "audio/flac": "fLaC", "audio/ogg": "OggS",
		"audio/aac": "\xff\xf1P", "audio/mpeg": "ID3\x03", "": "RIFF",
	} {
		if got := llm.DetectMediaType([]byte(data)); got != want {
			t.Errorf("%q is %q, want %q", data, got, want)
		}
	}
	if p := llm.Image("", []byte("GIF89a")); p.MediaType != "image/gif" {
		t.Error(p.MediaType)
	}
	if p := llm.Document("n", "", []byte("%PDF-1")); p.MediaType != "application/pdf" {
		t.Error(p.MediaType)
	}
}

func TestImageFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, data string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(data), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	p, err := llm.ImageFile(write("wrong.txt", "RIFF....WEBPVP8 "))
	if err != nil || p.MediaType != "image/webp" || len(p.Data) != 16 {
		t.Errorf("%v, %v", p, err)
	}
	for path, want := range map[string]error{
		filepath.Join(dir, "none.png"): os.ErrNotExist,
		write("text.png", "SECRET"):    nil, write("sound.wav", "RIFF....WAVE"): nil, write("empty.png", ""): nil, dir: nil, os.DevNull: nil,
	} {
		p, err := llm.ImageFile(path)
		if p != nil || llm.CodeOf(err) != llm.ErrInvalidRequest || want != nil && !errors.Is(err, want) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v, %v", path, p, err)
		}
	}
}

// ForbidSend is for the rest of the process, so it is tried in another.
func TestForbidSend(t *testing.T) {
	if os.Getenv("PARLEY_TEST_FORBID") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestForbidSend$", "-test.v")
		cmd.Env = append(os.Environ(), "PARLEY_TEST_FORBID=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	a, b := llm.Info{Provider: "a", Model: "m"}, llm.Info{Provider: "b", Model: "m"}
	if err := llm.MaySend(a); err != nil {
		t.Errorf("before the ban: %v", err)
	}
	llm.ForbidSend()
	if err := llm.MaySend(a); llm.CodeOf(err) != llm.ErrRejected || llm.IsRetryable(err) {
		t.Errorf("%v", err)
	}
	llm.ForbidSend(nil, func(i llm.Info) bool { return i == b })
	if llm.MaySend(a) == nil || llm.MaySend(b) != nil {
		t.Error("the allow list does not hold")
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/internal/leak"
	"github.com/parley-sdk/parley/llm"
)

// asProgram has the test binary be the program, for the test in a terminal.
const asProgram = "PARLEY_TEST_CHAT"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(leak.Run(m))
}

// session is a chat that is driven through pipes, within a synctest bubble.
type session struct {
	*chat
	t          *testing.T
	in         *io.PipeWriter
	screen     *buffer
	interrupts chan os.Signal
	ended      chan error
}

type buffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// start starts a chat; a model of nil is the stand-in at 60 tokens a second.
func start(t *testing.T, model llm.Model) *session {
	t.Helper()
	if model == nil {
		model = newStandIn(60)
	}
	r, w := io.Pipe()
	s := &session{t: t, in: w, screen: new(buffer), interrupts: make(chan os.Signal, 1), ended: make(chan error, 1)}
	s.chat = newChat(model, input{bufio.NewReader(r), true}, &terminal{out: s.screen}, s.interrupts)
	s.chat.opts.Tools = tools(func() time.Time { return time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC) })
	go func() { s.ended <- s.run(t.Context(), "Hello.") }()
	t.Cleanup(func() { _ = w.Close() })
	return s
}

// say types a line, and returns what is shown until the next prompt.
func (s *session) say(line string) string {
	s.t.Helper()
	s.begin(line)
	return s.rest()
}

// begin types a line and does not wait.
func (s *session) begin(line string) {
	s.t.Helper()
	synctest.Wait() // until it is at the prompt
	s.screen.mu.Lock()
	s.screen.b.Reset()
	s.screen.mu.Unlock()
	if _, err := io.WriteString(s.in, line+"\n"); err != nil {
		s.t.Fatal(err)
	}
}

// rest waits, for as long as an answer may take, until the chat waits for a line.
func (s *session) rest() string {
	time.Sleep(time.Hour)
	return s.screen.String()
}

func (s *session) leave() {
	s.t.Helper()
	if err := s.in.Close(); err != nil {
		s.t.Error(err)
	}
	if err := <-s.ended; err != nil {
		s.t.Error(err)
	}
}

func wants(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%q is missing in:\n%s", w, got)
		}
	}
}

// An answer comes piece by piece, reasoning before it and tools between.
func TestStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil)
		s.begin("What is Parley?")
		time.Sleep(1500 * time.Millisecond)
		some := s.screen.String()
		wants(t, some, "> What is Parley?\n(thinking) The user asks")
		if all := s.rest(); !strings.HasPrefix(all, some) || len(all) < len(some)+50 || !strings.Contains(all, "\n\nParley is a Go SDK") {
			t.Errorf("after a second and a half:\n%s\nin the end:\n%s", some, all)
		}
		want := `> What time is it, and how many days are there between 2026-01-01 and 2026-12-24?
(thinking) I cannot know that, and have a tool for it.

• current_time {} → Sunday, 1 November 2026, 12:00 UTC
• days_between {"from":"2026-01-01","to":"2026-12-24"} → 357

It is Sunday, 1 November 2026, 12:00 UTC. Between them lie 357 days.`
		got := s.say("What time is it, and how many days are there between 2026-01-01 and 2026-12-24?")
		if diff := cmp.Diff(want, strings.TrimSpace(got)); diff != "" {
			t.Error(diff)
		}
		s.leave()
	})
}

// What has come of an interrupted answer stays, whenever that is, and the model goes on from it.
func TestInterrupt(t *testing.T) {
	for after := 100 * time.Millisecond; after < 9*time.Second; after += 487 * time.Millisecond {
		t.Run(after.String(), func(t *testing.T) {
			var history []llm.Message
			synctest.Test(t, func(t *testing.T) {
				s := start(t, nil)
				s.say("hi")
				before := s.talk.Messages()
				s.begin("Tell me a story.")
				time.Sleep(after)
				s.interrupts <- os.Interrupt
				shown := s.rest()
				history = s.talk.Messages()
				_, came, _ := strings.Cut(shown, "tool.\n\n") // behind the reasoning
				came, _, notice := strings.Cut(came, "\n\n(interrupted: ")
				switch {
				case !notice && came == "":
					wants(t, shown, "the question is forgotten")
					if diff := cmp.Diff(before, history); diff != "" {
						t.Error(diff)
					}
				case !notice: // it was whole already
					wants(t, shown, "But that is another story.")
				default:
					n := len(before)
					if diff := cmp.Diff(append(before, llm.UserText("Tell me a story.")), history[:n+1]); diff != "" || len(history) != n+2 {
						t.Errorf("%d messages: %s", len(history), diff)
					}
					if got, ok := strings.CutSuffix(textOf(history[n+1].Content), interrupted); !ok || strings.TrimSpace(got) != strings.TrimSpace(came) {
						t.Errorf("kept %q\nof   %q", got, came)
					}
					_, more, _ := strings.Cut(s.say("go on"), "… ")
					if whole := strings.TrimSpace(came) + " " + strings.TrimSpace(more); strings.Join(strings.Fields(whole), "") != strings.Join(strings.Fields(story), "") {
						t.Errorf("both parts:\n%s", whole)
					}
				}
				s.leave()
			})
			accepted(t, history)
		})
	}
}

// accepted has a server that is as strict as Bedrock judge a history.
func accepted(t *testing.T, history []llm.Message) {
	t.Helper()
	server := bedrocktest.NewServer(fake.Auto(), nil)
	defer server.Close()
	c := conversation.New(bedrock.New(server.Client(), defaultModel, nil), &conversation.Options{Tools: tools(time.Now)})
	err := c.Append(t.Context(), history...)
	if err == nil {
		_, err = c.Send(t.Context(), llm.Text("Go on."))
	}
	if err != nil {
		t.Error(err)
	}
}

// A tool that is interrupted has a result that says so, and the step with it is kept.
func TestInterruptTool(t *testing.T) {
	var history []llm.Message
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil)
		s.begin("What time is it?")
		for !strings.Contains(s.screen.String(), "•") {
			time.Sleep(time.Millisecond)
		}
		s.interrupts <- os.Interrupt
		wants(t, s.rest(), "• current_time {} → Sunday", "\n(interrupted: ")
		history = s.talk.Messages()
		if n := len(history); n != 4 || textOf(history[3].Content) != interrupted {
			t.Errorf("%d messages", n)
		}
		s.leave()
	})
	accepted(t, history)
}

func TestErrors(t *testing.T) {
	var history []llm.Message
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil)
		wants(t, s.say("break off"), "a slip of paper.\n\nThe answer broke off; what has come is kept. Ask again. (unavailable: the connection was reset)\n")
		wants(t, s.say("go on"), "… In spring the slips")
		wants(t, s.say("busy"), "\nThere was no answer. Wait a moment, and ask again. (overloaded: ")
		if n := len(s.talk.Messages()); n != 4 {
			t.Errorf("%d messages", n)
		}
		wants(t, s.say("\xff"), "I am a fake")
		history = s.talk.Messages()
		s.leave()
	})
	accepted(t, history)
}

func TestWaysOut(t *testing.T) {
	for _, code := range []llm.Code{llm.ErrRateLimited, llm.ErrQuotaExhausted, llm.ErrUnauthenticated, llm.ErrPermissionDenied,
		llm.ErrNotFound, llm.ErrContextTooLong, llm.ErrContentFiltered, llm.ErrUnknown} {
		synctest.Test(t, func(t *testing.T) {
			fault := &llm.Error{Code: code, Message: "no", Retryable: new(false), RetryAfter: 20 * time.Second}
			s := start(t, fake.New(fake.Fail(fault)))
			want := fmt.Sprintf("\n> hi\nThere was no answer. %s (%v)\n", wayOut(fault), fault)
			if diff := cmp.Diff(want, s.say("hi")); diff != "" {
				t.Error(diff)
			}
			s.leave()
		})
	}
}

// What is missing for Bedrock is said before the chat begins.
func TestOpenBedrock(t *testing.T) {
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		t.Setenv(name, os.DevNull)
	}
	for _, name := range []string{"AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for _, c := range []struct{ region, model, greeting, err string }{
		{"us-east-1", "m", "Chatting with m on Bedrock in us-east-1.", ""},
		{"us-east-1", "", "", "no model"},
		{"", "m", "", "no AWS region"},
	} {
		t.Setenv("AWS_REGION", c.region)
		model, greeting, err := open(t.Context(), true, c.model, 0)
		if greeting != c.greeting || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q, %v", greeting, err)
		}
		if err != nil {
			continue
		}
		var out strings.Builder
		chat := newChat(model, input{bufio.NewReader(strings.NewReader("hi\n/cost\n")), true}, &terminal{out: &out}, nil)
		if err := chat.run(t.Context(), greeting); err != nil {
			t.Error(err)
		}
		wants(t, out.String(), "There was no answer. Renew your credentials, and start again. (aws.bedrock ", "calls   0\n")
	}
}

package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// A chat that is saved, interrupted answers and tools included, is the same when it is loaded.
func TestSaveAndLoad(t *testing.T) {
	dir := t.TempDir()
	file, other := filepath.Join(dir, "a chat.json"), filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(other, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil)
		s.say("What time is it?")
		s.begin("Tell me a story.")
		time.Sleep(2 * time.Second)
		s.interrupts <- os.Interrupt
		s.rest()
		want := s.talk.Messages()
		wants(t, s.say("/save "+file), "Saved 6 messages to "+file+".")
		wants(t, s.say("/save "+file), "Saved 6 messages") // it is a chat
		wants(t, s.say("/save "+other), "notes.txt is there already, and no chat: choose another name")
		wants(t, s.say("/save "+filepath.Join(dir, "no", "such")), "no such file or directory")
		wants(t, s.say("/new"), "A new chat.")
		if n := len(s.talk.Messages()); n != 0 {
			t.Errorf("%d messages", n)
		}
		wants(t, s.say("/load "+other), "notes.txt holds no chat: ")
		wants(t, s.say("/load "+filepath.Join(dir, "none")), "no such file or directory")
		wants(t, s.say("/load "+file), "Loaded 6 messages from "+file+".\nuser       Tell me a story.\nassistant  Once upon a time")
		if diff := cmp.Diff(want, s.talk.Messages()); diff != "" {
			t.Error(diff)
		}
		wants(t, s.say("go on"), "But that is another story.")
		s.leave()
	})
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("%v, %v", left, err)
	}
	if b, err := os.ReadFile(other); string(b) != "mine" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := fake.Text("Yes.").WithUsage(llm.Usage{InputTokens: 1000, OutputTokens: 100})
		s := start(t, fake.New(answer, answer.CutAfter(2)).WithInfo(llm.Info{Provider: "aws.bedrock", Model: defaultModel}))
		wants(t, s.say("/cost"), "calls   0\ntokens  0 in, 0 out\ncost    0 USD\n")
		s.say("hi")
		wants(t, s.say("/cost"), "calls   1\ntokens  1000 in, 100 out\ncost    0.0045 USD\n") // of a million: 3 in, 15 out
		wants(t, s.say("more"), "The answer broke off; what has come is kept. Ask again. (")
		s.say("/new")
		wants(t, s.say("/cost"), "calls   2 (1 not whole, and estimated)\ntokens  2000 in, 200 out\ncost    0.009 USD\n")
		s.leave()

		s = start(t, fake.New(fake.Text("Yes.")))
		s.say("hi")
		wants(t, s.say("/cost"), "cost    unknown\n")
		s.leave()
	})
}

func TestCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil)
		for line, want := range map[string]string{
			"/help":       "/new         begin a new chat\n/save FILE   write the chat to a file\n",
			"/bogus x":    "There is no command /bogus. /help lists them; ",
			"/etc/hosts?": "There is no command /etc/hosts?. ",
			"/":           "There is no command /. ",
			"/save":       "/save needs a file: /save FILE\n",
			"/load  ":     "/load needs a file: /load FILE\n",
			"/cost all":   "/cost takes nothing behind it.\n",
			" /etc/hosts": "I am a fake",
			"  ":          "",
		} {
			wants(t, s.say(line), "> "+line+"\n"+want)
		}
		if _, err := s.in.Write([]byte("/quit\n")); err != nil {
			t.Error(err)
		}
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
	})
}

// An interrupt at the prompt leaves, and so does the end of the input, behind a last line too.
func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil)
		s.say("hi")
		s.interrupts <- os.Interrupt
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
		_ = s.in.Close() // what waits for a line ends with it

		var out strings.Builder
		c := newChat(newStandIn(0), input{bufio.NewReader(strings.NewReader("hi\n\n/cost")), true}, &terminal{out: &out}, nil)
		if err := c.run(t.Context(), "Hello."); err != nil {
			t.Error(err)
		}
		want := "Hello.\n/help lists the commands.\n\n> hi\n" + greeting + "\n\n> \n> /cost\ncalls   1\n"
		if !strings.HasPrefix(out.String(), want) {
			t.Errorf("%q", out.String())
		}
	})
}

// A spinner turns while nothing comes, and leaves nothing behind.
func TestTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		term := &terminal{out: &out, live: true, colour: true}
		term.prompt()
		term.spin("waiting")
		time.Sleep(150 * time.Millisecond)
		term.add(thought, dim, "\n\nHm\x1b]0;evil\a.\r\n\n")
		term.add(text, plain, "One\n")
		term.add(text, plain, "\ntwo.\n\n")
		term.remark(red, "Wrong.")
		term.prompt()
		want := "\x1b[1;36m>\x1b[0m \r\x1b[K\x1b[2m⠋ waiting\x1b[0m\r\x1b[K\x1b[2m⠙ waiting\x1b[0m\r\x1b[K" +
			"\x1b[2mHm]0;evil.\x1b[0m\n\nOne\n\ntwo.\n\n\x1b[31mWrong.\x1b[0m\n\n\x1b[1;36m>\x1b[0m "
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Error(diff)
		}
	})
	for in, want := range map[string]string{"a b": "a b", " a\n b ": "a b", "abcdef": "abcd…", "ééééé": "ééééé"} {
		if got := oneLine(in, 5); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the screen in README.md anew")

// patience is how long something may take to appear.
const patience = 30 * time.Second

// window is the program in a terminal of 80 by 24.
type window struct {
	t       *testing.T
	pty     *os.File
	program *exec.Cmd
	screen  screen
	part    []byte // of a rune
}

// openWindow starts the program in a new pseudoterminal.
func openWindow(t *testing.T, noColor string, args ...string) *window {
	t.Helper()
	fd, err := syscall.Open("/dev/ptmx", syscall.O_RDWR|syscall.O_NOCTTY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("there are no pseudoterminals here: %v", err)
	}
	pty := os.NewFile(uintptr(fd), "/dev/ptmx") // not blocking, so that it has deadlines
	var number, locked int32
	size := [4]uint16{24, 80}
	raw, err := pty.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	set := func(request uintptr, arg unsafe.Pointer) {
		if controlErr := raw.Control(func(fd uintptr) {
			if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(arg)); errno != 0 {
				err = errors.Join(err, errno)
			}
		}); controlErr != nil {
			err = errors.Join(err, controlErr)
		}
	}
	set(syscall.TIOCSPTLCK, unsafe.Pointer(&locked))
	set(syscall.TIOCGPTN, unsafe.Pointer(&number))
	set(syscall.TIOCSWINSZ, unsafe.Pointer(&size))
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := &window{t: t, pty: pty, program: exec.Command(self, args...), screen: screen{width: 80}}
	w.program.Stdin, w.program.Stdout, w.program.Stderr = tty, tty, tty
	w.program.Env = append(os.Environ(), asProgram+"=1", "TERM=xterm-256color", "NO_COLOR="+noColor, "GORACE=atexit_sleep_ms=0")
	w.program.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	if err := w.program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = w.program.Process.Kill() // in vain where it has ended
		_ = w.program.Wait()
		_ = pty.Close()
	})
	return w
}

// read takes in what the program has written.
func (w *window) read() error {
	var b [4096]byte
	if err := w.pty.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	n, err := w.pty.Read(b[:])
	text := append(w.part, b[:n]...)
	whole := len(text)
	for whole > 0 && len(text)-whole < utf8.UTFMax && !utf8.Valid(text[:whole]) {
		whole--
	}
	w.screen.write(string(text[:whole]))
	w.part = append([]byte(nil), text[whole:]...)
	return err
}

// until waits until the screen matches.
func (w *window) until(pattern string) {
	w.t.Helper()
	for re := regexp.MustCompile(pattern); !re.MatchString(w.screen.String()); {
		if err := w.read(); err != nil {
			w.t.Fatalf("%v while waiting for %q:\n%s", err, pattern, w.screen.String())
		}
	}
}

// prompt waits until the program does, for the nth time.
func (w *window) prompt(n int) {
	w.t.Helper()
	for {
		text := w.screen.String()
		if strings.HasSuffix(text, "\n>\n") && strings.Count("\n"+text, "\n>") == n {
			return
		}
		if err := w.read(); err != nil {
			w.t.Fatalf("%v while waiting for prompt %d:\n%s", err, n, text)
		}
	}
}

func (w *window) write(keys string) {
	w.t.Helper()
	if _, err := w.pty.WriteString(keys); err != nil {
		w.t.Fatal(err)
	}
}

// ends waits until the program has ended well.
func (w *window) ends() {
	w.t.Helper()
	for {
		if err := w.read(); errors.Is(err, syscall.EIO) { // nobody is at the other end
			break
		} else if err != nil {
			w.t.Fatalf("%v while it should end:\n%s", err, w.screen.String())
		}
	}
	if err := w.program.Wait(); err != nil {
		w.t.Errorf("%v:\n%s", err, w.screen.String())
	}
	if len(w.screen.unknown) > 0 {
		w.t.Errorf("it uses %q", w.screen.unknown)
	}
}

const (
	ctrlC = "\x03"
	ctrlD = "\x04"
)

// The whole of it: an answer that is interrupted, commands, and leaving.
func TestInTerminal(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.json")
	w := openWindow(t, "", "-speed", "30") // seconds are left for the interrupt
	w.prompt(1)
	w.write("Tell me a story.\n")
	w.until("Once upon a time")
	w.write(ctrlC)
	w.until(`\(interrupted: ask it to go on, or something else\)\n`)
	w.prompt(2)
	w.write("go on\n")
	w.until("\n… ")
	w.write(ctrlC)
	w.prompt(3)
	w.write("/save " + file + "\n")
	w.until("Saved 4 messages to ")
	w.prompt(4)
	w.write("/new\n")
	w.prompt(5)
	w.write("/load " + file + "\n")
	w.until("Loaded 4 messages from ")
	w.prompt(6)
	w.write("/cost\n")
	w.until(`calls   2 \(2 not whole, and estimated\)\ntokens  \d+ in, \d+ out\ncost    0\.\d+ USD\n`)
	w.prompt(7)
	w.write("/quit\n")
	w.ends()
	shown := w.screen.String()
	if strings.ContainsAny(shown, "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏") || strings.Contains(shown, "waiting") || strings.Contains(shown, "\n\n\n") {
		t.Errorf("left over:\n%s", shown)
	}
	for _, want := range []string{"⠋ waiting", "The user wants a story.", "(interrupted: "} {
		if !strings.Contains(w.screen.dimmed.String(), want) {
			t.Errorf("%q is not dim", want)
		}
	}
}

// Ctrl-C while nothing has come, and then at the prompt; Ctrl-D there.
func TestLeaveTerminal(t *testing.T) {
	w := openWindow(t, "", "-speed", "4") // ten seconds until the first token
	w.prompt(1)
	w.write("hi\n")
	w.until("waiting")
	w.write(ctrlC)
	w.until("the question is forgotten")
	w.prompt(2)
	w.write(ctrlC)
	w.ends()
	if text := w.screen.String(); !strings.HasSuffix(text, "\n> ^C\n") {
		t.Errorf("%q", text)
	}

	w = openWindow(t, "1")
	w.prompt(1)
	w.write("story\n")
	w.until(`\(thinking\) The user`)
	w.write(ctrlC)
	w.prompt(2)
	w.write(ctrlD)
	w.ends()
	if w.screen.dimmed.Len() > 0 {
		t.Error("it has colours in spite of NO_COLOR")
	}
}

// The screen in the README is the program's.
func TestReadme(t *testing.T) {
	w := openWindow(t, "", "-speed", "0")
	for i, line := range []string{"What is Parley?", "How many days are there between 2026-01-01 and 2026-12-24?", "break off", "/cost", "/quit"} {
		w.prompt(i + 1)
		w.write(line + "\n")
	}
	w.ends()
	const fence = "```\n"
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(readme), fence)
	shown, after, ok := strings.Cut(rest, fence)
	if !ok {
		t.Fatal("README.md has no screen")
	}
	got := w.screen.String()
	if *update {
		if err := os.WriteFile("README.md", []byte(before+fence+got+fence+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(shown, got); diff != "" {
		t.Errorf("the screen is another; -update accepts it:\n%s", diff)
	}
}

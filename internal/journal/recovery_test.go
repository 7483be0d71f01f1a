package journal

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// recovers opens a damaged journal, which must have just these records, and take more.
func recovers(t *testing.T, path, damaged string, want []string) {
	t.Helper()
	write(t, path, damaged)
	read, err := Read(path)
	if diff := cmp.Diff(want, texts(read)); diff != "" || err != nil {
		t.Fatalf("Read: %v (-want +got):\n%s", err, diff)
	}
	if got := content(t, path); got != damaged {
		t.Fatalf("Read changed the file")
	}
	got, j := reopen(t, path)
	defer j.Close()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if kept := content(t, path); !strings.HasPrefix(damaged, kept) || j.Torn() != int64(len(damaged)-len(kept)) {
		t.Fatalf("%d bytes of %d are left, Torn is %d", len(kept), len(damaged), j.Torn())
	}
	mustAppend(t, j, `"more"`, `"and more"`)
	read, err = Read(path)
	if diff := cmp.Diff(append(want[:len(want):len(want)], `"more"`, `"and more"`), texts(read)); diff != "" || err != nil {
		t.Fatalf("after an append: %v (-want +got):\n%s", err, diff)
	}
}

// corrupt opens a damaged journal, which must be refused and stay as it is.
func corrupt(t *testing.T, path, damaged string, parts ...string) {
	t.Helper()
	write(t, path, damaged)
	_, err := Read(path)
	wantError(t, err, ErrCorrupt, parts...)
	_, err = Open(path, noSync)
	wantError(t, err, ErrCorrupt, append(parts, path)...)
	if content(t, path) != damaged {
		t.Fatal("the damaged file was changed")
	}
}

func TestCutAnywhere(t *testing.T) {
	path := newPath(t)
	text := sample()
	single := lastLine(text)
	batch := lastLine(text[:single])
	for cut := batch; cut <= len(text); cut++ {
		want := sampleRecords[:1]
		if cut >= single {
			want = sampleRecords[:3]
		}
		if cut == len(text) {
			want = sampleRecords
		}
		recovers(t, path, text[:cut], want)
	}
	for cut := 1; cut < len(header); cut++ { // a journal is created whole, so this is none
		corrupt(t, path, text[:cut], "does not begin as a journal does")
	}
}

func TestGarbageAtTheEnd(t *testing.T) {
	path := newPath(t)
	random := make([]byte, 200_000)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	for _, garbage := range []string{"x", "\n", "\n\n\n", "garbage\n", "{}\n", "\x00", strings.Repeat("\x00", 5000), string(random),
		`{"crc":"`, `{"crc":"00000000","at":4,"r":[]}` + "\n", header} {
		recovers(t, path, sample()+garbage, sampleRecords)
	}
}

// Sectors of the last write reach the disk in any order: those that do not are zeros.
func TestLostSectors(t *testing.T) {
	path := newPath(t)
	before := sample()
	line := string(appendLine(nil, 4, list(`"`+strings.Repeat("0123456789", 500)+`"`, `"`+strings.Repeat("x", 3000)+`"`)))
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		b := []byte(before + line)
		b = b[:len(b)-rng.IntN(2)*rng.IntN(len(line))]
		lost := false
		for from := 0; from < len(b); from += 512 {
			if to := min(from+512, len(b)); to > len(before) && rng.IntN(3) == 0 {
				clear(b[max(from, len(before)):to])
				lost = true
			}
		}
		if lost || len(b) < len(before+line) {
			recovers(t, path, string(b), sampleRecords)
		}
	}
}

var flips = []byte{0x01, 0x20, 0x80, 0xff}

func TestFlipInTheLastLine(t *testing.T) {
	path := newPath(t)
	text := sample()
	for i := lastLine(text); i < len(text); i++ {
		for _, flip := range flips {
			b := []byte(text)
			b[i] ^= flip
			recovers(t, path, string(b), sampleRecords[:3])
		}
	}
	batch := text[:lastLine(text)]
	for i := lastLine(batch); i < len(batch); i++ {
		for _, flip := range flips {
			b := []byte(batch)
			b[i] ^= flip
			recovers(t, path, string(b), sampleRecords[:1])
		}
	}
}

func TestFlipInTheMiddle(t *testing.T) {
	path := newPath(t)
	text := sample()
	for i := len(header); i < lastLine(text); i++ {
		// A line is known by number and offset.
		number, offset, records := 2, len(header), 0
		if second := len(header) + strings.Index(text[len(header):], "\n") + 1; i >= second {
			number, offset, records = 3, second, 1
		}
		for _, flip := range flips {
			b := []byte(text)
			b[i] ^= flip
			corrupt(t, path, string(b), fmt.Sprintf("line %d of ", number), fmt.Sprintf("at offset %d, ", offset),
				fmt.Sprintf("keep only the %d records before", records), fmt.Sprintf("truncate -s %d ", offset))
		}
	}
}

func TestFlipInTheHeader(t *testing.T) {
	path := newPath(t)
	for i := range len(header) {
		for _, flip := range flips {
			b := []byte(sample())
			b[i] ^= flip
			write(t, path, string(b))
			if _, err := Open(path, noSync); err == nil {
				t.Fatalf("byte %d ^ %#x: opened", i, flip)
			} else if !errors.Is(err, ErrCorrupt) && !strings.Contains(err.Error(), "another version") {
				t.Fatalf("byte %d ^ %#x: %v", i, flip, err)
			}
			if content(t, path) != string(b) {
				t.Fatal("the file was changed")
			}
		}
	}
}

// A file that cannot be read is not a torn one.
func TestReadError(t *testing.T) {
	broken := errors.New("broken disk")
	for _, text := range []string{"", header[:5], header, sample(), sample() + "torn", sample() + "torn\n"} {
		_, err := scan("file", io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), nil)
		if !errors.Is(err, broken) {
			t.Errorf("after %q: %v", text, err)
		}
	}
}

func TestStrangeFiles(t *testing.T) {
	path := newPath(t)
	text := sample()
	first := text[len(header) : len(header)+strings.Index(text[len(header):], "\n")+1]
	last := text[lastLine(text):]
	const offset = "at offset "
	for name, damaged := range map[string]string{
		"a line twice":           text + last,
		"a line missing":         strings.Replace(text, first, "", 1),
		"lines in another order": strings.Replace(text, first, "", 1) + first,
		"two journals in one":    text + text,
		"an empty line":          header + first + "\n" + text[len(header)+len(first):],
		"a long bad line":        header + strings.Repeat(lineStart, 10_000) + "\n" + text[len(header):],
	} {
		t.Run(name, func(t *testing.T) { corrupt(t, path, damaged, offset) })
	}
	for name, damaged := range map[string]string{
		"another file":  "hello, world, this is no journal\n",
		"Windows lines": strings.ReplaceAll(text, "\n", "\r\n"),
		"no first line": text[len(header):],
		"zeros":         strings.Repeat("\x00", len(header)),
	} {
		t.Run(name, func(t *testing.T) { corrupt(t, path, damaged, "does not begin as a journal does") })
	}

	write(t, path, `{"parley":"journal","v":2,"x":1}`+"\n")
	if _, err := Open(path, noSync); err == nil || errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "another version than 1") {
		t.Errorf("a later version: %v", err)
	}
}

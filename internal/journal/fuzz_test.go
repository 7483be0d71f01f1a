package journal

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzOpen opens any file. It does not panic; what it accepts it reads the same again, and
// takes more; what it refuses stays as it is.
func FuzzOpen(f *testing.F) {
	f.Add([]byte(""), false)
	f.Add([]byte(header), false)
	f.Add([]byte(sample()), true)
	f.Add([]byte(sample()+"garbage"), false)
	f.Add([]byte(strings.Replace(sample(), `"n":1`, `"n":7`, 1)), false)
	f.Add([]byte(header+`{"crc":"00000000","at":0,"r":[]}`+"\n"), true)
	f.Add([]byte(header+`{"crc":"00000000","at":0,"r":[]}`), true)
	f.Add([]byte(header+`{"crc":"00000000","at":,"r":[1,	2]}`+"\n"), true)
	f.Add([]byte(header+lineStart+lineStart+lineStart+"\n\n"), true)
	path := newPath(f)
	f.Fuzz(func(t *testing.T, file []byte, seal bool) {
		if seal { // with the right sums, which fuzzing does not find
			file = sealed(file)
		}
		write(t, path, string(file))
		read, readErr := Read(path)
		var first []string
		j, err := Open(path, &Options{NoSync: true, Replay: func(r []byte) error {
			first = append(first, string(r))
			return nil
		}})
		if (readErr == nil) != (err == nil) {
			t.Fatalf("Read: %v, Open: %v", readErr, err)
		}
		if err != nil {
			if content(t, path) != string(file) {
				t.Fatal("the refused file was changed")
			}
			return
		}
		kept := content(t, path)
		if len(file) > 0 && (!bytes.HasPrefix(file, []byte(kept)) || j.Torn() != int64(len(file)-len(kept))) {
			t.Fatalf("%d bytes of %d are left, Torn is %d", len(kept), len(file), j.Torn())
		}
		if diff := cmp.Diff(first, texts(read)); diff != "" || j.At() != len(first) {
			t.Fatalf("Read differs, At is %d (-Open +Read):\n%s", j.At(), diff)
		}
		mustAppend(t, j, `"more"`)
		j.Close()
		stored(t, path, append(first, `"more"`)...)
	})
}

// sealed puts the right sum into each line that has room for one.
func sealed(file []byte) []byte {
	var out []byte
	for line := range bytes.Lines(file) {
		line = bytes.Clone(line)
		if bytes.HasPrefix(line, []byte(lineStart)) && len(line) > len(lineStart)+sumLen {
			sum := checksum(line)
			copy(line[len(lineStart):], sum[:])
		}
		out = append(out, line...)
	}
	return out
}

// FuzzAppend appends any records. Those that are taken come back byte for byte.
func FuzzAppend(f *testing.F) {
	f.Add([]byte(`{"a":1}`), []byte(`[1, 2]`))
	f.Add([]byte("[1,\t2]"), []byte(" 1 "))
	f.Add([]byte("\"\xff\""), []byte("\"\x7f\""))
	path := newPath(f)
	f.Fuzz(func(t *testing.T, a, b []byte) {
		write(t, path, "")
		j := open(t, path, noSync)
		var want []string
		for _, batch := range [][][]byte{{a}, {b}, {a, b}, {b, a}} {
			if err := j.Append(batch...); err == nil {
				want = append(want, texts(batch)...)
			}
		}
		j.Close()
		stored(t, path, want...)
	})
}

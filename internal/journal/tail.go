package journal

import (
	"bytes"
	"io"
)

// tail looks at the first line of a journal and at its last one. It is not whole where these
// are not as they should be, and then scan says why.
func tail(f io.ReaderAt, size int64) (e end, whole bool) {
	first := make([]byte, len(header))
	if _, err := f.ReadAt(first, 0); err != nil || string(first) != header || size < int64(len(header)) {
		return end{}, false
	}
	if size == int64(len(header)) {
		return end{size: size, good: size}, true
	}
	for n := int64(4096); ; n *= 4 {
		n = min(n, size-int64(len(header)))
		b := make([]byte, n+1) // with the newline in front of the first line
		if _, err := f.ReadAt(b, size-n-1); err != nil {
			return end{}, false
		}
		start := bytes.LastIndexByte(b[:n], '\n')
		if start < 0 {
			continue // to a longer piece: the whole of the lines has a newline in front
		}
		at, list, ok := parseLine(b[start+1:])
		at += bytes.Count(list, []byte(separator)) + 1
		return end{size: size, good: size, at: at}, ok
	}
}

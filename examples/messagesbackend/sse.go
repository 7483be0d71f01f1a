package main

import (
	"bufio"
	"bytes"
	"io"
	"iter"
)

// frames reads server-sent events and yields the data of each. What the event is called
// it leaves out, for the data say it too. It has no end of its own: where the body ends,
// io.ErrUnexpectedEOF or the error of reading comes last, and an event without the blank
// line behind it is none.
func frames(body io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		var data []byte
		for r := bufio.NewReader(body); ; {
			line, err := r.ReadBytes('\n')
			if err != nil {
				if err == io.EOF {
					err = io.ErrUnexpectedEOF
				}
				yield(nil, err)
				return
			}
			line = bytes.TrimRight(line, "\r\n")
			if piece, ok := bytes.CutPrefix(line, []byte("data:")); ok {
				data = append(append(data, piece...), '\n')
			}
			if len(line) > 0 || data == nil { // and not the blank line behind an event
				continue
			}
			if !yield(data, nil) {
				return
			}
			data = nil
		}
	}
}

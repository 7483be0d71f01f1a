package bedrock

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// Sizes of the event-stream encoding.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html
// and smithy-go's eventstream package, whose limits these are.
const (
	preludeLen = 12 // total length, headers length, CRC of the two
	crcLen     = 4
	maxHeaders = 128 << 10
	maxPayload = 16 << 20
)

// frame is one message of an event stream. Its slices are valid until the next is
// read.
type frame struct {
	kind    []byte // :message-type: "event", "exception" or "error"
	name    []byte // :event-type, :exception-type or :error-code
	message []byte // :error-message
	payload []byte
}

// frameReader reads the messages of an event stream, checking both checksums, into
// one buffer.
type frameReader struct {
	r          io.Reader
	buf        []byte
	start, end int // of the bytes read and not yet used
	err        error
}

var errCorrupt = errors.New("corrupt event stream")

// next returns the next message. It is io.EOF where the stream ended between two
// messages, io.ErrUnexpectedEOF where within one, errCorrupt where a checksum or a
// length is wrong, and else the reader's error.
func (fr *frameReader) next() (frame, error) {
	if err := fr.fill(preludeLen); err != nil {
		if err == io.ErrUnexpectedEOF && fr.start == fr.end && fr.err == io.EOF {
			err = io.EOF
		}
		return frame{}, err
	}
	prelude := fr.buf[fr.start : fr.start+preludeLen]
	total := int64(binary.BigEndian.Uint32(prelude))
	headers := int64(binary.BigEndian.Uint32(prelude[4:]))
	if crc32.ChecksumIEEE(prelude[:8]) != binary.BigEndian.Uint32(prelude[8:]) ||
		headers > maxHeaders || total < preludeLen+headers+crcLen || total > preludeLen+maxHeaders+maxPayload+crcLen {
		return frame{}, errCorrupt
	}
	if err := fr.fill(int(total)); err != nil {
		return frame{}, err
	}
	msg := fr.buf[fr.start : fr.start+int(total)]
	body := msg[:total-crcLen]
	if crc32.ChecksumIEEE(body) != binary.BigEndian.Uint32(msg[total-crcLen:]) {
		return frame{}, errCorrupt
	}
	f := frame{payload: body[preludeLen+headers:]}
	if !f.readHeaders(body[preludeLen : preludeLen+headers]) {
		return frame{}, errCorrupt
	}
	fr.start += int(total)
	return f, nil
}

// fill reads until n bytes are buffered. The buffer doubles as bytes arrive, so
// that a length alone, which anyone can send, makes nobody allocate it.
func (fr *frameReader) fill(n int) error {
	const most = 100 // reads that bring nothing
	for idle := 0; fr.end-fr.start < n; idle++ {
		if fr.err != nil {
			if fr.err == io.EOF {
				return io.ErrUnexpectedEOF
			}
			return fr.err
		}
		if fr.end == len(fr.buf) {
			if fr.start > 0 {
				fr.end = copy(fr.buf, fr.buf[fr.start:fr.end])
				fr.start = 0
			} else {
				grown := make([]byte, max(2*len(fr.buf), 4<<10))
				copy(grown, fr.buf)
				fr.buf = grown
			}
		}
		var read int
		read, fr.err = fr.r.Read(fr.buf[fr.end:])
		fr.end += read
		if read > 0 {
			idle = 0
		} else if idle == most && fr.err == nil {
			fr.err = io.ErrNoProgress
		}
	}
	return nil
}

// valueLen is the length of a header value by its type; strings and bytes carry
// their own.
var valueLen = [...]int{0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}

const (
	typeBytes  = 6
	typeString = 7
)

// readHeaders reads the headers that matter; false says that they are corrupt.
func (f *frame) readHeaders(h []byte) bool {
	for len(h) > 0 {
		nameLen := int(h[0])
		if len(h) < 1+nameLen+1 {
			return false
		}
		name, typ := h[1:1+nameLen], h[1+nameLen]
		h = h[1+nameLen+1:]
		n := 0
		switch {
		case typ == typeBytes || typ == typeString:
			if len(h) < 2 {
				return false
			}
			n = int(binary.BigEndian.Uint16(h))
			h = h[2:]
		case int(typ) < len(valueLen):
			n = valueLen[typ]
		default:
			return false
		}
		if len(h) < n {
			return false
		}
		if typ == typeString {
			switch string(name) {
			case ":message-type":
				f.kind = h[:n]
			case ":event-type", ":exception-type", ":error-code":
				f.name = h[:n]
			case ":error-message":
				f.message = h[:n]
			}
		}
		h = h[n:]
	}
	return true
}

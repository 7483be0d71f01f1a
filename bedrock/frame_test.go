package bedrock

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
)

// encodeFrame makes a frame with the AWS SDK's encoder: headers are name, value,
// name, value.
func encodeFrame(t testing.TB, payload string, headers ...string) []byte {
	t.Helper()
	msg := eventstream.Message{Payload: []byte(payload)}
	for i := 0; i < len(headers); i += 2 {
		msg.Headers.Set(headers[i], eventstream.StringValue(headers[i+1]))
	}
	var b bytes.Buffer
	if err := eventstream.NewEncoder().Encode(&b, msg); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func eventFrame(t testing.TB, name, payload string) []byte {
	return encodeFrame(t, payload, ":message-type", "event", ":event-type", name, ":content-type", "application/json")
}

func exceptionFrame(t testing.TB, name, payload string) []byte {
	return encodeFrame(t, payload, ":message-type", "exception", ":exception-type", name, ":content-type", "application/json")
}

// readFrames reads frames to the end of r, as text.
func readFrames(r io.Reader) (frames []string, err error) {
	fr := frameReader{r: r}
	for {
		f, err := fr.next()
		if err != nil {
			return frames, err
		}
		frames = append(frames, string(f.kind)+" "+string(f.name)+" "+string(f.message)+" "+string(f.payload))
	}
}

func TestFrames(t *testing.T) {
	long := strings.Repeat("x", 20_000) // longer than the buffer starts
	var stream bytes.Buffer
	stream.Write(eventFrame(t, "messageStart", `{"role":"assistant"}`))
	stream.Write(eventFrame(t, "contentBlockDelta", long))
	stream.Write(encodeFrame(t, "", ":message-type", "error", ":error-code", "InternalError", ":error-message", "boom"))
	stream.Write(eventFrame(t, "empty", ""))
	want := []string{`event messageStart  {"role":"assistant"}`, "event contentBlockDelta  " + long, "error InternalError boom ", "event empty  "}
	for name, r := range map[string]io.Reader{
		"whole": bytes.NewReader(stream.Bytes()), "by byte": iotest.OneByteReader(bytes.NewReader(stream.Bytes())),
		"data with EOF": iotest.DataErrReader(bytes.NewReader(stream.Bytes())), "halves": iotest.HalfReader(bytes.NewReader(stream.Bytes())),
	} {
		got, err := readFrames(r)
		if err != io.EOF || strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: %d frames, %v", name, len(got), err)
		}
	}
}

func TestFrameHeadersOfAllTypes(t *testing.T) {
	msg := eventstream.Message{Payload: []byte("p")}
	for name, v := range map[string]eventstream.Value{
		"true": eventstream.BoolValue(true), "false": eventstream.BoolValue(false), "i8": eventstream.Int8Value(1), "i16": eventstream.Int16Value(1),
		"i32": eventstream.Int32Value(1), "i64": eventstream.Int64Value(1), "bytes": eventstream.BytesValue([]byte("b")), "uuid": eventstream.UUIDValue{1},
		":message-type": eventstream.StringValue("event"), ":event-type": eventstream.StringValue("e"),
	} {
		msg.Headers.Set(name, v)
	}
	var b bytes.Buffer
	if err := eventstream.NewEncoder().Encode(&b, msg); err != nil {
		t.Fatal(err)
	}
	if got, err := readFrames(&b); err != io.EOF || len(got) != 1 || got[0] != "event e  p" {
		t.Errorf("%q, %v", got, err)
	}
}

// Every bit of a frame is guarded, and every cut of a stream is told from its end.
func TestFrameDamage(t *testing.T) {
	first, second := eventFrame(t, "a", "one"), eventFrame(t, "b", "two")
	stream := append(bytes.Clone(first), second...)
	for bit := range len(second) * 8 {
		damaged := bytes.Clone(stream)
		damaged[len(first)+bit/8] ^= 1 << (bit % 8)
		got, err := readFrames(bytes.NewReader(damaged))
		if !errors.Is(err, errCorrupt) || len(got) != 1 {
			t.Fatalf("bit %d: %d frames, %v", bit, len(got), err)
		}
	}
	for cut := range len(stream) {
		got, err := readFrames(bytes.NewReader(stream[:cut]))
		want, frames := io.ErrUnexpectedEOF, cut/len(first)
		if cut == 0 || cut == len(first) {
			want = io.EOF
		}
		if err != want || len(got) != frames {
			t.Fatalf("cut at %d: %d frames, %v, want %v", cut, len(got), err, want)
		}
	}
	boom := errors.New("boom")
	if got, err := readFrames(io.MultiReader(bytes.NewReader(stream[:len(first)+5]), iotest.ErrReader(boom))); err != boom || len(got) != 1 {
		t.Errorf("%d frames, %v", len(got), err)
	}
}

// A length that anyone can send does not make us allocate it.
func TestFrameLengthAllocatesNothing(t *testing.T) {
	huge := encodeFrame(t, strings.Repeat("x", 8<<20))[:preludeLen]
	fr := frameReader{r: bytes.NewReader(huge)}
	if _, err := fr.next(); err != io.ErrUnexpectedEOF {
		t.Errorf("%v", err)
	}
	if len(fr.buf) > 64<<10 {
		t.Errorf("a buffer of %d bytes for %d", len(fr.buf), preludeLen)
	}
}

func FuzzFrames(f *testing.F) {
	good := append(eventFrame(f, "messageStart", `{"role":"assistant"}`), exceptionFrame(f, "throttlingException", `{"message":"x"}`)...)
	f.Add(good)
	f.Add(good[:20])
	f.Add([]byte{})
	f.Add([]byte(`{"message":"not a stream"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := readFrames(bytes.NewReader(in))
		if err != io.EOF && err != io.ErrUnexpectedEOF && !errors.Is(err, errCorrupt) {
			t.Fatalf("%v", err)
		}
		// The SDK's decoder is the other opinion on what a frame is.
		d, r, want := eventstream.NewDecoder(), bytes.NewReader(in), 0
		for {
			if _, err := d.Decode(r, nil); err != nil {
				break
			}
			want++
		}
		if len(got) > want {
			t.Fatalf("%d frames where the SDK reads %d", len(got), want)
		}
	})
}

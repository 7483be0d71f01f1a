package journal

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"unicode/utf8"
)

const (
	header      = thisVersion + "\n"
	anyVersion  = `{"parley":"journal","v":`
	thisVersion = `{"parley":"journal","v":1}`

	// A line: {"crc":"01234567","at":0,"r":[…]}
	lineStart = `{"crc":"`
	bodyStart = `","at":`
	listStart = `,"r":[`
	lineEnd   = "]}\n"

	// JSON allows for a tab between values, and records have none: so it parts them.
	separator = ",\t"

	sumLen = 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// check refuses records that would not come back from a line as they are.
func check(records [][]byte) error {
	for i, r := range records {
		if !json.Valid(r) || !utf8.Valid(r) || bytes.ContainsAny(r, "\t\n\r") {
			return fmt.Errorf("journal: record %d of %d is not valid JSON in one line without tabs; json.Compact makes it so", i+1, len(records))
		}
	}
	return nil
}

// appendLine appends the line of a commit to dst; at is the number of records before it.
func appendLine(dst []byte, at int, records [][]byte) []byte {
	start := len(dst)
	dst = append(dst, lineStart+"........"+bodyStart...)
	dst = strconv.AppendInt(dst, int64(at), 10)
	dst = append(dst, listStart...)
	for i, r := range records {
		if i > 0 {
			dst = append(dst, separator...)
		}
		dst = append(dst, r...)
	}
	dst = append(dst, lineEnd...)
	sum := checksum(dst[start:])
	copy(dst[start+len(lineStart):], sum[:])
	return dst
}

// checksum is that of all that follows it in a line.
func checksum(line []byte) (text [sumLen]byte) {
	sum := crc32.Checksum(line[len(lineStart)+sumLen:], castagnoli)
	hex.Encode(text[:], []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
	return text
}

// parseLine returns the list of records in a line, not split yet. It is not ok for
// anything but a whole line with its right sum.
func parseLine(line []byte) (at int, list []byte, ok bool) {
	sum, ok := bytes.CutPrefix(line, []byte(lineStart))
	if !ok || len(sum) < sumLen {
		return 0, nil, false
	}
	body, ok := bytes.CutPrefix(sum[sumLen:], []byte(bodyStart))
	if !ok || !bytes.HasSuffix(body, []byte(lineEnd)) {
		return 0, nil, false
	}
	if want := checksum(line); !bytes.Equal(sum[:sumLen], want[:]) {
		return 0, nil, false
	}
	number, list, ok := bytes.Cut(body, []byte(listStart))
	at, err := strconv.Atoi(string(number))
	list, whole := bytes.CutSuffix(list, []byte(lineEnd))
	return at, list, ok && whole && err == nil
}

// end is how far a journal is good.
type end struct {
	size int64 // of the file
	good int64 // where the last good line ends
	at   int   // the number of records
}

// scan reads a journal and hands each record to a function, which may be nil. An end that
// is torn is no error.
func scan(path string, r io.Reader, replay func(record []byte) error) (end, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	if first, err := in.Peek(len(header)); string(first) != header {
		switch {
		case err != nil && err != io.EOF:
			return end{}, err
		case err == io.EOF && len(first) == 0:
			return end{}, nil // nobody has opened it yet
		case err == nil && bytes.HasPrefix(first, []byte(anyVersion)) && !bytes.HasPrefix(first, []byte(thisVersion)):
			return end{}, fmt.Errorf("%s has another version than 1: use the release that wrote it, or a later one", path)
		}
		return end{}, fmt.Errorf("%w: %s does not begin as a journal does; nothing was changed: give another name, or restore the file from a backup", ErrCorrupt, path)
	}
	in.Discard(len(header))
	e := end{size: int64(len(header)), good: int64(len(header))}
	for number := 2; ; number++ {
		line, err := in.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return e, err
		}
		if len(line) == 0 {
			return e, nil
		}
		at, list, ok := parseLine(line)
		if ok && at == e.at {
			for record := range bytes.SplitSeq(list, []byte(separator)) {
				e.at++
				if replay != nil {
					if err := replay(record); err != nil {
						return e, err
					}
				}
			}
			e.size += int64(len(line))
			e.good = e.size
			continue
		}
		damage := "is damaged, and good records follow"
		if ok {
			damage = fmt.Sprintf("begins with record %d, not %d", at, e.at)
		} else {
			n, found, err := findLine(line, in)
			if err != nil {
				return e, err
			}
			if !found { // torn
				e.size += n
				return e, nil
			}
		}
		return e, fmt.Errorf("%w: line %d of %s, at offset %d, %s; nothing was changed: restore the file from a backup, or keep only the %d records before that line: truncate -s %d %s",
			ErrCorrupt, number, path, e.good, damage, e.at, e.good, path)
	}
}

// findLine says whether there is any good line in a bad one or behind it, and how many
// bytes there are if not. The bad one may hold a good one where it has lost the newline
// between them.
func findLine(line []byte, in *bufio.Reader) (n int64, found bool, err error) {
	for len(line) > 0 {
		n += int64(len(line))
		for i := bytes.Index(line, []byte(lineStart)); i >= 0; i = bytes.Index(line, []byte(lineStart)) {
			if _, _, ok := parseLine(line[i:]); ok {
				return 0, true, nil
			}
			line = line[i+1:]
		}
		if line, err = in.ReadBytes('\n'); err != nil && err != io.EOF {
			return 0, false, err
		}
	}
	return n, false, nil
}

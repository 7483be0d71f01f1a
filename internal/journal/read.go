package journal

import (
	"fmt"
	"io"
	"os"
)

// Read returns the records of a journal without locking it. Records that are being appended
// meanwhile may be missing; a torn end is passed over and left alone. A file that is
// missing is fs.ErrNotExist.
func Read(path string) ([][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	var records [][]byte
	// What is appended meanwhile is not read: behind a line that was half there when its end was
	// reached it would look like the good part of a damaged file.
	_, err = scan(path, io.LimitReader(f, info.Size()), func(record []byte) error {
		records = append(records, record)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return records, nil
}

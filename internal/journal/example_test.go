package journal_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/parley-sdk/parley/internal/journal"
)

func Example() {
	dir, err := os.MkdirTemp("", "journal")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "calls")

	j, err := journal.Open(path, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(j.Append([]byte(`{"call":1}`)))
	fmt.Println(j.Append([]byte(`{"call":2}`), []byte(`{"call":3}`))) // both or none
	fmt.Println(j.Close())

	j, err = journal.Open(path, &journal.Options{Replay: func(record []byte) error {
		fmt.Printf("%s\n", record)
		return nil
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer j.Close()
	fmt.Println(j.AppendAt(2, []byte(`{"call":4}`)))
	// Output:
	// <nil>
	// <nil>
	// <nil>
	// {"call":1}
	// {"call":2}
	// {"call":3}
	// journal: the journal has changed: it has 3 records, not 2
}

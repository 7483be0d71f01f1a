package bedrock

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// docSection holds a section of docs/bedrock.md, between two comments with its name,
// to a text. With -update it writes it.
func docSection(t *testing.T, name, want string) {
	t.Helper()
	const path = "../docs/bedrock.md"
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	start, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	before, rest, ok := strings.Cut(string(file), start)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no section %s", path, name)
	}
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(path, []byte(before+start+want+end+after), 0o666); err != nil {
			t.Fatal(err)
		}
		got = want
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s, section %s (run the tests with -update to write it):\n%s", path, name, diff)
	}
}

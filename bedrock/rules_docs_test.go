package bedrock

import (
	"fmt"
	"strings"
	"testing"
)

// The table of the rules, as docs/bedrock.md has it.
func TestRulesInDocs(t *testing.T) {
	var b strings.Builder
	b.WriteString("| | rule | what it does | what Bedrock says |\n|---|---|---|---|\n")
	for _, r := range rules {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.pitfall, r.name, r.does, r.says)
	}
	docSection(t, "rules", b.String())
}

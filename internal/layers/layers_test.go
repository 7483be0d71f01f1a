// Package layers holds the rule of the house: who may depend on whom. It has a test
// and nothing else.
package layers

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/parley-sdk/parley"

// Third-party code by the prefix of its import path, with what it brings along.
var (
	aws        = []string{"github.com/aws/"}
	otel       = []string{"go.opentelemetry.io/otel", "go.opentelemetry.io/auto", "github.com/go-logr/", "github.com/cespare/"}
	xtime      = []string{"golang.org/x/time/"}
	gobreaker  = []string{"github.com/sony/gobreaker/v2"}
	jsonschema = []string{"github.com/google/jsonschema-go/"}
	everything = slices.Concat(aws, otel, xtime, gobreaker, jsonschema)
)

// layers says what a package may depend on besides the standard library. The first
// pattern that fits counts; one that ends in a slash fits all below it. A package that
// fits none has no place in the house yet: give it one here.
var layers = []layer{
	{pattern: "internal/"},
	{pattern: "llm", own: []string{"internal/"}},
	{pattern: "llm/llmtest", own: []string{"llm", "internal/"}},
	{pattern: "llm/schema", own: []string{"internal/"}, thirdParty: jsonschema},
	{pattern: "llm/tool", own: []string{"llm", "llm/schema", "internal/"}, thirdParty: jsonschema},
	{pattern: "llm/structured", own: []string{"llm", "llm/schema", "internal/"}, thirdParty: jsonschema},
	{pattern: "fake", own: []string{"llm", "fake/internal/", "internal/"}},
	{pattern: "fake/internal/"},
	{pattern: "bedrock", own: []string{"llm", "llm/schema", "internal/"}, thirdParty: slices.Concat(aws, jsonschema)},
	{pattern: "bedrock/bedrocktest", own: []string{"llm", "llm/schema", "bedrock", "internal/"}, thirdParty: slices.Concat(aws, jsonschema)},
	{pattern: "middleware", own: []string{"llm", "middleware/", "internal/"}, thirdParty: slices.Concat(otel, xtime, gobreaker)},
	{pattern: "middleware/ratelimit", own: []string{"llm", "internal/"}, thirdParty: xtime},
	{pattern: "middleware/breaker", own: []string{"llm", "internal/"}, thirdParty: gobreaker},
	{pattern: "middleware/tracing", own: []string{"llm", "internal/"}, thirdParty: otel},
	{pattern: "middleware/usage", own: []string{"llm", "internal/"}, thirdParty: otel},
	{pattern: "middleware/", own: []string{"llm", "internal/"}},
	{pattern: "conversation", own: []string{"llm", "llm/schema", "llm/tool", "internal/"}, thirdParty: jsonschema},
	{pattern: "conversation/", own: []string{"conversation", "llm", "llm/schema", "llm/tool", "internal/"}, thirdParty: jsonschema},
	{pattern: "examples/", own: []string{"llm", "llm/", "fake", "fake/internal/", "bedrock", "bedrock/", "middleware", "middleware/", "conversation", "conversation/", "internal/"}, thirdParty: everything},
}

type layer struct {
	pattern    string
	own        []string // patterns of packages of this module
	thirdParty []string // prefixes of import paths
}

// fits says whether a path is the pattern, or below it where that ends in a slash.
func fits(path, pattern string) bool {
	return path == pattern || strings.HasSuffix(pattern, "/") && strings.HasPrefix(path, pattern)
}

type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

func list(t *testing.T, args ...string) map[string]listed {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-json=ImportPath,Standard,Imports,Deps"}, args...)...).Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("%v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	packages := map[string]listed{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages[p.ImportPath] = p
	}
}

func TestLayers(t *testing.T) {
	all := list(t, "-deps", module+"/...")
	checked := 0
	for path, p := range all {
		own, ours := strings.CutPrefix(path, module+"/")
		if !ours {
			continue
		}
		checked++
		i := slices.IndexFunc(layers, func(l layer) bool { return fits(own, l.pattern) })
		if i < 0 {
			t.Errorf("%s has no place in the design", own)
			continue
		}
		rule := layers[i]
		for _, dep := range p.Deps {
			d := all[dep]
			switch name, inside := strings.CutPrefix(dep, module+"/"); {
			case d.Standard:
			case inside:
				if !slices.ContainsFunc(rule.own, func(pattern string) bool { return fits(name, pattern) }) {
					t.Errorf("%s depends on %s", own, name)
				}
			default:
				if !slices.ContainsFunc(rule.thirdParty, func(prefix string) bool { return strings.HasPrefix(dep, prefix) }) {
					t.Errorf("%s depends on %s", own, dep)
				}
			}
		}
		if own != "llm/llmtest" && slices.Contains(p.Deps, "testing") {
			t.Errorf("%s links package testing", own)
		}
	}
	if checked < 5 {
		t.Errorf("only %d packages were looked at", checked)
	}
}

// Package docs holds the Markdown files to the code. It has a test and nothing else.
package docs

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

// fence is a block of Go in a Markdown file. The comment before it names its source, a
// declaration in the Go files of a folder:
//
//	<!-- code: fake ExampleNew -->
var fence = regexp.MustCompile("(?m)^(<!-- code: (\\S+) (\\S+) -->\n)?```go\n((?s:.*?))^```$")

// Every block of Go in a Markdown file is the body of a function that compiles, or a
// whole declaration.
func TestCodeInMarkdown(t *testing.T) {
	blocks := 0
	for _, path := range markdown(t) {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
			blocks++
			if m[1] == "" {
				t.Errorf("%s: a block of Go without a source:\n%s", path, m[4])
				continue
			}
			if diff := cmp.Diff(declaration(t, m[2], m[3]), m[4]); diff != "" {
				t.Errorf("%s: the block from %s %s differs:\n%s", path, m[2], m[3], diff)
			}
		}
	}
	if blocks == 0 {
		t.Error("no blocks were found")
	}
}

func markdown(t *testing.T) []string {
	t.Helper()
	var paths []string
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != "." && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, ".md") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// declaration returns the body of a function without its expected output, or the
// whole text of any other declaration.
func declaration(t *testing.T, dir, name string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, src, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.Name == name {
					body := src[set.Position(d.Body.Lbrace).Offset+1 : set.Position(d.Body.Rbrace).Offset]
					if i := bytes.Index(body, []byte("\t// Output:")); i >= 0 {
						body = body[:i]
					}
					return strings.TrimPrefix(strings.ReplaceAll(string(body), "\n\t", "\n"), "\n")
				}
			case *ast.GenDecl:
				if spec, ok := d.Specs[0].(*ast.TypeSpec); ok && spec.Name.Name == name {
					return string(src[set.Position(d.Pos()).Offset:set.Position(d.End()).Offset]) + "\n"
				}
			}
		}
	}
	t.Fatalf("no declaration of %s in %s", name, dir)
	return ""
}

// fenced is any block of code, in which a generic call looks like a link.
var fenced = regexp.MustCompile("(?ms)^```.*?^```$")

var link = regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`)

// Every relative link leads to something that has content.
func TestLinksInMarkdown(t *testing.T) {
	for _, path := range markdown(t) {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if info, err := os.Stat(filepath.Join(root, filepath.Dir(path), m[1])); err != nil || info.Size() == 0 {
				t.Errorf("%s: a dead link, or an empty file: %s", path, m[1])
			}
		}
	}
}

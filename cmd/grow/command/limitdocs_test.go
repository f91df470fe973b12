package command

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/grow-platform/grow/specs/codes"
)

// TestLimitTable holds that the table of limits in docs/sandbox.md has every limit
// of package abi, names no package that there is not, no code that nobody knows, and no
// test that does not exist.
func TestLimitTable(t *testing.T) {
	b, err := os.ReadFile("../../../docs/sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(b), "## Each limit, and what shows it\n")
	text, _, more := strings.Cut(text, "\n## ")
	if !ok || !more {
		t.Fatal("docs/sandbox.md has no table of limits")
	}
	known := map[string]bool{"request.too_large": true, "request.headers": true, "mailbox.full": true, "invalid": true, "timeout": true, "limit": true}
	for _, code := range codes.Runtime() {
		known[code] = true
	}
	quoted := regexp.MustCompile("`([^`]+)`")
	rows := 0
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || strings.HasPrefix(cells[1], "--") || strings.HasPrefix(cells[1], " limit ") {
			continue
		}
		rows++
		for _, m := range quoted.FindAllStringSubmatch(cells[3], -1) {
			if s, err := os.Stat(filepath.Join("../../..", m[1])); err != nil || !s.IsDir() {
				t.Errorf("there is no package %s: %s", m[1], line)
			}
		}
		for _, m := range quoted.FindAllStringSubmatch(cells[4], -1) {
			if !known[m[1]] {
				t.Errorf("there is no code %s: %s", m[1], line)
			}
		}
		tests := quoted.FindAllStringSubmatch(cells[5], -1)
		for _, m := range tests {
			dir, name, _ := strings.Cut(m[1], ".")
			if !declared(t, dir, true)[name] {
				t.Errorf("there is no test %s: %s", m[1], line)
			}
		}
		if len(tests) == 0 {
			t.Errorf("no test is named: %s", line)
		}
	}
	for name := range declared(t, "abi", false) {
		if regexp.MustCompile(`(Max|Default|Bytes)$`).MatchString(name) && !strings.Contains(text, "`abi."+name+"`") {
			t.Errorf("docs/sandbox.md does not say where abi.%s is enforced and which test shows it", name)
		}
	}
	if rows < 20 {
		t.Errorf("only %d limits were found", rows)
	}
}

// declared are the exported functions of a folder's tests, or else the constants of
// the package there.
func declared(t *testing.T, dir string, tests bool) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../../..", dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") != tests {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if tests && d.Recv == nil {
					names[d.Name.Name] = true
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if v, ok := s.(*ast.ValueSpec); ok && !tests && d.Tok == token.CONST {
						for _, n := range v.Names {
							if n.IsExported() {
								names[n.Name] = true
							}
						}
					}
				}
			}
		}
	}
	return names
}

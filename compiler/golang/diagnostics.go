package golang

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/grow-platform/grow/compiler"
)

// complaint is a line of go build with a position: ./main.go:7:2: undefined: x.
var complaint = regexp.MustCompile(`^(?:go: |vet: )?(\S.*?\.(?:go|mod|work|sum|s)):(\d+)(?::(\d+))?: (.*)$`)

// hints are for what go says that a user of actors may not make sense of. The
// first that fits is given.
var hints = []struct {
	says *regexp.Regexp
	code string // "" for build.failed
	hint string
}{
	{regexp.MustCompile(`requires exactly one main package`), compiler.CodeSource, "an actor is a main package: begin its files with `package main`, and have a func main() {}"},
	{regexp.MustCompile(`function main is undeclared`), "", "add func main() {}: Go asks for one, it never runs"},
	{regexp.MustCompile(`no required module provides package|cannot find module providing package`), "", "run in the folder of the sources: go mod init NAME (when there is no go.mod), then go get PACKAGE"},
	{regexp.MustCompile(`missing go\.sum entry|updates to go\.mod needed`), "", "run in the folder of the sources: go get PACKAGE, with the package that is named; go mod tidy would look for the SDK, which comes with grow, on the network"},
	{regexp.MustCompile(`inconsistent vendoring`), "", "run in the folder of the sources: go mod vendor"},
	{regexp.MustCompile(`requires go >= |toolchain not available`), compiler.CodeToolchain, "install the version of Go that go.mod asks for, or let go fetch it: GOTOOLCHAIN=auto"},
	{regexp.MustCompile(`dial tcp|i/o timeout|connection refused|proxyconnect|no such host`), "", "go could not fetch a module: try again with a network, or run go mod vendor where there is one"},
}

// explain makes the error of a go build that failed.
func explain(s compiler.Source, log string, cause error) *compiler.Error {
	e := &compiler.Error{Code: compiler.CodeFailed, Actor: s.Actor, Text: "go build failed", Log: log, Cause: cause}
	e.Diagnostics = diagnostics(s, log)
	for _, h := range hints {
		if h.says.MatchString(log) {
			e.Hint = h.hint
			if h.code != "" {
				e.Code = h.code
			}
			break
		}
	}
	if len(e.Diagnostics) == 0 {
		for line := range strings.Lines(log) {
			line = strings.TrimSpace(line)
			if line != "" && !strings.HasPrefix(line, "#") {
				e.Text += ": " + strings.TrimPrefix(line, "go: ")
				break
			}
		}
	}
	return e
}

// diagnostics reads what go printed. Lines that begin with a tab belong to the
// complaint before them.
func diagnostics(s compiler.Source, log string) []compiler.Diagnostic {
	var all []compiler.Diagnostic
	for line := range strings.Lines(log) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "\t") && len(all) > 0 {
			all[len(all)-1].Text += "\n" + line
			continue
		}
		m := complaint.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if len(all) == compiler.DiagnosticsMax {
			break
		}
		file := m[1]
		if !filepath.IsAbs(file) {
			file = filepath.Join(s.Path, file)
		}
		row, _ := strconv.Atoi(m[2]) // the expression lets only digits through
		col, _ := strconv.Atoi(m[3]) // "" gives 0, which means unknown
		all = append(all, compiler.Diagnostic{File: s.Relative(file), Line: row, Col: col, Text: m[4]})
	}
	return all
}

// refused makes the error of a go.mod or go.work that does not parse.
func refused(s compiler.Source, list modfile.ErrorList) *compiler.Error {
	e := &compiler.Error{Code: compiler.CodeFailed, Actor: s.Actor, Text: "read Go module", Cause: list}
	for _, one := range list {
		text := one.Error()
		if one.Err != nil {
			text = one.Err.Error()
		}
		e.Diagnostics = append(e.Diagnostics, compiler.Diagnostic{
			File: s.Relative(one.Filename), Line: one.Pos.Line, Col: one.Pos.LineRune, Text: text,
		})
	}
	return e
}

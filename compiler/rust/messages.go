package rust

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/compiler"
)

// span is a place in the sources, as rustc gives it.
type span struct {
	File      string `json:"file_name"`
	Line      int    `json:"line_start"`
	Col       int    `json:"column_start"`
	Primary   bool   `json:"is_primary"`
	Label     string `json:"label"`
	Expansion *struct {
		Span span `json:"span"`
	} `json:"expansion"`
}

// message is one line of cargo's output with --message-format json.
type message struct {
	Reason    string   `json:"reason"`
	Manifest  string   `json:"manifest_path"`
	Filenames []string `json:"filenames"`
	Message   struct {
		Level    string `json:"level"`
		Text     string `json:"message"`
		Rendered string `json:"rendered"`
		Spans    []span `json:"spans"`
		Code     *struct {
			Code string `json:"code"`
		} `json:"code"`
	} `json:"message"`
}

// said is what cargo printed on its standard output.
type said struct {
	rendered    []byte // for people, warnings included
	diagnostics []compiler.Diagnostic
	modules     map[string]string // .wasm files by manifest
}

// read takes cargo's messages. Lines that are none, of build scripts for
// instance, are passed over.
func read(s compiler.Source, stdout []byte) said {
	all := said{modules: map[string]string{}}
	lines := bufio.NewScanner(bytes.NewReader(stdout))
	lines.Buffer(nil, len(stdout)+1)
	for lines.Scan() {
		var m message
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue
		}
		switch m.Reason {
		case "compiler-artifact":
			for _, file := range m.Filenames {
				if strings.HasSuffix(file, ".wasm") {
					all.modules[m.Manifest] = file
				}
			}
		case "compiler-message":
			all.rendered = append(all.rendered, m.Message.Rendered...)
			if d, ok := diagnostic(s, m); ok && len(all.diagnostics) < compiler.DiagnosticsMax {
				all.diagnostics = append(all.diagnostics, d)
			}
		}
	}
	return all
}

// moduleOf returns the module of the crate with this manifest, "" for none.
func (a said) moduleOf(manifest string) string {
	if file := a.modules[manifest]; file != "" {
		return file
	}
	// cargo has links in the path resolved.
	if real, err := filepath.EvalSymlinks(manifest); err == nil {
		return a.modules[real]
	}
	return ""
}

func diagnostic(s compiler.Source, m message) (compiler.Diagnostic, bool) {
	// An error without a place is the sum of those that have one.
	if m.Message.Level != "error" || len(m.Message.Spans) == 0 && strings.HasPrefix(m.Message.Text, "aborting due to") {
		return compiler.Diagnostic{}, false
	}
	d := compiler.Diagnostic{Text: m.Message.Text}
	if m.Message.Code != nil {
		d.Text += " [" + m.Message.Code.Code + "]"
	}
	for _, at := range m.Message.Spans {
		if !at.Primary {
			continue
		}
		if at.Label != "" && !strings.Contains(d.Text, at.Label) {
			d.Text += ": " + at.Label
		}
		file := sourceFile(m.Manifest, at.File)
		// What a macro of another crate was expanded to is not what the user
		// wrote: the place where it is called is.
		for at.Expansion != nil && !inside(file, s.Path) {
			at = at.Expansion.Span
			file = sourceFile(m.Manifest, at.File)
		}
		d.File, d.Line, d.Col = s.Relative(file), at.Line, at.Col
		break
	}
	return d, true
}

// sourceFile makes a path of rustc absolute: it is relative to the crate, or to
// the workspace that the crate is in.
func sourceFile(manifest, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	for dir := filepath.Dir(manifest); ; dir = filepath.Dir(dir) {
		path := filepath.Join(dir, file)
		if _, err := os.Stat(path); err == nil {
			return path
		}
		if dir == filepath.Dir(dir) {
			return file
		}
	}
}

// place is where cargo says that a Cargo.toml is wrong.
var place = regexp.MustCompile(`(?m)^error: (.*)\n\s*--> (.+):(\d+):(\d+)$`)

// hints are for what cargo says of more than the sources.
var hints = []struct {
	says *regexp.Regexp
	code string // "" for build.failed
	hint string
}{
	{regexp.MustCompile(`no library targets found`), compiler.CodeSource, "an actor is a library: put its code into src/lib.rs"},
	{regexp.MustCompile(`believes it's in a workspace when it's not`), compiler.CodeSource, "add an empty [workspace] section to the actor's Cargo.toml, or name the actor among the members of the workspace around it"},
	{regexp.MustCompile(`Could not resolve host|[Ff]ailed to connect|failed to download|timed out|spurious network error|unable to update registry|Unable to update registry`), "", "cargo could not fetch a crate: try again with a network; what was fetched once is used without"},
	{regexp.MustCompile(`can't find crate for .(?:std|core)`), compiler.CodeToolchain, "rustup target add wasm32-unknown-unknown"},
}

// explain makes the error of a cargo that failed.
func explain(s compiler.Source, all said, stderr, log string, cause error) *compiler.Error {
	e := &compiler.Error{Code: compiler.CodeFailed, Actor: s.Actor, Text: "cargo build failed", Log: log, Cause: cause, Diagnostics: all.diagnostics}
	for _, m := range place.FindAllStringSubmatch(stderr, compiler.DiagnosticsMax) {
		file := m[2]
		if !filepath.IsAbs(file) {
			file = filepath.Join(s.Path, file)
		}
		line, _ := strconv.Atoi(m[3]) // the expression lets only digits through
		col, _ := strconv.Atoi(m[4])
		e.Diagnostics = append(e.Diagnostics, compiler.Diagnostic{File: s.Relative(file), Line: line, Col: col, Text: m[1]})
	}
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
		for line := range strings.Lines(stderr) {
			if text, ok := strings.CutPrefix(strings.TrimSpace(line), "error: "); ok {
				e.Text += ": " + text
				break
			}
		}
	}
	return e
}

func inside(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// Package starter makes the files that a service, an actor and a workflow begin
// with. They are templates, in the folder templates, filled in by what is known
// of the service: small, with tests that they pass, and meant to be changed.
// Nothing here touches a folder.
package starter

import (
	"bytes"
	"embed"
	"fmt"
	"go/format"
	"io/fs"
	"path"
	"slices"
	"strings"
	"text/template"

	"github.com/grow-platform/grow/compiler/messages"
	"go.yaml.in/yaml/v3"
)

// The parts of templates in << >> are filled in: {{ }} and ${{ }} are YAML's and
// Rust's own.
//
//go:embed all:templates
var templates embed.FS

// File is a file to be made.
type File struct {
	Path  string // relative to the service's folder, with slashes
	About string // what it is, in a few words
	Data  []byte
}

// Languages are those that a starter can be written in, besides modules that
// are built elsewhere.
var Languages = []string{"go", "rust", "python"}

// titles are the languages' names for people.
var titles = map[string]string{"go": "Go", "rust": "Rust", "python": "Python", "wasm": "WebAssembly"}

// Title is the name of a language for people.
func Title(lang string) string { return titles[lang] }

var functions = template.FuncMap{
	"yaml": inline,
	"join": func(list []string) string { return strings.Join(list, ", ") },
	"inc":  func(i int) int { return i + 1 },
	"doc":  messages.PythonDoc,
}

// renderAll fills in the templates below dir, which become files of the same
// names below to; those that skip names, by their path, are left out.
func renderAll(dir, to string, data any, abouts map[string]string, skip ...string) ([]File, error) {
	var files []File
	root := path.Join("templates", dir)
	err := fs.WalkDir(templates, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel := strings.TrimSuffix(strings.TrimPrefix(name, root+"/"), ".tmpl")
		if slices.ContainsFunc(skip, func(s string) bool { return rel == s || strings.HasPrefix(rel, s+"/") }) {
			return nil
		}
		text, err := render(name, data)
		if err != nil {
			return err
		}
		files = append(files, File{Path: path.Join(to, rel), About: abouts[rel], Data: text})
		return nil
	})
	return files, err
}

// render fills in one template; what does not end in .tmpl is taken as it is.
func render(name string, data any) ([]byte, error) {
	text, err := templates.ReadFile(name)
	if err != nil || !strings.HasSuffix(name, ".tmpl") {
		return text, err
	}
	t, err := template.New(path.Base(name)).Delims("<<", ">>").Funcs(functions).Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return nil, fmt.Errorf("fill template in: %w", err)
	}
	if strings.HasSuffix(name, ".go.tmpl") {
		return format.Source(b.Bytes())
	}
	return b.Bytes(), nil
}

// inline writes text as one YAML value that stands in a line.
func inline(text string) (string, error) {
	return flow(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text})
}

// flow writes a YAML value in one line.
func flow(n *yaml.Node) (string, error) {
	plain(n)
	// Alone, a value may be written in ways that a map in one line does not take.
	b, err := yaml.Marshal(&yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: []*yaml.Node{n}})
	if err != nil {
		return "", fmt.Errorf("write value: %w", err)
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(b), "["), "]\n"), nil
}

// plain drops quotes that are not needed and lines that a map would take.
func plain(n *yaml.Node) {
	n.Style = 0
	if n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode {
		n.Style = yaml.FlowStyle
	}
	for _, sub := range n.Content {
		plain(sub)
	}
}

// flowJSON writes JSON as YAML in one line.
func flowJSON(data []byte) (string, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return "", fmt.Errorf("read JSON: %w", err)
	}
	if len(doc.Content) == 0 {
		return "null", nil
	}
	return flow(doc.Content[0])
}

// Package coverage finds what the tests of a service leave out: requirements
// without a test, messages that are never taken or sent, grants that are never
// used, nodes that are never passed and routes that are never taken.
package coverage

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/grow-platform/grow/runtime/actortest"
	"github.com/grow-platform/grow/specs"
)

// DocMax is the size in bytes of the largest document that is looked at.
const DocMax = 1 << 20

// Report is what tests cover. The lists are in order, and never nil.
type Report struct {
	Requirements []Requirement `json:"requirements"`
	Missing      []Missing     `json:"missing"` // what tests prove and is not there
	NotTaken     []Unused      `json:"not_taken"`
	NotSent      []Unused      `json:"not_sent"`
	Grants       []Unused      `json:"grants"` // never used
	Nodes        []Unused      `json:"nodes"`  // never passed
	Routes       []Route       `json:"routes"` // never taken
}

// Requirement is a part of a document that is to have a test.
type Requirement struct {
	Doc     string   `json:"doc"`     // relative to the service's folder
	Section string   `json:"section"` // behind #; "" is the whole document
	Text    string   `json:"text"`
	Line    int      `json:"line"`
	Tests   []string `json:"tests"` // that prove it
	OK      bool     `json:"ok"`    // there are some, and all of them pass
}

// Missing is a part of a document that a test says it proves.
type Missing struct {
	Test    string `json:"test"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Doc     string `json:"doc"`
	Section string `json:"section"`
}

// Unused is something of an actor or a workflow that no test uses.
type Unused struct {
	Of   string `json:"of"`
	Name string `json:"name"`
}

// Route is one that no message takes.
type Route struct {
	Workflow string   `json:"workflow"`
	File     string   `json:"file"`
	Line     int      `json:"line"`
	From     string   `json:"from"`
	Type     string   `json:"type,omitempty"`
	When     string   `json:"when,omitempty"`
	To       []string `json:"to"`
}

// Of says what a run of tests covers.
func Of(service *specs.Service, results []*actortest.Result) (*Report, error) {
	r := &Report{Requirements: []Requirement{}, Missing: []Missing{}, NotTaken: []Unused{}, NotSent: []Unused{}, Grants: []Unused{}, Nodes: []Unused{}, Routes: []Route{}}
	if err := r.documents(service, results); err != nil {
		return nil, err
	}
	m := &marks{service: service, used: map[mark]bool{}, routes: map[*specs.Route]bool{}}
	for _, result := range results {
		m.result(result)
	}
	for _, name := range slices.Sorted(maps.Keys(service.Actors)) {
		a := service.Actors[name]
		r.NotTaken = m.without(r.NotTaken, taken, name, a.In)
		r.NotSent = m.without(r.NotSent, sent, name, a.Out)
		var grants []string
		for _, g := range a.Uses {
			grants = append(grants, g.Name)
		}
		r.Grants = m.without(r.Grants, granted, name, grants)
	}
	for _, name := range slices.Sorted(maps.Keys(service.Workflows)) {
		w := service.Workflows[name]
		var nodes []string
		for _, n := range w.Nodes {
			nodes = append(nodes, n.Name)
		}
		r.Nodes = m.without(r.Nodes, passed, name, nodes)
		for _, route := range w.Routes {
			if !m.routes[route] {
				r.Routes = append(r.Routes, Route{name, route.At.File, route.At.Line, route.From, route.Type, route.When, route.To})
			}
		}
	}
	return r, nil
}

// Proven counts the requirements that have a test.
func (r *Report) Proven() int {
	n := 0
	for _, q := range r.Requirements {
		if len(q.Tests) > 0 {
			n++
		}
	}
	return n
}

// proofs are the tests of the parts of one document.
type proofs map[string][]*actortest.Result

// documents finds the requirements and the tests that prove them.
func (r *Report) documents(service *specs.Service, results []*actortest.Result) error {
	proven := map[string]proofs{}
	for _, result := range results {
		for _, p := range result.Test.Proves {
			if proven[p.Doc] == nil {
				proven[p.Doc] = proofs{}
			}
			proven[p.Doc][p.Section] = append(proven[p.Doc][p.Section], result)
		}
	}
	for _, name := range named(service) {
		if proven[name] == nil && strings.Contains(strings.ToLower(path.Base(name)), "requirement") {
			proven[name] = proofs{}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(proven)) {
		d, err := open(service.Dir, name)
		if err != nil {
			return err
		}
		for _, p := range d.required {
			r.Requirements = append(r.Requirements, requirement(name, p, proven[name][p.id]))
		}
		r.missing(name, d, proven[name])
	}
	return nil
}

func requirement(doc string, p part, results []*actortest.Result) Requirement {
	q := Requirement{Doc: doc, Section: p.id, Text: p.text, Line: p.line, Tests: []string{}, OK: len(results) > 0}
	for _, result := range results {
		q.Tests = append(q.Tests, result.Test.Name)
		q.OK = q.OK && result.Passed()
	}
	return q
}

// missing reports the parts that are proved and are not there.
func (r *Report) missing(name string, d *sheet, p proofs) {
	for _, id := range slices.Sorted(maps.Keys(p)) {
		if id == "" || d.parts[id] != "" {
			continue
		}
		for _, result := range p[id] {
			for _, proof := range result.Test.Proves {
				if proof.Doc == name && proof.Section == id {
					r.Missing = append(r.Missing, Missing{result.Test.Name, proof.At.File, proof.At.Line, name, id})
				}
			}
		}
	}
}

// open reads a document of the service's folder; links out of it are not followed.
func open(dir, name string) (*sheet, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	defer root.Close()
	info, err := root.Stat(filepath.FromSlash(name))
	if err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > DocMax {
		return nil, fmt.Errorf("read document %s: it is no plain file, or has more than %d bytes", name, DocMax)
	}
	source, err := root.ReadFile(filepath.FromSlash(name))
	if err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	return parse(source), nil
}

// named are the documents that definitions name, relative to the service's folder.
func named(service *specs.Service) []string {
	list := map[string]bool{}
	add := func(dir string, docs []string) {
		rel, err := filepath.Rel(service.Dir, dir)
		if err != nil {
			rel = "." // both are of one loader
		}
		for _, doc := range docs {
			name := path.Join(filepath.ToSlash(rel), doc)
			if _, err := os.Stat(filepath.Join(service.Dir, filepath.FromSlash(name))); err != nil {
				name = path.Clean(doc) // as vet looks for it, too
			}
			list[name] = true
		}
	}
	add(service.Dir, service.Docs)
	for _, a := range service.Actors {
		add(a.Dir, a.Docs)
	}
	for _, w := range service.Workflows {
		add(w.Dir, w.Docs)
	}
	return slices.Sorted(maps.Keys(list))
}

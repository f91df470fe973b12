// Package amend rewrites what tests expect by what was seen when they ran.
//
// Only the values that differ are rewritten; comments, order and form of
// everything else stay as they are, byte for byte. An expression is never
// replaced: one that does not hold is left for a person to mend, and so is
// what other places of the file share, and what is written in a way that is
// not understood. Each change is checked before it is made: the new text says
// of everything else what the old one said, and expects what was seen.
package amend

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/grow-platform/grow/runtime/actortest"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/schema"
	"go.yaml.in/yaml/v3"
)

// Plan is what is to be rewritten.
type Plan struct {
	Files []File // that change, in order of the tests
	Left  []Left
}

// File is one file, before and after.
type File struct {
	Name     string // relative to the service's folder
	Old, New []byte
	Tests    int // whose expectations change
}

// Left is an expectation that was not met and stays as it is.
type Left struct {
	Test  *specs.Test
	Line  int
	Where string // in the test: then[0].order.priced.total; "" for the whole test
	Why   string
}

// ErrChanged is returned for a file that was written while its tests ran.
var ErrChanged = errors.New("it has changed since its tests were read")

// Of plans how the tests that failed come to expect what was seen.
func Of(service *specs.Service, results []*actortest.Result) (*Plan, error) {
	plan := &Plan{}
	files := map[string][]*actortest.Result{}
	var order []string
	for _, r := range results {
		if r.Passed() {
			continue
		}
		if files[r.Test.At.File] == nil {
			order = append(order, r.Test.At.File)
		}
		files[r.Test.At.File] = append(files[r.Test.At.File], r)
	}
	for _, name := range order {
		if err := plan.file(service, name, files[name]); err != nil {
			return nil, fmt.Errorf("rewrite %s: %w", name, err)
		}
	}
	return plan, nil
}

func (p *Plan) file(service *specs.Service, name string, results []*actortest.Result) error {
	if path.Ext(name) != ".yaml" {
		for _, r := range results {
			p.Left = append(p.Left, Left{r.Test, r.Test.At.Line, "", "files of CUE are not rewritten"})
		}
		return nil
	}
	old, err := os.ReadFile(filepath.Join(service.Dir, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	b, err := read(string(old))
	if err != nil {
		return err
	}
	var changes []change
	tests := 0
	for _, r := range results {
		i := b.find(r.Test)
		if i < 0 {
			return ErrChanged
		}
		e := b.plan(service, r, i)
		if err := b.check(service, r, i, e); err != nil {
			e.changes = nil
			e.left = []Left{{Line: r.Test.At.Line, Why: err.Error()}}
		}
		if len(e.changes) > 0 {
			tests++
		}
		changes = append(changes, e.changes...)
		for _, l := range e.left {
			l.Test = r.Test
			p.Left = append(p.Left, l)
		}
	}
	if len(changes) > 0 {
		p.Files = append(p.Files, File{Name: name, Old: old, New: []byte(apply(b.src.text, changes)), Tests: tests})
	}
	return nil
}

// Write writes the files of a plan into the service's folder, each at once, and
// none by a link that leads out of it. A file that has changed since is not
// written; the error says which.
func (p *Plan) Write(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("rewrite tests: %w", err)
	}
	defer root.Close()
	for _, f := range p.Files {
		if err := f.write(root); err != nil {
			return fmt.Errorf("rewrite %s: %w", f.Name, err)
		}
	}
	return nil
}

func (f *File) write(root *os.Root) error {
	name := filepath.FromSlash(f.Name)
	now, err := root.ReadFile(name)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, f.Old) {
		return ErrChanged
	}
	info, err := root.Lstat(name)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return root.WriteFile(name, f.New, 0) // which is there: the link stays
	}
	// The name is nobody's, and the file is made anew: never one that is there
	// already, nor what a link of that name leads to.
	draft := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+"."+rand.Text())
	file, err := root.OpenFile(draft, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = file.Write(f.New)
	if err = errors.Join(err, file.Close()); err == nil {
		err = root.Rename(draft, name)
	}
	if err != nil {
		_ = root.Remove(draft) // it is of no use
	}
	return err
}

// book is a file of tests, read twice: for what it says and for where it says it.
type book struct {
	src  *source
	root slot
	list slot // of tests
}

func read(text string) (*book, error) {
	tree, faults := schema.ReadYAML([]byte(text))
	if len(faults) > 0 || tree == nil {
		return nil, errPlace
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil || len(doc.Content) == 0 {
		return nil, errPlace
	}
	b := &book{src: newSource(text), root: slot{y: doc.Content[0], s: tree}}
	b.list = b.root
	if tree.Kind == schema.Map {
		e := editor{src: b.src}
		var ok bool
		var err error
		if b.list, ok, err = e.field(b.root, "tests"); err != nil || !ok {
			return nil, errPlace
		}
	}
	b.list.where = ""
	if b.list.y.Kind != yaml.SequenceNode || b.list.s.Kind != schema.List {
		return nil, errPlace
	}
	return b, nil
}

// find is the number of a test in its file, -1 when it is not there.
func (b *book) find(t *specs.Test) int {
	for i, item := range b.list.s.Items {
		if n := item.Get("test"); n.String() == t.Name && n.Place().Line == t.At.Line {
			return i
		}
	}
	return -1
}

// plan finds what is to be changed for one test.
func (b *book) plan(service *specs.Service, r *actortest.Result, i int) *editor {
	e := &editor{src: b.src}
	c := e.item(b.list, i)
	c.where = ""
	if c.shared() {
		e.leave(c, whyShared)
		return e
	}
	a := author{editor: e, service: service, result: r, test: c}
	a.write()
	return e
}

// expectations are the keys of a test that are rewritten.
var expectations = map[string]bool{
	"then": true, "refused": true, "failed": true, "later": true, "state_after": true, "states_after": true, "path": true,
}

// check holds the text that changes lead to against the one there is: all else
// says the same, and nothing is left to be changed.
func (b *book) check(service *specs.Service, r *actortest.Result, i int, e *editor) error {
	if len(e.changes) == 0 {
		return nil
	}
	after, err := read(apply(b.src.text, e.changes))
	if err != nil || len(after.list.s.Items) != len(b.list.s.Items) {
		return errPlace
	}
	if !bytes.Equal(rest(b.root.s, i), rest(after.root.s, i)) {
		return errPlace
	}
	again := after.plan(service, r, i)
	if len(again.changes) > 0 || len(again.left) != len(e.left) {
		return errPlace
	}
	return nil
}

// rest is a file as JSON without what the test of a number expects.
func rest(tree *schema.Node, i int) []byte {
	whole := *tree
	list := &whole
	if whole.Kind == schema.Map {
		whole.Fields = append([]*schema.Field(nil), whole.Fields...)
		for k, f := range whole.Fields {
			if f.Key == "tests" {
				tests := *f.Value
				list = &tests
				whole.Fields[k] = &schema.Field{Key: f.Key, Value: list}
			}
		}
	}
	list.Items = append([]*schema.Node(nil), list.Items...)
	test := &schema.Node{Kind: schema.Map}
	for _, f := range list.Items[i].Fields {
		if !expectations[f.Key] {
			test.Fields = append(test.Fields, f)
		}
	}
	list.Items[i] = test
	return whole.JSON(nil)
}

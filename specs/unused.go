package specs

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/grow-platform/grow/specs/schema"
)

// Bounds of what is read of an actor's code to see whether it names its grants.
// Where they are passed nothing is said.
const (
	CodeFilesMax = 200     // files
	CodeFileMax  = 1 << 20 // bytes of one
)

// unusedGrants warns of grants that neither the code of their actor names nor a test.
func (l *loader) unusedGrants() {
	for _, name := range names(l.actors) {
		a := l.actors[name]
		left := map[string]bool{}
		for _, g := range a.def.Uses {
			left[g.Name] = true
		}
		l.usedInTests(a.def, left)
		if len(left) == 0 || a.def.Code.Source == "" || !l.usedInCode(a.def, left) {
			continue
		}
		for _, g := range a.def.Uses {
			if left[g.Name] {
				l.warn(a.file, schema.Pos{Line: g.At.Line, Col: g.At.Col}, schema.Join("uses", g.Name), "spec.unused",
					"the code never names this grant, and no test does", "remove it, or use it: nothing should be reachable that nobody needs")
			}
		}
	}
}

// usedInTests takes away the grants that a test of the actor, or of a workflow
// with it, has a double for.
func (l *loader) usedInTests(a *Actor, left map[string]bool) {
	tests := append([]*Test{}, a.Tests...)
	for _, w := range l.service.Workflows {
		tests = append(tests, w.Tests...)
	}
	for _, t := range append(tests, l.service.Tests...) {
		for _, doubles := range t.Doubles {
			for _, d := range doubles {
				delete(left, d.Use)
			}
		}
	}
}

var errUnsure = errors.New("there is more code than is looked through")

// usedInCode takes away the grants that the actor's code names. It returns false
// when that cannot be told: there is no code yet, or too much.
func (l *loader) usedInCode(a *Actor, left map[string]bool) bool {
	root, err := filepath.Rel(l.service.Dir, a.Code.Source)
	if err != nil {
		return false
	}
	files, written := 0, false
	err = fs.WalkDir(l.root.FS(), filepath.ToSlash(root), func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (strings.HasPrefix(e.Name(), ".") && p != root || e.Name() == "target" || e.Name() == "node_modules"):
			return fs.SkipDir
		case !e.Type().IsRegular():
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if files++; files > CodeFilesMax || info.Size() > CodeFileMax {
			return errUnsure
		}
		data, _, err := l.open(p)
		if err != nil {
			return err
		}
		if path.Ext(p) != ".wasm" && bytes.IndexByte(data, 0) >= 0 {
			return nil // no text
		}
		written = written || len(bytes.TrimSpace(data)) > 0
		for name := range left {
			if bytes.Contains(data, []byte(name)) {
				delete(left, name)
			}
		}
		return nil
	})
	return err == nil && written
}

package wazero

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm/thin"
)

// node is a file or a folder that guests see. It never changes.
type node struct {
	name   string
	number uint64           // of it in its tree, from 1
	folder map[string]*node // nil: a file
	sorted []*node          // what is in the folder, by name
	data   []byte
}

// tree is a folder that guests see at a place, read-only.
type tree struct {
	at   string // /lib
	root *node
	next uint64
}

func newTree(at string) *tree {
	t := &tree{at: at}
	t.root = t.node("", true)
	return t
}

func (t *tree) node(name string, folder bool) *node {
	t.next++
	n := &node{name: name, number: t.next}
	if folder {
		n.folder = map[string]*node{}
	}
	return n
}

// put has a folder contain a node.
func (n *node) put(more *node) {
	n.folder[more.name] = more
	i, _ := slices.BinarySearchFunc(n.sorted, more.name, func(n *node, name string) int { return strings.Compare(n.name, name) })
	n.sorted = slices.Insert(n.sorted, i, more)
}

// add adds a file. Its path is one that fs.ValidPath accepts.
func (t *tree) add(path string, data []byte) error {
	at := t.root
	for {
		name, rest, deeper := strings.Cut(path, "/")
		next := at.folder[name]
		if next == nil {
			next = t.node(name, deeper)
			at.put(next)
		} else if !deeper || next.folder == nil {
			return fmt.Errorf("%s/%s is both a file and a folder", t.at, path)
		}
		if !deeper {
			next.data = data
			return nil
		}
		at, path = next, rest
	}
}

// above is a tree of the folders that lead to the other trees, and those below them.
// Without it a path that is in none of them is no path at all to a guest's C library,
// which then says of each file that is to be written that there is none.
func above(trees []*tree) *tree {
	top := newTree("/")
	for _, t := range trees {
		at := top.root
		for name := range strings.SplitSeq(strings.Trim(t.at, "/"), "/") {
			if at.folder[name] == nil {
				at.put(top.node(name, true))
			}
			at = at.folder[name]
		}
		at.folder, at.sorted = t.root.folder, t.root.sorted
	}
	return top
}

// plant makes trees of mounts, in their order.
func plant(mounts []engine.Mount) ([]*tree, error) {
	var all []*tree
	for _, m := range mounts {
		t := newTree(m.At)
		err := fs.WalkDir(m.Files, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := fs.ReadFile(m.Files, path)
			if err != nil {
				return err
			}
			return t.add(path, b)
		})
		if err != nil {
			return nil, fmt.Errorf("read the files of a language runtime at %s: %w", m.At, err)
		}
		all = append(all, t)
	}
	return all, nil
}

// own are the trees of an actor's own files.
func own(files map[string][]byte) ([]*tree, error) {
	all := []*tree{newTree("/" + strings.TrimSuffix(thin.App, "/")), newTree("/" + strings.TrimSuffix(thin.Packages, "/"))}
	paths := make([]string, 0, len(files))
	for path := range files {
		paths = append(paths, path)
	}
	slices.Sort(paths) // numbers follow
	for _, path := range paths {
		into, rest := all[0], strings.TrimPrefix(path, thin.App)
		if rest == path {
			into, rest = all[1], strings.TrimPrefix(path, thin.Packages)
		}
		if err := into.add(rest, files[path]); err != nil {
			return nil, &engine.Error{Code: engine.CodeInvalid, Reason: "the section grow.files: " + err.Error()}
		}
	}
	return all, nil
}

// Package documents keeps the documents of services on a host, with every version they
// ever had: definitions, goals, requirements, notes, tests, sources; all that a person
// has in the folder of a service. A version is a tree, a list of paths and digests; a
// change leads from one tree to the next and says who made it, when and why. The last
// change of a service is a ref of the host's store, and whoever changes documents says
// which change they have seen: of two people one is told of the other.
package documents

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grow-platform/grow/host/store"
)

// Limits of a service's documents.
const (
	FileMax   = 4 << 20  // bytes of a file
	FilesMax  = 10_000   // files of a service
	TotalMax  = 64 << 20 // bytes of all of them
	PathMax   = 300      // bytes of a path
	DepthMax  = 20       // folders of a path
	textMax   = 2 << 10  // bytes of why a change was made
	personMax = 200      // bytes of who made it
)

// File is one file of a tree.
type File struct {
	Path   string       `json:"path"` // from the service's folder on, with slashes
	Digest store.Digest `json:"digest"`
	Size   int64        `json:"size"`           // bytes
	Exec   bool         `json:"exec,omitempty"` // it is a program
}

// Tree is the files of a service at one time, in the order of their paths.
type Tree []File

// PathError says what is wrong with the path of a file.
type PathError struct {
	Path string
	Why  string
}

// Error implements error.
func (e *PathError) Error() string {
	return fmt.Sprintf("%.120q cannot be a document: %s", e.Path, e.Why)
}

// ErrLimit is returned for trees that are over one of the limits above.
var ErrLimit = errors.New("over a limit of a service's documents")

// reserved are what Windows takes for devices, whatever follows a dot.
var reserved = map[string]bool{"con": true, "prn": true, "aux": true, "nul": true}

// CheckPath reports what is wrong with the path of a document, by a *PathError: it must
// mean the same file, within the service's folder, on every system.
func CheckPath(p string) error {
	bad := func(why string) error { return &PathError{p, why} }
	switch {
	case p == "":
		return bad("it has no name")
	case len(p) > PathMax:
		return bad(fmt.Sprintf("its path has %d bytes; at most %d are allowed", len(p), PathMax))
	case !utf8.ValidString(p):
		return bad("its path is not UTF-8")
	case path.IsAbs(p) || path.Clean(p) != p || p == ".." || strings.HasPrefix(p, "../"):
		return bad("its path must lead down from the service's folder, without . and ..")
	}
	parts := strings.Split(p, "/")
	if len(parts) > DepthMax {
		return bad(fmt.Sprintf("it lies %d folders deep; at most %d are allowed", len(parts)-1, DepthMax))
	}
	for _, part := range parts {
		name, _, _ := strings.Cut(strings.ToLower(part), ".")
		switch {
		case strings.ContainsFunc(part, func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune(`<>:"\|?*`, r) }):
			return bad(`its path has a control character or one of < > : " \ | ? *`)
		case strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") || strings.HasPrefix(part, " "):
			return bad("a part of its path begins or ends with a space, or ends with a dot")
		case part == ".git" || part == ".grow":
			return bad("what is in " + part + " is no document")
		case reserved[name]:
			return bad(part + " is a device on some systems")
		}
	}
	return nil
}

// Check reports what is wrong with a tree.
func (t Tree) Check() error {
	if len(t) > FilesMax {
		return fmt.Errorf("%w: %d files; at most %d are allowed", ErrLimit, len(t), FilesMax)
	}
	total := int64(0)
	folded := map[string]string{} // paths as systems see them that know no case
	for i, f := range t {
		if err := errors.Join(CheckPath(f.Path), f.Digest.Check()); err != nil {
			return err
		}
		if f.Size < 0 || f.Size > FileMax {
			return fmt.Errorf("%w: %s has %d bytes; at most %d are allowed in a file", ErrLimit, f.Path, f.Size, FileMax)
		}
		total += f.Size
		if i > 0 && t[i-1].Path >= f.Path {
			return fmt.Errorf("the files are not in the order of their paths: %s follows %s", f.Path, t[i-1].Path)
		}
		if err := alone(folded, f.Path); err != nil {
			return err
		}
	}
	if total > TotalMax {
		return fmt.Errorf("%w: %d bytes in all; at most %d are allowed", ErrLimit, total, TotalMax)
	}
	return nil
}

// alone notes a path, and reports whether it is in the way of another: in one folder
// on systems that know no case, or a file where another path has a folder.
func alone(folded map[string]string, p string) error {
	low := strings.ToLower(p)
	if other, ok := folded[low]; ok {
		return &PathError{p, "on some systems it is the same as " + strings.TrimSuffix(other, "/")}
	}
	folded[low] = p
	for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
		low := strings.ToLower(dir)
		other, ok := folded[low]
		if ok && other != dir+"/" {
			return &PathError{p, "on some systems its folder is the same as " + strings.TrimSuffix(other, "/")}
		}
		if ok {
			break // and those above it
		}
		folded[low] = dir + "/"
	}
	return nil
}

// Find returns the file at a path.
func (t Tree) Find(p string) (File, bool) {
	i, ok := slices.BinarySearchFunc(t, p, func(f File, p string) int { return cmp.Compare(f.Path, p) })
	if !ok {
		return File{}, false
	}
	return t[i], true
}

// With returns a tree in which f stands at its path.
func (t Tree) With(f File) Tree {
	next := t.Without(f.Path)
	i, _ := slices.BinarySearchFunc(next, f.Path, func(f File, p string) int { return cmp.Compare(f.Path, p) })
	return slices.Insert(next, i, f)
}

// Without returns a tree that has no file at a path.
func (t Tree) Without(p string) Tree {
	return slices.DeleteFunc(slices.Clone(t), func(f File) bool { return f.Path == p })
}

// Below returns the files in a folder, "" for all.
func (t Tree) Below(dir string) Tree {
	if dir == "" {
		return t
	}
	return slices.DeleteFunc(slices.Clone(t), func(f File) bool { return !strings.HasPrefix(f.Path, dir+"/") })
}

// encode is what a tree is kept as. The same files give the same bytes.
func (t Tree) encode() ([]byte, error) {
	if t == nil {
		t = Tree{}
	}
	return json.Marshal(t)
}

// treeMax is bytes of a tree as it is kept.
const treeMax = FilesMax * (PathMax*2 + 200)

func decodeTree(b []byte) (Tree, error) {
	var t Tree
	if err := json.Unmarshal(b, &t); err != nil {
		return nil, fmt.Errorf("read tree: %w", err)
	}
	return t, t.Check()
}

// Difference is a path at which two trees differ. A file that is new has no Old, one
// that is gone no New.
type Difference struct {
	Path string
	Old  *File
	New  *File
}

// Diff returns where two trees differ, in the order of the paths.
func Diff(old, new Tree) []Difference {
	var list []Difference
	for len(old) > 0 || len(new) > 0 {
		switch {
		case len(new) == 0 || len(old) > 0 && old[0].Path < new[0].Path:
			list = append(list, Difference{old[0].Path, &old[0], nil})
			old = old[1:]
		case len(old) == 0 || new[0].Path < old[0].Path:
			list = append(list, Difference{new[0].Path, nil, &new[0]})
			new = new[1:]
		default:
			if old[0] != new[0] {
				list = append(list, Difference{old[0].Path, &old[0], &new[0]})
			}
			old, new = old[1:], new[1:]
		}
	}
	return list
}

// Merge joins what two sides have made of base, as far as it lies in files of their own.
// The files that both have changed, each otherwise, are returned beside it; in the tree
// stands what ours has made of them.
func Merge(base, ours, theirs Tree) (Tree, []Conflict) {
	merged := slices.Clone(ours)
	var conflicts []Conflict
	for _, d := range Diff(base, theirs) {
		mine, ok := ours.Find(d.Path)
		was := d.Old
		switch {
		case ok == (d.New != nil) && (!ok || mine == *d.New): // both did the same
		case ok == (was != nil) && (!ok || mine == *was): // only they changed it
			if d.New == nil {
				merged = merged.Without(d.Path)
			} else {
				merged = merged.With(*d.New)
			}
		default:
			c := Conflict{Path: d.Path, Base: was, Theirs: d.New}
			if ok {
				c.Ours = &mine
			}
			conflicts = append(conflicts, c)
		}
	}
	return merged, conflicts
}

// Conflict is a file that both sides of a merge have changed. Base is nil when both
// have made it, Ours or Theirs when that side has removed it.
type Conflict struct {
	Path               string
	Base, Ours, Theirs *File
}

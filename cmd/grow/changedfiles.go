package main

import (
	"bytes"
	"slices"
	"strings"

	"github.com/grow-platform/grow/host/api"
)

// find is the file at a path.
func find(list []api.File, path string) (api.File, bool) {
	i, ok := slices.BinarySearchFunc(list, path, func(f api.File, p string) int { return strings.Compare(f.Path, p) })
	if !ok {
		return api.File{}, false
	}
	return list[i], true
}

// changedFile is a path at which two lists of files differ.
type changedFile struct {
	Path string `json:"path"`
	How  string `json:"how"` // added, removed or changed
	Diff string `json:"diff,omitempty"`

	old, new *api.File
}

// changedFiles are the paths at which two lists of files differ.
func changedFiles(old, new []api.File) []changedFile {
	list := []changedFile{}
	for _, f := range old {
		is, ok := find(new, f.Path)
		switch {
		case !ok:
			list = append(list, changedFile{Path: f.Path, How: "removed", old: &f})
		case is.Digest != f.Digest || is.Exec != f.Exec:
			list = append(list, changedFile{Path: f.Path, How: "changed", old: &f, new: &is})
		}
	}
	for _, f := range new {
		if _, ok := find(old, f.Path); !ok {
			list = append(list, changedFile{Path: f.Path, How: "added", new: &f})
		}
	}
	slices.SortFunc(list, func(a, b changedFile) int { return strings.Compare(a.Path, b.Path) })
	return list
}

// isText reports whether lines of a file can be shown.
func isText(b []byte) bool { return bytes.IndexByte(b, 0) < 0 }

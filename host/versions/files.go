package versions

import (
	"context"

	"github.com/grow-platform/grow/host/documents"
	"github.com/rogpeppe/go-internal/diff"
)

// Limits of what is shown line by line; what is beyond them is named.
const (
	linesMax = 100     // files
	textMax  = 1 << 20 // bytes of all lines
	readMax  = 8 << 20 // bytes of files that are compared for them
)

// File is a path at which two trees differ.
type File struct {
	Path string `json:"path"`
	How  string `json:"how" enum:"added,removed,changed"`
	Diff string `json:"diff,omitempty" doc:"lines, as diff -u writes them; none: it is no text, or there is too much"`

	Old *documents.File `json:"-"` // nil: there was none
	New *documents.File `json:"-"` // nil: there is none
}

// Files are the paths at which two trees differ, in order.
func Files(old, new documents.Tree) []File {
	list := []File{}
	for _, d := range documents.Diff(old, new) {
		f := File{Path: d.Path, How: "changed", Old: d.Old, New: d.New}
		switch {
		case d.Old == nil:
			f.How = "added"
		case d.New == nil:
			f.How = "removed"
		}
		list = append(list, f)
	}
	return list
}

// Lines finds out line by line how files differ, and returns of how many that was too
// much.
func Lines(ctx context.Context, list []File, old, new Read) (left int, err error) {
	read, shown := int64(0), 0
	for i := range list {
		f := &list[i]
		if read += size(f.Old) + size(f.New); i >= linesMax || read > readMax || shown > textMax {
			left++
			continue
		}
		was, is, err := both(ctx, f, old, new)
		if err != nil {
			return left, err
		}
		if !documents.IsText(was) || !documents.IsText(is) {
			continue
		}
		text := diff.Diff("a/"+f.Path, was, "b/"+f.Path, is)
		if shown += len(text); shown > textMax {
			left++
			continue
		}
		f.Diff = string(text)
	}
	return left, nil
}

func size(f *documents.File) int64 {
	if f == nil {
		return 0
	}
	return f.Size
}

// both reads what a file was, and is; nil where there is none.
func both(ctx context.Context, f *File, old, new Read) (was, is []byte, err error) {
	if f.Old != nil {
		was, err = old(ctx, *f.Old)
	}
	if f.New != nil && err == nil {
		is, err = new(ctx, *f.New)
	}
	return was, is, err
}

// Package files is the capability of kind files: the documents of the revision that an
// actor runs in, to read.
//
//	uses:
//	  texts: {kind: files, paths: [docs/texts]}
//
// The operations, with the attribute path, below the service's folder:
//
//	files.read  the file's bytes
//	files.list  what is in the folder, as JSON [{"name": …, "size": …, "folder": …}, …]
//
// Links are not followed, and names that begin with a dot are not there.
package files

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/grow-platform/grow/host/capabilities/grants"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
)

// The operations.
const (
	Read = "files.read"
	List = "files.list"
)

// Limits.
const (
	FileMax = 1 << 20 // bytes of a file
	ListMax = 1000    // entries of a folder
)

func init() { capability.Register(kind{form}) }

type kind struct{ *grants.Form[grant] }

// grant is what grant.cue describes.
type grant struct {
	Paths []string `json:"paths"`
}

//go:embed grant.cue
var definition string

var form = grants.New[grant]("files", definition, nil)

// Open implements capability.Kind.
func (kind) Open(_ context.Context, g specs.Grant, env capability.Environment) (capability.Capability, error) {
	read, err := form.Read(g.Params)
	if err != nil {
		return nil, err
	}
	if env.Documents == "" {
		return nil, errors.New("the host has no documents of the service")
	}
	root, err := os.OpenRoot(env.Documents)
	if err != nil {
		return nil, fmt.Errorf("open the service's folder: %w", err)
	}
	return &opened{read, root}, nil
}

// opened serves one grant.
type opened struct {
	*grant
	root *os.Root
}

// Operations implements capability.Capability.
func (*opened) Operations() map[string]capability.Effect {
	return map[string]capability.Effect{Read: capability.Reads, List: capability.Reads}
}

// Close implements capability.Capability.
func (o *opened) Close() error { return o.root.Close() }

// Do implements capability.Capability.
func (o *opened) Do(ctx context.Context, r *capability.Request) capability.Answer {
	name, _ := r.Attr("path")
	switch {
	case !fs.ValidPath(name) || strings.ContainsAny(name, "\\\x00:"):
		return capability.Fail(capability.Invalid, "the path %.80q is not one below the service's folder, with / between names", name)
	case hidden(name) || !slices.ContainsFunc(o.Paths, func(p string) bool { return name == p || strings.HasPrefix(name, p+"/") }):
		return capability.Fail(capability.Denied, "the grant does not cover the path %.80q", name)
	case ctx.Err() != nil:
		return capability.Fail(capability.Timeout, "there is no time left")
	}
	var data []byte
	var err error
	if r.Operation == List {
		data, err = o.list(name)
	} else {
		data, err = o.file(name)
	}
	switch {
	case err == nil:
		return capability.Answer{Data: data}
	case errors.Is(err, fs.ErrNotExist):
		return capability.Fail(capability.NotFound, "there is no %.80q", name)
	case errors.Is(err, errLarge):
		return capability.Fail(capability.Limit, "%.80q %v", name, err)
	case errors.Is(err, errKind):
		return capability.Fail(capability.Invalid, "%.80q %v", name, err)
	}
	return capability.Fail(capability.Denied, "%.80q cannot be read", name) // such as a link
}

// hidden reports whether a name in a path begins with a dot.
func hidden(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return strings.HasPrefix(part, ".") })
}

// Why a file is not read.
var (
	errLarge = errors.New("is too large")
	errKind  = errors.New("is of another kind")
)

// open opens a file or a folder. What blocks, as a pipe does, is not opened; nor is what a
// link leads to, which the grant does not name.
func (o *opened) open(name string, folder bool) (*os.File, error) {
	for at := path.Dir(name); at != "."; at = path.Dir(at) {
		if info, err := o.root.Lstat(at); err != nil {
			return nil, err
		} else if !info.IsDir() {
			return nil, fs.ErrPermission
		}
	}
	info, err := o.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return nil, fs.ErrPermission
	}
	if info.IsDir() != folder || !folder && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: files.read is for files, files.list for folders", errKind)
	}
	return o.root.Open(name)
}

func (o *opened) file(name string) (data []byte, err error) {
	f, err := o.open(name, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err = io.ReadAll(io.LimitReader(f, FileMax+1))
	if err == nil && len(data) > FileMax {
		return nil, fmt.Errorf("%w: %d bytes of a file are allowed", errLarge, FileMax)
	}
	return data, err
}

// entry is one of a folder.
type entry struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"` // bytes; 0 of a folder
	Folder bool   `json:"folder"`
}

func (o *opened) list(name string) (data []byte, err error) {
	f, err := o.open(name, true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	found, err := f.ReadDir(ListMax + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(found) > ListMax {
		return nil, fmt.Errorf("%w: %d entries of a folder are allowed", errLarge, ListMax)
	}
	list := []entry{}
	for _, e := range found {
		info, err := o.root.Lstat(path.Join(name, e.Name()))
		if hidden(e.Name()) || err != nil || !info.IsDir() && !info.Mode().IsRegular() {
			continue // or it is gone, or is a link
		}
		x := entry{Name: e.Name(), Folder: info.IsDir()}
		if !x.Folder {
			x.Size = info.Size()
		}
		list = append(list, x)
	}
	slices.SortFunc(list, func(a, b entry) int { return strings.Compare(a.Name, b.Name) })
	return json.Marshal(list)
}

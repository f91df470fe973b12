package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/host/watch"
	"github.com/grow-platform/grow/specs"
)

// gitTime is how long git may take to list files.
const gitTime = 30 * time.Second

// folderFiles are a service's documents as they lie in its folder, in the order of
// their paths.
type folderFiles struct {
	dir     string
	list    []api.File
	commit  string            // of the git checkout that the folder is in; "": of none
	content map[string][]byte // by digest
	skipped []string          // modules, which are uploaded as such
}

// find is the file at a path.
func find(list []api.File, path string) (api.File, bool) {
	i, ok := slices.BinarySearchFunc(list, path, func(f api.File, p string) int { return strings.Compare(f.Path, p) })
	if !ok {
		return api.File{}, false
	}
	return list[i], true
}

// documentsIn reads the documents of the service in dir: all its files but those that git
// ignores, products of builds, and modules that an actor names as its source.
func documentsIn(ctx context.Context, dir string, service *specs.Service) (*folderFiles, error) {
	f := &folderFiles{dir: dir, content: map[string][]byte{}}
	names, err := f.names(ctx)
	if err != nil {
		return nil, err
	}
	modules := map[string]bool{}
	for _, a := range service.Actors {
		if a.Code.Language == "wasm" && a.Code.Source != "" {
			modules[a.Code.Source] = true
		}
	}
	total := int64(0)
	for _, name := range names {
		place := filepath.Join(dir, filepath.FromSlash(name))
		if modules[place] {
			f.skipped = append(f.skipped, name)
			continue
		}
		size, err := f.read(name, place)
		if err != nil {
			return nil, err
		}
		if total += size; total > documents.TotalMax || len(f.list) > documents.FilesMax {
			return nil, tooMuch(dir, fmt.Sprintf("the folder has more than %d MiB or %d files", documents.TotalMax>>20, documents.FilesMax))
		}
	}
	return f, nil
}

// names are the paths of the files that count.
func (f *folderFiles) names(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, gitTime)
	defer cancel()
	commit, err := git(ctx, f.dir, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	if err == nil {
		f.commit = commit
		if changed, err := git(ctx, f.dir, "status", "--porcelain", "--", "."); err != nil || changed != "" {
			f.commit += "-dirty"
		}
	}
	out, err := gitCommand(ctx, f.dir, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if stopped := gitEnded(ctx); stopped != nil {
		return nil, stopped
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return counting(strings.Split(strings.Trim(string(out), "\x00"), "\x00")), nil
	case errors.As(err, &exit), errors.Is(err, exec.ErrNotFound): // in no checkout
	default:
		return nil, fmt.Errorf("list files: %w", err)
	}
	found, err := watch.Scan(f.dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for name, state := range found {
		if !state.Folder {
			names = append(names, name)
		}
	}
	return counting(names), nil
}

// counting leaves out what never counts, and sorts the rest.
func counting(names []string) []string {
	names = slices.DeleteFunc(names, func(name string) bool {
		return name == "" || watch.Ignored(name) && !slices.Contains([]string{".gitignore", ".gitattributes"}, filepath.Base(name)) || insideHidden(name)
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// insideHidden reports whether a folder on a path does not count.
func insideHidden(name string) bool {
	dir, _, ok := cutLast(name)
	return ok && watch.Ignored(dir)
}

func cutLast(name string) (dir, base string, ok bool) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}

// read takes a file in, and returns its size.
func (f *folderFiles) read(name, place string) (int64, error) {
	info, err := os.Stat(place)
	switch {
	case errors.Is(err, fs.ErrNotExist): // it was removed, and git still has it; or it is a link to nowhere
		return 0, nil
	case err != nil:
		return 0, err
	case !info.Mode().IsRegular(): // a submodule
		return 0, nil
	case info.Size() > documents.FileMax:
		return 0, tooMuch(place, fmt.Sprintf("%s has %d bytes; a document has at most %d MiB", name, info.Size(), documents.FileMax>>20))
	}
	if err := documents.CheckPath(name); err != nil {
		return 0, &control.Error{Code: control.CodeInvalid, Message: err.Error(), At: place, Next: "give it another name, or have git ignore it"}
	}
	b, err := os.ReadFile(place)
	if err != nil {
		return 0, err
	}
	d := string(store.DigestOf(b))
	f.list = append(f.list, api.File{Path: name, Digest: d, Size: int64(len(b)), Exec: info.Mode()&0o100 != 0})
	f.content[d] = b
	return int64(len(b)), nil
}

func tooMuch(at, text string) error {
	return &control.Error{Code: control.CodeInvalid, Message: text, At: at, Next: "what is no document of the service belongs elsewhere, or into .gitignore"}
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

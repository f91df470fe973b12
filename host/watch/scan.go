package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Files are the files and folders below a folder that count, by path relative
// to it, with slashes.
type Files map[string]State

// State tells one state of a file from another without reading it.
type State struct {
	Size    int64
	Changed time.Time
	Folder  bool
}

// Scan lists what is below dir.
func Scan(dir string) (Files, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, fmt.Errorf("list files: %w", err)
	}
	files := Files{}
	err = walk(dir, ".", func(path string, d fs.DirEntry) error {
		if path == "." {
			return nil
		}
		if len(files) >= FilesMax {
			return fmt.Errorf("watch %s: %w", dir, ErrTooMany)
		}
		if d.IsDir() {
			files[path] = State{Folder: true}
			return nil
		}
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(path))) // of what a link leads to
		if err != nil || !info.Mode().IsRegular() && !info.IsDir() {
			return nil // gone by now, a link to nowhere, or what may be read without end
		}
		files[path] = State{Size: info.Size(), Changed: info.ModTime(), Folder: info.IsDir()}
		return nil
	})
	return files, err
}

// Diff returns the paths that differ, sorted.
func (f Files) Diff(o Files) []string {
	var list []string
	for path, state := range f {
		if other, ok := o[path]; !ok || other != state {
			list = append(list, path)
		}
	}
	for path := range o {
		if _, ok := f[path]; !ok {
			list = append(list, path)
		}
	}
	slices.Sort(list)
	return list
}

// walk visits what counts at and below dir/rel. What goes away meanwhile is
// left out; that dir itself is not there is an error.
func walk(dir, rel string, visit func(rel string, d fs.DirEntry) error) error {
	return filepath.WalkDir(filepath.Join(dir, filepath.FromSlash(rel)), func(name string, d fs.DirEntry, err error) error {
		at, relErr := filepath.Rel(dir, name)
		if relErr != nil {
			return relErr
		}
		at = filepath.ToSlash(at)
		if err != nil {
			if at != "." && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)) {
				return nil
			}
			return fmt.Errorf("watch %s: %w", dir, err)
		}
		if at != "." && Ignored(at) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		return visit(at, d)
	})
}

// products are folders that tools fill.
var products = map[string]bool{"target": true, "node_modules": true, "__pycache__": true}

// Ignored reports whether a path below the folder does not count: hidden,
// a product, or what an editor leaves while it writes.
func Ignored(rel string) bool {
	for part := range strings.SplitSeq(rel, "/") {
		if strings.HasPrefix(part, ".") || products[part] {
			return true
		}
	}
	name := path.Base(rel)
	return strings.HasSuffix(name, "~") || strings.HasPrefix(name, "#") && strings.HasSuffix(name, "#") ||
		name == "4913" || strings.HasSuffix(name, ".swp") || strings.HasSuffix(name, ".swx") || strings.Contains(name, "___jb_")
}

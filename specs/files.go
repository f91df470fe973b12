package specs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/grow-platform/grow/specs/schema"
)

// FilesMax is how many files of a kind (types, actors, workflows) a service may have.
const FilesMax = 10_000

// exists reports whether there is anything at a path, a link that leads out included.
func (l *loader) exists(file string) bool {
	_, err := l.root.Lstat(filepath.FromSlash(file))
	return err == nil
}

// readsMax is how often a file that changes while it is read is read again.
const readsMax = 3

// read reads a file of the service; it reports what keeps it from being read.
func (l *loader) read(file string) ([]byte, bool) {
	for range readsMax {
		data, again, err := l.open(file)
		if err == nil && !again {
			return data, true
		}
		if err == nil {
			continue
		}
		code, message := "spec.file", cause(err)
		switch {
		case outside(err):
			code, message = "spec.path", "leads out of the service's folder"
		case errors.As(err, new(unfit)):
			message = err.Error()
		}
		l.problem(file, schema.Pos{Line: 1, Col: 1}, "", code, message)
		return nil, false
	}
	l.problem(file, schema.Pos{Line: 1, Col: 1}, "", "spec.file", "changes while it is read", "save it, then look again")
	return nil, false
}

// unfit says why something is no file that can be read.
type unfit string

func (u unfit) Error() string { return string(u) }

// open reads a file once. again says that it changed meanwhile. What it is, is
// asked of the open file: between a look at its name and its opening it could be
// exchanged. Opening does not wait for the other end of a pipe.
func (l *loader) open(file string) (data []byte, again bool, err error) {
	f, err := l.root.OpenFile(filepath.FromSlash(file), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	before, err := f.Stat()
	switch {
	case err != nil:
		return nil, false, err
	case before.IsDir():
		return nil, false, unfit("is a folder")
	case !before.Mode().IsRegular():
		return nil, false, unfit("is not a plain file")
	case before.Size() > schema.SizeMax:
		return nil, false, unfit(fmt.Sprintf("is larger than %d KiB", schema.SizeMax>>10))
	}
	// One byte more than allowed, for a file that has grown since.
	if data, err = io.ReadAll(io.LimitReader(f, schema.SizeMax+1)); err != nil {
		return nil, false, err
	}
	after, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	return data, int64(len(data)) != after.Size() || !before.ModTime().Equal(after.ModTime()), nil
}

// cause is an error of the file system without the path, which is said already.
func cause(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return "cannot be read: " + err.Error()
}

// list returns the names in a folder of the service, sorted; none when there is no such folder.
func (l *loader) list(dir string) []fs.DirEntry {
	if !l.exists(dir) {
		return nil
	}
	entries, err := fs.ReadDir(l.root.FS(), dir)
	if err != nil {
		l.stray = l.stray || slices.Contains(folders, dir)
	}
	if outside(err) {
		l.problem(dir, schema.Pos{}, "", "spec.path", "leads out of the service's folder")
		return nil
	}
	if err != nil {
		l.problem(dir, schema.Pos{}, "", "spec.file", cause(err))
		return nil
	}
	if len(entries) > FilesMax {
		l.problem(dir, schema.Pos{}, "", "spec.limit", fmt.Sprintf("holds more than %d files", FilesMax))
		entries = entries[:FilesMax]
	}
	kept := entries[:0]
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			kept = append(kept, e)
		}
	}
	return kept
}

// want says what a path in a file must lead to.
type want int

const (
	wantFile want = iota
	wantDir
)

// resolve finds what a path in a file leads to. Paths are relative to the
// folders in dirs, the first that has it. It returns the path relative to the
// service's folder, or "" after a report.
func (l *loader) resolve(file string, n *schema.Node, at string, w want, dirs ...string) string {
	given := n.String()
	if given == "" {
		return ""
	}
	if path.IsAbs(given) || strings.Contains(given, `\`) {
		l.problem(file, n.Pos, at, "spec.path", fmt.Sprintf("%q is not a path relative to this file", given))
		return ""
	}
	for i, dir := range dirs {
		p := path.Join(dir, given)
		if !filepath.IsLocal(filepath.FromSlash(p)) {
			l.problem(file, n.Pos, at, "spec.path", fmt.Sprintf("%q leads out of the service's folder", given))
			return ""
		}
		info, err := l.root.Stat(filepath.FromSlash(p))
		switch {
		case outside(err):
			l.problem(file, n.Pos, at, "spec.path", fmt.Sprintf("%q leads out of the service's folder, by a link", given))
			return ""
		case err != nil && i+1 < len(dirs):
			continue
		case errors.Is(err, fs.ErrNotExist):
			l.problem(file, n.Pos, at, "spec.file", fmt.Sprintf("there is no %s", path.Join(dirs[0], given)), l.nearestFile(dirs[0], given))
			return ""
		case err != nil:
			l.problem(file, n.Pos, at, "spec.file", given+" "+cause(err))
			return ""
		case w == wantDir && !info.IsDir():
			l.problem(file, n.Pos, at, "spec.file", fmt.Sprintf("%q is a file; it must be the folder of the source", given))
			return ""
		case w == wantFile && !info.Mode().IsRegular():
			l.problem(file, n.Pos, at, "spec.file", fmt.Sprintf("%q is not a file", given))
			return ""
		}
		return p
	}
	return ""
}

// nearestFile asks for a file of nearly that name in the same folder, or for the
// same path below src.
func (l *loader) nearestFile(dir, given string) string {
	if below := path.Join("src", given); l.exists(path.Join(dir, below)) {
		return fmt.Sprintf("did you mean %q?", below)
	}
	p := path.Join(dir, given)
	entries, err := fs.ReadDir(l.root.FS(), path.Dir(p))
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return schema.Mean(path.Base(p), names)
}

// misnamed tells of a file in dir that was most likely meant to be NAME.yaml:
// one in capitals, of another ending, or called as one of the others.
func (l *loader) misnamed(dir, name string, others ...string) string {
	entries, err := fs.ReadDir(l.root.FS(), dir)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		ext := path.Ext(e.Name())
		base := strings.ToLower(strings.TrimSuffix(e.Name(), ext))
		switch strings.ToLower(ext) {
		case ".yaml", ".yml", ".json", ".cue", "":
			if !e.IsDir() && (base == name || slices.Contains(others, base)) {
				return fmt.Sprintf("rename %s to %s.yaml", e.Name(), name)
			}
		}
	}
	return ""
}

// folders are where definitions stand.
var folders = []string{"actors", "types", "workflows"}

// strays reports folders that are called nearly as those of definitions, and so
// are not read.
func (l *loader) strays() {
	entries, err := fs.ReadDir(l.root.FS(), ".")
	if err != nil {
		return
	}
	for _, e := range entries {
		for _, want := range folders {
			if e.IsDir() && e.Name() != want && strings.TrimSuffix(strings.ToLower(e.Name()), "s")+"s" == want && !l.exists(want) {
				l.problem(e.Name(), schema.Pos{}, "", "spec.file", "is not read", fmt.Sprintf("rename the folder to %s", want))
				l.stray = true
			}
		}
	}
}

// docs resolves the documents of a definition.
func (l *loader) docs(file string, tree *schema.Node, dirs ...string) []string {
	n := tree.Get("docs")
	if n == nil || n.Kind != schema.List {
		return nil
	}
	var out []string
	for i, item := range n.Items {
		if l.resolve(file, item, schema.At("docs", i), wantFile, dirs...) != "" {
			out = append(out, item.Text)
		}
	}
	return out
}

package site

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/grow-platform/grow/specs"
)

// Marker is the file that a site is known by. It lists what was written, a path
// a line.
const Marker = ".grow-site"

// ConflictError says that a folder holds what Write would have to remove.
type ConflictError struct {
	Dir    string
	Reason string
	Force  bool // with Force it may be written to all the same
}

// Error implements error.
func (e *ConflictError) Error() string { return "write site to " + e.Dir + ": " + e.Reason }

// Write puts the pages of a service into the folder dir, in place of what a
// former Write has put there: all at once, or not at all. A folder that holds
// anything else is a [ConflictError]; force has it removed, unless it is, or
// holds, the service itself or a repository.
func Write(s *specs.Service, pages Pages, dir string, force bool) error {
	dir, err := real(dir)
	if err != nil {
		return fmt.Errorf("write site: %w", err)
	}
	exists, err := replaceable(s, dir, force)
	if err != nil {
		return err
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("write site: %w", err)
	}
	fresh, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+"-new-")
	if err != nil {
		return fmt.Errorf("write site: %w", err)
	}
	if err := errors.Join(fill(fresh, pages), os.Chmod(fresh, 0o755)); err != nil {
		return errors.Join(fmt.Errorf("write site: %w", err), os.RemoveAll(fresh))
	}
	if err := replace(dir, fresh, exists); err != nil {
		return errors.Join(fmt.Errorf("write site: %w", err), os.RemoveAll(fresh))
	}
	return nil
}

// real is the absolute path of a folder with links followed, as far as it exists.
func real(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	found, err := filepath.EvalSymlinks(abs)
	switch {
	case err == nil:
		return found, nil
	case !errors.Is(err, fs.ErrNotExist) || filepath.Dir(abs) == abs:
		return "", err
	}
	parent, err := real(filepath.Dir(abs))
	return filepath.Join(parent, filepath.Base(abs)), err
}

// replaceable reports whether there is a folder, and that nothing is lost with it.
func replaceable(s *specs.Service, dir string, force bool) (exists bool, err error) {
	home, err := filepath.EvalSymlinks(s.Dir)
	if err != nil {
		return false, fmt.Errorf("write site: %w", err)
	}
	if within(dir, home) {
		return false, &ConflictError{Dir: dir, Reason: "the service itself is in it"}
	}
	for _, part := range []string{"actors", "workflows", "types"} {
		if within(filepath.Join(home, part), dir) {
			return false, &ConflictError{Dir: dir, Reason: "definitions of the service are there"}
		}
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("write site: %w", err)
	case !info.IsDir():
		return false, &ConflictError{Dir: dir, Reason: "it is a file"}
	}
	foreign, repository, err := strangers(dir)
	if err != nil {
		return false, fmt.Errorf("write site: %w", err)
	}
	switch repository {
	case "":
	case ".":
		return false, &ConflictError{Dir: dir, Reason: "it is a repository"}
	default:
		return false, &ConflictError{Dir: dir, Reason: "it holds the repository " + repository}
	}
	if len(foreign) > 0 && !force {
		what := foreign[0]
		if len(foreign) > 1 {
			what += " and more"
		}
		return false, &ConflictError{Dir: dir, Reason: "it holds " + what + ", which no site has put there", Force: true}
	}
	return true, nil
}

// within reports whether a path is a folder or in it.
func within(folder, name string) bool {
	rel, err := filepath.Rel(folder, name)
	return err == nil && filepath.IsLocal(rel)
}

// strangers lists files in a folder that no former site has put there, the
// first few, and finds a repository that the folder is or holds.
func strangers(dir string) (files []string, repository string, err error) {
	ours := map[string]bool{Marker: true}
	data, err := os.ReadFile(filepath.Join(dir, Marker))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, "", err
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		ours[lines.Text()] = true
	}
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.Name() == ".git" {
			repository = path.Dir(rel)
			return fs.SkipAll
		}
		if !d.IsDir() && !ours[rel] && len(files) < 2 {
			files = append(files, rel)
		}
		return nil
	})
	return files, repository, err
}

// fill writes the pages into a new folder, and the marker.
func fill(dir string, pages Pages) error {
	var list strings.Builder
	for _, name := range pages.Names() {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(at, pages[name], 0o644); err != nil {
			return err
		}
		list.WriteString(name + "\n")
	}
	return os.WriteFile(filepath.Join(dir, Marker), []byte(list.String()), 0o644)
}

// replace puts a folder in the place of another, which is kept until then.
func replace(dir, fresh string, exists bool) error {
	if !exists {
		return os.Rename(fresh, dir)
	}
	old := fresh + "-old"
	if err := os.Rename(dir, old); err != nil {
		return err
	}
	if err := os.Rename(fresh, dir); err != nil {
		return errors.Join(err, os.Rename(old, dir))
	}
	return os.RemoveAll(old)
}

package golang

import (
	"go/version"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/grow-platform/grow/sdk"
)

// workspace is the go.work of a build while it is put together.
type workspace struct {
	file     modfile.WorkFile
	uses     map[string]bool // absolute folders of modules
	newest   string          // Go version that the newest of them asks for
	brought  bool            // the user's own files say where the SDK comes from
	required bool            // one of the modules requires the SDK
}

// include takes over what is in the user's own go.work.
func (w *workspace) include(path string) error {
	theirs, err := absolute(path)
	if err != nil {
		return err
	}
	w.newest = atLeast(w.newest, theirs.Go)
	for _, use := range theirs.Use {
		w.uses[use.Path] = true
		path := filepath.Join(use.Path, "go.mod")
		data, err := os.ReadFile(path)
		if err != nil {
			continue // go says it better, with the line of go.work
		}
		if mod, err := modfile.ParseLax(path, data, nil); err == nil {
			w.newest = atLeast(w.newest, mod.Go)
			w.brought = w.brought || bringsSDK(mod)
			w.required = w.required || requiresSDK(mod)
		}
	}
	for _, r := range theirs.Replace {
		w.brought = w.brought || r.Old.Path == sdk.Module
		if err := w.file.AddReplace(r.Old.Path, r.Old.Version, r.New.Path, r.New.Version); err != nil {
			return err
		}
	}
	return nil
}

// format returns the go.work, with the SDK in dir. A module that is required is
// looked up at its version even when the workspace uses it, so it must be
// replaced; and one that nobody requires is found only when it is used.
func (w *workspace) format(dir string) ([]byte, error) {
	switch {
	case w.brought:
	case w.required:
		if err := w.file.AddReplace(sdk.Module, "", dir, ""); err != nil {
			return nil, err
		}
	default:
		w.uses[dir] = true
	}
	if err := w.file.AddGoStmt(strings.TrimPrefix(w.newest, "go")); err != nil {
		return nil, err
	}
	for _, dir := range slices.Sorted(maps.Keys(w.uses)) {
		if err := w.file.AddUse(dir, ""); err != nil {
			return nil, err
		}
	}
	return modfile.Format(w.file.Syntax), nil
}

// bringsSDK tells whether the module is one that holds the SDK, or replaces it
// with one of its own choice.
func bringsSDK(mod *modfile.File) bool {
	if mod.Module != nil && strings.HasPrefix(sdk.Module+"/", mod.Module.Mod.Path+"/") {
		return true
	}
	for _, r := range mod.Replace {
		if r.Old.Path == sdk.Module {
			return true
		}
	}
	return false
}

func requiresSDK(mod *modfile.File) bool {
	return slices.ContainsFunc(mod.Require, func(r *modfile.Require) bool { return r.Mod.Path == sdk.Module })
}

// workspaceOf returns the go.work that go would use for a module in dir, "" for
// none.
func workspaceOf(dir string) string {
	switch named := os.Getenv("GOWORK"); named {
	case "off":
		return ""
	case "", "auto":
	default:
		return named
	}
	for {
		path := filepath.Join(dir, "go.work")
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
		dir = filepath.Dir(dir)
	}
}

// absolute reads a go.work and makes the paths in it absolute.
func absolute(path string) (*modfile.WorkFile, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	work, err := modfile.ParseWork(path, data, nil)
	if err != nil {
		return nil, err
	}
	whole := func(p string) string {
		if filepath.IsAbs(p) {
			return filepath.Clean(p)
		}
		return filepath.Join(filepath.Dir(path), p)
	}
	for _, use := range work.Use {
		use.Path = whole(use.Path)
	}
	for _, r := range work.Replace {
		if r.New.Version == "" {
			r.New.Path = whole(r.New.Path)
		}
	}
	return work, nil
}

// atLeast returns the newer of two Go versions, the second from a go.mod or go.work.
func atLeast(v string, line *modfile.Go) string {
	if line != nil && version.Compare("go"+line.Version, v) > 0 {
		return "go" + line.Version
	}
	return v
}

package app

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/specs"
)

// SourceFolder is the folder of an actor's sources; "": it is not here. A module that was
// uploaded, or is beside its sources, does not say which they are: then it is the only
// folder in src, or of several the one of the language that the module says it is made
// of; nil: that is not known.
func SourceFolder(a *specs.Actor, module *wasm.Module) string {
	if folder(a.Code.Source) {
		return a.Code.Source
	}
	src := filepath.Join(a.Dir, "src")
	entries, err := os.ReadDir(src)
	if a.Dir == "" || err != nil {
		return ""
	}
	var found []string
	for _, e := range entries {
		if e.IsDir() {
			found = append(found, e.Name())
		}
	}
	if len(found) == 1 {
		return filepath.Join(src, found[0])
	}
	for _, name := range found {
		if made(module, name) {
			return filepath.Join(src, name)
		}
	}
	return ""
}

// made says whether a module says that it is made of a language.
func made(module *wasm.Module, language string) bool {
	if module == nil {
		return false
	}
	for _, p := range module.Producers() {
		if p.Field == "language" && strings.EqualFold(p.Name, language) {
			return true
		}
	}
	return false
}

func folder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

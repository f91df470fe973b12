package main

import (
	_ "embed"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/grow-platform/grow/runtime/wasm/thin"
)

//go:embed modules
var list string

//go:embed actor.py
var actor []byte

// choice is a module of the suite, with what it takes from the folder test.
type choice struct {
	name  string
	takes []string // files, and folders with a slash behind
}

// choices returns the modules whose name begins with only.
func choices(only string) []choice {
	var all []choice
	for line := range strings.Lines(list) {
		words := strings.Fields(line)
		if len(words) > 0 && words[0] != "#" && strings.HasPrefix(words[0], only) {
			all = append(all, choice{words[0], words[1:]})
		}
	}
	return all
}

// pack makes the thin module that runs one module of the suite. Besides what that
// takes it has what tests share: the files of the folder test that are no tests
// themselves, and the package support.
func (c choice) pack(tests fs.FS, language, digest string) ([]byte, error) {
	files := map[string][]byte{thin.App + "main.py": actor}
	err := fs.WalkDir(tests, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && !c.has(name+"/"):
			return fs.SkipDir
		case d.IsDir() || !c.has(name):
			return nil
		}
		files[thin.Packages+"test/"+name], err = fs.ReadFile(tests, name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", c.name, err)
	}
	return thin.Pack(&thin.Actor{Language: language, Digest: digest, Files: files})
}

// has says whether the module's actor has a file, or a folder with a slash behind.
func (c choice) has(name string) bool {
	top, below, _ := strings.Cut(name, "/")
	if below != "" || strings.HasSuffix(name, "/") {
		return c.takesFolder(top)
	}
	if name == c.name+".py" || !strings.HasPrefix(name, "test_") && path.Ext(name) != ".pem" {
		return true
	}
	for _, taken := range c.takes {
		if taken == name {
			return true
		}
	}
	return false
}

func (c choice) takesFolder(top string) bool {
	if top == "support" {
		return true
	}
	for _, taken := range c.takes {
		if taken == top+"/" {
			return true
		}
	}
	return false
}

package interpreter

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/grow-platform/grow/compiler/cache"
	"github.com/grow-platform/grow/sdk"
)

//go:embed recipe reactor
var sources embed.FS

// format is the version of what this package makes of what the recipe made. It is
// part of the digest.
const format = "1"

// Step is a part of the recipe: a program, NAME/make, that makes a folder, given those
// of the steps before it. Each step is kept in the user's cache by its digest, so that
// a change of grow's own files does the last one only.
type Step struct {
	Name   string
	Digest string // of its files and of the steps before it: 64 hex digits
}

// steps are the names of the steps in their order, with the folders of files that
// each is made from.
var steps = []struct {
	name    string
	folders []string
}{
	{"compiler", []string{"compiler/"}},
	{"library", []string{"library/"}},
	{"runtime", []string{"runtime/", "reactor/", "python/"}},
}

// Steps returns the steps of the recipe in their order.
func Steps() []Step { return recipe().steps }

// Digest returns the digest of the recipe, which is that of the runtime.
func Digest() string {
	list := Steps()
	return list[len(list)-1].Digest
}

// Extract writes the files of the recipe to dir: the folders of the steps, reactor
// and python.
func Extract(dir string) error {
	for path, data := range recipe().files {
		path = filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

type whole struct {
	files map[string][]byte
	steps []Step
}

// recipe reads the recipe once. It is part of the binary, so a failure is a mistake of
// the build.
var recipe = sync.OnceValue(func() whole {
	w := whole{files: map[string][]byte{}}
	for _, from := range []struct {
		files   fs.FS
		dir, to string
	}{{sources, "recipe", ""}, {sources, "reactor", "reactor/"}, {sdk.Python(), ".", "python/"}} {
		if err := w.add(from.files, from.dir, from.to); err != nil {
			panic(fmt.Sprintf("interpreter: read recipe: %v", err))
		}
	}
	w.digest()
	return w
})

// add takes the files below dir.
func (w *whole) add(files fs.FS, dir, to string) error {
	return fs.WalkDir(files, dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, path)
		w.files[to+strings.TrimPrefix(path, dir+"/")] = data
		return err
	})
}

// digest gives every step its digest.
func (w *whole) digest() {
	before := format
	for _, step := range steps {
		parts := map[string]string{"before": before}
		for path, data := range w.files {
			for _, folder := range step.folders {
				if strings.HasPrefix(path, folder) {
					sum := sha256.Sum256(data)
					parts[path] = hex.EncodeToString(sum[:])
				}
			}
		}
		before = cache.Digest(parts)
		w.steps = append(w.steps, Step{step.name, before})
	}
}

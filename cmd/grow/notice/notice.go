// Package notice has the licenses of the software that the binary contains.
package notice

import (
	"cmp"
	"compress/gzip"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/grow-platform/grow/compiler/python/interpreter"
	"github.com/grow-platform/grow/host/console"
)

// License is that of one software.
type License struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Text    string `json:"text"` // of all its files that tell of it
}

// File is where in the folder dist the licenses of Go and its modules lie, which the
// command collect writes.
const File = "licenses.json.gz"

//go:embed dist
var dist embed.FS

// ErrModules says that a binary was not made by `make build`.
var ErrModules = errors.New("this binary was made without the licenses of the Go modules in it; make build makes one that has them")

// All returns the licenses, in the order of their names: of Go, its modules, the Python
// runtime and the packages in the console. Where some are missing it returns the others
// with the error.
func All() ([]License, error) {
	modules, err := goModules(dist)
	python, err2 := pythonRuntime()
	pages, err3 := consolePackages()
	all := slices.Concat(modules, python, pages)
	slices.SortFunc(all, func(a, b License) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.Version, b.Version))
	})
	return all, errors.Join(err, err2, err3)
}

func goModules(dist fs.FS) ([]License, error) {
	f, err := dist.Open("dist/" + File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrModules
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("read the licenses of the Go modules: %w", err)
	}
	return list, nil
}

// pythonRuntime are those of the runtime's parts; none where the runtime is not there.
func pythonRuntime() ([]License, error) {
	files, err := interpreter.Licenses()
	if errors.Is(err, interpreter.ErrMissing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []License
	err = fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		name, version, _ := strings.Cut(path, " ")
		list = append(list, License{name, version, string(text)})
		return err
	})
	return list, err
}

// consolePackages are those of the packages in the console; none where it is not there.
func consolePackages() ([]License, error) {
	packages, err := console.Licenses()
	if errors.Is(err, console.ErrMissing) {
		return nil, nil
	}
	list := make([]License, 0, len(packages))
	for _, p := range packages {
		list = append(list, License(p))
	}
	return list, err
}

// Read reads what Write has written.
func Read(r io.Reader) ([]License, error) {
	unpacked, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	var list []License
	return list, json.NewDecoder(unpacked).Decode(&list)
}

// Write writes licenses: the same ones as the same bytes.
func Write(w io.Writer, list []License) error {
	packed, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(packed).Encode(list); err != nil {
		return err
	}
	return packed.Close()
}

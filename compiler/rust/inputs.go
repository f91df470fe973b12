package rust

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/runtime/wasm/sources"
)

// inputs returns what outside the source folder went into the module: the
// sources of crates that are depended on by path, their manifests, and what
// cargo finds in the folders above.
func inputs(s compiler.Source, module, sdkDir string) []string {
	also := map[string]bool{}
	for _, file := range dependencies(strings.TrimSuffix(module, ".wasm") + ".d") {
		if inside(file, s.Path) || inside(file, sdkDir) {
			continue
		}
		also[file] = true
		for dir := filepath.Dir(file); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			if manifest := filepath.Join(dir, "Cargo.toml"); exists(manifest) {
				also[manifest] = true
				break
			}
		}
	}
	for dir := filepath.Dir(s.Path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		for _, name := range []string{"Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "rust-toolchain", ".cargo/config.toml"} {
			if path := filepath.Join(dir, filepath.FromSlash(name)); exists(path) {
				also[path] = true
			}
		}
	}
	var paths []string
	for path := range also {
		if exists(path) {
			paths = append(paths, path)
		}
	}
	sort.Strings(paths)
	return paths
}

// note has a module say what the local sources were that cargo made it of.
func note(draft, module string) error {
	digests := map[string]sources.Digest{}
	for _, file := range dependencies(strings.TrimSuffix(module, ".wasm") + ".d") {
		if data, err := os.ReadFile(file); err == nil && len(digests) < sources.Max {
			digests[filepath.ToSlash(file)] = sha256.Sum256(data)
		}
	}
	data, err := os.ReadFile(draft)
	if err != nil {
		return err
	}
	return os.WriteFile(draft, sources.Append(data, digests), 0o644)
}

// dependencies reads the file that cargo writes beside a module: a rule of
// make, with the module before a colon and the local sources after it.
func dependencies(file string) []string {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil // cargo wrote none: nothing is known of other crates
	}
	_, list, _ := strings.Cut(string(data), ": ")
	list, _, _ = strings.Cut(list, "\n")
	const space = "\x00"
	var files []string
	for _, name := range strings.Fields(strings.ReplaceAll(list, `\ `, space)) {
		files = append(files, strings.ReplaceAll(name, space, " "))
	}
	return files
}

func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

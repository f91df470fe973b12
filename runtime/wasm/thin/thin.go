// Package thin reads and writes thin modules: those that run on a language
// runtime, and carry nothing but the actor's own files.
//
// A thin module is a whole WebAssembly module by its form. It imports memory and
// the functions of the actor ABI from [Import], exports them again, and has no
// code of its own. Two custom sections say the rest:
//
//   - [SectionRuntime] holds the name of the language, a slash, and the digest of
//     the recipe of its runtime, in 64 hex digits.
//   - [SectionFiles] holds the files: for each the length of its path and the path,
//     the length of its content and the content, the lengths as unsigned LEB128. The
//     paths are relative, with slashes, as [fs.ValidPath] wants them, begin with
//     app/ or packages/, and ascend.
package thin

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/grow-platform/grow/runtime/wasm"
)

// The names in a thin module.
const (
	Import         = "grow_runtime" // what it imports from
	SectionRuntime = "grow.runtime"
	SectionFiles   = "grow.files"
	App            = "app/"      // the actor's own sources
	Packages       = "packages/" // what they depend on
)

// FilesMax is how many files a thin module carries at most.
const FilesMax = 10_000

// Actor is what a thin module says.
type Actor struct {
	Language string            // python
	Digest   string            // of its runtime: 64 hex digits
	Files    map[string][]byte // by path
}

// exports are the functions of the ABI by their types below.
var exports = []struct {
	name string
	kind byte
}{{"grow_alloc", 0}, {"grow_handle", 1}, {"grow_init", 2}}

// form is a thin module without its custom sections.
var form = makeForm()

func makeForm() []byte {
	b := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, content []byte) {
		b = append(binary.AppendUvarint(append(b, id), uint64(len(content))), content...)
	}
	const function, i32, i64 = 0x60, byte(wasm.I32), byte(wasm.I64)
	section(wasm.SectionType, []byte{3, function, 1, i32, 1, i32, function, 2, i32, i32, 1, i64, function, 2, i32, i32, 1, i32})
	in, out := []byte{byte(len(exports) + 1)}, []byte{byte(len(exports) + 1)}
	for i, e := range exports {
		in = append(text(text(in, Import), e.name), byte(wasm.KindFunc), e.kind)
		out = append(text(out, e.name), byte(wasm.KindFunc), byte(i))
	}
	in = append(text(text(in, Import), "memory"), byte(wasm.KindMemory), 0, 1)
	out = append(text(out, "memory"), byte(wasm.KindMemory), 0)
	section(wasm.SectionImport, in)
	section(wasm.SectionExport, out)
	return b
}

func text(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// Pack makes a thin module. The same actor makes the same bytes.
func Pack(a *Actor) ([]byte, error) {
	if len(a.Files) > FilesMax {
		return nil, fmt.Errorf("pack actor: %d files; at most %d are allowed", len(a.Files), FilesMax)
	}
	size := 0
	var files []byte
	for _, path := range slices.Sorted(maps.Keys(a.Files)) {
		if err := check(path); err != nil {
			return nil, fmt.Errorf("pack actor: %w", err)
		}
		size += len(path) + len(a.Files[path])
		if size > wasm.BinaryMax {
			return nil, fmt.Errorf("pack actor: the files have more than the %d MiB that a module may have", wasm.BinaryMax>>20)
		}
		files = text(text(files, path), string(a.Files[path]))
	}
	b := bytes.Clone(form)
	for _, s := range []struct {
		name    string
		content []byte
	}{{SectionRuntime, []byte(a.Language + "/" + a.Digest)}, {SectionFiles, files}} {
		b = append(b, wasm.SectionCustom)
		b = binary.AppendUvarint(b, uint64(len(text(nil, s.name))+len(s.content)))
		b = append(text(b, s.name), s.content...)
	}
	return b, nil
}

func check(path string) error {
	if !fs.ValidPath(path) || !strings.HasPrefix(path, App) && !strings.HasPrefix(path, Packages) {
		return fmt.Errorf("the path %q is not one below app/ or packages/", path)
	}
	return nil
}

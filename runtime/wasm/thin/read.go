package thin

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/grow-platform/grow/runtime/wasm"
)

// Is says whether a module says that it is thin.
func Is(m *wasm.Module) bool { return len(m.Customs(SectionRuntime)) > 0 }

// Read returns what a thin module says. What it returns aliases the binary. It
// fails with a *wasm.Error of code module.invalid.
func Read(m *wasm.Module) (*Actor, error) {
	names, files := m.Customs(SectionRuntime), m.Customs(SectionFiles)
	if len(names) != 1 || len(files) != 1 {
		return nil, invalid(fmt.Sprintf("the module has %d sections grow.runtime and %d grow.files; a thin module has one of each", len(names), len(files)))
	}
	if err := empty(m); err != nil {
		return nil, err
	}
	language, digest, _ := strings.Cut(string(names[0]), "/")
	if sum, err := hex.DecodeString(digest); err != nil || len(sum) != 32 || !word(language) {
		return nil, invalid(fmt.Sprintf("the section grow.runtime says %q; it must be the name of a language, a slash and 64 hex digits", wasm.Safe(string(names[0]))))
	}
	a := &Actor{Language: language, Digest: digest, Files: map[string][]byte{}}
	if err := a.read(files[0]); err != nil {
		return nil, err
	}
	return a, nil
}

// word says whether a name is one of a language: lower-case letters.
func word(name string) bool {
	return name != "" && len(name) <= 32 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") == ""
}

// empty refuses a module that has something of its own, or passes on something else
// than what the runtime has.
func empty(m *wasm.Module) error {
	switch {
	case len(m.Bodies)+len(m.Elements)+len(m.Data) > 0, m.Start >= 0, len(m.Tables)+len(m.Globals) > 0:
		return invalid("a thin module has no code, tables, globals or data of its own: what it says lies in grow.files")
	case m.ImportedMemories != len(m.Memories):
		return invalid("a thin module has no memory of its own: it imports that of " + Import)
	}
	names := map[wasm.Kind]map[int]string{wasm.KindFunc: {}, wasm.KindMemory: {}}
	for _, i := range m.Imports {
		if i.Module != Import {
			return invalid(fmt.Sprintf("a thin module imports %s.%s; it may import from %s only", wasm.Safe(i.Module), wasm.Safe(i.Name), Import))
		}
		names[i.Kind][i.Index] = i.Name
	}
	for _, e := range m.Exports {
		if names[e.Kind][e.Index] != e.Name {
			return invalid(fmt.Sprintf("a thin module exports %q, which is not what it imports under that name", wasm.Safe(e.Name)))
		}
	}
	return nil
}

// read reads the section of files.
func (a *Actor) read(b []byte) error {
	last := ""
	for len(b) > 0 {
		path, rest, ok := vector(b)
		content, rest, ok2 := vector(rest)
		if !ok || !ok2 {
			return invalid("the section grow.files is cut off, or a length in it is wrong")
		}
		if err := check(string(path)); err != nil {
			return invalid("the section grow.files is malformed: " + wasm.Safe(err.Error()))
		}
		if string(path) <= last {
			return invalid(fmt.Sprintf("the section grow.files is malformed: %q comes after %q", wasm.Safe(string(path)), wasm.Safe(last)))
		}
		if len(a.Files) == FilesMax {
			return invalid(fmt.Sprintf("the section grow.files has more than %d files", FilesMax))
		}
		last = string(path)
		a.Files[last], b = content, rest
	}
	return nil
}

// vector reads bytes with their length before them.
func vector(b []byte) (content, rest []byte, ok bool) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return nil, nil, false
	}
	return b[k : k+int(n)], b[k+int(n):], true
}

func invalid(reason string) error {
	return &wasm.Error{Code: wasm.CodeInvalid, Reason: reason}
}

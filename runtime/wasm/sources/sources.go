// Package sources is the section in which a debug build says what its sources were like:
// a debugger that is given others can say so. Its content is what sha256sum writes, a
// line for each source, with its path as the debug information of the module has it.
package sources

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/grow-platform/grow/runtime/wasm"
)

// Section is what the custom section is called.
const Section = "grow:sources"

// Max bounds the sources that are read of a section.
const Max = 10_000

// Digest is the SHA-256 of a source.
type Digest = [sha256.Size]byte

// Append appends the section to a module.
func Append(module []byte, digests map[string]Digest) []byte {
	content := append([]byte{byte(len(Section))}, Section...)
	for _, path := range slices.Sorted(maps.Keys(digests)) {
		if sum := digests[path]; !strings.ContainsAny(path, "\n") {
			content = append(content, hex.EncodeToString(sum[:])+"  "+path+"\n"...)
		}
	}
	module = append(slices.Clip(module), wasm.SectionCustom)
	return append(binary.AppendUvarint(module, uint64(len(content))), content...)
}

// Read reads the sections of a module, as far as they make sense.
func Read(m *wasm.Module) map[string]Digest {
	all := map[string]Digest{}
	for _, content := range m.Customs(Section) {
		for line := range strings.Lines(string(content)) {
			sum, path, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
			b, err := hex.DecodeString(sum)
			if ok && err == nil && len(b) == sha256.Size && len(all) < Max {
				all[path] = Digest(b)
			}
		}
	}
	return all
}

package wasm

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/grow-platform/grow/testdata/wat"
)

// corpus are the modules that the sources of wazero bring, of the specification
// with proposals and of its own fuzzing, and the fixtures of grow.
func corpus(t testing.TB) [][]byte {
	t.Helper()
	var all [][]byte
	err := filepath.WalkDir(wazeroDir(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".wasm" {
			return err
		}
		b, err := os.ReadFile(path)
		all = append(all, b)
		return err
	})
	if err != nil || len(all) < 7000 {
		t.Fatalf("%d modules: %v", len(all), err)
	}
	for _, name := range wat.Names() {
		all = append(all, wat.Module(name))
	}
	return all
}

package wazero

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
)

// kept are the files of wazero's cache, with what they hold.
func kept(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == sealFile {
			return err
		}
		files[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// use compiles the probe with the cache of a folder and has it answer.
func use(t *testing.T, dir string) {
	t.Helper()
	i := answered(t, load(t, start(t, dir), enginetest.Probe(), engine.Config{MemoryMax: 1 << 20}), &enginetest.Host{}, idle)
	if err := i.Close(); err != nil {
		t.Error(err)
	}
}

// TestCache: what was compiled is found again, and a damaged entry is made
// anew instead of being believed.
func TestCache(t *testing.T) {
	dir := t.TempDir()
	use(t, dir)
	before := kept(t, dir)
	if len(before) != 1 {
		t.Fatalf("%d files were kept", len(before))
	}
	var file string
	for file = range before {
	}
	first, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	use(t, dir)
	if again, err := os.Stat(file); err != nil || !os.SameFile(first, again) {
		t.Errorf("an entry that is well was made anew, %v", err)
	}
	flip := func(at int) func(b []byte) []byte {
		return func(b []byte) []byte {
			if at < 0 {
				at += len(b)
			}
			b[at] ^= 0xff
			return b
		}
	}
	functions := bytes.IndexByte(before[file], 0) - 1 // roughly where their number lies
	for what, damage := range map[string]func(b []byte) []byte{
		"cut":       func(b []byte) []byte { return b[:len(b)/2] },
		"emptied":   func([]byte) []byte { return nil },
		"longer":    func(b []byte) []byte { return append(b, 0) },
		"scribbled": func(b []byte) []byte { return bytes.Repeat([]byte{0xcc}, len(b)) },
		"counts":    func(b []byte) []byte { binary.LittleEndian.PutUint32(b[functions:], 1<<31); return b },
		"magic":     flip(0), "version": flip(7), "table": flip(functions + 16), "code": flip(len(before[file]) / 2), "end": flip(-1),
	} {
		if err := os.WriteFile(file, damage(bytes.Clone(before[file])), 0o600); err != nil {
			t.Fatal(err)
		}
		use(t, dir)
		if b, err := os.ReadFile(file); err != nil || !bytes.Equal(b, before[file]) {
			t.Errorf("%s: the entry was not made anew: %d bytes, %v", what, len(b), err)
		}
	}
	// An entry without a seal, and a seal that is none.
	seal := filepath.Join(filepath.Dir(filepath.Dir(file)), sealFile)
	for _, damage := range []func() error{
		func() error { return os.Remove(seal) }, func() error { return os.WriteFile(seal, []byte("seal"), 0o600) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		use(t, dir)
		if !sealed(filepath.Dir(seal)) {
			t.Error("the entry was not sealed anew")
		}
	}
}

// TestCacheInTheWay: a cache that cannot be used is done without.
func TestCacheInTheWay(t *testing.T) {
	dir := t.TempDir()
	use(t, dir)
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d folders, %v", len(list), err)
	}
	entry := filepath.Join(dir, list[0].Name())
	if err := os.RemoveAll(entry); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(entry, []byte("a file where a folder should be"), 0o600); err != nil {
		t.Fatal(err)
	}
	use(t, dir)
	// The folder of all entries is gone, or is a file.
	gone := filepath.Join(dir, "gone")
	e := start(t, gone)
	if err := os.RemoveAll(gone); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(gone, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	i := answered(t, load(t, e, enginetest.Probe(), engine.Config{MemoryMax: 1 << 20}), &enginetest.Host{}, idle)
	if err := i.Close(); err != nil {
		t.Error(err)
	}
	if _, err := New(t.Context(), Options{CacheDir: filepath.Join(gone, "below")}); err == nil {
		t.Error("a folder that cannot be made was accepted")
	}
}

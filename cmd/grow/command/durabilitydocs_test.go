package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/testdata/wat"
)

// TestDurabilityDocs does what docs/durability.md says. The crash is a copy of
// what is on disk while the service runs, which is all that a crash leaves.
func TestDurabilityDocs(t *testing.T) {
	before, after, ok := strings.Cut(readGuide(t, "docs/durability.md"), "\n### After a crash\n")
	if !ok {
		t.Fatal("docs/durability.md has other parts than this test knows")
	}
	dir, crashed := t.TempDir(), filepath.Join(t.TempDir(), "crashed")
	blocks := blocksOf(before)
	for _, b := range blocks {
		if b.file != "" {
			b.put(t, dir)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "actors/book/module.wasm"), wat.Module("ledger"), 0o600); err != nil {
		t.Fatal(err)
	}
	follow(t, blocks, dir, calling(dir, keptIn(t, dir)))
	if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	follow(t, blocksOf(after), crashed, calling(crashed, keptIn(t, crashed)))
}

// keptIn starts the service in dir with its journal there.
func keptIn(t *testing.T, dir string) *app.Host {
	t.Helper()
	service, err := app.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]string{}
	for name, a := range service.Actors {
		modules[name] = a.Code.Source
	}
	return started(t, app.Options{Dir: dir, Service: service, Modules: modules, Listen: "127.0.0.1:0", CacheDir: t.TempDir()})
}

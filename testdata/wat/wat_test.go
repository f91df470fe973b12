package wat

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
)

// TestBinaries compiles every .wat again, where wabt is installed, and holds
// the result against the .wasm beside it.
func TestBinaries(t *testing.T) {
	sources, err := filepath.Glob("*.wat")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range sources {
		names = append(names, strings.TrimSuffix(s, ".wat"))
	}
	if !slices.Equal(names, Names()) {
		t.Fatalf("sources %q, binaries %q", names, Names())
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !strings.Contains(string(readme), "| `"+name+"` |") {
			t.Errorf("README.md has no line for %s", name)
		}
	}
	tool, err := exec.LookPath("wat2wasm")
	if err != nil {
		t.Skip("wat2wasm is not installed")
	}
	for _, name := range names {
		out := filepath.Join(t.TempDir(), name)
		if said, err := exec.CommandContext(t.Context(), tool, name+".wat", "-o", out).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, said)
			continue
		}
		made, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(made, Module(name)) {
			t.Errorf("%s.wasm is not what wat2wasm makes of %s.wat", name, name)
		}
	}
}

// TestImports holds what the ledger imports and that every module is valid.
func TestImports(t *testing.T) {
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter())
	defer r.Close(t.Context())
	want := map[string][]string{
		"ledger": {"grow.call", "grow.answer"}, "initfail": {"grow.call"}, "badimport": {"env.system"},
		"exit": {"wasi_snapshot_preview1.proc_exit"}, "stdout": {"wasi_snapshot_preview1.fd_write"},
		"hog":   {"grow.call", "wasi_snapshot_preview1.poll_oneoff", "wasi_snapshot_preview1.fd_write"},
		"flood": {"wasi_snapshot_preview1.fd_write"}, "impostor": {"wasi_snapshot_preview1.fd_write", "grow.call"},
		"calls": {"grow.call"},
	}
	for _, name := range Names() {
		m, err := r.CompileModule(t.Context(), Module(name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var imports []string
		for _, f := range m.ImportedFunctions() {
			module, field, _ := f.Import()
			imports = append(imports, module+"."+field)
		}
		if !slices.Equal(imports, want[name]) {
			t.Errorf("%s imports %q", name, imports)
		}
	}
}

func TestLedgerCases(t *testing.T) {
	l, err := LedgerCases()
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Cases) < 8 || len(l.Config) < 64 {
		t.Errorf("%d cases with config %s", len(l.Cases), l.Config)
	}
}

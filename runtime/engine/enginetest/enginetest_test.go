package enginetest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestBinaries: the binaries are what wabt makes of the texts.
func TestBinaries(t *testing.T) {
	tool, err := exec.LookPath("wat2wasm")
	if err != nil {
		t.Skip("wat2wasm (wabt) is not installed")
	}
	for _, name := range []string{"probe", "toy"} {
		out := filepath.Join(t.TempDir(), name+".wasm")
		if b, err := exec.Command(tool, "testdata/"+name+".wat", "-o", out).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		made, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if kept, err := files.ReadFile("testdata/" + name + ".wasm"); err != nil || !bytes.Equal(made, kept) {
			t.Errorf("testdata/%s.wasm is not of its text: see testdata/README.md", name)
		}
	}
}

// TestWasm: the modules that the suite builds, against an independent reader.
func TestWasm(t *testing.T) {
	tool, err := exec.LookPath("wasm-validate")
	if err != nil {
		t.Skip("wasm-validate (wabt) is not installed")
	}
	full := Actor(Code(Const64(-1<<40), Op(Drop), Const32(-65), Op(Drop), Const32(1<<31-1), Op(Drop), Get(1), Op(Extend64))...)
	full.Imports = []Import{{Module: "grow", Name: "answer", Params: I32 + I32, Results: I32, Export: "again"}}
	full.Funcs = append(full.Funcs, Func{Code: Code(Const32(200), Const32(64), Call(0), Op(Drop))})
	full.Memory = []int{1, 300}
	full.Start = 3
	full.Data = []Data{{At: 64, Bytes: "data"}, {At: 65000, Bytes: "more"}}
	for name, w := range map[string]*Wasm{"empty": {}, "actor": Actor(handled...), "full": full} {
		file := filepath.Join(t.TempDir(), "w.wasm")
		if err := os.WriteFile(file, w.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if b, err := exec.Command(tool, file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, b)
		}
	}
}

package wasm

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// TestWazeroAgrees: what is accepted wazero accepts too, without custom sections.
func TestWazeroAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 2))
	all := corpus(t)
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(api.CoreFeaturesV2))
	defer rt.Close(ctx)
	for i := range 12_000 {
		b := all[r.IntN(len(all))]
		if len(b) > 5_000 {
			continue
		}
		if i%4 != 0 {
			b = mutate(r, b)
		}
		if m, err := Decode(b); err == nil && fits(m) {
			compiled, err := rt.CompileModule(ctx, stripped(m))
			if err != nil {
				t.Errorf("%x: wazero: %v", b, err)
				continue
			}
			_ = compiled.Close(ctx)
		}
	}
}

// stripped is the binary without its custom sections, which wazero may refuse.
func stripped(m *Module) []byte {
	b := bytes.Clone(m.Binary[:8])
	for i := range m.Sections {
		if s := &m.Sections[i]; s.ID != SectionCustom {
			b = append(b, m.Binary[s.At:s.End]...)
		}
	}
	return b
}

// fits leaves out what wazero has limits of its own for.
func fits(m *Module) bool {
	for _, memory := range m.Memories {
		if memory.Min > 1000 {
			return false
		}
	}
	for _, i := range m.Imports {
		if i.Module == "" {
			return false
		}
	}
	return true
}

// validator asks node whether modules are valid: V8 says. Its answer is one byte for
// each module, which goes to it with its length before it.
const validator = `
let all = Buffer.alloc(0);
process.stdin.on('data', part => {
  all = Buffer.concat([all, part]);
  const out = [];
  while (all.length >= 4 && all.length >= 4 + all.readUInt32LE(0)) {
    const n = all.readUInt32LE(0);
    out.push(WebAssembly.validate(all.subarray(4, 4 + n)) ? 1 : 0);
    all = all.subarray(4 + n);
  }
  process.stdout.write(Buffer.from(out));
});`

// v8 says which of the modules V8 takes for valid.
func v8(t *testing.T, modules [][]byte) []bool {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	cmd := exec.Command(node, "-e", validator)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var writing sync.WaitGroup
	writing.Go(func() {
		defer in.Close()
		for _, b := range modules {
			if _, err := in.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...)); err != nil {
				return // reading tells
			}
		}
	})
	answers := make([]byte, len(modules))
	_, err = io.ReadFull(out, answers)
	writing.Wait()
	if err != nil || cmd.Wait() != nil {
		t.Fatalf("ask node: %v", err)
	}
	said := make([]bool, len(modules))
	for i, a := range answers {
		said[i] = a == 1
	}
	return said
}

// wabt says whether wasm-validate takes a module for valid.
func wabt(t *testing.T, b []byte) bool {
	t.Helper()
	tool, err := exec.LookPath("wasm-validate")
	if err != nil {
		t.Skip("wasm-validate is not installed")
	}
	file := filepath.Join(t.TempDir(), "m.wasm")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return exec.Command(tool, file).Run() == nil
}

// TestOracles: nothing is accepted that V8 and wabt both refuse, and what both accept
// is refused for a feature or a limit only. What they say of features differs with
// their versions, so only the differences of validity count.
func TestOracles(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 3))
	var all [][]byte
	for _, b := range corpus(t) {
		if len(b) < 20_000 {
			all = append(all, b)
		}
	}
	var valid [][]byte
	for _, b := range all {
		if _, err := Decode(b); err == nil {
			valid = append(valid, b)
		}
	}
	for range 50_000 {
		all = append(all, mutate(r, valid[r.IntN(len(valid))]))
	}
	said := v8(t, all)
	asked, yes := 0, 0
	for i, b := range all {
		_, err := Decode(b)
		var e *Error
		if err != nil {
			e = err.(*Error)
		}
		if said[i] {
			yes++
		}
		switch {
		case err == nil && !said[i], e != nil && e.Code == CodeInvalid && said[i]:
			if asked++; wabt(t, b) == (err == nil) {
				continue
			}
			t.Errorf("we say %v, V8 and wabt %v: %x", err, said[i], b)
		}
	}
	if yes < 5_000 || yes > len(all)-5_000 {
		t.Errorf("of %d modules %d are valid: they show nothing", len(all), yes)
	}
	t.Logf("%d modules, %d valid, %d decided by wabt", len(all), yes, asked)
}

package order

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/tetratelabs/wazero"
)

// TestBinary compiles c/order.c again, where the compiler is installed that made
// order.wasm, and holds the result against it.
func TestBinary(t *testing.T) {
	clang, err := exec.LookPath("clang-14")
	if err != nil {
		t.Skip("clang-14 is not installed")
	}
	lld, err := exec.LookPath("wasm-ld-14")
	if err != nil {
		t.Skip("wasm-ld-14 is not installed")
	}
	// In two steps: a clang that links runs wasm-opt where it finds one.
	object, out := filepath.Join(t.TempDir(), "order.o"), filepath.Join(t.TempDir(), "order.wasm")
	for _, command := range [][]string{
		{clang, "--target=wasm32", "-O2", "-nostdlib", "-fno-builtin", "-Wall", "-Wextra", "-Werror", "-c", "-o", object, "c/order.c"},
		{lld, "--no-entry", "--strip-debug", "-o", out, object},
	} {
		if said, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
	made, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made, Module()) {
		t.Error("order.wasm is not what clang 14 makes of order.c")
	}
}

func TestOrder(t *testing.T) {
	ctx := t.Context()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx)
	m, err := r.Instantiate(ctx, Module())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ order, kind, want string }{
		{`{"id":"o-1","customer":"c \"42\"","total":1234.5,"items":[{"sku":"A","qty":2,"price":19.9},{"qty":1,"price":-0.5,"x":[{}, null]}],"note":"x"}`,
			"echo.done", `{"id":"o-1","customer":"c \"42\"","total":1234.50,"sum":39.30}`},
		{` { } `, "echo.done", `{"id":"","customer":"","total":0.00,"sum":0.00}`},
		{`{"id":"o-1"`, "grow.error", "not an order"},
		{`{"id":"o-1}`, "grow.error", "not an order"},
		{`{"id":"o-1"}}`, "grow.error", "not an order"},
		{`{"id" "o-1"}`, "grow.error", "not an order"},
		{``, "grow.error", "not an order"},
	} {
		frame := abi.NewMessage([]byte(c.order), abi.Type, "order.placed", abi.ID, "m-1").Frame()
		at, err := m.ExportedFunction("grow_alloc").Call(ctx, uint64(len(frame)))
		if err != nil {
			t.Fatal(err)
		}
		if !m.Memory().Write(uint32(at[0]), frame) {
			t.Fatal("the block lies outside memory")
		}
		answer, err := m.ExportedFunction("grow_handle").Call(ctx, at[0], uint64(len(frame)))
		if err != nil {
			t.Fatal(err)
		}
		b, _ := m.Memory().Read(uint32(answer[0]>>32), uint32(answer[0]))
		reader, err := abi.NewReader(b)
		if err != nil {
			t.Fatalf("%s: answer %q: %v", c.order, b, err)
		}
		var v abi.View
		if ok, err := reader.Next(&v); !ok || err != nil {
			t.Fatalf("%s: answer %q: %v", c.order, b, err)
		}
		if string(v.Type) != c.kind || string(v.Data) != c.want {
			t.Errorf("%s: %s %s, want %s %s", c.order, v.Type, v.Data, c.kind, c.want)
		}
		if c.kind == "echo.done" && !json.Valid(v.Data) {
			t.Errorf("%s is not JSON", v.Data)
		}
	}
}

package probe

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/runtime/wasm/meter"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// everywhere wants a probe before each instruction, with all locals.
func everywhere(m *wasm.Module) []Function {
	var all []Function
	for i := range m.Bodies {
		var locals []uint32
		for l := range uint32(LocalsMax) {
			locals = append(locals, l)
		}
		all = append(all, Find(m, i, nil, locals, func(*wasm.Instr) bool { return true }))
	}
	return all
}

// rewrite rewrites, and checks that what comes out is valid; nil: it is now beyond a
// limit.
func rewrite(t testing.TB, m *wasm.Module, all []Function) *Module {
	t.Helper()
	out, err := Rewrite(m, all)
	if err == nil {
		_, err = wasm.Decode(out.Binary)
	}
	var known *wasm.Error
	if errors.As(err, &known) && known.Code == wasm.CodeLimit {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// corpus are the modules that the sources of wazero bring, those of the
// specification's test suite among them.
func corpus(t testing.TB) [][]byte {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	err = filepath.WalkDir(strings.TrimSpace(string(dir)), func(path string, d fs.DirEntry, err error) error {
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
	return all
}

// TestCorpus: each module of the corpus is valid with probes before all instructions,
// before metering and after it, to an engine as well; places lead there and back.
func TestCorpus(t *testing.T) {
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(api.CoreFeaturesV2))
	defer rt.Close(ctx)
	done := 0
	for _, b := range corpus(t) {
		m, err := wasm.Decode(b)
		if err != nil || len(b) > 20_000 {
			continue
		}
		all := everywhere(m)
		out := rewrite(t, m, all)
		if out == nil {
			continue
		}
		for _, f := range all {
			for _, at := range f.At {
				if back := out.Offsets.Old(out.Offsets.New(at)); back != at {
					t.Fatalf("%d is at %d, which was at %d", at, out.Offsets.New(at), back)
				}
			}
		}
		metered, err := meter.Rewrite(m, meter.Options{Offsets: true})
		if err != nil {
			continue
		}
		m2, err := wasm.Decode(metered.Binary)
		if err != nil {
			continue // beyond a limit
		}
		moves := make(Offsets, len(metered.Offsets))
		for i, o := range metered.Offsets {
			moves[i] = Offset(o)
		}
		out = rewrite(t, m2, Move(all, moves))
		if out == nil || len(m.Memories) > 0 && m.Memories[0].Min > 1000 {
			continue
		}
		if compiled, err := rt.CompileModule(ctx, out.Binary); err != nil && !strings.Contains(err.Error(), "empty module name") {
			t.Errorf("%x: wazero: %v", b, err)
		} else if err == nil {
			_ = compiled.Close(ctx)
		}
		done++
	}
	if done < 1000 {
		t.Errorf("only %d modules", done)
	}
}

// factorial is a module whose function f (i64) -> i64 has a loop, and a function of
// type (f32, f64, i32) -> () that calls nothing.
const factorial = "\x00asm\x01\x00\x00\x00" +
	"\x01\x0c\x02\x60\x01\x7e\x01\x7e\x60\x03\x7d\x7c\x7f\x00" +
	"\x03\x03\x02\x00\x01" +
	"\x07\x09\x02\x01f\x00\x00\x01g\x00\x01" +
	"\x0a\x25\x02" +
	"\x20\x01\x01\x7e\x42\x01\x21\x01\x03\x40\x20\x00\x20\x01\x7e\x21\x01\x20\x00\x42\x01\x7d\x22\x00\x42\x00\x52\x0d\x00\x0b\x20\x01\x0b" +
	"\x02\x00\x0b"

// TestRun: a probe is called where it is armed, each time, with the locals; what is not
// armed is not called, and the result is the same.
func TestRun(t *testing.T) {
	m, err := wasm.Decode([]byte(factorial))
	if err != nil {
		t.Fatal(err)
	}
	loop := uint32(strings.Index(factorial, "\x03\x40"))
	all := []Function{
		Find(m, 0, []uint32{uint32(m.Bodies[0].Start), loop}, []uint32{1, 0, 9}, nil),
		Find(m, 1, []uint32{0}, []uint32{0, 1, 2}, nil),
	}
	want := []uint32{uint32(m.Bodies[0].Code), loop, loop + 2}
	if !reflect.DeepEqual(all[0].At, want) || !reflect.DeepEqual(all[0].Locals, []uint32{0, 1}) {
		t.Fatalf("places %v, locals %v", all[0].At, all[0].Locals)
	}
	out := rewrite(t, m, all)
	if out.Probes != 4 || out.Flags != 1 || !slices.Equal(out.Imports, []int{2, 3}) {
		t.Fatalf("%d probes, %d flags, imports %v", out.Probes, out.Flags, out.Imports)
	}
	var calls [][]uint64
	ctx := t.Context()
	rt := wazero.NewRuntime(ctx)
	defer rt.Close(ctx)
	host := rt.NewHostModuleBuilder(ImportModule)
	for _, n := range out.Imports {
		types := append([]api.ValueType{api.ValueTypeI32}, slices.Repeat([]api.ValueType{api.ValueTypeI64}, n)...)
		host.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, _ api.Module, stack []uint64) {
			calls = append(calls, slices.Clone(stack[:len(types)]))
		}), types, nil).Export(strconv.Itoa(n))
	}
	if _, err := host.Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	running, err := rt.Instantiate(ctx, out.Binary)
	if err != nil {
		t.Fatal(err)
	}
	flags := running.ExportedGlobal(FlagName(0)).(api.MutableGlobal)
	call := func(armed uint64) [][]uint64 {
		calls = nil
		flags.Set(armed)
		if r, err := running.ExportedFunction("f").Call(ctx, 4); err != nil || r[0] != 24 {
			t.Fatalf("%v, %v", r, err)
		}
		return calls
	}
	if got := call(0); got != nil {
		t.Errorf("not armed: %v", got)
	}
	if got := call(1 << 1); !reflect.DeepEqual(got, [][]uint64{{1, 4, 1}}) {
		t.Errorf("before the loop: %v", got)
	}
	if got := call(1 << 2); !reflect.DeepEqual(got, [][]uint64{{2, 4, 1}, {2, 3, 4}, {2, 2, 12}, {2, 1, 24}}) {
		t.Errorf("each turn: %v", got)
	}
	calls = nil
	flags.Set(1 << 3)
	if _, err := running.ExportedFunction("g").Call(ctx, api.EncodeF32(1), api.EncodeF64(2), 3); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(calls, [][]uint64{{3, 0x3f800000, 0x4000000000000000, 3}}) {
		t.Errorf("bits of locals: %x", calls)
	}
}

// TestLimits: a module with too many probes is refused, a function gets no more than
// it may.
func TestLimits(t *testing.T) {
	m, err := wasm.Decode([]byte(factorial))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Rewrite(m, []Function{{At: make([]uint32, ProbesMax+1)}}); err == nil || err.(*wasm.Error).Code != wasm.CodeLimit {
		t.Errorf("%d probes: %v", ProbesMax+1, err)
	}
	out := rewrite(t, m, nil)
	if out.Probes != 0 || out.Flags != 0 || out.Imports != nil {
		t.Errorf("no probes: %+v", out)
	}
}

// FuzzRewrite: whatever is decoded is rewritten, always to the same, and what is
// written is valid, unless something that was near a limit is now beyond it.
func FuzzRewrite(f *testing.F) {
	f.Add([]byte(factorial), byte(0))
	f.Fuzz(func(t *testing.T, b []byte, step byte) {
		m, err := wasm.Decode(b)
		if err != nil {
			return
		}
		n := 0
		var all []Function
		for i := range m.Bodies {
			all = append(all, Find(m, i, []uint32{uint32(step)}, []uint32{0, uint32(step)}, func(*wasm.Instr) bool {
				n++
				return n%(int(step)+1) == 0
			}))
		}
		out := rewrite(t, m, all)
		if out == nil {
			return
		}
		if again := rewrite(t, m, all); !bytes.Equal(again.Binary, out.Binary) {
			t.Error("not the same again")
		}
	})
}

// TestOffsets: what was inserted is within what stood before it, and never in what
// follows.
func TestOffsets(t *testing.T) {
	o := Offsets{{Old: 10, New: 20}, {Old: 14, New: 40}}
	for at, want := range map[uint32]uint32{5: 5, 20: 10, 23: 13, 24: 13, 39: 13, 40: 14, 45: 19} {
		if got := o.Old(at); got != want {
			t.Errorf("%d was at %d; want %d", at, got, want)
		}
	}
	for at, want := range map[uint32]uint32{5: 5, 10: 20, 13: 23, 14: 40, 20: 46} {
		if got := o.New(at); got != want {
			t.Errorf("%d is at %d; want %d", at, got, want)
		}
	}
}

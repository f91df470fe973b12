package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/testdata/wat"
)

// guest is one instance of an actor with the least of a host around it: the
// imports of the ABI, what every host grants, state in memory.
type guest struct {
	t       testing.TB
	imports []string // module.name, of functions
	module  api.Module
	alloc   api.Function
	handler api.Function
	block   uint32
	room    int
	stack   [2]uint64

	config  []byte
	states  map[string]map[string]string // by key, then by name
	open    map[string]string            // of the message being handled
	logs    []wat.Line
	waiting []byte
}

// subject is an instance of an actor that is tested.
type subject interface {
	// send has it handle a message with the attributes that hosts set.
	send(typ, key string, data []byte, more ...string) ([]output, error)
	// raw has it handle a frame; the answer lies in its memory.
	raw(frame []byte) ([]byte, error)
	// lines are what it logged for the last message, and state is a key's value "".
	lines() []wat.Line
	state(key string) string
	// why is what it said of a failure.
	why(err error) string
}

func (g *guest) lines() []wat.Line { return g.logs }

// why is the one line that it logged last, at level error.
func (g *guest) why(error) string {
	if len(g.logs) != 1 || g.logs[0].Level != "error" {
		return ""
	}
	return g.logs[0].Text
}

func (g *guest) state(key string) string { return g.states[key][""] }

// open makes an instance of the ledger in a language.
func open(t testing.TB, language string, config []byte) subject {
	t.Helper()
	if language == "python" {
		return pythonOf(t, compilePython(t, ledger(t, language), 1), config)
	}
	return start(t, ledger(t, language), config)
}

// start makes an instance of an actor and hands it its config.
func start(t testing.TB, binary, config []byte) *guest {
	t.Helper()
	ctx := context.Background()
	how := wazero.NewRuntimeConfigInterpreter() // what takes long here is compiling
	if _, ok := t.(*testing.B); ok {
		how = wazero.NewRuntimeConfigCompiler()
	}
	r := wazero.NewRuntimeWithConfig(ctx, how)
	t.Cleanup(func() { r.Close(ctx) })
	g := &guest{t: t, config: config, states: map[string]map[string]string{}}
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	four := []api.ValueType{api.ValueTypeI32, api.ValueTypeI32, api.ValueTypeI32, api.ValueTypeI32}
	_, err := r.NewHostModuleBuilder(abi.ImportModule).
		NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(g.call), four, four[:1]).Export(abi.ImportCall).
		NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(g.answer), four[:2], four[:1]).Export(abi.ImportAnswer).
		Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := r.CompileModule(ctx, binary)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range compiled.ImportedFunctions() {
		module, name, _ := f.Import()
		g.imports = append(g.imports, module+"."+name)
	}
	slices.Sort(g.imports)
	if g.module, err = r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithStartFunctions(abi.ExportInitialize)); err != nil {
		t.Fatal(err)
	}
	g.alloc, g.handler = g.module.ExportedFunction(abi.ExportAlloc), g.module.ExportedFunction(abi.ExportHandle)
	if f := g.module.ExportedFunction(abi.ExportABI); f != nil {
		if version, err := f.Call(ctx); err != nil || version[0] != abi.Version {
			t.Fatalf("grow_abi: %v, %v", version, err)
		}
	}
	if f := g.module.ExportedFunction(abi.ExportInit); f != nil {
		p, n := g.input(abi.NewMessage(config, abi.Type, abi.TypeInit).Frame())
		if code, err := f.Call(ctx, p, n); err != nil || code[0] != 0 {
			t.Fatalf("grow_init: %v, %v; %v", code, err, g.logs)
		}
	}
	return g
}

// input writes a frame to the guest's block.
func (g *guest) input(frame []byte) (p, n uint64) {
	if len(frame) > g.room {
		got, err := g.alloc.Call(context.Background(), uint64(len(frame)))
		if err != nil || got[0] == 0 || got[0]%8 != 0 {
			g.t.Fatalf("grow_alloc: %v, %v", got, err)
		}
		g.block, g.room = uint32(got[0]), len(frame)
	}
	if !g.module.Memory().Write(g.block, frame) {
		g.t.Fatal("grow_alloc: a block outside memory")
	}
	return uint64(g.block), uint64(len(frame))
}

// raw has the guest handle a frame; the answer lies in its memory.
func (g *guest) raw(frame []byte) ([]byte, error) {
	g.stack[0], g.stack[1] = g.input(frame)
	if err := g.handler.CallWithStack(context.Background(), g.stack[:]); err != nil {
		return nil, err
	}
	if g.stack[0] == 0 {
		return nil, nil
	}
	answer, ok := g.module.Memory().Read(uint32(g.stack[0]>>32), uint32(g.stack[0]))
	if !ok {
		return nil, errors.New("abi.answer: outside memory")
	}
	return answer, nil
}

// output is a message that the guest sent.
type output struct {
	attrs map[string]string
	data  string
}

// send has the guest handle a message with the attributes that hosts set. What
// it writes to state is kept unless it refuses or fails.
func (g *guest) send(typ, key string, data []byte, more ...string) ([]output, error) {
	g.logs = nil
	if g.open = maps.Clone(g.states[key]); g.open == nil {
		g.open = map[string]string{}
	}
	answer, err := g.raw(input(typ, key, data, more...).Frame())
	if err != nil || answer == nil {
		return nil, err
	}
	return g.sent(key, answer)
}

// sent reads what a guest answered, and keeps what it wrote to state.
func (g *guest) sent(key string, answer []byte) ([]output, error) {
	r, err := abi.NewReader(answer)
	if err != nil {
		return nil, fmt.Errorf("abi.frame: %w", err)
	}
	var list []output
	for r.Left() > 0 {
		var v abi.View
		if _, err := r.Next(&v); err != nil {
			return nil, fmt.Errorf("abi.frame: %w", err)
		}
		o := output{attrs: map[string]string{}, data: string(v.Data)}
		for name, value := range v.All() {
			o.attrs[string(name)] = string(value)
		}
		if o.attrs[abi.Type] == abi.TypeError {
			return []output{o}, nil
		}
		list = append(list, o)
	}
	g.states[key] = g.open
	return list, nil
}

// input is a message as a host makes it.
func input(typ, key string, data []byte, more ...string) *abi.Message {
	attrs := append([]string{
		abi.ID, "01J8ZQ6Y7N3V5W9X1B2C4D6E8F.1", abi.Source, "orders", abi.Type, typ,
		abi.Time, time.Unix(1_800_000_000, 0).UTC().Format(time.RFC3339Nano), abi.ContentType, abi.ContentJSON,
		abi.TraceParent, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		abi.Correlation, "01J8ZQ6Y7N3V5W9X1B2C4D6E8F", abi.Causation, "01J8ZQ6Y7N3V5W9X1B2C4D6E8F", abi.Attempt, "1",
	}, more...)
	if key != "" {
		attrs = append(attrs, abi.Subject, key)
	}
	return abi.NewMessage(data, attrs...)
}

// call is grow.call. A panic unwinds the guest and becomes the error of the call.
func (g *guest) call(_ context.Context, m api.Module, stack []uint64) {
	request, ok := m.Memory().Read(uint32(stack[0]), uint32(stack[1]))
	if !ok {
		panic(errors.New("abi.request: outside memory"))
	}
	answer, err := g.serve(request)
	if err != nil {
		panic(fmt.Errorf("abi.request: %w", err))
	}
	g.waiting = nil
	if uint32(len(answer)) > uint32(stack[3]) {
		g.waiting = answer
	} else if !m.Memory().Write(uint32(stack[2]), answer) {
		panic(errors.New("abi.request: outside memory"))
	}
	stack[0] = uint64(len(answer))
}

// answer is grow.answer.
func (g *guest) answer(_ context.Context, m api.Module, stack []uint64) {
	n := len(g.waiting)
	if n == 0 || uint32(n) > uint32(stack[1]) {
		stack[0] = 0
		return
	}
	if !m.Memory().Write(uint32(stack[0]), g.waiting) {
		panic(errors.New("abi.request: outside memory"))
	}
	g.waiting, stack[0] = nil, uint64(n)
}

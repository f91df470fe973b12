package wazero

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm/probe"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// probes are what an image knows of the probes in it.
type probes struct {
	*engine.Debug
	binary []byte // the original; nil: somebody else has admitted it with its probes
	locals []int  // how many a probe hands over, each number once, ascending
	flags  [probe.FlagsMax]place

	admit  sync.Mutex
	probed *admission.Probed // nil: nobody has asked for it
}

// compileProbed is Compile with probes. What is admitted so is another module than
// without them, and is kept by another key.
func (r *machine) compileProbed(ctx context.Context, wasm []byte, c engine.Config) (engine.Module, error) {
	p := &probes{Debug: c.Debug, binary: wasm}
	digest := sha256.Sum256(wasm)
	h := sha256.New()
	fmt.Fprintf(h, "grow probes 2 %x", digest)
	for _, f := range c.Debug.Probed {
		_ = binary.Write(h, binary.LittleEndian, []int64{int64(f.Body), int64(len(f.At)), int64(len(f.Locals))}) // a hash takes everything
		_ = binary.Write(h, binary.LittleEndian, f.At)
		_ = binary.Write(h, binary.LittleEndian, f.Locals)
	}
	if r.options.Admitted {
		p.binary = nil
	}
	b := newImage(Key(h.Sum(nil)), r.options, false)
	b.probes = p
	l, err := b.link(ctx, wasm, func([]byte) ([]byte, error) {
		a, err := p.admitted()
		if err != nil {
			return nil, err
		}
		return a.Code, nil
	})
	var info engine.Info
	if err == nil {
		info = l.info()
		info.Digest, info.Size = "sha256:"+hex.EncodeToString(digest[:]), len(wasm)
		err = fits(info.MemoryMin, c.MemoryMax)
	}
	if err != nil {
		_ = b.close(ctx) // the fault is what matters
		return nil, err
	}
	return &module{machine: r, image: b, linked: l, about: info, memoryMax: c.MemoryMax / pageSize * pageSize, answerMax: answerMax(c)}, nil
}

// admitted is the module with probes, which is not made before it is needed: where
// its machine code is kept that is when a guest first reports.
func (p *probes) admitted() (*admission.Probed, error) {
	p.admit.Lock()
	defer p.admit.Unlock()
	if p.probed == nil {
		a, err := admission.Probe(p.binary, p.Probed)
		if err != nil {
			return nil, err
		}
		p.probed = a
	}
	return p.probed, nil
}

// linkProbes makes the module that probes are imported from. Its functions are
// listened to, for only listeners see the stack.
func (l *linked) linkProbes(ctx context.Context) error {
	b := l.runtime.NewHostModuleBuilder(probe.ImportModule)
	for _, n := range l.probes.locals {
		types := append([]api.ValueType{i32}, slices.Repeat([]api.ValueType{i64}, n)...)
		serve := func(ctx context.Context, _ api.Module, stack []uint64) { serveProbe(ctx, stack[:1+n]) }
		b = b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(serve), types, nil).Export(strconv.Itoa(n))
	}
	if _, err := b.Instantiate(experimental.WithFunctionListenerFactory(ctx, listener{})); err != nil {
		return fmt.Errorf("link probes: %w", err)
	}
	return nil
}

// listener implements experimental.FunctionListener for probes.
type listener struct{}

// NewFunctionListener implements experimental.FunctionListenerFactory.
func (listener) NewFunctionListener(api.FunctionDefinition) experimental.FunctionListener {
	return listener{}
}

// Before notes the stack of a guest at a probe that is armed.
func (listener) Before(ctx context.Context, _ api.Module, _ api.FunctionDefinition, params []uint64, stack experimental.StackIterator) {
	t := ctx.(*instance).traced
	if t == nil {
		return
	}
	t.stack = t.stack[:0]
	if t.mode(int(uint32(params[0]))) != loud {
		return
	}
	for stack.Next() && len(t.stack) < callsMax {
		f := stack.Function()
		d := f.Definition()
		if d.GoFunction() == nil && d.ModuleName() != probe.ImportModule {
			t.stack = append(t.stack, called{int(d.Index()), f.SourceOffsetForPC(stack.ProgramCounter())})
		}
	}
}

// After implements experimental.FunctionListener.
func (listener) After(context.Context, api.Module, api.FunctionDefinition, []uint64) {}

// Abort implements experimental.FunctionListener.
func (listener) Abort(context.Context, api.Module, api.FunctionDefinition, error) {}

// callsMax bounds the calls that are told of: those further out are left out.
const callsMax = 10_000

// called is a function that is being executed: its index, and where in the code
// section.
type called struct {
	function int
	at       uint64
}

// traced is an instance that is debugged. It implements engine.Traced.
type traced struct {
	on     *instance
	probes *probes
	tracer engine.Tracer
	stack  []called // of the guest at a probe
	own    int      // index of the first function that is not imported, as it is compiled

	arming sync.Mutex
	flags  []counter
	armed  atomic.Pointer[armed]
}

// mode is how a probe reports.
type mode byte

const (
	silent mode = iota // not at all
	brief              // without the calls
	loud
)

// armed are the probes that report.
type armed struct {
	all  bool
	some map[int]mode
}

// trace has an instance followed, if somebody wants to.
func (l *linked) trace(i *instance, h engine.Host) {
	if l.probes.Attach == nil {
		return
	}
	t := &traced{on: i, probes: l.probes, own: l.own + l.added()}
	for k := range probe.FlagsMax {
		g, ok := i.running.ExportedGlobal(probe.FlagName(k)).(api.MutableGlobal)
		if !ok {
			break
		}
		t.flags = append(t.flags, l.probes.flags[k].find(i.running, g))
	}
	if t.tracer = l.probes.Attach(t, h); t.tracer != nil {
		i.traced = t
	}
}

func (t *traced) mode(id int) mode {
	a := t.armed.Load()
	switch {
	case a == nil:
		return silent
	case a.all:
		return loud
	}
	return a.some[id]
}

// Arm implements engine.Traced.
func (t *traced) Arm(all, quiet []int) {
	a := &armed{some: make(map[int]mode, len(all)+len(quiet))}
	var flags [probe.FlagsMax]uint64
	arm := func(ids []int, m mode) {
		for _, id := range ids {
			g, bit := probe.Flag(id)
			flags[g] |= bit
			a.some[id] = max(a.some[id], m)
		}
	}
	arm(all, loud)
	arm(quiet, brief)
	t.set(a, &flags)
}

// ArmAll implements engine.Traced.
func (t *traced) ArmAll() {
	var flags [probe.FlagsMax]uint64
	for i := range flags {
		flags[i] = ^uint64(0)
	}
	t.set(&armed{all: true}, &flags)
}

// set sets the flags. The guest may be reading them: it loads each anew at each probe,
// and a load of 64 bits that are aligned sees what was there before or what is now.
func (t *traced) set(a *armed, flags *[probe.FlagsMax]uint64) {
	t.arming.Lock()
	defer t.arming.Unlock()
	t.armed.Store(a)
	for i := range t.flags {
		if c := &t.flags[i]; c.at != nil {
			atomic.StoreUint64(c.at, flags[i])
		} else {
			c.global.Set(flags[i])
		}
	}
}

// Memory implements engine.Traced.
func (t *traced) Memory() engine.Memory {
	b, _ := t.on.memory.Read(0, t.on.memory.Size())
	return engine.Bytes(b)
}

// Global implements engine.Traced.
func (t *traced) Global(index int) (uint64, bool) {
	m, ok := t.on.running.(experimental.InternalModule)
	if !ok || index < 0 || index >= m.NumGlobal() {
		return 0, false
	}
	return m.Global(index).Get(), true
}

// serveProbe is what the guest calls at a probe whose flag is set.
func serveProbe(ctx context.Context, stack []uint64) {
	defer guard()
	i := ctx.(*instance)
	id := int(uint32(stack[0]))
	if i.traced == nil {
		return
	}
	m := i.traced.mode(id)
	if m == silent {
		return
	}
	a := engine.NewArrival(id, stack[1:], sync.OnceValue(i.traced.calls))
	if err := i.traced.tracer.Arrive(a); err != nil {
		throw(err)
	}
}

// calls are the functions of the guest's author that are being executed.
func (t *traced) calls() []engine.Call {
	all := make([]engine.Call, 0, len(t.stack))
	for _, c := range t.stack {
		if c.function >= t.own {
			all = append(all, t.probes.call(c.at))
		}
	}
	return all
}

// call is where the code that was made of the original is at. Of what others have admitted
// the original is not here.
func (p *probes) call(at uint64) engine.Call {
	if p.binary == nil {
		return engine.Call{Body: -1, At: uint32(at)}
	}
	a, err := p.admitted()
	if err != nil {
		return engine.Call{Body: -1} // it was admitted before
	}
	return a.Call(at)
}

// trapped has the tracer look at a guest that has trapped. All that is left of its calls
// is what wazero says of them, in a text.
func (t *traced) trapped(err error, f *engine.Error) {
	if f.Code != engine.CodeTrap && f.Code != engine.CodeStack && f.Code != engine.CodeMemory {
		return
	}
	var all []engine.Call
	for _, line := range sourceLine.FindAllStringSubmatch(err.Error(), engine.TrapCallsMax) {
		if at, err := strconv.ParseUint(line[1], 16, 32); err == nil {
			all = append(all, t.probes.call(at))
		}
	}
	t.tracer.Trap(engine.NewArrival(-1, nil, func() []engine.Call { return all }), f)
}

// begin has the tracer know that something is handled.
func (t *traced) begin() error {
	err := t.tracer.Begin()
	if err != nil {
		t.on.breaks()
	}
	return err
}

// handle is Handle of an instance that is followed.
func (t *traced) handle(h engine.Host, in engine.Input) (engine.Answer, error) {
	if err := t.begin(); err != nil {
		return engine.Answer{}, err
	}
	a, err := t.on.hand(h, in)
	t.tracer.End(err)
	return a, err
}

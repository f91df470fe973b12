package native

import (
	"debug/dwarf"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm"
)

// halt implements debug.Halt.
type halt struct {
	program *program
	guest   *guest
	arrival *engine.Arrival
	place   *place
	cause   debug.Cause
	text    string
	trapped bool       // nothing is left but memory, globals and the innermost calls
	panics  *panicking // the guest is shown as it was then; nil: it is as it is

	frames []frame // nil: not yet worked out
	based  []base
	refs   []holder // by reference, which is one more
}

// frame is a function that is being executed, inlined ones too.
type frame struct {
	call     int // index of the function it is part of, among those called
	at       uint32
	function *scope   // of the call; nil: not known
	scopes   []*scope // that are its own, outermost first
	shown    debug.Frame
}

// holder is what a reference stands for.
type holder struct {
	frame int
	group []debug.Variable // a scope; nil: the parts of value
	value value
	path  string
}

// Cause implements debug.Halt.
func (h *halt) Cause() debug.Cause { return h.cause }

// Text implements debug.Halt.
func (h *halt) Text() string { return h.text }

// Position implements debug.Halt.
func (h *halt) Position() debug.Position { return h.program.lines.position(h.place.row) }

// Depth implements debug.Halt.
func (h *halt) Depth() int { return len(h.all()) }

// global is one of the guest's.
func (h *halt) global(i int) (uint64, bool) {
	if h.panics != nil && i == stackPointer {
		return h.panics.pointer, true
	}
	return h.guest.traced.Global(i)
}

func (h *halt) memory() engine.Memory { return h.guest.traced.Memory() }

// calls are the functions of the module that are being executed, without those that
// were added to it.
func (h *halt) calls() []engine.Call {
	return slices.DeleteFunc(slices.Clone(h.arrival.Calls()), func(c engine.Call) bool { return c.Body >= len(h.program.m.Bodies) })
}

// all are the frames.
func (h *halt) all() []frame {
	if h.frames != nil {
		return h.frames
	}
	defer h.program.look()()
	for i, c := range h.calls() {
		r := h.program.lines.rowAt(c.Body, c.At)
		if i == 0 {
			c.At, r = h.place.at, h.place.row
		}
		h.frames = append(h.frames, h.program.unfold(i, c, r)...)
	}
	return h.frames
}

// unfold makes of a call the frames that its function has inlined, innermost first.
func (p *program) unfold(call int, c engine.Call, r row) []frame {
	f := frame{call: call, at: c.At}
	f.shown = debug.Frame{Function: p.title(c.Body), Position: p.lines.position(r), Own: p.owned(r), Address: uint64(c.At)}
	if p.symbols == nil || uint64(c.At) < p.symbols.code {
		return []frame{f}
	}
	pc := uint64(c.At) - p.symbols.code
	if f.function = p.symbols.functionAt(pc); f.function == nil {
		return []frame{f}
	}
	path := p.symbols.path(f.function, pc)
	f.shown.Function = f.function.name
	var all []frame
	for i := len(path) - 1; i >= 0; i-- {
		f.scopes = slices.Insert(f.scopes, 0, path[i])
		if i > 0 && path[i].tag != dwarf.TagInlinedSubroutine {
			continue
		}
		inlined := f
		if i > 0 {
			inlined.shown.Function, inlined.shown.Inlined = path[i].name, true
		}
		inlined.shown.Own = inlined.shown.Own && !derived(inlined.shown.Function)
		all = append(all, inlined)
		if i > 0 {
			at := p.callRow(path[i])
			f.shown.Position, f.shown.Own, f.scopes = p.lines.position(at), p.owned(at), nil
		}
	}
	return all
}

// derived says whether a function is one that a macro has made: those of #[derive] are in a
// constant without a name, and on the line of the attribute.
func derived(function string) bool { return strings.Contains(function, "::_::") }

// callRow is where a function was inlined.
func (p *program) callRow(s *scope) row {
	r := s.call
	files := s.unit.files
	if r.file < 0 || int(r.file) >= len(files) || files[r.file] < 0 {
		return row{file: -1}
	}
	r.file = files[r.file]
	return r
}

func (p *program) owned(r row) bool { return r.file >= 0 && p.lines.files[r.file].own }

// Frames implements debug.Halt.
func (h *halt) Frames(start, n int) ([]debug.Frame, error) {
	all := h.all()
	start = min(max(start, 0), len(all))
	all = all[start:min(start+max(n, 0), len(all))]
	shown := make([]debug.Frame, len(all))
	for i := range all {
		shown[i] = all[i].shown
	}
	return shown, nil
}

func (h *halt) frame(i int) (*frame, error) {
	all := h.all()
	if i < 0 || i >= len(all) {
		return nil, fmt.Errorf("frame %d: %w", i, debug.ErrUnknown)
	}
	return &all[i], nil
}

// Scopes implements debug.Halt.
func (h *halt) Scopes(i int) ([]debug.Variable, error) {
	f, err := h.frame(i)
	if err != nil {
		return nil, err
	}
	defer h.program.look()()
	groups := []debug.Variable{h.group("Locals", i, h.locals(i, f))}
	if all := h.globals(i, f); len(all) > 0 {
		groups = append(groups, h.group("Globals", i, all))
	}
	return groups, nil
}

func (h *halt) group(name string, frame int, all []debug.Variable) debug.Variable {
	if all == nil {
		all = []debug.Variable{}
	}
	h.refs = append(h.refs, holder{frame: frame, group: all})
	return debug.Variable{Name: name, Children: debug.Reference(len(h.refs)), Named: len(all)}
}

// locals are the variables of a frame, arguments first. One that is hidden by another
// of the same name is left out.
func (h *halt) locals(i int, f *frame) []debug.Variable {
	if h.program.symbols == nil {
		return h.bare(f)
	}
	var all []debug.Variable
	for _, v := range f.visible() {
		all = append(all, h.show(i, v.name, v.name, h.valueOf(f, v)))
	}
	return all
}

// visible are the variables of a frame that have a name, in their order.
func (f *frame) visible() []*variable {
	var all []*variable
	at := map[string]int{}
	for _, s := range f.scopes {
		for _, v := range s.vars {
			if v.name == "" {
				continue
			}
			if k, hidden := at[v.name]; hidden {
				all[k] = v
				continue
			}
			at[v.name] = len(all)
			all = append(all, v)
		}
	}
	return all
}

// bare are the locals of a function that nothing is known of.
func (h *halt) bare(f *frame) []debug.Variable {
	o := h.program.owners[h.place.body]
	if f.call > 0 || o == nil {
		return nil
	}
	names := h.program.names.Locals(h.program.m.ImportedFuncs + h.place.body)
	var all []debug.Variable
	for i, l := range o.locals {
		v := debug.Variable{Name: names[int(l)]}
		if v.Name == "" {
			v.Name = fmt.Sprintf("local%d", l)
		}
		if h.trapped {
			v.Fault = errTrapped.Error()
		} else {
			v.Value = fmt.Sprintf("%#x", h.arrival.Locals[i])
		}
		all = append(all, v)
	}
	return all
}

// globalsMax bounds the globals that are listed.
const globalsMax = debug.ChildrenMax

// globals are those of the crate, or of the file, that a frame is of.
func (h *halt) globals(i int, f *frame) []debug.Variable {
	var all []debug.Variable
	if h.program.symbols == nil || f.function == nil {
		return nil
	}
	for _, u := range h.program.symbols.units {
		if u.dir != f.function.unit.dir || h.program.symbols.open(u) != nil {
			continue
		}
		for _, v := range u.vars {
			if len(all) < globalsMax && !generated(v.name) {
				all = append(all, h.show(i, v.name, v.name, h.valueOf(f, v)))
			}
		}
	}
	return all
}

// generated says whether a global is the compiler's: a table of methods, say.
func generated(name string) bool { return name == "" || strings.Contains(name, "{vtable") }

// valueOf is what a variable is in a frame.
func (h *halt) valueOf(f *frame, v *variable) value {
	s := h.program.symbols
	x := value{t: s.typ(v.typ), mem: h.memory()}
	if v.constant != nil {
		x.data = v.constant
		return x
	}
	got, err := s.evaluate(s.placeAt(v, uint64(f.at)-s.code), v.unit, at{h, f})
	switch {
	case err != nil:
		x.fault = err
	case got.value != nil:
		x.data = got.value
	default:
		x.at = uint64(uint32(got.address))
	}
	return x
}

// show is a value as others see it.
func (h *halt) show(frame int, name, path string, v value) debug.Variable {
	x := debug.Variable{Name: name, Type: v.t.title(), Path: path}
	if err := v.reach(max(v.t.bytes(), 0)); err != nil {
		x.Fault = err.Error()
		return x
	}
	if v.data == nil {
		x.Memory, x.Bytes = v.at, int(min(max(v.t.bytes(), 0), lengthMax))
		low, ok := h.low()
		x.Stack = ok && v.at >= low && v.at < h.program.stackTop()
	}
	x.Value = v.line()
	if w := v.view(); w.part != nil && w.parts() > 0 {
		v.hops = 0
		h.refs = append(h.refs, holder{frame: frame, value: v, path: path})
		x.Children, x.Named, x.Indexed = debug.Reference(len(h.refs)), w.named, w.indexed
	}
	return x
}

func (h *halt) holder(r debug.Reference) (holder, error) {
	if r < 1 || int(r) > len(h.refs) {
		return holder{}, fmt.Errorf("reference %d: %w", r, debug.ErrUnknown)
	}
	return h.refs[r-1], nil
}

// Children implements debug.Halt.
func (h *halt) Children(r debug.Reference, start, n int) ([]debug.Variable, error) {
	x, err := h.holder(r)
	if err != nil {
		return nil, err
	}
	defer h.program.look()()
	if n <= 0 || n > debug.ChildrenMax {
		n = debug.ChildrenMax
	}
	if x.group != nil {
		start = min(max(start, 0), len(x.group))
		return x.group[start:min(start+n, len(x.group))], nil
	}
	w := x.value.view()
	var all []debug.Variable
	for i := max(start, 0); i < w.parts() && len(all) < n; i++ {
		name, v := w.part(i)
		path := x.path
		if path != "" && w.path != nil {
			path = extended(path, name, &w)
		}
		all = append(all, h.show(x.frame, name, path, v))
	}
	return all, nil
}

// extended is the path of a part.
func extended(path, name string, w *view) string {
	if name == "*" {
		return "(*" + path + ")"
	}
	return path + w.path(name)
}

// Set implements debug.Halt.
func (h *halt) Set(frame int, r debug.Reference, name, text string) (debug.Variable, error) {
	x, err := h.holder(r)
	if err != nil {
		return debug.Variable{}, err
	}
	f, err := h.frame(frame)
	if err != nil {
		return debug.Variable{}, err
	}
	defer h.program.look()()
	e := evaluator{h: h, f: f}
	var to value
	path := name
	if x.group != nil {
		if to, err = e.named(name); err != nil {
			return debug.Variable{}, err
		}
	} else {
		to, err = part(x.value, name)
		if err != nil {
			return debug.Variable{}, err
		}
		path = ""
	}
	b, err := e.bytes(to, text)
	if h.program.exhausted() {
		err = debug.ErrEndless
	}
	if err != nil {
		return debug.Variable{}, fmt.Errorf("set %s: %w", name, err)
	}
	if to.data != nil || to.bits != nil || to.fault != nil {
		return debug.Variable{}, fmt.Errorf("set %s: %w: it does not lie in memory", name, debug.ErrReadOnly)
	}
	if err := h.WriteMemory(to.at, b); err != nil {
		return debug.Variable{}, err
	}
	return h.show(frame, name, path, to), nil
}

// Memory implements debug.Halt.
func (h *halt) Memory(address uint64, n int) ([]byte, error) {
	mem := h.memory()
	if address > mem.Size() || n < 0 {
		return nil, errOutside
	}
	b, err := mem.Read(address, int(min(uint64(n), mem.Size()-address)))
	return slices.Clone(b), err
}

// WriteMemory implements debug.Halt.
func (h *halt) WriteMemory(address uint64, p []byte) error { return h.memory().Write(address, p) }

// Instructions implements debug.Halt.
func (h *halt) Instructions(frame, offset, n int) ([]debug.Instruction, error) {
	f, err := h.frame(frame)
	if err != nil {
		return nil, err
	}
	if n < 0 || n > debug.ChildrenMax {
		return nil, errors.New("too many instructions are wanted")
	}
	p := h.program
	body := h.calls()[f.call].Body
	var all []debug.Instruction
	own := 0
	in := wasm.Instr{}
	for scan := p.m.Scan(body); scan.Next(&in); {
		if in.At <= int(f.at) {
			own = len(all)
		}
		all = append(all, debug.Instruction{Address: uint64(in.At), Text: textOf(p.m, &p.names, &in), Position: p.lines.position(p.lines.rowAt(body, uint32(in.At)))})
	}
	from := own + offset
	none := min(max(-from, 0), n) // before the first
	from = min(max(from, 0), len(all))
	return append(make([]debug.Instruction, none), all[from:min(from+n-none, len(all))]...), nil
}

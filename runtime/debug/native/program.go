package native

import (
	"bytes"
	"context"
	"crypto/md5" // as DWARF has it
	"crypto/sha256"
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/runtime/wasm/probe"
	"github.com/grow-platform/grow/runtime/wasm/sources"
	"github.com/grow-platform/grow/runtime/wasm/thin"
)

// New returns the language of all modules that are no thin ones.
func New() debug.Language { return language{} }

type language struct{}

// Open implements debug.Language. A module whose debug information makes no sense, or is
// beyond the limits, is debugged by function and instruction.
func (language) Open(ctx context.Context, binary []byte, files fs.FS) (debug.Program, error) {
	m, err := wasm.Decode(binary)
	if err != nil {
		return nil, fmt.Errorf("read module: %w", err)
	}
	if thin.Is(m) {
		return nil, nil
	}
	p := &program{m: m, sources: files, names: names{Names: m.Names(), imported: m.ImportedFuncs}, language: "wasm"}
	if err := p.symbolic(ctx); err != nil {
		if stopped := ctx.Err(); stopped != nil {
			return nil, fmt.Errorf("read what the module says of its source: %w", stopped)
		}
		*p = program{m: m, sources: files, names: p.names, language: "wasm",
			notes: []string{err.Error() + ": it is debugged by function and instruction"}}
	}
	if p.symbols == nil {
		if p.names.golang = readGo(m); p.names.golang != nil {
			p.language = "go"
			p.notes = append(p.notes, "Go writes no lines for WebAssembly: it is debugged by function and instruction")
		} else if len(p.notes) == 0 && slices.ContainsFunc(m.Producers(), rustc) {
			p.notes = append(p.notes, "the module says nothing of its lines: it is debugged by function and instruction; grow build --debug makes one that says them")
		}
		p.lines, p.text = listing(m, &p.names)
		p.plan(false)
	}
	return p, nil
}

func rustc(p wasm.Producer) bool { return p.Field == "language" && p.Name == "Rust" }

// symbolic has the module be debugged by what it says of its source, if it says
// something.
func (p *program) symbolic(ctx context.Context) error {
	s, err := readSymbols(ctx, p.m)
	if err != nil || s == nil {
		return err
	}
	p.symbols = s
	p.lines = readLines(p.m, s, p.sources)
	p.plan(p.describe())
	if s.err == nil && len(p.probes) == 0 {
		return errNowhere
	}
	return s.err
}

// errNowhere is for debug information by which nothing can be found.
var errNowhere = fmt.Errorf("%w: it names no line of the module's code", errDebug)

// program implements debug.Program.
type program struct {
	m        *wasm.Module
	sources  fs.FS
	names    names
	language string
	notes    []string
	lines    *lines
	text     []byte // the listing of a module without symbols
	probed   []engine.Probed
	probes   []place         // by their numbers
	byLine   map[spot][]int  // those before statements
	owners   map[int]*probed // by body
	entries  []int           // the probes of those that are kept, see probed

	mu      sync.Mutex // of symbols, which are read as they are asked for
	symbols *symbols   // nil: there are none
}

// look begins to look at a guest, with a limit on the work, and returns what ends it.
func (p *program) look() (end func()) {
	p.mu.Lock()
	if p.symbols != nil {
		p.symbols.begin(context.Background(), lookMax)
	}
	return p.mu.Unlock
}

// exhausted says whether what was looked at took more work than it may.
func (p *program) exhausted() bool { return p.symbols != nil && p.symbols.err != nil }

// place is where a probe stands.
type place struct {
	body  int
	at    uint32
	row   row
	loop  bool // only because a loop begins there
	panic bool // the guest is about to trap
}

// spot is a line.
type spot struct{ file, line int32 }

// probed is a function with probes.
type probed struct {
	function *scope // nil: not known
	locals   []uint32
	// kept are parameters that hold the address of an argument, as Rust passes what is
	// large, and never change: they are noted when the function is entered, at the probe
	// with the number entry, so that they are known when it is a caller. nil: none.
	kept  []uint32
	entry int
	frame frameInfo
}

// languages of DWARF (DWARF 5, section 7.12).
var languages = map[int64]string{0x02: "c", 0x0c: "c", 0x1d: "c", 0x2c: "c", 0x01: "c", 0x1c: "rust", 0x04: "c++", 0x1a: "c++", 0x21: "c++"}

// describe finds the language, and what is to be said of the module. It returns whether
// that is optimised.
func (p *program) describe() (optimised bool) {
	p.language = "native"
	for _, u := range p.symbols.units {
		if name := languages[u.lang]; name != "" && (p.language == "native" || name == "rust") {
			p.language = name
		}
	}
	p.symbols.rust = p.language == "rust"
	if !slices.ContainsFunc(p.lines.files, func(s source) bool { return s.own }) && p.sources != nil {
		p.notes = append(p.notes, "none of the sources that the module was built from is among the actor's")
	}
	p.compare()
	if optimised = p.optimised(); optimised {
		p.notes = append(p.notes, "the module is optimised: lines run in another order, and variables may be missing; grow build --debug makes one that is not")
	}
	return optimised
}

// sourceMax bounds the bytes of a source that is compared with the one that was built.
const sourceMax = 4 << 20

// compare notes which of the actor's sources are not those that the module was built from,
// as far as the build or the compiler says what those were like.
func (p *program) compare() {
	built := sources.Read(p.m)
	for i := range p.lines.files {
		f := &p.lines.files[i]
		sum, known := built[f.path]
		if !f.own || !known && f.digest == nil || p.sources == nil {
			continue
		}
		info, err := fs.Stat(p.sources, f.name)
		if err != nil || info.Size() > sourceMax || !p.symbols.spend(statWork+int(info.Size())/4) {
			continue
		}
		now, err := fs.ReadFile(p.sources, f.name)
		if err != nil {
			continue
		}
		same := sum == sha256.Sum256(now)
		if !known {
			sum := md5.Sum(now)
			same = bytes.Equal(sum[:], f.digest)
		}
		if !same {
			p.notes = append(p.notes, f.name+" is not as it was when the actor was built: lines are those of then")
		}
	}
}

// optimised guesses whether the module is: only then do variables move.
func (p *program) optimised() bool {
	for _, u := range p.symbols.units {
		if !slices.ContainsFunc(u.files, func(f int32) bool { return f >= 0 && p.lines.files[f].own }) {
			continue
		}
		_ = p.symbols.open(u) // what can be read of it counts
		if slices.ContainsFunc(u.funcs, listed) {
			return true
		}
	}
	return false
}

// listed says whether a function has variables whose places change.
func listed(f *scope) bool {
	return slices.ContainsFunc(f.vars, func(v *variable) bool { return v.list >= 0 && !v.argument }) || slices.ContainsFunc(f.inner, listed)
}

// plan decides where probes stand: at each line of a function that is not all of the
// standard library, and where a panic begins.
func (p *program) plan(optimised bool) {
	p.byLine, p.owners = map[spot][]int{}, map[int]*probed{}
	for body := range p.m.Bodies {
		if len(p.probes) >= probe.ProbesMax-probe.FunctionMax {
			p.notes = append(p.notes, "the module is too large for probes in all of its functions: breakpoints in some of them do nothing")
			break
		}
		panics := p.panics(body)
		rows := p.statements(body)
		if len(rows) == 0 && !panics {
			continue
		}
		o := &probed{frame: p.frame(body)}
		if p.symbols != nil {
			pc := uint64(p.m.Bodies[body].Code) - p.symbols.code
			if o.function = p.symbols.functionAt(pc); o.function != nil {
				o.locals = p.symbols.wanted(o.function)
			}
		} else {
			o.locals = p.first(body)
		}
		var at []uint32
		for _, r := range rows {
			at = append(at, r.at)
		}
		if p.symbols != nil && !optimised && len(rows) > 0 && p.owned(rows[0]) {
			o.kept = p.parameters(body, o.frame, o.locals)
		}
		if panics || o.kept != nil {
			at = append(at, 0)
		}
		f := probe.Find(p.m, body, at, o.locals, func(in *wasm.Instr) bool { return in.Op == wasm.OpUnreachable })
		o.locals = f.Locals
		if o.entry = len(p.probes); o.kept != nil {
			p.entries = append(p.entries, o.entry)
		}
		p.owners[body] = o
		p.place(f, rows, panics)
	}
}

// parameters are those of some locals of a function that are parameters, and never
// assigned to. A function whose frame cannot be worked out has none.
func (p *program) parameters(body int, info frameInfo, locals []uint32) []uint32 {
	if !info.known {
		return nil
	}
	set := map[uint32]bool{info.local: true}
	in := wasm.Instr{}
	for scan := p.m.Scan(body); scan.Next(&in); {
		if in.Op == wasm.OpLocalSet || in.Op == wasm.OpLocalTee {
			set[in.Index] = true
		}
	}
	var all []uint32
	n := len(p.m.TypeOf(p.m.ImportedFuncs + body).Params)
	for _, l := range locals {
		if int(l) < n && !set[l] {
			all = append(all, l)
		}
	}
	return all
}

// first are the first locals of a function.
func (p *program) first(body int) []uint32 {
	all := make([]uint32, probe.LocalsMax)
	for i := range all {
		all[i] = uint32(i)
	}
	return all
}

// place notes the probes of a function.
func (p *program) place(f probe.Function, rows []row, panics bool) {
	p.probed = append(p.probed, engine.Probed(f))
	next := 0
	for i, at := range f.At {
		x := place{body: f.Body, at: at, row: p.lines.rowAt(f.Body, at), loop: true}
		for ; next < len(rows) && rows[next].at <= at; next++ {
			x.loop, x.row = false, rows[next]
		}
		x.panic = panics && i == 0 || p.m.Binary[at] == byte(wasm.OpUnreachable)
		if !x.loop {
			s := spot{x.row.file, x.row.line}
			p.byLine[s] = append(p.byLine[s], len(p.probes))
		}
		p.probes = append(p.probes, x)
	}
}

// panics says whether a function is where Rust's panics begin.
func (p *program) panics(body int) bool {
	name := p.names.Func(p.m.ImportedFuncs + body)
	return strings.Contains(name, "rust_begin_unwind")
}

// statements are the rows of a body at which another line begins; none: it is all of
// the standard library.
func (p *program) statements(body int) []row {
	var all []row
	foreign := true
	last := spot{file: -1}
	for _, r := range p.lines.rows[body] {
		s := spot{r.file, r.line}
		if r.line == 0 || r.prologue || s == last {
			continue
		}
		last = s
		foreign = foreign && p.lines.files[r.file].std
		all = append(all, r)
	}
	if foreign {
		return nil
	}
	return all
}

// wanted are the locals that a function's variables are kept in.
func (s *symbols) wanted(f *scope) []uint32 {
	all := localsOf(f.base, nil)
	var walk func(*scope)
	walk = func(in *scope) {
		for _, v := range in.vars {
			all = localsOf(v.place, all)
			s.locations(v, func(_, _ uint64, place []byte) bool {
				all = localsOf(place, all)
				return len(all) < listMax
			})
		}
		for _, next := range in.inner {
			walk(next)
		}
	}
	walk(f)
	return all
}

// Language implements debug.Program.
func (p *program) Language() string { return p.language }

// Notes implements debug.Program.
func (p *program) Notes() []string { return slices.Clone(p.notes) }

// Files implements debug.Program.
func (p *program) Files() []string {
	var all []string
	for i := range p.lines.files {
		all = append(all, p.lines.files[i].name)
	}
	slices.Sort(all)
	return all
}

// Source implements debug.Program.
func (p *program) Source(file string) ([]byte, error) {
	f, err := p.lines.named(file)
	if err != nil {
		return nil, err
	}
	if p.text != nil {
		return p.text, nil
	}
	x := &p.lines.files[f]
	if !x.own || p.sources == nil {
		return nil, fmt.Errorf("source %s: %w: it is not one of the actor's", file, debug.ErrUnknown)
	}
	b, err := fs.ReadFile(p.sources, x.name)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", file, err)
	}
	return b, nil
}

// Bind implements debug.Program.
func (p *program) Bind(file string, line int) (debug.Position, error) {
	f, err := p.lines.named(file)
	if err != nil {
		return debug.Position{}, err
	}
	return p.lines.bind(f, line)
}

// Function implements debug.Program. Of a function that was compiled several times,
// for several types, it returns the places of all.
func (p *program) Function(name string) ([]debug.Position, error) {
	var all []debug.Position
	for body := range p.m.Bodies {
		if _, ok := p.owners[body]; !ok || !matches(p.title(body), name) {
			continue
		}
		if at, ok := p.entry(body); ok && !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("function %s: %w", name, debug.ErrUnknown)
	}
	return all, nil
}

// Address implements debug.Addressed.
func (p *program) Address(at uint64) (uint64, error) {
	body := sort.Search(len(p.m.Bodies), func(i int) bool { return uint64(p.m.Bodies[i].End) > at })
	if body < len(p.m.Bodies) && at >= uint64(p.m.Bodies[body].Start) {
		// Probes are in the order of the code.
		i := sort.Search(len(p.probes), func(i int) bool { return uint64(p.probes[i].at) >= at })
		if i < len(p.probes) && p.probes[i].body == body {
			return uint64(p.probes[i].at), nil
		}
	}
	return 0, fmt.Errorf("instruction at %#x: %w", at, debug.ErrNoCode)
}

// entry is the line of a function's first statement: behind what makes its frame.
func (p *program) entry(body int) (debug.Position, bool) {
	rows := p.statements(body)
	after := p.frame(body).set
	for i, r := range rows {
		if p.text != nil || r.at > after || i == len(rows)-1 {
			x := p.lines.position(r)
			x.Column = 0
			return x, true
		}
	}
	return debug.Position{}, false
}

// matches says whether a function is meant by a name: by the whole, or its last part.
func matches(full, name string) bool {
	return full == name || strings.HasSuffix(full, "::"+name)
}

// title is what a function is called.
func (p *program) title(body int) string {
	if o := p.owners[body]; o != nil && o.function != nil && o.function.name != "" {
		return o.function.name
	}
	name := p.names.Func(p.m.ImportedFuncs + body)
	if l := legacyPath(name); l != "" {
		return l
	}
	if name == "" {
		return fmt.Sprintf("func[%d]", p.m.ImportedFuncs+body)
	}
	return name
}

// Compile implements debug.Program.
func (p *program) Compile(ctx context.Context, e engine.Engine, c engine.Config, r debug.Reporter) (engine.Module, error) {
	c.Debug = &engine.Debug{Probed: p.probed, Attach: func(t engine.Traced, _ engine.Host) engine.Tracer {
		return &guest{program: p, reporter: r, traced: t}
	}}
	return e.Compile(ctx, bytes.Clone(p.m.Binary), c)
}

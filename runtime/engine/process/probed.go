package process

import (
	"encoding/binary"
	"fmt"
	"sort"
	"sync"
	"time"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm/probe"
)

// probed is what the host knows of the probes of a module. What is where in the module's code
// is found out here: a worker says addresses in what it was handed, and no more.
type probed struct {
	*engine.Debug
	*admission.Probed
	first []int // the number of each function's first probe
	count int
}

func probedOf(binary []byte, d *engine.Debug) (*probed, error) {
	a, err := admission.Probe(binary, d.Probed)
	if err != nil {
		return nil, err
	}
	p := &probed{Debug: d, Probed: a}
	for _, f := range d.Probed {
		p.first = append(p.first, p.count)
		p.count += len(f.At)
	}
	return p, nil
}

// function is the one that a probe is in.
func (p *probed) function(id int) *engine.Probed {
	return &p.Debug.Probed[sort.SearchInts(p.first, id+1)-1]
}

// traced is an instance that is debugged: it implements engine.Traced. What is not under mu
// belongs to the goroutine that the instance is called on.
type traced struct {
	on     *instance
	probed *probed
	tracer engine.Tracer
	memory peek
	known  []uint64 // globals of the guest where it stands

	mu   sync.Mutex
	arms arms
	gone bool // the memory of arms may be
}

// trace has an instance be followed, if somebody wants to.
func (i *instance) trace(p *probed, h engine.Host) {
	t := &traced{on: i, probed: p, arms: i.worker.region.arms(i.index, p.count)}
	t.memory.on = i
	t.Arm(nil, nil) // as who had the line before has not left it
	if t.tracer = p.Attach(t, h); t.tracer != nil {
		i.traced = t
	}
}

// Arm implements engine.Traced.
func (t *traced) Arm(loud, quiet []int) { t.arm(false, loud, quiet) }

// ArmAll implements engine.Traced.
func (t *traced) ArmAll() { t.arm(true, nil, nil) }

func (t *traced) arm(all bool, loud, quiet []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.gone {
		t.arms.arm(all, loud, quiet)
	}
}

// leave has nothing be armed any more.
func (t *traced) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gone = true
}

// Memory implements engine.Traced.
func (t *traced) Memory() engine.Memory { return &t.memory }

// Global implements engine.Traced.
func (t *traced) Global(index int) (uint64, bool) {
	if index < 0 || index >= len(t.known) {
		return 0, false
	}
	return t.known[index], true
}

// standsMax is the bytes of what a worker says of where a guest stands.
const standsMax = 8 + 8*probe.LocalsMax + 8*engine.GlobalsMax + 4*callsMax

// callsMax is how many calls are told of.
const callsMax = 10_000

// appendStand encodes where a guest stands: how many locals, globals and calls, and those.
func appendStand(b []byte, a *engine.Arrival, t engine.Traced) []byte {
	var globals []uint64
	for k := range engine.GlobalsMax {
		bits, ok := t.Global(k)
		if !ok {
			break
		}
		globals = append(globals, bits)
	}
	calls := a.Calls()
	calls = calls[:min(len(calls), callsMax)]
	b = binary.LittleEndian.AppendUint16(b, uint16(len(a.Locals)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(globals)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(calls)))
	for _, bits := range a.Locals {
		b = binary.LittleEndian.AppendUint64(b, bits)
	}
	for _, bits := range globals {
		b = binary.LittleEndian.AppendUint64(b, bits)
	}
	for _, c := range calls {
		b = binary.LittleEndian.AppendUint32(b, c.At)
	}
	return b
}

// stand is where a guest stands, as a worker says.
type stand struct {
	locals, globals []uint64
	calls           []uint32
}

// decodeStand is the other end of appendStand. It returns what is behind.
func decodeStand(b []byte) (s stand, rest []byte, err error) {
	if len(b) < 8 {
		return s, nil, fmt.Errorf("where a guest stands in %d bytes", len(b))
	}
	locals, globals, calls := int(binary.LittleEndian.Uint16(b)), int(binary.LittleEndian.Uint16(b[2:])), int64(binary.LittleEndian.Uint32(b[4:]))
	if b = b[8:]; locals > probe.LocalsMax || globals > engine.GlobalsMax || calls > callsMax || 8*int64(locals+globals)+4*calls > int64(len(b)) {
		return s, nil, fmt.Errorf("a guest with %d locals, %d globals and %d calls in %d bytes", locals, globals, calls, len(b))
	}
	words := func(n int) []uint64 {
		all := make([]uint64, n)
		for i := range all {
			all[i], b = binary.LittleEndian.Uint64(b), b[8:]
		}
		return all
	}
	s.locals, s.globals = words(locals), words(globals)
	s.calls = make([]uint32, calls)
	for i := range s.calls {
		s.calls[i], b = binary.LittleEndian.Uint32(b), b[4:]
	}
	return s, b, nil
}

// arrived has the tracer look at a guest that stands still, or has trapped. What the worker
// cannot have found is a lie.
func (i *instance) arrived(r *report) error {
	t := i.traced
	if t == nil {
		return i.lies("a guest that nobody follows stands still")
	}
	s, rest, err := decodeStand(r.body)
	if err != nil {
		return i.lies(err.Error())
	}
	if r.memory > i.worker.memoryMax {
		return i.lies(fmt.Sprintf("an instance with %d bytes of memory, of %d", r.memory, i.worker.memoryMax))
	}
	calls := make([]engine.Call, len(s.calls))
	for k, at := range s.calls {
		calls[k] = t.probed.Call(uint64(at))
	}
	t.memory.begin(uint64(r.memory))
	t.known = s.globals
	defer func() {
		t.memory.begin(0)
		t.known = nil
	}()
	if r.kind == reportTrap {
		fault, bad := decodeFault(rest)
		if bad != nil || len(s.locals) > 0 || len(calls) > engine.TrapCallsMax {
			return i.lies("a trap that makes no sense")
		}
		t.tracer.Trap(engine.NewArrival(-1, nil, func() []engine.Call { return calls }), fault)
		return nil
	}
	if r.value >= uint64(t.probed.count) || len(rest) > 0 {
		return i.lies(fmt.Sprintf("a guest at probe %d of %d", r.value, t.probed.count))
	}
	f := t.probed.function(int(r.value))
	if len(s.locals) != len(f.Locals) || len(calls) > 0 && calls[0].Body != f.Body {
		return i.lies(fmt.Sprintf("a guest at probe %d with %d locals in another function", r.value, len(s.locals)))
	}
	return t.tracer.Arrive(engine.NewArrival(int(r.value), s.locals, func() []engine.Call { return calls }))
}

// lies notes that the worker cannot be believed, which ends it.
func (i *instance) lies(what string) error {
	i.lied = fmt.Errorf("the worker says what cannot be: %s", what)
	return i.lied
}

// Limits of how memory is looked at.
const (
	pageSize  = 4 << 10
	lookMax   = 15 * pageSize // bytes that are read or written in one exchange
	readMax   = 16 << 20      // bytes that are read at once
	pagesKept = 4 << 10       // pages that are kept while a guest stands still
)

// peek implements engine.Memory: that of a guest which stands still in its worker. What was
// read is kept, so that all who look see the same, until the guest goes on.
type peek struct {
	on    *instance
	size  uint64
	pages map[uint64][]byte
	took  time.Duration // that the worker took for what it was asked
}

// begin has memory have another size, and nothing known of it.
func (p *peek) begin(size uint64) { p.size, p.pages, p.took = size, nil, 0 }

// Size implements engine.Memory.
func (p *peek) Size() uint64 { return p.size }

// Read implements engine.Memory.
func (p *peek) Read(address uint64, n int) ([]byte, error) {
	if err := engine.Within(p, address, n); err != nil || n == 0 {
		return nil, err
	}
	if n > readMax {
		return nil, fmt.Errorf("%d bytes of memory in another process; at most %d are read at once", n, readMax)
	}
	end := address + uint64(n)
	if address/pageSize == (end-1)/pageSize {
		page, err := p.page(address/pageSize, 1)
		if err != nil {
			return nil, err
		}
		return page[address%pageSize:][:n], nil
	}
	all := make([]byte, 0, n)
	for len(all) < n {
		at := address + uint64(len(all))
		page, err := p.page(at/pageSize, (end-1)/pageSize-at/pageSize+1)
		if err != nil {
			return nil, err
		}
		page = page[at%pageSize:]
		all = append(all, page[:min(len(page), n-len(all))]...)
	}
	return all, nil
}

// page is one; wanted says how many are, from there on.
func (p *peek) page(k, wanted uint64) ([]byte, error) {
	if page := p.pages[k]; page != nil {
		return page, nil
	}
	if p.pages == nil || len(p.pages) >= pagesKept {
		p.pages = map[uint64][]byte{}
	}
	at := k * pageSize
	n := int(min(wanted*pageSize, lookMax, p.size-at))
	body := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint64(nil, at), uint32(n))
	b, err := p.on.show(orderRead, body, n)
	if err != nil {
		return nil, err
	}
	for i := 0; i < n; i += pageSize {
		p.pages[(at+uint64(i))/pageSize] = append([]byte(nil), b[i:min(i+pageSize, n)]...)
	}
	return p.pages[k], nil
}

// Write implements engine.Memory.
func (p *peek) Write(address uint64, b []byte) error {
	if err := engine.Within(p, address, len(b)); err != nil {
		return err
	}
	for len(b) > 0 {
		n := min(len(b), lookMax)
		body := append(binary.LittleEndian.AppendUint64(nil, address), b[:n]...)
		for k := address / pageSize; k <= (address+uint64(n)-1)/pageSize; k++ {
			delete(p.pages, k)
		}
		if _, err := p.on.show(orderWrite, body, 0); err != nil {
			return err
		}
		address, b = address+uint64(n), b[n:]
	}
	return nil
}

// show asks the worker for memory of a guest that stands still: n bytes, valid until it is
// asked again.
func (i *instance) show(kind byte, body []byte, n int) ([]byte, error) {
	if i.lied != nil {
		return nil, i.lied
	}
	p := &i.traced.memory
	began := time.Now()
	w := &prompt{until: began.Add(LookMax - p.took)}
	putOrder(&i.head, kind, world{})
	err := i.line.send(i.head[:], engine.Frame(body), w)
	var r report
	if err == nil {
		r, err = i.receive(w)
	}
	p.took += time.Since(began)
	switch {
	case err != nil:
		i.lied = err
	case r.kind != reportLooked || len(r.body) != n || len(r.outputs) > 0:
		return nil, i.lies(fmt.Sprintf("a report of kind %d with %d bytes, where %d bytes of memory were asked for", r.kind, len(r.body), n))
	}
	return r.body, i.lied
}

// prompt waits for a worker that has nothing to do but to answer.
type prompt struct{ until time.Time }

// quiet implements watcher.
func (p *prompt) quiet() error {
	if time.Now().After(p.until) {
		return fmt.Errorf("it took %v to show the memory of a guest that stands still", LookMax)
	}
	return nil
}

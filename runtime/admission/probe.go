package admission

import (
	"sort"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/runtime/wasm/meter"
	"github.com/grow-platform/grow/runtime/wasm/probe"
)

// Probed is a module that was admitted with probes.
type Probed struct {
	Code []byte

	begin           uint32 // of the content of its code section
	metered, probed probe.Offsets
	bodies          []uint32 // where those of the original end
}

// Probe is [Admit] with probes: the module pays for what it would pay for without
// them. It fails with an *engine.Error.
func Probe(binary []byte, all []engine.Probed) (*Probed, error) {
	m, err := Decode(binary)
	if err != nil {
		return nil, err
	}
	metered, err := meter.Rewrite(m, meter.Options{Offsets: true})
	if err != nil {
		return nil, Decoded(err)
	}
	p := &Probed{metered: make(probe.Offsets, len(metered.Offsets))}
	for i, o := range metered.Offsets {
		p.metered[i] = probe.Offset(o)
	}
	for i := range m.Bodies {
		p.bodies = append(p.bodies, uint32(m.Bodies[i].End))
	}
	functions := make([]probe.Function, len(all))
	for i, f := range all {
		functions[i] = probe.Function(f)
	}
	if m, err = wasm.Decode(metered.Binary); err != nil {
		return nil, Decoded(err)
	}
	out, err := probe.Rewrite(m, probe.Move(functions, p.metered))
	if err != nil {
		return nil, Decoded(err)
	}
	p.Code, p.probed = out.Binary, out.Offsets
	for _, s := range wasm.Outline(out.Binary) {
		if s.ID == wasm.SectionCode {
			p.begin = uint32(s.Start)
		}
	}
	return p, nil
}

// Original is the offset in the original of an instruction, of which is given where it
// lies in the code section, as an engine counts.
func (p *Probed) Original(at uint64) uint32 {
	return p.metered.Old(p.probed.Old(p.begin + uint32(at)))
}

// Call is the one that an instruction of it stands for, which is given as Original takes it.
func (p *Probed) Call(at uint64) engine.Call {
	c := engine.Call{At: p.Original(at)}
	c.Body = p.Body(c.At)
	return c
}

// Body is which function of the original an instruction of it is in, among those that are
// not imported; what is behind them all is in one more.
func (p *Probed) Body(original uint32) int {
	return sort.Search(len(p.bodies), func(i int) bool { return p.bodies[i] > original })
}

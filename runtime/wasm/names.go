package wasm

// Parts of the name section (core specification 2.0, appendix A.5).
const (
	namesModule = 0
	namesFuncs  = 1
	namesLocals = 2
)

// Names are what the name section calls things, fit to be shown (see [Safe]).
// That section is never wrong, and never trusted: of two names for the same thing
// the first counts, a name of something there is not is left out, and where the
// bytes make no sense any more, what came before them is kept.
type Names struct {
	Module string
	m      *Module
	funcs  []string // by function; nil: there are none
	locals []int    // by function, where the names of its locals begin
}

// Names reads the first name section.
func (m *Module) Names() Names {
	n := Names{m: m}
	for i := range m.Sections {
		s := &m.Sections[i]
		if s.ID == SectionCustom && s.Name == "name" {
			n.read(cursor{b: m.Binary, at: s.Start, end: s.End})
			break
		}
	}
	return n
}

// Func is the name of a function; "": it has none.
func (n *Names) Func(function int) string {
	if function < 0 || function >= len(n.funcs) {
		return ""
	}
	return n.funcs[function]
}

// Locals are the names of a function's locals, parameters first, by index.
func (n *Names) Locals(function int) map[int]string {
	if function < 0 || function >= len(n.locals) || n.locals[function] == 0 {
		return nil
	}
	all := map[int]string{}
	c := cursor{b: n.m.Binary, at: n.locals[function], end: len(n.m.Binary)}
	have := n.m.locals(function)
	c.names(func(local int, name []byte) {
		if _, twice := all[local]; local < have && !twice {
			all[local] = shown(name)
		}
	})
	return all
}

// locals is how many locals a function has, its parameters counted.
func (m *Module) locals(function int) int {
	n := len(m.TypeOf(function).Params)
	if function < m.ImportedFuncs {
		return n
	}
	for _, l := range m.Bodies[function-m.ImportedFuncs].Locals {
		n += int(l.Count)
	}
	return n
}

func (n *Names) read(c cursor) {
	for c.left() > 0 && c.err == nil {
		id := c.byte()
		size := c.u32()
		if c.err != nil || uint64(size) > uint64(c.left()) {
			return
		}
		part := cursor{b: c.b, at: c.at, end: c.at + int(size)}
		c.at = part.end
		switch {
		case id == namesModule && n.Module == "":
			n.Module = shown(part.vector())
		case id == namesFuncs && n.funcs == nil:
			n.funcs = make([]string, len(n.m.Funcs))
			part.names(func(f int, name []byte) {
				if f < len(n.funcs) && n.funcs[f] == "" {
					n.funcs[f] = shown(name)
				}
			})
		case id == namesLocals && n.locals == nil:
			n.locals = make([]int, len(n.m.Funcs))
			n.indirect(part)
		}
	}
}

// indirect notes where the names of each function's locals begin.
func (n *Names) indirect(c cursor) {
	for range c.u32() {
		f := int(c.u32())
		at := c.at
		c.names(nil)
		if c.err != nil {
			return
		}
		if f < len(n.locals) && n.locals[f] == 0 {
			n.locals[f] = at
		}
	}
}

// names reads names by index, as long as they make sense.
func (c *cursor) names(name func(int, []byte)) {
	for range c.u32() {
		i := int(c.u32())
		b := c.vector()
		if c.err != nil {
			return
		}
		if name != nil {
			name(i, b)
		}
	}
}

// vector reads bytes that say themselves how many they are.
func (c *cursor) vector() []byte {
	n := c.u32()
	if c.err != nil || uint64(n) > uint64(c.left()) {
		c.short()
		return nil
	}
	return c.bytes(int(n))
}

// shown makes of bytes what people see of them.
func shown(b []byte) string { return Safe(string(b[:min(len(b), SafeMax+1)])) }

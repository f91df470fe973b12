package wasm

import "fmt"

// codeSection reads and validates the bodies of functions.
func (d *decoder) codeSection() {
	at := d.at
	n := d.count(3, limitFuncs)
	own := len(d.m.Funcs) - d.m.ImportedFuncs
	if d.err == nil && n != own {
		d.invalid(at, "%d functions are declared, and there are %d bodies", own, n)
	}
	if d.err != nil {
		return
	}
	d.m.Bodies = make([]Body, n)
	d.check = checker{m: d.m, declared: d.declared, budget: d.m.workMax(), mutable: d.m.mutable()}
	for i := range d.m.Bodies {
		if d.body(i); d.err != nil {
			d.err.Where = d.m.where(d.m.ImportedFuncs + i)
			return
		}
	}
}

// body reads one body, all of it.
func (d *decoder) body(i int) {
	at := d.at
	size := d.u32()
	if d.err == nil && uint64(size) > uint64(d.left()) {
		d.invalid(at, "a body of %d bytes is announced, and %d are left", size, d.left())
	}
	if d.err != nil || !d.limit(at, int(size), limitBody) {
		return
	}
	b := &d.m.Bodies[i]
	section := d.end
	b.Start, b.End = d.at, d.at+int(size)
	d.end = b.End
	params := d.m.TypeOf(d.m.ImportedFuncs + i).Params
	b.Locals = d.localsOf(len(params))
	b.Code = d.at
	if d.err == nil {
		d.err = d.check.body(b, d.m.TypeOf(d.m.ImportedFuncs+i))
	}
	d.at, d.end = b.End, section
}

// localsOf reads the declarations of locals.
func (d *decoder) localsOf(params int) []Locals {
	at := d.at
	n := d.count(2, limitLocals)
	if cap(d.locals)-len(d.locals) < n {
		d.locals = make([]Locals, 0, max(n, 4096))
	}
	first := len(d.locals)
	sum := params
	for range n {
		l := Locals{Count: d.u32(), Type: d.valType()}
		sum += int(l.Count)
		d.locals = append(d.locals, l)
	}
	d.total += sum
	if sum > 1<<32-1 {
		d.invalid(at, "a function has %d locals; a number of 32 bits must count them", sum)
	}
	d.limit(at, sum, limitLocals)
	d.limit(at, d.total, limitLocalsTotal)
	return d.locals[first:len(d.locals):len(d.locals)]
}

// where names a function: by what the name section calls it, or an export.
func (m *Module) where(function int) string {
	names := m.Names()
	name := names.Func(function)
	for _, e := range m.Exports {
		if name == "" && e.Kind == KindFunc && e.Index == function {
			name = Safe(e.Name)
		}
	}
	if name == "" {
		return fmt.Sprintf("function %d", function)
	}
	return fmt.Sprintf("function %d (%s)", function, name)
}

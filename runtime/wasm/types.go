package wasm

import "unsafe"

// String is the name of the type in the text format.
func (t ValType) String() string {
	switch t {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "f32"
	case F64:
		return "f64"
	case V128:
		return "v128"
	case FuncRef:
		return "funcref"
	case ExternRef:
		return "externref"
	}
	return "any type"
}

// Ref says whether values of the type are references.
func (t ValType) Ref() bool { return t == FuncRef || t == ExternRef }

// String writes the type as (i32, i32) -> i64.
func (f FuncType) String() string {
	b := append([]byte(nil), '(')
	b = appendTypes(b, f.Params)
	b = append(b, ')')
	if len(f.Results) > 0 {
		b = appendTypes(append(b, " -> "...), f.Results)
	}
	return string(b)
}

func appendTypes(b []byte, types []ValType) []byte {
	for i, t := range types {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, t.String()...)
	}
	return b
}

// Equal says whether two types are the same.
func (f FuncType) Equal(g FuncType) bool {
	return string(f.Params) == string(g.Params) && string(f.Results) == string(g.Results)
}

func (c *cursor) valType() ValType {
	at := c.at
	b := c.byte()
	switch t := ValType(b); {
	case t >= V128 && t <= I32, t == FuncRef, t == ExternRef:
		return t
	}
	c.noType(at, b, "a value type")
	return I32
}

func (c *cursor) refType() ValType {
	at := c.at
	b := c.byte()
	if t := ValType(b); t.Ref() {
		return t
	}
	c.noType(at, b, "a reference type")
	return FuncRef
}

func (c *cursor) noType(at int, b byte, want string) {
	if c.err != nil {
		return
	}
	if s, ok := strangeTypes[b]; ok {
		c.feature(at, "the type %s", s.proposal, s.name)
		return
	}
	c.invalid(at, "%#x is not %s", b, want)
}

// funcType reads one entry of the type section.
func (d *decoder) funcType() {
	at := d.at
	if form := d.byte(); form != 0x60 && d.err == nil {
		if s, ok := strangeForms[form]; ok {
			d.feature(at, "%s", s.proposal, s.name)
			return
		}
		d.invalid(at, "%#x begins no type of a function", form)
		return
	}
	f := FuncType{Params: d.valTypes(limitParams), Results: d.valTypes(limitResults)}
	d.m.Types = append(d.m.Types, f)
}

// valTypes reads a list of types; it aliases the binary.
func (c *cursor) valTypes(l limit) []ValType {
	n := c.count(1, l)
	begin := c.at
	for range n {
		c.valType()
	}
	if n == 0 || c.err != nil {
		return nil
	}
	return asTypes(c.b[begin:c.at])
}

// asTypes sees bytes that have been checked as types.
func asTypes(b []byte) []ValType {
	return unsafe.Slice((*ValType)(unsafe.Pointer(unsafe.SliceData(b))), len(b))
}

package native

import (
	"debug/dwarf"
	"errors"
	"strings"

	"github.com/grow-platform/grow/runtime/wasm"
)

// scope is a function, one that was inlined, or a block in one.
type scope struct {
	unit    *unit
	tag     dwarf.Tag
	name    string // with its path; "": of a block
	ranges  [][2]uint64
	base    []byte // the expression of the frame base
	vars    []*variable
	inner   []*scope
	call    row // where it was inlined; file is that of the unit's table
	linkage string
}

// variable is one of a scope, or a global.
type variable struct {
	unit     *unit
	name     string
	typ      dwarf.Offset
	place    []byte // the expression of its location
	list     int64  // of locations, -1: none
	constant []byte // its value, which it has everywhere
	argument bool
	global   bool
}

// tree reads the functions and globals of a unit.
type tree struct {
	s *symbols
	u *unit
	r *dwarf.Reader
}

// open reads a unit, once. What can be read of one that fails is there.
func (s *symbols) open(u *unit) (err error) {
	if u.read {
		return nil
	}
	u.read = true
	defer protect(&err)
	t := tree{s: s, u: u, r: s.data.Reader()}
	t.r.Seek(u.at)
	e, err := s.next(t.r)
	if err == nil && e.Children {
		err = t.within(nil, "", 0)
	}
	for _, f := range u.funcs {
		for _, x := range f.ranges {
			u.byAddr = append(u.byAddr, span[*scope]{x[0], x[1], f})
		}
	}
	u.byAddr.sort()
	return err
}

// within reads what is in an entry, up to its end. in is nil outside of functions.
func (t *tree) within(in *scope, path string, depth int) error {
	for {
		e, err := t.s.next(t.r)
		if err != nil || depth > nestingMax {
			return errors.Join(errDebug, err)
		}
		if e.Tag == 0 {
			return nil
		}
		if err := t.entry(e, in, path, depth); err != nil {
			return err
		}
	}
}

func (t *tree) entry(e *dwarf.Entry, in *scope, path string, depth int) error {
	switch e.Tag {
	case dwarf.TagNamespace, dwarf.TagStructType, dwarf.TagClassType, dwarf.TagEnumerationType, dwarf.TagUnionType:
		if in == nil && e.Children {
			name, _ := e.Val(dwarf.AttrName).(string)
			return t.within(nil, join(path, name), depth+1)
		}
	case dwarf.TagSubprogram:
		if f := t.function(e, path); f != nil && e.Children {
			return t.within(f, path, depth+1)
		}
	case dwarf.TagLexDwarfBlock, dwarf.TagInlinedSubroutine:
		if b := t.block(e, in); b != nil && e.Children {
			return t.within(b, path, depth+1)
		}
	case dwarf.TagVariable, dwarf.TagFormalParameter:
		t.declare(e, in, path)
	}
	return t.s.skip(t.r, e)
}

// declare notes a variable of a function, or a global.
func (t *tree) declare(e *dwarf.Entry, in *scope, path string) {
	v := t.variable(e)
	switch {
	case !t.s.keep(1 + (len(path)+len(v.name))/16):
	case in != nil:
		in.vars = append(in.vars, v)
	case v.place != nil:
		v.global, v.name = true, join(path, v.name)
		t.u.vars = append(t.u.vars, v)
	}
}

func join(path, name string) string {
	if path == "" || name == "" {
		return path + name
	}
	return path + "::" + name
}

// function is one with code; nil: it has none.
func (t *tree) function(e *dwarf.Entry, path string) *scope {
	ranges := t.s.ranges(t.u, e)
	if len(ranges) == 0 {
		return nil
	}
	f := &scope{unit: t.u, tag: e.Tag, ranges: ranges, name: join(path, t.s.name(e))}
	if !t.s.keep(1 + len(f.name)/16) {
		return nil
	}
	f.base, _ = e.Val(dwarf.AttrFrameBase).([]byte)
	if f.linkage = t.s.linkage(e); path == "" && strings.HasPrefix(f.linkage, "_ZN") {
		if full := legacyPath(f.linkage); full != "" {
			f.name = full
		}
	}
	t.u.funcs = append(t.u.funcs, f)
	return f
}

// block is a block of a function, or one that it has inlined; nil: it is never entered.
func (t *tree) block(e *dwarf.Entry, in *scope) *scope {
	if in == nil {
		return nil
	}
	b := &scope{unit: t.u, tag: e.Tag, ranges: t.s.ranges(t.u, e)}
	if len(b.ranges) == 0 || !t.s.keep(1) {
		return nil
	}
	in.inner = append(in.inner, b)
	if e.Tag != dwarf.TagInlinedSubroutine {
		return b
	}
	b.name = t.s.name(e)
	if l := legacyPath(t.s.linkage(e)); l != "" {
		b.name = l
	}
	t.s.keep(len(b.name) / 16)
	file, _ := e.Val(dwarf.AttrCallFile).(int64)
	line, _ := e.Val(dwarf.AttrCallLine).(int64)
	column, _ := e.Val(dwarf.AttrCallColumn).(int64)
	b.call = row{file: int32(file), line: int32(line), column: int32(column)}
	return b
}

func (t *tree) variable(e *dwarf.Entry) *variable {
	v := &variable{unit: t.u, list: -1, name: t.s.name(e), argument: e.Tag == dwarf.TagFormalParameter}
	v.typ = t.s.typeOf(e)
	f := e.AttrField(dwarf.AttrLocation)
	if f != nil {
		switch place := f.Val.(type) {
		case []byte:
			v.place = place
		case int64:
			v.list = place
		case uint64: // an index
			v.list = t.s.listAt(t.u, place)
		}
	}
	switch c := e.Val(dwarf.AttrConstValue).(type) {
	case int64:
		v.constant = []byte{byte(c), byte(c >> 8), byte(c >> 16), byte(c >> 24), byte(c >> 32), byte(c >> 40), byte(c >> 48), byte(c >> 56)}
	case []byte:
		v.constant = c
	case string:
		v.constant = []byte(c)
	}
	return v
}

// origin is the entry that says what this one does not: its declaration, or what it
// was inlined from.
func (s *symbols) origin(e *dwarf.Entry) *dwarf.Entry {
	for _, a := range []dwarf.Attr{dwarf.AttrAbstractOrigin, dwarf.AttrSpecification} {
		if at, ok := e.Val(a).(dwarf.Offset); ok {
			r := s.data.Reader()
			r.Seek(at)
			if o, err := s.next(r); err == nil {
				return o
			}
		}
	}
	return nil
}

// name is the name of an entry, or of its origin, fit to be shown.
func (s *symbols) name(e *dwarf.Entry) string {
	return wasm.Safe(s.text(e, dwarf.AttrName))
}

// linkage is the name that the linker knows a function by.
func (s *symbols) linkage(e *dwarf.Entry) string {
	return s.text(e, dwarf.AttrLinkageName)
}

func (s *symbols) text(e *dwarf.Entry, a dwarf.Attr) string {
	for range chainMax {
		if e == nil {
			break
		}
		if name, ok := e.Val(a).(string); ok {
			return name
		}
		e = s.origin(e)
	}
	return ""
}

// typeOf is where the type of an entry, or of its origin, is described; 0: it has none.
func (s *symbols) typeOf(e *dwarf.Entry) dwarf.Offset {
	for range chainMax {
		if e == nil {
			break
		}
		if at, ok := e.Val(dwarf.AttrType).(dwarf.Offset); ok {
			return at
		}
		e = s.origin(e)
	}
	return 0
}

// legacyPath is the path in a name that Rust's older mangling made, as
// _ZN5order5weigh17h0123456789abcdefE; "": it is another.
func legacyPath(mangled string) string {
	rest, ok := strings.CutPrefix(mangled, "_ZN")
	if !ok {
		return ""
	}
	var parts []string
	for rest != "" && rest[0] >= '1' && rest[0] <= '9' {
		n := 0
		for rest != "" && rest[0] >= '0' && rest[0] <= '9' && n < 1<<16 {
			n = n*10 + int(rest[0]-'0')
			rest = rest[1:]
		}
		if n > len(rest) {
			return ""
		}
		parts = append(parts, rest[:n])
		rest = rest[n:]
	}
	n := len(parts)
	if rest != "E" || n < 2 || len(parts[n-1]) != 17 || parts[n-1][0] != 'h' {
		return ""
	}
	return wasm.Safe(escapes.Replace(strings.Join(parts[:n-1], "::")))
}

// escapes are those of that mangling.
var escapes = strings.NewReplacer("$LT$", "<", "$GT$", ">", "$LP$", "(", "$RP$", ")", "$C$", ",", "$RF$", "&", "$BP$", "*", "$u20$", " ",
	"$u27$", "'", "$u5b$", "[", "$u5d$", "]", "$u7b$", "{", "$u7d$", "}", "$u3b$", ";", "$u2b$", "+", "$u22$", `"`, "..", "::", "_$", "$")

// functionAt is the function that an address is in; nil: none that is known.
func (s *symbols) functionAt(pc uint64) *scope {
	u, ok := s.byAddr.at(pc)
	if !ok {
		return nil
	}
	_ = s.open(u) // what can be read of it counts
	f, _ := u.byAddr.at(pc)
	return f
}

// path is the scopes that an address is in, outermost first.
func (s *symbols) path(f *scope, pc uint64) []*scope {
	all := []*scope{f}
	for len(all) <= nestingMax {
		next := (*scope)(nil)
		for _, in := range all[len(all)-1].inner {
			if !s.spend(1) {
				break
			}
			if within(in.ranges, pc) {
				next = in
				break
			}
		}
		if next == nil {
			break
		}
		all = append(all, next)
	}
	return all
}

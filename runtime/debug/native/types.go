package native

import (
	"debug/dwarf"
	"regexp"
	"strings"

	"github.com/grow-platform/grow/runtime/wasm"
)

// kind is what a type is.
type kind byte

const (
	kindUnknown kind = iota
	kindBase
	kindPointer
	kindStruct
	kindUnion
	kindArray
	kindEnum
	kindAlias // typedef, const, volatile
	kindFunction
)

// typ is a type, as DWARF describes it. debug/dwarf has types too, but not those of
// enums with fields, as Rust has.
type typ struct {
	s     *symbols
	kind  kind
	name  string
	size  int64 // bytes; -1: not said
	enc   int64 // of a base type: encX
	elem  dwarf.Offset
	count int64 // of an array; -1: not said

	fields   []field
	names    []enumerator
	params   map[string]dwarf.Offset // of a generic type, by their names
	discr    *field                  // of an enum with fields
	variants []variant
}

// field is a member. bits is 0 for one of whole bytes.
type field struct {
	name       string
	typ        dwarf.Offset
	at         int64
	bits       int64
	bitOffset  int64
	artificial bool
}

type enumerator struct {
	name  string
	value int64
}

// variant is a form that an enum can have.
type variant struct {
	value  uint64 // of discr
	others bool   // it is what all other values mean
	field  field
}

// Encodings of base types (DWARF 5, section 7.8).
const (
	encAddress  = 1
	encBool     = 2
	encFloat    = 4
	encSigned   = 5
	encChar     = 6
	encUnsigned = 7
	encUchar    = 8
	encUTF      = 0x10
)

var void = &typ{name: "()", size: 0}

// typ reads a type, once.
func (s *symbols) typ(at dwarf.Offset) *typ {
	if at == 0 {
		return void
	}
	if t, ok := s.types[at]; ok {
		return t
	}
	t := &typ{s: s, size: -1, count: -1, name: "?"}
	s.types[at] = t
	var err error
	func() {
		defer protect(&err)
		err = t.read(at)
	}()
	if err != nil {
		*t = typ{s: s, size: -1, name: "?"}
	}
	if s.err != nil {
		delete(s.types, at) // it may be read the next time
	}
	return t
}

func (t *typ) read(at dwarf.Offset) error {
	r := t.s.data.Reader()
	r.Seek(at)
	e, err := t.s.next(r)
	if err != nil {
		return err
	}
	t.name, _ = e.Val(dwarf.AttrName).(string)
	t.name = wasm.Safe(t.name)
	if n, ok := e.Val(dwarf.AttrByteSize).(int64); ok {
		t.size = n
	}
	t.elem, _ = e.Val(dwarf.AttrType).(dwarf.Offset)
	switch e.Tag {
	case dwarf.TagBaseType:
		t.kind = kindBase
		t.enc, _ = e.Val(dwarf.AttrEncoding).(int64)
	case dwarf.TagPointerType, dwarf.TagReferenceType, dwarf.TagRvalueReferenceType:
		t.kind, t.size = kindPointer, 4
	case dwarf.TagTypedef, dwarf.TagConstType, dwarf.TagVolatileType, dwarf.TagRestrictType:
		t.kind = kindAlias
	case dwarf.TagStructType, dwarf.TagClassType:
		t.kind = kindStruct
	case dwarf.TagUnionType:
		t.kind = kindUnion
	case dwarf.TagArrayType:
		t.kind = kindArray
	case dwarf.TagEnumerationType:
		t.kind = kindEnum
	case dwarf.TagSubroutineType:
		t.kind = kindFunction
	}
	if e.Children {
		return t.members(r, 0)
	}
	return nil
}

// members reads what is in the entry of a type.
func (t *typ) members(r *dwarf.Reader, depth int) error {
	for range membersMax {
		e, err := t.s.next(r)
		if err != nil || e.Tag == 0 || depth > chainMax {
			return err
		}
		name, _ := e.Val(dwarf.AttrName).(string)
		if !t.s.keep(1 + len(name)/16) {
			return t.s.err
		}
		switch e.Tag {
		case dwarf.TagMember:
			t.fields = append(t.fields, fieldOf(e))
		case dwarf.TagEnumerator:
			n, _ := e.Val(dwarf.AttrConstValue).(int64)
			t.names = append(t.names, enumerator{wasm.Safe(name), n})
		case dwarf.TagSubrangeType:
			t.dimension(e)
		case dwarf.TagTemplateTypeParameter:
			if t.params == nil {
				t.params = map[string]dwarf.Offset{}
			}
			t.params[name], _ = e.Val(dwarf.AttrType).(dwarf.Offset)
		case dwarf.TagVariantPart:
			if e.Children {
				err = t.variantPart(r, e)
			}
			if err != nil {
				return err
			}
			continue
		}
		if err := t.s.skip(r, e); err != nil {
			return err
		}
	}
	return nil
}

// dimension: an array of arrays is one with several dimensions in DWARF; here it is
// one of the elements it has in all.
func (t *typ) dimension(e *dwarf.Entry) {
	n, ok := e.Val(dwarf.AttrCount).(int64)
	if !ok {
		if n, ok = e.Val(dwarf.AttrUpperBound).(int64); ok {
			n++
		}
	}
	switch {
	case !ok || n < 0:
		return
	case t.count < 0:
		t.count = n
	default:
		t.fields = append(t.fields, field{at: n}) // further dimensions
	}
}

func fieldOf(e *dwarf.Entry) field {
	f := field{}
	f.name, _ = e.Val(dwarf.AttrName).(string)
	f.name = wasm.Safe(f.name)
	f.typ, _ = e.Val(dwarf.AttrType).(dwarf.Offset)
	f.at, _ = e.Val(dwarf.AttrDataMemberLoc).(int64)
	f.artificial, _ = e.Val(dwarf.AttrArtificial).(bool)
	f.bits, _ = e.Val(dwarf.AttrBitSize).(int64)
	if at, ok := e.Val(dwarf.AttrDataBitOffset).(int64); ok {
		f.at, f.bitOffset = at/8, at%8
	} else if at, ok := e.Val(dwarf.AttrBitOffset).(int64); ok {
		size, _ := e.Val(dwarf.AttrByteSize).(int64)
		if size <= 0 {
			size = 4
		}
		f.bitOffset = size*8 - at - f.bits // from the other end
	}
	return f
}

// variantPart reads the forms of an enum.
func (t *typ) variantPart(r *dwarf.Reader, part *dwarf.Entry) error {
	discr, _ := part.Val(dwarf.AttrDiscr).(dwarf.Offset)
	for range membersMax {
		e, err := t.s.next(r)
		if err != nil || e.Tag == 0 {
			return err
		}
		switch {
		case e.Tag == dwarf.TagMember && e.Offset == discr:
			f := fieldOf(e)
			t.discr = &f
			err = t.s.skip(r, e)
		case e.Tag == dwarf.TagVariant && e.Children:
			v := variant{others: true}
			if n, ok := e.Val(dwarf.AttrDiscrValue).(int64); ok {
				v.value, v.others = uint64(n), false
			}
			in := &typ{s: t.s, size: -1, count: -1}
			if err := in.members(r, 1); err != nil {
				return err
			}
			if len(in.fields) > 0 {
				v.field = in.fields[0]
				t.variants = append(t.variants, v)
			}
		default:
			err = t.s.skip(r, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bare is the type behind its aliases.
func (t *typ) bare() *typ {
	for range chainMax {
		if t.kind != kindAlias {
			break
		}
		t = t.s.typ(t.elem)
	}
	return t
}

// title is what the type is called, in Rust and C: without the paths of modules, and
// without what everybody leaves out.
func (t *typ) title() string {
	text := t.called(0)
	if strings.Contains(text, "::") {
		text = paths.ReplaceAllString(text, "")
	}
	if strings.Contains(text, ", ") {
		text = defaults.ReplaceAllString(text, "$1")
	}
	return text
}

var (
	paths    = regexp.MustCompile(`(?:[\pL_][\pL\pN_]*::)+`)
	defaults = regexp.MustCompile(`(?:, RandomState)?(?:, Global)?(>)`)
)

func (t *typ) called(depth int) string {
	if depth > chainMax {
		return "?"
	}
	switch {
	case t.name != "" && t.name != "?" || t.s == nil:
		return t.name
	case t.kind == kindPointer && t.elem == 0:
		return "void *"
	case t.kind == kindPointer:
		return t.s.typ(t.elem).called(depth+1) + " *"
	case t.kind == kindAlias:
		if t.elem == 0 {
			return "const void"
		}
		return t.s.typ(t.elem).called(depth + 1)
	case t.kind == kindArray:
		text := t.s.typ(t.elem).called(depth + 1)
		if t.s.rust {
			return "[" + text + "; " + decimal(max(t.count, 0)) + "]"
		}
		for _, n := range t.dimensions() {
			text += "[" + decimal(n) + "]"
		}
		return text
	case t.kind == kindFunction:
		return "function"
	case t.kind == kindStruct:
		return "struct"
	case t.kind == kindUnion:
		return "union"
	case t.kind == kindEnum:
		return "enum"
	}
	return "?"
}

// dimensions are those of an array.
func (t *typ) dimensions() []int64 {
	all := []int64{max(t.count, 0)}
	for _, f := range t.fields {
		all = append(all, f.at)
	}
	return all
}

// bytes is how large a value is; -1: unknown.
func (t *typ) bytes() int64 { return t.measure(0) }

func (t *typ) measure(depth int) int64 {
	switch {
	case t.size >= 0 || depth > chainMax || t.s == nil:
		return t.size
	case t.kind == kindAlias:
		return t.s.typ(t.elem).measure(depth + 1)
	case t.kind == kindArray && t.count >= 0:
		n := t.s.typ(t.elem).measure(depth + 1)
		for _, d := range t.dimensions() {
			if n < 0 || d > 1<<30 || n > 1<<30 {
				return -1
			}
			n *= d
		}
		return n
	}
	return -1
}

// member is a field by its name; nil: there is none.
func (t *typ) member(name string) *field {
	for i := range t.fields {
		if t.fields[i].name == name {
			return &t.fields[i]
		}
	}
	return nil
}

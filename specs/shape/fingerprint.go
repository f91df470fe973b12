package shape

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
)

// Fingerprint is 16 hex digits that are the same for types of the same rules,
// in this process and any other. Types that admit the same values by rules
// that are written differently may have different ones.
func (t *Type) Fingerprint() string {
	h := t.sum()
	return hex.EncodeToString(h[:])
}

// Print is the Fingerprint as a number, which is not 0.
func (t *Type) Print() uint64 {
	h := t.sum()
	return max(1, binary.BigEndian.Uint64(h[:]))
}

func (t *Type) sum() [8]byte {
	h := sha256.New()
	t.print(h)
	return [8]byte(h.Sum(nil)[:8])
}

// print writes the type so that no two types are written alike: what has no
// fixed length is preceded by it.
func (t *Type) print(h hash.Hash) {
	if t == nil {
		fmt.Fprint(h, "nil;")
		return
	}
	fmt.Fprintf(h, "type %d %t %t %q %d{", t.kinds, t.any, t.raw, t.def, len(t.arms))
	for _, arm := range t.arms {
		arm.print(h)
	}
	if t.tag != nil {
		fmt.Fprintf(h, "tag %q %q", t.tag.name, t.tag.order) // its values follow from the arms
	}
	if s := t.str; s != nil {
		fmt.Fprintf(h, "str %t %q %q %d %d", s.enum != nil, s.enum, s.not, s.min, s.max)
		for _, p := range s.patterns {
			fmt.Fprintf(h, "pattern %t %q", p.negate, p.re)
		}
		for _, f := range s.formats {
			fmt.Fprintf(h, "format %q", f.name)
		}
	}
	if n := t.num; n != nil {
		fmt.Fprintf(h, "num %t %q %q %q %s %s", n.enum != nil, literals(n.enum), literals(n.not), literals(n.multiple), n.min, n.max)
	}
	if l := t.list; l != nil {
		fmt.Fprintf(h, "list %d %d %d", l.min, l.max, len(l.prefix))
		for _, item := range l.prefix {
			item.print(h)
		}
		l.rest.print(h)
	}
	t.obj.print(h)
	fmt.Fprint(h, "}")
}

func (o *fields) print(h hash.Hash) {
	if o == nil {
		return
	}
	fmt.Fprintf(h, "obj %t %d %d", o.open, len(o.list), len(o.patterns))
	for _, f := range o.list {
		fmt.Fprintf(h, "field %q %t %t", f.name, f.required, f.must)
		f.typ.print(h)
	}
	for _, p := range o.patterns {
		p.key.print(h)
		p.typ.print(h)
	}
}

// String writes a bound; nil is "-".
func (b *bound) String() string {
	if b == nil {
		return "-"
	}
	return fmt.Sprintf("%s %t", b.text, b.strict)
}

func literals(list []number) []string {
	var out []string
	for _, n := range list {
		out = append(out, string(n.text))
	}
	return out
}

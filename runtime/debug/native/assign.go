package native

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"go/constant"
	"math"
	"slices"
	"strings"

	"github.com/grow-platform/grow/runtime/debug"
)

// bytes are those of what an expression comes to, as a value of the type of another.
func (e *evaluator) bytes(to value, text string) ([]byte, error) {
	from, err := e.parse(text)
	if err != nil {
		return nil, err
	}
	t := to.t.bare()
	n := t.bytes()
	if t.kind == kindEnum && from.name != "" {
		name := from.name[strings.LastIndex(from.name, ":")+1:]
		for _, x := range t.names {
			if x.name == name {
				return binary.LittleEndian.AppendUint64(nil, uint64(x.value))[:min(n, 8)], nil
			}
		}
	}
	if b, ok, err := to.unit(t, from.name); ok || err != nil {
		return b, err
	}
	if from.c == nil && from.name == "" && from.value.t.bare() == t {
		return from.value.read(n)
	}
	c, err := from.constant()
	if err != nil {
		return nil, err
	}
	if n < 0 || n > 8 || t.kind != kindBase && t.kind != kindEnum && t.kind != kindPointer {
		return nil, fmt.Errorf("%w: a %s is set part by part", debug.ErrReadOnly, to.t.title())
	}
	bits, ok := scalar(t, c)
	if !ok || e.h.program.language == "rust" && t.kind == kindEnum && !t.has(int64(bits)) {
		return nil, fmt.Errorf("%s is no %s", c, to.t.title())
	}
	return binary.LittleEndian.AppendUint64(nil, bits)[:n], nil
}

// unit are the bytes of a value of an enum with fields once it has become the form of a
// name, if that form has no fields; false: the type is another, or the name.
func (v value) unit(t *typ, name string) ([]byte, bool, error) {
	name = name[strings.LastIndex(name, ":")+1:]
	i := slices.IndexFunc(t.variants, func(x variant) bool { return x.field.name == name })
	if name == "" || i < 0 {
		return nil, false, nil
	}
	form := &t.variants[i]
	if len(t.s.typ(form.field.typ).bare().fields) > 0 {
		return nil, false, fmt.Errorf("%w: %s has fields", debug.ErrReadOnly, name)
	}
	b, err := v.read(t.bytes())
	if err != nil || t.discr == nil || form.others {
		return nil, false, cmp.Or(err, fmt.Errorf("%w to %s", debug.ErrReadOnly, name))
	}
	b = slices.Clone(b)
	at, n := t.discr.at, t.s.typ(t.discr.typ).bytes()
	if at < 0 || n < 0 || n > 8 || at+n > int64(len(b)) {
		return nil, false, errOutside
	}
	copy(b[at:at+n], binary.LittleEndian.AppendUint64(nil, form.value))
	return b, true, nil
}

// has says whether one of an enum's names stands for a number.
func (t *typ) has(n int64) bool {
	return slices.ContainsFunc(t.names, func(e enumerator) bool { return e.value == n })
}

// scalar is a constant as the bits of a type, if it is one of its values.
func scalar(t *typ, c constant.Value) (uint64, bool) {
	n := uint(t.bytes()) * 8
	switch {
	case t.enc == encBool:
		if c.Kind() != constant.Bool {
			return 0, false
		}
		if constant.BoolVal(c) {
			return 1, true
		}
		return 0, true
	case !isNumber(c) || n == 0:
		return 0, false
	case t.enc == encFloat:
		f, _ := constant.Float64Val(c)
		if n == 32 {
			return uint64(math.Float32bits(float32(f))), true
		}
		return math.Float64bits(f), true
	}
	if i, exact := constant.Int64Val(constant.ToInt(c)); exact {
		signed := t.enc == encSigned || t.enc == encChar || t.kind == kindEnum
		fits := n >= 64 || signed && i >= -1<<(n-1) && i < 1<<(n-1) || !signed && i >= 0 && i < 1<<n
		return uint64(i), fits && (signed || i >= 0)
	}
	u, exact := constant.Uint64Val(constant.ToInt(c))
	return u, exact && n >= 64
}

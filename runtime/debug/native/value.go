package native

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm"
)

// value is one that a guest has: in memory, or as bytes that have no address.
type value struct {
	t     *typ
	mem   engine.Memory
	at    uint64 // address; not with data
	data  []byte // not nil: it has no address
	bits  *field // a bit field
	fault error  // there is none
	hops  int    // that led to it; what is chainMax of them away is not shown
}

// Limits of what is shown.
const (
	depthMax  = 4       // values within values, in one line
	fewMax    = 8       // elements in one line
	lengthMax = 1 << 28 // elements of what says itself how many it has
)

var errOutside = engine.ErrOutside

// faulty is a value that there is not.
func faulty(t *typ, err error) value { return value{t: t, fault: err} }

// read is the first n bytes.
func (v value) read(n int64) ([]byte, error) {
	switch err := v.reach(n); {
	case err != nil:
		return nil, err
	case v.data != nil:
		return v.data[:n], nil
	}
	return v.mem.Read(v.at, int(n))
}

// reach reports whether the first n bytes are there.
func (v value) reach(n int64) error {
	switch {
	case v.fault != nil:
		return v.fault
	case v.t.s != nil && !v.t.s.spend(1+int(min(max(n, 0), lengthMax)/64)):
		return debug.ErrEndless
	case n < 0:
		return errors.New("its size is not known")
	case v.data != nil && n > int64(len(v.data)):
		return debug.ErrOptimizedOut
	case v.data != nil:
		return nil
	case v.mem == nil || n > math.MaxUint32:
		return errOutside
	}
	return engine.Within(v.mem, v.at, int(n))
}

// word is the value as a number.
func (v value) word() (uint64, error) {
	n := v.t.bytes()
	if n > 8 || n < 0 {
		return 0, errors.New("it is no number")
	}
	b, err := v.read(n)
	if err != nil {
		return 0, err
	}
	w := word(b)
	if v.bits != nil {
		w = w >> max(v.bits.bitOffset, 0) & (1<<min(v.bits.bits, 63) - 1)
	}
	return w, nil
}

// part is what lies at an offset in the value.
func (v value) part(t *typ, at int64) value {
	p := value{t: t, mem: v.mem, fault: v.fault, hops: v.hops}
	switch {
	case v.fault != nil:
	case v.data == nil:
		p.at = uint64(uint32(v.at + uint64(at)))
	case at < 0 || at > int64(len(v.data)):
		p.fault = debug.ErrOptimizedOut
	default:
		p.data = v.data[at:]
	}
	return p
}

// field is a member of a struct.
func (v value) field(f *field) value {
	p := v.part(v.t.s.typ(f.typ), f.at)
	if f.bits > 0 {
		p.bits = f
	}
	return p
}

// member is a member by its name, through several where names are given.
func (v value) member(names ...string) value {
	for _, name := range names {
		t := v.t.bare()
		f := t.member(name)
		if f == nil {
			return faulty(void, fmt.Errorf("%s: %w", name, debug.ErrUnknown))
		}
		v.t = t
		v = v.field(f)
	}
	return v
}

// pointer is what the value points to.
func (v value) pointer() value {
	t := v.t.bare()
	if t.kind != kindPointer {
		return faulty(void, errors.New("it is no pointer"))
	}
	return v.pointing(t.s.typ(t.elem))
}

// pointing is what the value points to, of some type.
func (v value) pointing(to *typ) value {
	at, err := value{t: &typ{s: v.t.s, size: 4}, mem: v.mem, at: v.at, data: v.data, fault: v.fault}.word()
	if err != nil {
		return faulty(to, err)
	}
	return value{t: to, mem: v.mem, at: at, hops: v.hops + 1}
}

// view is a value as a programmer of its language expects it.
type view struct {
	text    string // "": that of its parts
	open    string // what stands before its parts in one line, and after them
	close   string
	named   int
	indexed int
	keyed   bool // the indexed ones are found by a key, which their name has
	// part is one of them, the named ones first.
	part func(i int) (name string, v value)
	path func(name string) string // of a part, as it is appended to that of the value
}

func (w *view) parts() int { return w.named + w.indexed }

// view looks at a value.
func (v value) view() view {
	if v.fault != nil {
		return view{}
	}
	if v.hops > chainMax {
		return view{text: "…"}
	}
	t := v.t.bare()
	v.t = t
	if w, ok := v.rust(); ok {
		return w
	}
	switch t.kind {
	case kindBase:
		return view{text: v.base()}
	case kindEnum:
		return view{text: v.enumerator()}
	case kindPointer:
		return v.reference()
	case kindArray:
		return v.array()
	case kindStruct, kindUnion:
		return v.members(title(t), t.fields)
	case kindFunction:
		return view{text: fmt.Sprintf("function at %#x", v.at)}
	}
	if t.bytes() == 0 {
		return view{text: "()"}
	}
	return view{text: "?"}
}

// title is what a struct is called in one line: its name without its path.
func title(t *typ) string {
	name, _, _ := strings.Cut(t.name, "<")
	if i := strings.LastIndex(name, "::"); i >= 0 {
		name = name[i+2:]
	}
	if name == "?" || strings.HasPrefix(name, "(") {
		return ""
	}
	return name
}

// members is the view of fields; those of tuples have numbers.
func (v value) members(title string, fields []field) view {
	var shown []*field
	for i := range fields {
		if !fields[i].artificial {
			shown = append(shown, &fields[i])
		}
	}
	w := view{open: strings.TrimLeft(title+" {", " "), close: "}", named: len(shown)}
	if title != "" && len(shown) == 0 {
		return view{text: title}
	}
	if tuple(shown) {
		w.open, w.close = title+"(", ")"
	}
	w.part = func(i int) (string, value) { return memberName(shown[i].name), v.field(shown[i]) }
	w.path = func(name string) string { return "." + name }
	return w
}

func tuple(fields []*field) bool {
	return len(fields) > 0 && strings.HasPrefix(fields[0].name, "__")
}

// memberName is a member as source text names it: __0 is 0.
func memberName(name string) string {
	if rest, ok := strings.CutPrefix(name, "__"); ok {
		if _, err := strconv.Atoi(rest); err == nil {
			return rest
		}
	}
	return name
}

// array is the view of elements in a row.
func (v value) array() view {
	t := v.t
	all := t.dimensions()
	elem := t.s.typ(t.elem)
	if len(all) > 1 {
		inner := *t
		inner.count, inner.fields, inner.name = all[1], nil, ""
		for _, n := range all[2:] {
			inner.fields = append(inner.fields, field{at: n})
		}
		elem = &inner
	}
	if elem.bare().enc == encChar || elem.bare().enc == encSigned && elem.bytes() == 1 && elem.bare().name == "char" {
		if b, err := v.read(all[0]); err == nil {
			w := v.run(elem, v.part(elem, 0), all[0])
			text, _, _ := strings.Cut(string(b[:min(len(b), debug.ValueMax)]), "\x00")
			w.text = strconv.Quote(text)
			return w
		}
	}
	return v.run(elem, v.part(elem, 0), all[0])
}

// run is the view of n elements that begin with first.
func (v value) run(elem *typ, first value, n int64) view {
	size := elem.bytes()
	if n < 0 || n > lengthMax || size < 0 {
		return view{text: "?"}
	}
	return view{
		open: "[", close: "]", indexed: int(n),
		part: func(i int) (string, value) { return "[" + strconv.Itoa(i) + "]", first.part(elem, int64(i)*size) },
		path: func(name string) string { return name },
	}
}

// reference is the view of a pointer: in C its address, with a text that it points to.
func (v value) reference() view {
	at, err := v.word()
	if err != nil {
		return view{}
	}
	to := v.pointer()
	if at == 0 {
		return view{text: "null"}
	}
	w := view{text: fmt.Sprintf("%#x", at), named: 1, path: func(string) string { return ".*" }}
	w.part = func(int) (string, value) { return "*", to }
	switch target := to.t.bare(); {
	case target == void || target.kind == kindUnknown || target.kind == kindFunction:
		w.named, w.part = 0, nil
	case target.enc == encChar || target.name == "char" && target.bytes() == 1:
		if text, ok := to.cString(); ok {
			w.text += " " + strconv.Quote(text)
		}
	}
	return w
}

// cString is the text at an address up to a zero byte.
func (v value) cString() (string, bool) {
	if v.mem == nil || v.at >= v.mem.Size() {
		return "", false
	}
	b, err := v.mem.Read(v.at, int(min(v.mem.Size()-v.at, debug.ValueMax)))
	text, _, found := strings.Cut(string(b), "\x00")
	return text, err == nil && (found || len(b) == debug.ValueMax)
}

// base is a scalar as text.
func (v value) base() string {
	t := v.t
	n := t.bytes()
	if n == 16 {
		return v.wide()
	}
	w, err := v.word()
	if err != nil {
		return ""
	}
	switch t.enc {
	case encBool:
		return strconv.FormatBool(w != 0)
	case encFloat:
		if n == 4 {
			return decimalFloat(float64(math.Float32frombits(uint32(w))), 32)
		}
		return decimalFloat(math.Float64frombits(w), 64)
	case encSigned, encChar:
		i := v.extend(w, n)
		if n == 1 && t.name == "char" || n == 1 && t.enc == encChar {
			return strconv.FormatInt(i, 10) + " " + strconv.QuoteRune(rune(byte(i)))
		}
		return strconv.FormatInt(i, 10)
	case encUTF:
		if w > utf8.MaxRune {
			return fmt.Sprintf("no character: %#x", w)
		}
		return "'" + string(rune(w)) + "'"
	}
	if n == 0 {
		return "()"
	}
	return strconv.FormatUint(w, 10)
}

// extend is a number with its sign.
func (v value) extend(w uint64, n int64) int64 {
	bits := uint(n * 8)
	if v.bits != nil {
		bits = uint(min(max(v.bits.bits, 1), 64))
	}
	if bits == 0 || bits > 64 {
		return int64(w)
	}
	return int64(w<<(64-bits)) >> (64 - bits)
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// decimalFloat writes a float so that it is seen to be one.
func decimalFloat(f float64, bits int) string {
	text := strconv.FormatFloat(f, 'g', -1, bits)
	if !strings.ContainsAny(text, ".eNI") {
		text += ".0"
	}
	return text
}

// wide is a number of 128 bits.
func (v value) wide() string {
	b, err := v.read(16)
	if err != nil {
		return ""
	}
	return wideText(word(b[:8]), word(b[8:]), v.t.enc == encSigned)
}

// enumerator is the name that a value of an enum has.
func (v value) enumerator() string {
	w, err := v.word()
	if err != nil {
		return ""
	}
	i := v.extend(w, v.t.bytes())
	for _, e := range v.t.names {
		if e.value == i || uint64(e.value) == w {
			return e.name
		}
	}
	return decimal(i)
}

// line is the value in one line, of at most debug.ValueMax bytes.
func (v value) line() string {
	var b strings.Builder
	v.write(&b, 0)
	return clip(b.String())
}

// clip shortens a text to debug.ValueMax.
func clip(text string) string {
	if len(text) <= debug.ValueMax {
		return text
	}
	n := debug.ValueMax - len("…")
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}

func (v value) write(b *strings.Builder, depth int) {
	w := v.view()
	if err := v.reach(max(v.t.bytes(), 0)); err != nil {
		b.WriteString("<" + err.Error() + ">")
		return
	}
	if w.text != "" || w.part == nil {
		b.WriteString(wasm.Safe(w.text))
		return
	}
	b.WriteString(w.open)
	for i := range w.parts() {
		if i > 0 {
			b.WriteString(", ")
		}
		if depth == depthMax || i == fewMax || b.Len() > debug.ValueMax {
			b.WriteString("…")
			break
		}
		name, part := w.part(i)
		switch {
		case w.keyed:
			b.WriteString(strings.Trim(name, "[]") + ": ")
		case w.indexed == 0 && !strings.HasSuffix(w.open, "("):
			b.WriteString(name + ": ")
		}
		part.write(b, depth+1)
	}
	b.WriteString(w.close)
}

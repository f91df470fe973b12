package native

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/grow-platform/grow/runtime/debug"
)

// rust is the view of a value of a type that Rust has and C has not: of the language
// itself, and of its standard library. The names of fields are those of the library,
// which differ from release to release: where one is not found, what there is is shown
// field by field.
func (v value) rust() (view, bool) {
	t := v.t
	switch {
	case t.kind == kindPointer && strings.HasPrefix(t.name, "&"), t.kind == kindPointer && strings.HasPrefix(t.name, "alloc::boxed::Box<"):
		return v.borrowed()
	case t.kind != kindStruct:
		return view{}, false
	case len(t.variants) > 0:
		return v.variant()
	case t.member("data_ptr") != nil && t.member("length") != nil:
		return v.slice()
	}
	name, _, _ := strings.Cut(t.name, "<")
	if look := library[name]; look != nil {
		return look(v)
	}
	return view{}, false
}

// library are types of the standard library by their names.
var library map[string]func(value) (view, bool)

func init() {
	library = map[string]func(value) (view, bool){
		"String": value.ownString, "Vec": value.vector, "VecDeque": value.ring,
		"HashMap": value.hashMap, "HashSet": value.hashSet, "BTreeMap": value.treeMap, "BTreeSet": value.treeSet,
		"Rc": value.counted, "Arc": value.counted, "NonNull": value.nonNull,
		"Cell": value.cell, "RefCell": value.cell, "Mutex": value.cell, "RwLock": value.cell,
	}
}

// borrowed is a reference or a box: what it leads to is shown in its place.
func (v value) borrowed() (view, bool) {
	to := v.pointer()
	if to.fault != nil {
		return view{}, false
	}
	w := to.view()
	if w.text == "" && w.part == nil {
		return view{}, false
	}
	return w, true
}

// variant is an enum with fields.
func (v value) variant() (view, bool) {
	chosen, err := v.chosen()
	if err != nil || chosen == nil {
		return view{text: "<no variant>"}, err == nil
	}
	in := v.field(&chosen.field)
	in.t = in.t.bare()
	return in.members(chosen.field.name, in.t.fields), true
}

// chosen is the variant that an enum has.
func (v value) chosen() (*variant, error) {
	t := v.t
	if t.discr == nil {
		return &t.variants[0], nil
	}
	d := v.field(t.discr)
	n := d.t.bytes()
	w, err := d.word()
	if err != nil {
		return nil, err
	}
	mask := ^uint64(0)
	if n < 8 {
		mask = 1<<(uint(n)*8) - 1
	}
	var others *variant
	for i := range t.variants {
		x := &t.variants[i]
		if x.others {
			others = x
		} else if x.value&mask == w {
			return x, nil
		}
	}
	return others, nil
}

// slice is &[T], &str, or a box of one.
func (v value) slice() (view, bool) {
	n, err := v.member("length").word()
	if err != nil || n > lengthMax {
		return view{}, false
	}
	first := v.member("data_ptr").pointer()
	if strings.HasSuffix(v.t.name, "str") || strings.Contains(v.t.name, "Box<str") {
		return quoted(first, n)
	}
	return v.run(first.t, first, int64(n)), first.fault == nil
}

// quoted is the view of text in memory.
func quoted(first value, n uint64) (view, bool) {
	b, err := first.read(int64(min(n, debug.ValueMax)))
	if err != nil {
		return view{text: "<" + err.Error() + ">"}, true
	}
	for len(b) > 0 && uint64(len(b)) < n && !utf8.Valid(b) && len(b) > debug.ValueMax-utf8.UTFMax {
		b = b[:len(b)-1] // it was cut within a character
	}
	text := strconv.Quote(string(b))
	if uint64(len(b)) < n {
		text += "…"
	}
	return view{text: text}, true
}

// elements is where those of a vector begin.
func (v value) elements() value {
	inner := v.member("buf")
	if inner.t.bare().member("inner") != nil {
		inner = inner.member("inner")
	}
	p := inner.member("ptr", "pointer", "pointer")
	t, ok := v.t.bare().params["T"]
	if !ok {
		return p.pointer()
	}
	return p.pointing(v.t.s.typ(t))
}

func (v value) vector() (view, bool) {
	n, err := v.member("len").word()
	first := v.elements()
	if err != nil || first.fault != nil {
		return view{}, false
	}
	return v.run(first.t, first, int64(n)), true
}

func (v value) ownString() (view, bool) {
	vec := v.member("vec")
	if vec.fault != nil {
		return view{}, false
	}
	n, err := vec.member("len").word()
	first := vec.elements()
	if err != nil || first.fault != nil {
		return view{}, false
	}
	return quoted(first, n)
}

// ring is a VecDeque.
func (v value) ring() (view, bool) {
	head, err := v.member("head").word()
	n, err2 := v.member("len").word()
	inner := v.member("buf")
	if inner.t.bare().member("inner") != nil {
		inner = inner.member("inner")
	}
	room := inner.member("cap")
	if f := room.t.bare().member("__0"); f != nil {
		room = room.member("__0")
	}
	size, err3 := room.word()
	first := v.elements()
	if err != nil || err2 != nil || err3 != nil || first.fault != nil || n > size {
		return view{}, false
	}
	w := v.run(first.t, first, int64(n))
	if w.part != nil {
		each := w.part
		w.part = func(i int) (string, value) {
			_, e := each(int((head + uint64(i)) % max(size, 1)))
			return "[" + strconv.Itoa(i) + "]", e
		}
	}
	return w, true
}

// counted is an Rc or an Arc.
func (v value) counted() (view, bool) {
	in := v.member("ptr", "pointer").pointer()
	for _, name := range []string{"value", "data"} {
		if x := in.member(name); x.fault == nil {
			x.hops++
			return x.view(), true
		}
	}
	return view{}, false
}

// cell is what can be changed through a shared reference: what is in it is its only part.
func (v value) cell() (view, bool) {
	for _, name := range []string{"value", "data"} {
		in := v.member(name, "value")
		if in.fault != nil {
			continue
		}
		return view{
			open: title(v.t.bare()) + "(", close: ")", named: 1,
			part: func(int) (string, value) { return name, in },
			path: func(name string) string { return "." + name },
		}, true
	}
	return view{}, false
}

func (v value) nonNull() (view, bool) {
	p := v.member("pointer")
	if p.fault != nil {
		return view{}, false
	}
	p.hops++
	return p.view(), true
}

// pairs is the view of a map, of which key and element give an entry.
func pairs(n int, entry func(i int) (key, element value)) view {
	return view{
		open: "{", close: "}", indexed: n, keyed: true,
		part: func(i int) (string, value) {
			key, element := entry(i)
			return "[" + key.line() + "]", element
		},
		path: func(name string) string { return name },
	}
}

// scanMax bounds the buckets of a map that are looked at.
const scanMax = 1 << 20

// buckets are the entries of a hash table of the crate hashbrown, which the library
// has: before its control bytes lie the entries, the last one first.
func (v value) buckets() (entries []value, ok bool) {
	table := v.member("table")
	if inner := table.t.bare().member("table"); inner != nil {
		t, has := table.t.bare().params["T"]
		if !has {
			return nil, false
		}
		in := table.member("table")
		mask, err := in.member("bucket_mask").word()
		control := in.member("ctrl", "pointer").pointer()
		elem := v.t.s.typ(t)
		size := elem.bytes()
		if err != nil || control.fault != nil || mask >= scanMax || size < 0 {
			return nil, false
		}
		b, err := control.read(int64(mask) + 1)
		if err != nil {
			return nil, false
		}
		for i, c := range b {
			if c < 0x80 {
				entries = append(entries, control.part(elem, -int64(i+1)*size))
			}
		}
		return entries, true
	}
	return nil, false
}

// base is a type of the library that is made of one of hashbrown.
func (v value) inside() value {
	for range chainMax {
		b := v.t.bare()
		switch {
		case b.member("base") != nil:
			v = v.member("base")
		case b.member("map") != nil:
			v = v.member("map")
		default:
			return v
		}
	}
	return v
}

func (v value) hashMap() (view, bool) {
	all, ok := v.inside().buckets()
	if !ok {
		return view{}, false
	}
	return pairs(len(all), func(i int) (value, value) { return all[i].member("__0"), all[i].member("__1") }), true
}

func (v value) hashSet() (view, bool) {
	all, ok := v.inside().buckets()
	if !ok {
		return view{}, false
	}
	return list(len(all), func(i int) value { return all[i].member("__0") }), true
}

// list is the view of elements that do not lie in a row.
func list(n int, at func(i int) value) view {
	return view{
		open: "{", close: "}", indexed: n,
		part: func(i int) (string, value) { return "[" + strconv.Itoa(i) + "]", at(i) },
		path: func(name string) string { return name },
	}
}

// treeKeys is how many keys a node of a B-tree has at most, and treeHeight how many
// levels are followed.
const (
	treeKeys   = 11
	treeHeight = 12
)

// tree are the entries of a B-tree, in order.
func (v value) tree() (keys, elements []value, ok bool) {
	root := v.member("root")
	root.t = root.t.bare()
	if root.fault != nil || len(root.t.variants) == 0 {
		return nil, nil, false
	}
	chosen, err := root.chosen()
	if err != nil || chosen == nil {
		return nil, nil, false
	}
	if chosen.field.name == "None" {
		return nil, nil, true
	}
	node := root.field(&chosen.field).member("__0")
	height, err := node.member("height").word()
	leaf := node.member("node", "pointer").pointer()
	size := leaf.t.bytes()
	if err != nil || height > treeHeight || leaf.fault != nil || size <= 0 {
		return nil, nil, false
	}
	var walk func(leaf value, height uint64) bool
	walk = func(leaf value, height uint64) bool {
		n, err := leaf.member("len").word()
		if err != nil || n > treeKeys || len(keys) > scanMax {
			return false
		}
		for i := range int64(n) + 1 {
			if height > 0 {
				child := leaf.part(leaf.t, (size+3)/4*4+i*4).pointing(leaf.t)
				if !walk(child, height-1) {
					return false
				}
			}
			if i < int64(n) {
				keys = append(keys, initialised(leaf.member("keys").element(i)))
				elements = append(elements, initialised(leaf.member("vals").element(i)))
			}
		}
		return true
	}
	return keys, elements, walk(leaf, height)
}

// element is an element of an array.
func (v value) element(i int64) value {
	t := v.t.bare()
	if t.kind != kindArray {
		return faulty(void, debug.ErrUnknown)
	}
	elem := t.s.typ(t.elem)
	return v.part(elem, i*max(elem.bytes(), 0))
}

// initialised is what a MaybeUninit has, without what it is wrapped in.
func initialised(v value) value {
	for range chainMax {
		t := v.t.bare()
		switch {
		case strings.HasPrefix(t.name, "MaybeUninit<"), strings.HasPrefix(t.name, "ManuallyDrop<"):
			v = v.member("value")
		case strings.HasPrefix(t.name, "MaybeDangling<"):
			v = v.member("__0")
		default:
			return v
		}
	}
	return v
}

func (v value) treeMap() (view, bool) {
	keys, elements, ok := v.tree()
	if !ok {
		return view{}, false
	}
	return pairs(len(keys), func(i int) (value, value) { return keys[i], elements[i] }), true
}

func (v value) treeSet() (view, bool) {
	keys, _, ok := v.inside().tree()
	if !ok {
		return view{}, false
	}
	return list(len(keys), func(i int) value { return keys[i] }), true
}

// wideText is a number of 128 bits as text.
func wideText(low, high uint64, signed bool) string {
	n := new(big.Int).SetUint64(high)
	n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(low))
	if signed && high>>63 == 1 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), 128))
	}
	return fmt.Sprint(n)
}

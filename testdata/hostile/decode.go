package hostile

import (
	"fmt"
	"slices"
	"strings"
)

const (
	wrong   = "module.invalid"
	tooMuch = "module.limit"
)

// raw is a case of bytes as they are.
func raw(class Class, name string, b []byte, want ...string) Case {
	return Case{Name: name, Class: class, Want: want, Binary: func() []byte { return b }}
}

// sample is an actor with something in every section but the custom one.
func sample() *module {
	m := actor()
	exit := m.import_("wasi_snapshot_preview1", "proc_exit", i32, "")
	withTable(m, 2)
	m.globals = append(m.globals, join([]byte(i32), op(1), c32(5), end))
	m.start = uleb(nil, uint64(m.fn("", "", "", nop)))
	elements(m, exit)
	m.dataCount = 1
	m.fnWith("grow_handle", i32+i32, i64, locals{{2, i32}, {1, f64}}, block(get(0), brIf(0), c32(1), call(exit)), c64(0))
	return m.put(64, "data")
}

// replaced is the sample with another content of one section, which need not
// be there already.
func replaced(id byte, content []byte) []byte {
	list := sample().sections()
	for i := range list {
		if list[i].id == id {
			list[i].content = content
			return assemble(list)
		}
	}
	return assemble(append(list, part{id, content}))
}

// counts are numbers of things that no file holds.
var counts = []uint64{1 << 16, 1 << 20, 1 << 24, 1<<31 - 1, 1 << 31, 1<<32 - 1}

func decodeCases() []Case {
	list := []Case{
		raw(Decode, "no bytes", nil, wrong),
		raw(Decode, "half a magic number", []byte("\x00as"), wrong),
		raw(Decode, "magic number alone", []byte("\x00asm"), wrong),
		raw(Decode, "an empty module", []byte(header), "module.export"),
		raw(Decode, "version 2", []byte("\x00asm\x02\x00\x00\x00"), wrong),
		raw(Decode, "a component", []byte("\x00asm\x0d\x00\x01\x00"), wrong),
		raw(Decode, "text", []byte("(module)"), wrong),
		raw(Decode, "an ELF file", []byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00"), wrong),
		raw(Decode, "33 MiB of zeros", append([]byte(header), make([]byte, 33<<20)...), tooMuch),
		raw(Decode, "31 MiB of zeros", append([]byte(header), make([]byte, 31<<20)...), wrong, tooMuch),
	}
	for id := byte(secType); id <= secDataCount; id++ {
		for _, n := range counts {
			list = append(list, raw(Decode, fmt.Sprintf("section %d says it has %d entries", id, n), append([]byte(header), join([]byte{id, 5}, leb5(n))...), wrong, tooMuch))
			list = append(list, raw(Decode, fmt.Sprintf("section %d of %d bytes in an actor", id, n), append(sample().bytes(), uleb([]byte{id}, n)...), wrong, tooMuch))
			if id != secStart && id != secDataCount {
				list = append(list, raw(Decode, fmt.Sprintf("section %d of an actor says it has %d entries", id, n), replaced(id, uleb(nil, n)), wrong, tooMuch))
			}
		}
		if id != secStart && id != secDataCount {
			list = append(list, raw(Decode, fmt.Sprintf("section %d has bytes left", id), trailing(id), wrong))
		}
	}
	for _, id := range []byte{13, 14, 42, 127, 128, 255} {
		list = append(list, raw(Decode, fmt.Sprintf("section of unknown number %d", id), assemble(append(sample().sections(), part{id, []byte{0}})), wrong, "module.feature"))
	}
	return slices.Concat(list, innerCounts(), disordered(), numbers(), names())
}

func trailing(id byte) []byte {
	list := sample().sections()
	for i := range list {
		if list[i].id == id {
			list[i].content = append(slices.Clip(list[i].content), 0)
		}
	}
	return assemble(list)
}

// leb5 is a number in five bytes, however small.
func leb5(n uint64) []byte {
	return []byte{byte(n) | 0x80, byte(n>>7) | 0x80, byte(n>>14) | 0x80, byte(n>>21) | 0x80, byte(n>>28) & 0x0f}
}

// innerCounts are numbers within entries that the bytes do not back.
func innerCounts() []Case {
	var list []Case
	for _, n := range counts {
		u := uleb(nil, n)
		add := func(what string, b []byte, want ...string) {
			if want == nil {
				want = []string{wrong, tooMuch}
			}
			list = append(list, raw(Decode, fmt.Sprintf("%d %s", n, what), b, want...))
		}
		add("parameters", replaced(secType, join([]byte{1, 0x60}, u)))
		add("results", replaced(secType, join([]byte{1, 0x60, 0}, u)))
		add("bytes of an import's module", replaced(secImport, join([]byte{1}, u, []byte("ab"))))
		add("bytes of an import's name", replaced(secImport, join([]byte{1, 1, 'a'}, u, []byte("ab"))))
		add("bytes of an export's name", replaced(secExport, join([]byte{1}, u, []byte("ab"))))
		add("elements of a segment", replaced(secElement, join([]byte{1, 0}, c32(0), end, u)))
		add("expressions of a segment", replaced(secElement, join([]byte{1, 5, 0x70}, u)))
		add("bytes of a data segment", replaced(secData, join([]byte{1, 0}, c32(0), end, u)))
		add("bytes of a body", replaced(secCode, join([]byte{3}, u, []byte{0, 0x0b})))
		add("runs of locals", withBodies(join(u, end)))
		add("locals", withBodies(join([]byte{1}, u, []byte(i32), end)))
		add("locals of a type that is none", withBodies(join([]byte{1}, u, []byte{0x33}, end)))
		add("labels of br_table", withBodies(join([]byte{0}, c32(0), op(0x0e), u, end)))
		add("types of select", withBodies(join([]byte{0}, c32(0), c32(0), c32(0), op(0x1c), u, end)))
		add("bytes of a custom section's name", append(sample().bytes(), join([]byte{0, byte(len(u) + 1)}, u, []byte{'a'})...))
		for _, inside := range []struct {
			part string
			b    []byte
		}{
			{"bytes of a name of the module", []byte{0}}, {"functions in the name section", []byte{1}}, {"bytes of a function's name", []byte{1, 1, 0}},
			{"functions with names of locals", []byte{2}}, {"names of locals", []byte{2, 1, 0}}, {"bytes of a local's name", []byte{2, 1, 0, 1, 0}},
			{"entries of an unknown part of the name section", []byte{77}},
		} {
			content := append(inside.b[1:], u...)
			add(inside.part, named(append([]byte{inside.b[0], byte(len(content))}, content...)), Handled, wrong, tooMuch)
			add("bytes of a part: "+inside.part, named(append(inside.b[:1:1], u...)), Handled, wrong, tooMuch)
		}
	}
	sum := locals{}
	for range 100 {
		sum = append(sum, locals{{1<<32 - 1, i32}}...)
	}
	return append(list,
		raw(Decode, "locals whose sum overflows", withBodies(body(sum)[2:]), wrong, tooMuch),
		raw(Decode, "4294967295 locals and one more", withBodies(join([]byte{2}, leb5(1<<32-1), []byte(i32), []byte{1}, []byte(i32), end)), wrong, tooMuch))
}

// named is the sample with a name section.
func named(content []byte) []byte {
	return assemble(append(sample().sections(), custom("name", content...)))
}

// withBodies is the sample with one function, of which b is the body without
// its size.
func withBodies(b []byte) []byte {
	m := actor()
	m.fn("", "", "")
	m.finish()
	m.bodies[0] = append(uleb(nil, uint64(len(b))), b...)
	return m.bytes()
}

// disordered are sections twice, and in another order.
func disordered() []Case {
	var list []Case
	n := len(sample().sections())
	for i := range n {
		parts := sample().sections()
		list = append(list, raw(Decode, fmt.Sprintf("section %d twice", parts[i].id), assemble(slices.Insert(parts, i, parts[i])), wrong))
		for k := i + 1; k < n; k++ {
			parts := sample().sections()
			parts[i], parts[k] = parts[k], parts[i]
			list = append(list, raw(Decode, fmt.Sprintf("sections %d and %d change places", parts[k].id, parts[i].id), assemble(parts), wrong))
		}
		left := slices.Delete(sample().sections(), i, i+1)
		list = append(list, raw(Decode, fmt.Sprintf("without section %d", parts[i].id), assemble(left)))
	}
	many := sample().sections()
	for i := range 100_000 {
		many = append(many, custom(fmt.Sprint(i)))
	}
	list = append(list, raw(Decode, "100,000 custom sections", assemble(many), tooMuch, Handled))
	return list
}

// numbers are LEB128 numbers that are too long or say too much.
func numbers() []Case {
	long := func(n int) []byte { return append(times(n-1, op(0x80)), 0) } // 0 in n bytes
	add := func(name string, b []byte, want ...string) Case {
		return raw(Decode, name, b, want...)
	}
	run := func(code ...[]byte) []byte {
		m := actor()
		places[0].put(m, join(code...))
		return m.bytes()
	}
	return []Case{
		add("i32 0 in five bytes", run(op(0x41), long(5), drop), Handled),
		add("i32 0 in six bytes", run(op(0x41), long(6), drop), wrong),
		add("i64 0 in ten bytes", run(op(0x42), long(10), drop), Handled),
		add("i64 0 in eleven bytes", run(op(0x42), long(11), drop), wrong),
		add("i32 with bits beyond", run(op(0x41, 0xff, 0xff, 0xff, 0xff, 0x1f), drop), wrong),
		add("i32 with a sign that is not extended", run(op(0x41, 0x80, 0x80, 0x80, 0x80, 0x70), drop), wrong),
		add("index in five bytes", run(op(0x20), long(5), drop), Handled),
		add("index in six bytes", run(op(0x20), long(6), drop), wrong),
		add("index with bits beyond", run(op(0x20, 0x80, 0x80, 0x80, 0x80, 0x10), drop), wrong),
		add("i32 without end", append(run(), 0x0b, 5, 0x80, 0x80, 0x80, 0x80, 0x80), wrong),
		add("count in five bytes", replaced(secData, join(leb5(1), []byte{0}, c32(64), end, text(nil, "data"))), Handled),
		add("count in six bytes", replaced(secData, join([]byte{0x81, 0x80, 0x80, 0x80, 0x80, 0}, []byte{0}, c32(64), end, text(nil, "data"))), wrong),
		add("alignment beyond natural", run(c32(0), op(0x28, 3, 0), drop), wrong),
		add("alignment of 2^31", run(c32(0), op(0x28, 31, 0), drop), wrong),
		add("alignment of 2^4294967295", run(c32(0), op(0x28), leb5(1<<32-1), op(0), drop), wrong),
		add("offset of 2^32", run(c32(0), op(0x28, 2), uleb(nil, 1<<32), drop), wrong, "module.feature"),
		add("memory.size of memory 0 in two bytes", run(op(0x3f, 0x80, 0), drop), wrong, Handled, "module.feature"),
		add("memory.size of memory 1", run(op(0x3f, 1), drop), wrong, "module.feature"),
		add("an instruction of prefix 0xfc in six bytes", run(c64(0), op(0xfc), long(6), drop), wrong),
	}
}

// names are names that show as something else, or are none.
func names() []Case {
	var list []Case
	for _, n := range []struct {
		what, name string
		valid      bool
	}{
		{"empty", "", true}, {"NUL", "a\x00b", true}, {"ANSI", "\x1b[2J\x1b[31mok\x1b[0m", true}, {"line breaks", "a\nlevel=info msg=ok\r\n", true},
		{"bidi", "\u202egpj.exe\u2066", true}, {"zero width", "grow\u200b_handle", true}, {"60 KB", strings.Repeat("n", 60_000), true}, {"2 MB", strings.Repeat("n", 2_000_000), true},
		{"emoji", "\U0001F4A5", true}, {"a lone continuation", "\x80", false}, {"an overlong slash", "\xc0\xaf", false}, {"a surrogate", "\xed\xa0\x80", false}, {"beyond Unicode", "\xf4\x90\x80\x80", false},
		{"cut", "\xe2\x82", false},
	} {
		code := func(valid ...string) []string {
			if !n.valid {
				return []string{wrong}
			}
			return append(valid, tooMuch)
		}
		exports := sample()
		exports.export(n.name, 3, 0)
		list = append(list,
			raw(Decode, "export named with "+n.what, exports.bytes(), code(Handled)...),
			raw(Decode, "custom section named with "+n.what, assemble(append(sample().sections(), custom(n.name))), code(Handled)...))
		imports := actor()
		imports.import_(n.name, "f", "", "")
		list = append(list, raw(Decode, "import from a module named with "+n.what, imports.bytes(), code("module.import", noName(n.name))...))
		imports = actor()
		imports.import_("grow", n.name, "", "")
		list = append(list, raw(Decode, "import of a function named with "+n.what, imports.bytes(), code("module.import")...))
	}
	return list
}

// noName is what an import from a module without a name may be called, which
// wazero does not take.
func noName(name string) string {
	if name == "" {
		return wrong
	}
	return "module.import"
}

// truncated are the sample cut at every byte. Where a section has just ended
// what is left may be another module, that is well.
func truncated() []Case {
	whole := sample().bytes()
	ends := map[int]bool{8: true}
	at := 8
	for _, s := range sample().sections() {
		at += 1 + len(uleb(nil, uint64(len(s.content)))) + len(s.content)
		ends[at] = true
	}
	var list []Case
	for n := range len(whole) {
		want := []string{wrong}
		if ends[n] {
			want = append(want, "module.export")
		}
		list = append(list, raw(Decode, fmt.Sprintf("cut at byte %d", n), whole[:n], want...))
	}
	return list
}

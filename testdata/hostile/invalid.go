package hostile

import "fmt"

func invalidCases() []Case {
	var list []Case
	add := func(name string, make func(m *module) []byte) {
		list = append(list, one(Invalid, name, make, wrong))
	}
	// Bytes that mean something in a proposal may be called that.
	foreign := func(name string, make func(m *module) []byte) {
		list = append(list, one(Invalid, name, make, wrong, "module.feature"))
	}
	for _, c := range []struct {
		name string
		code []byte
	}{
		{"nothing to drop", drop}, {"a value too many", c32(1)}, {"another type", join(c64(1), memGrow, drop)},
		{"local that is not", join(get(2), drop)}, {"local 2^32-1", join(get(1<<32-1), drop)}, {"global that is not", join(op(0x23, 0), drop)},
		{"function that is not", call(99)}, {"function one past the end", call(2)}, {"type that is not", join(c32(0), op(0x11, 99, 0))},
		{"table that is not", join(c32(0), op(0x25, 0), drop)}, {"label that is not", br(2)}, {"label 2^32-1", br(1<<32 - 1)},
		{"br_table label that is not", join(c32(0), brTable(0, 7))}, {"br_table of other types", block(op(0x02, 0x7f), c32(0), c32(0), brTable(0, 1), end, drop)},
		{"else without if", op(0x05)}, {"if without else that has a result", join(c32(1), op(0x04, 0x7f), c32(1), end, drop)},
		{"end too many", join(end, nop)}, {"block without end", op(0x02, 0x40)}, {"block that takes from outside", join(c32(1), block(drop), drop)},
		{"block of a type that is not", join(op(0x02, 0x3f), end)}, {"block of type index 99", join(op(0x02), sleb(nil, 99), end)},
		{"select of references without a type", join(op(0xd0, 0x70), op(0xd0, 0x70), c32(1), op(0x1b), drop)},
		{"select of two types", join(c32(1), c32(1), c32(1), op(0x1c, 2, 0x7f, 0x7f), drop, drop)}, {"select of none", join(c32(1), c32(1), c32(1), op(0x1c, 0), drop)},
		{"memory.init without a data count", join(c32(0), c32(0), c32(0), op(0xfc, 8, 0, 0))}, {"data.drop without a data count", op(0xfc, 9, 0)},
		{"elem.drop of none", op(0xfc, 13, 0)}, {"ref.null of a number", join(op(0xd0, 0x7f), drop)},
		{"v128.const cut", op(0xfd, 0x0c, 1, 2, 3)}, {"shuffle of lane 32", join(times(2, op(0xfd, 0x0c), make([]byte, 16)), op(0xfd, 0x0d), times(16, op(32)), drop)},
		{"lane 4 of four", join(op(0xfd, 0x0c), make([]byte, 16), op(0xfd, 0x1b, 4), drop)},
		{"unreachable code of a wrong type", join(unreachable, c32(1), c64(1), op(0x6a), drop)}, {"unreachable code with a label that is not", join(br(0), br(50))},
		{"opcode 0x06 of nothing", op(0x27)}, {"opcode 0xff", op(0xff)}, {"opcode 0xfc 0x7f", op(0xfc, 0x7f)}, {"opcode 0xfd 0x9a", join(op(0xfd, 0x9a, 0x01))},
		{"return without a result", op(0x0f)},
	} {
		add(c.name, plain(c.code))
	}
	add("ref.func of a function not declared", func(m *module) []byte { return join(uleb(op(0xd2), uint64(m.fn("", "", ""))), drop) })
	add("result of another type", func(m *module) []byte { m.fn("f", "", i64, c32(0)); return nil })
	add("no result", func(m *module) []byte { m.fn("f", "", i64); return nil })
	add("start with a parameter", func(m *module) []byte { m.start = uleb(nil, uint64(m.fn("", i32, ""))); return nil })
	add("start with a result", func(m *module) []byte { m.start = uleb(nil, uint64(m.fn("", "", i32, c32(0)))); return nil })
	add("start that is not", func(m *module) []byte { m.start = []byte{77}; return nil })
	add("two memories' worth of exports of one name", func(m *module) []byte { m.export("memory", 2, 0); return nil })
	for kind := range byte(5) {
		foreign(fmt.Sprintf("export of kind %d that is not", kind), func(m *module) []byte { m.export("x", kind, 50); return nil })
	}
	for _, g := range []struct {
		name string
		init []byte
	}{
		{"of another type", c64(0)}, {"of two values", join(c32(0), c32(0))}, {"of nothing", nil}, {"that calls", call(0)}, {"that reads itself", op(0x23, 0)},
		{"that reads a later one", op(0x23, 1)}, {"that loads", join(c32(0), load32(0))},
	} {
		add("global "+g.name, func(m *module) []byte {
			m.globals = append(m.globals, join([]byte(i32), op(0), g.init, end), join([]byte(i32), op(0), c32(1), end))
			return nil
		})
	}
	foreign("global of mutability 2", func(m *module) []byte {
		m.globals = append(m.globals, join([]byte(i32), op(2), c32(0), end))
		return nil
	})
	add("set of a global that is constant", func(m *module) []byte {
		m.globals = append(m.globals, join([]byte(i32), op(0), c32(0), end))
		return join(c32(0), op(0x24, 0))
	})
	add("data count that differs", func(m *module) []byte { m.dataCount = 3; m.put(0, "x"); return nil })
	add("data of memory 1", func(m *module) []byte {
		m.data = append(m.data, join([]byte{2, 1}, c32(0), end, text(nil, "x")))
		return nil
	})
	add("data at an i64", func(m *module) []byte {
		m.data = append(m.data, join([]byte{0}, c64(0), end, text(nil, "x")))
		return nil
	})
	add("data segment of flag 3", func(m *module) []byte { m.data = append(m.data, text([]byte{3}, "x")); return nil })
	add("element segment of flag 8", func(m *module) []byte { m.elements = append(m.elements, []byte{8, 0, 0}); return nil })
	add("element segment without a table", func(m *module) []byte { elements(m, 0); return nil })
	add("element that is no function", func(m *module) []byte { withTable(m, 1); elements(m, 99); return nil })
	add("table of numbers", func(m *module) []byte { m.tables = append(m.tables, []byte{0x7f, 0, 1}); return nil })
	add("table of less than its minimum", func(m *module) []byte { m.tables = append(m.tables, []byte{0x70, 1, 2, 1}); return nil })
	add("call_indirect on a table of externref", func(m *module) []byte {
		m.tables = append(m.tables, []byte{0x6f, 0, 1})
		return join(c32(0), indirect(0))
	})
	add("function of a type that is not", func(m *module) []byte {
		m.funcs, m.bodies = append(m.funcs, []byte{88}), append(m.bodies, body(nil))
		return nil
	})
	add("more functions than bodies", func(m *module) []byte { m.funcs = append(m.funcs, []byte{0}); return nil })
	add("more bodies than functions", func(m *module) []byte { m.bodies = append(m.bodies, body(nil)); return nil })
	add("type that is no function", func(m *module) []byte { m.types = append(m.types, []byte{0x61, 0, 0}); return nil })
	add("parameter of a type that is none", func(m *module) []byte { m.types = append(m.types, signature("\x40", "")); return nil })
	list = append(list, one(Invalid, "import of kind 9", func(m *module) []byte {
		m.imports = append(m.imports, append(text(nil, "a", "b"), 9, 0))
		return nil
	}, wrong, "module.import"))
	return list
}

// featureCases need a proposal that is not of core 2.0.
func featureCases() []Case {
	const feature = "module.feature"
	var list []Case
	code := func(name string, b ...[]byte) {
		list = append(list, one(Feature, name, plain(b...), feature, wrong))
	}
	code("tail call", op(0x12, 0))
	code("tail call by table", c32(0), op(0x13, 0, 0))
	code("call_ref", op(0xd0, 0x70), op(0x14, 0))
	code("try of the old exceptions", op(0x06, 0x40), op(0x19), end)
	code("throw", op(0x08, 0))
	code("rethrow", op(0x09, 0))
	code("try_table", op(0x1f, 0x40, 0), end)
	code("throw_ref", op(0x0a))
	code("atomic load", c32(0), op(0xfe, 0x10, 2, 0), drop)
	code("atomic fence", op(0xfe, 0x03, 0))
	code("atomic wait", c32(0), c32(0), c64(-1), op(0xfe, 0x01, 2, 0), drop)
	code("relaxed vectors", times(2, op(0xfd, 0x0c), make([]byte, 16)), op(0xfd, 0x80, 0x02), drop)
	code("128-bit addition", times(4, c64(1)), op(0xfc, 0x13), drop, drop)
	code("struct.new", op(0xfb, 0, 0), drop)
	code("ref.i31", c32(1), op(0xfb, 28), drop)
	code("ref.as_non_null", op(0xd0, 0x70), op(0xd4), drop)
	code("br_on_null", op(0xd0, 0x70), op(0xd5, 0), drop)
	code("ref.eq", op(0xd0, 0x70), op(0xd0, 0x70), op(0xd3), drop)
	for _, l := range []struct {
		name   string
		limits []byte
	}{{"shared memory", []byte{3, 1, 1}}, {"shared memory without maximum", []byte{2, 1}}, {"64-bit memory", []byte{4, 1}}, {"64-bit shared memory", []byte{7, 1, 1}}, {"memory of another page size", []byte{8, 1, 0}}} {
		list = append(list, sized(l.name, feature, l.limits))
		list[len(list)-1].Class = Feature
		list[len(list)-1].Want = []string{feature, wrong}
	}
	with := func(name string, change func(m *module)) {
		list = append(list, one(Feature, name, func(m *module) []byte { change(m); return nil }, feature, wrong))
	}
	with("two memories", func(m *module) { m.memories = append(m.memories, []byte{0, 1}) })
	with("64-bit table", func(m *module) { m.tables = append(m.tables, []byte{0x70, 4, 1}) })
	with("table with an initial value", func(m *module) { m.tables = append(m.tables, []byte{0x40, 0, 0x70, 0, 1, 0xd0, 0x70, 0x0b}) })
	with("table of typed references", func(m *module) { m.tables = append(m.tables, []byte{0x63, 0, 0, 1}) })
	with("struct type", func(m *module) { m.types = append(m.types, []byte{0x5f, 0}) })
	with("array type", func(m *module) { m.types = append(m.types, []byte{0x5e, 0x7f, 1}) })
	with("recursive types", func(m *module) { m.types = append(m.types, []byte{0x4e, 1, 0x60, 0, 0}) })
	with("subtype", func(m *module) { m.types = append(m.types, []byte{0x50, 0, 0x60, 0, 0}) })
	with("parameter of anyref", func(m *module) { m.types = append(m.types, signature("\x6e", "")) })
	with("parameter of exnref", func(m *module) { m.types = append(m.types, signature("\x69", "")) })
	with("arithmetic in a constant", func(m *module) {
		m.globals = append(m.globals, join([]byte(i32), op(0), c32(1), c32(1), add32, end))
	})
	list = append(list, Case{Name: "tag section", Class: Feature, Want: []string{feature, wrong}, Binary: func() []byte {
		parts := sample().sections()
		for i, p := range parts {
			if p.id == secGlobal {
				return assemble(append(parts[:i:i], append([]part{{13, []byte{1, 0, 0}}}, parts[i:]...)...))
			}
		}
		return nil
	}})
	return list
}

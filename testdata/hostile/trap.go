package hostile

import "fmt"

func trapCases() []Case {
	var list []Case
	traps := func(name string, make func(m *module) []byte) {
		list = append(list, in(Trap, name, []string{"trap"}, make)...)
	}
	traps("unreachable", plain(unreachable))
	for _, o := range []struct {
		name string
		code []byte
	}{
		{"i32.div_s by 0", join(c32(1), c32(0), op(0x6d))}, {"i32.div_u by 0", join(c32(1), c32(0), op(0x6e))},
		{"i32.rem_s by 0", join(c32(1), c32(0), op(0x6f))}, {"i32.rem_u by 0", join(c32(1), c32(0), op(0x70))},
		{"i64.div_s by 0", join(c64(1), c64(0), op(0x7f))}, {"i64.div_u by 0", join(c64(1), c64(0), op(0x80))},
		{"i64.rem_s by 0", join(c64(1), c64(0), op(0x81))}, {"i64.rem_u by 0", join(c64(1), c64(0), op(0x82))},
		{"i32.div_s overflow", join(c32(-1<<31), c32(-1), op(0x6d))}, {"i64.div_s overflow", join(c64(-1<<63), c64(-1), op(0x7f))},
		{"i32.trunc_f32_s of NaN", join(op(0x43, 0, 0, 0xc0, 0x7f), op(0xa8))}, {"i32.trunc_f32_u of infinity", join(op(0x43, 0, 0, 0x80, 0x7f), op(0xa9))},
		{"i64.trunc_f64_s of 1e300", join(op(0x44, 0x9c, 0x75, 0, 0x88, 0x3c, 0xe4, 0x37, 0x7e), op(0xb0))},
		{"i64.trunc_f64_u of -1", join(op(0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0xbf), op(0xb1))},
	} {
		traps(o.name, plain(o.code, drop))
	}
	for code := byte(0x28); code <= 0x35; code++ { // loads
		traps(fmt.Sprintf("load %#x at the end of memory", code), plain(c32(65536), op(code, 0, 0), drop))
		traps(fmt.Sprintf("load %#x at 2^32-1 + 2^32-1", code), plain(c32(-1), uleb(op(code, 0), 1<<32-1), drop))
	}
	for code, value := range [...][]byte{c32(1), c64(1), op(0x43, 0, 0, 0, 0), append(op(0x44), make([]byte, 8)...), c32(1), c32(1), c64(1), c64(1), c64(1)} {
		code += 0x36 // stores
		traps(fmt.Sprintf("store %#x at the end of memory", code), plain(c32(65536), value, op(byte(code), 0, 0)))
	}
	traps("v128.load across the end of memory", plain(c32(65530), op(0xfd, 0, 0, 0), drop))
	traps("memory.fill across the end", plain(c32(65535), c32(0), c32(2), op(0xfc, 0x0b, 0)))
	traps("memory.fill of 2^32-1", plain(c32(1), c32(0), c32(-1), op(0xfc, 0x0b, 0)))
	traps("memory.copy across the end", plain(c32(0), c32(1), c32(65536), op(0xfc, 0x0a, 0, 0)))
	passive := func(m *module) {
		m.data = append(m.data, text([]byte{1}, "abc"))
		m.dataCount = 1
	}
	traps("memory.init across the end of the segment", func(m *module) []byte {
		passive(m)
		return join(c32(0), c32(2), c32(2), op(0xfc, 0x08, 0, 0))
	})
	traps("memory.init of a dropped segment", func(m *module) []byte {
		passive(m)
		return join(op(0xfc, 0x09, 0), c32(0), c32(0), c32(1), op(0xfc, 0x08, 0, 0))
	})
	traps("call_indirect of nothing", func(m *module) []byte {
		withTable(m, 3)
		return join(c32(2), indirect(m.typ("", "")))
	})
	traps("call_indirect outside the table", func(m *module) []byte {
		withTable(m, 3)
		return join(c32(-1), indirect(m.typ("", "")))
	})
	traps("call_indirect of another type", func(m *module) []byte {
		withTable(m, 1)
		elements(m, m.fn("", i64, i64, get(0)))
		return join(c32(0), indirect(m.typ("", "")))
	})
	traps("table.get outside", func(m *module) []byte {
		withTable(m, 3)
		return join(c32(3), op(0x25, 0), drop)
	})
	traps("table.set outside", func(m *module) []byte {
		withTable(m, 3)
		return join(c32(3), op(0xd0, 0x70), op(0x26, 0))
	})
	traps("table.fill outside", func(m *module) []byte {
		withTable(m, 3)
		return join(c32(1), op(0xd0, 0x70), c32(-1), op(0xfc, 0x11, 0))
	})
	traps("table.copy outside", func(m *module) []byte {
		withTable(m, 3)
		return join(c32(1), c32(0), c32(3), op(0xfc, 0x0e, 0, 0))
	})
	traps("table.init of a dropped segment", func(m *module) []byte {
		withTable(m, 3)
		m.elements = append(m.elements, []byte{1, 0, 1, 0}) // passive, one function
		return join(op(0xfc, 0x0d, 0), c32(0), c32(0), c32(1), op(0xfc, 0x0c, 0, 0))
	})
	list = append(list,
		one(Trap, "data outside memory", func(m *module) []byte { m.put(65536, "x"); return nil }, "trap"),
		one(Trap, "data at -1", func(m *module) []byte { m.put(-1, "xx"); return nil }, "trap"),
		one(Trap, "elements outside the table", func(m *module) []byte {
			withTable(m, 1)
			elements(m, 0, 0)
			return nil
		}, "trap", Handled)) // wazero leaves such a segment out: nothing of it is to be had
	return list
}

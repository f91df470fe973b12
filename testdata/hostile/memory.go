package hostile

import "fmt"

func memoryCases() []Case {
	var list []Case
	list = append(list, in(Memory, "grow until it fails", []string{Handled}, plain(
		loop(c32(1), memGrow, c32(-1), op(0x47), brIf(0))))...)
	list = append(list, in(Memory, "grow and write everywhere", []string{Handled, "limit.fuel", "limit.time"}, plain(
		loop(c32(1), memGrow, c32(-1), op(0x47), brIf(0)),
		c32(0), c32(1), memSize, c32(16), op(0x74), op(0xfc, 0x0b, 0)))...)
	for _, n := range []int32{15, 16, 100, 65535, 65536, -1, -1 << 31} {
		list = append(list, one(Memory, fmt.Sprintf("grow by %d pages at once", uint32(n)), plain(c32(n), memGrow, drop), Handled))
	}
	list = append(list, one(Memory, "trap when memory does not grow", plain(c32(16), memGrow, c32(-1), op(0x46), when(unreachable)), "limit.memory"))
	for _, pages := range []uint64{17, 100, 32768, 65536} {
		list = append(list, sized(fmt.Sprintf("memory of %d pages", pages), tooMuch, uleb([]byte{0}, pages)))
	}
	list = append(list,
		sized("memory of 65537 pages", wrong, uleb([]byte{0}, 65537)),
		sized("memory of 4294967295 pages", wrong, uleb([]byte{0}, 1<<32-1)),
		sized("memory of at most 65536 pages", Handled, uleb([]byte{1, 1}, 65536)),
		sized("memory that must not grow", Handled, []byte{1, 16, 16}),
		sized("memory of less than its minimum", wrong, []byte{1, 2, 1}))
	for _, n := range []int32{1, 1000, 10_000_000, -1} {
		list = append(list, in(Memory, fmt.Sprintf("table.grow by %d", uint32(n)), []string{Handled, "limit.fuel", "trap"}, func(m *module) []byte {
			withTable(m, 1)
			return join(op(0xd0, 0x70), c32(n), op(0xfc, 0x0f, 0), drop)
		})...)
	}
	list = append(list, in(Memory, "table.grow in a loop", []string{"limit.fuel", "limit.time"}, func(m *module) []byte {
		withTable(m, 1)
		return forever(op(0xd0, 0x70), c32(1000), op(0xfc, 0x0f, 0), drop)
	})...)
	for _, t := range []struct {
		count int
		min   uint64
		want  []string
	}{
		{1, 10_000_000, []string{tooMuch}}, {1, 1<<32 - 1, []string{tooMuch}}, {100, 1_000_000, []string{tooMuch}},
		{2, 100, []string{Handled, tooMuch}}, {100_000, 1, []string{tooMuch}},
	} {
		list = append(list, one(Memory, fmt.Sprintf("%d tables of %d", t.count, t.min), func(m *module) []byte {
			for range t.count {
				withTable(m, t.min)
			}
			return nil
		}, t.want...))
	}
	for _, g := range []struct {
		count int
		want  []string
	}{{1000, []string{Handled}}, {1_000_000, []string{tooMuch}}} {
		list = append(list, one(Memory, fmt.Sprintf("%d globals", g.count), func(m *module) []byte {
			m.globals = make([][]byte, g.count)
			for i := range m.globals {
				m.globals[i] = join([]byte(i64), op(1), c64(0), end)
			}
			return nil
		}, g.want...))
	}
	answers := one(Memory, "answer at the end of a memory that has just grown", nil, Handled)
	answers.Binary = func() []byte {
		m := actor()
		m.fn("grow_handle", i32+i32, i64, c32(1), memGrow, drop, answered(2<<16-4, 4))
		return m.bytes()
	}
	return append(list, answers)
}

// sized is an actor with a memory of these limits.
func sized(name, want string, limits []byte) Case {
	return one(Memory, name, func(m *module) []byte {
		m.memories = [][]byte{limits}
		return nil
	}, want)
}

package hostile

import (
	"fmt"
	"slices"
)

// compileCases are valid, and dear to compile: they may be refused for it, or
// run, and must do either soon.
func compileCases() []Case {
	var list []Case
	add := func(name string, make func(m *module) []byte) {
		list = append(list, one(Compile, name, make, Handled, tooMuch, "module.compile", "limit.fuel", "limit.stack", "limit.time"))
	}
	for _, n := range []int{100, 900, 10_000, 100_000, 1_000_000} {
		add(fmt.Sprintf("%d nested blocks", n), plain(times(n, op(0x02, 0x40)), times(n, end)))
		add(fmt.Sprintf("%d nested loops", n), plain(times(n, op(0x03, 0x40)), times(n, end)))
		add(fmt.Sprintf("%d nested ifs", n), plain(times(n, c32(1), op(0x04, 0x40)), times(n, end)))
		add(fmt.Sprintf("%d nested blocks with a branch to the outermost", n), plain(times(n, op(0x02, 0x40)), br(n-1), times(n, end)))
	}
	for _, n := range []int{1000, 20_000, 200_000} {
		add(fmt.Sprintf("%d ifs after one another", n), plain(times(n, get(0), op(0x04, 0x40), nop, op(0x05), nop, end)))
		add(fmt.Sprintf("%d ifs that set a local", n), plain(times(n, get(0), op(0x04, 0x40), c32(1), set(0), op(0x05), c32(2), set(1), end)))
		add(fmt.Sprintf("%d loops after one another", n), plain(times(n, loop(nop))))
		add(fmt.Sprintf("%d calls", n), func(m *module) []byte { return times(n, call(m.fn("", "", "", nop))) })
		add(fmt.Sprintf("%d values on the stack", n), plain(times(n, memSize), times(n, drop)))
		add(fmt.Sprintf("%d loads", n), plain(times(n, c32(8), load32(0), drop)))
		add(fmt.Sprintf("%d divisions", n), plain(times(n, c32(8), get(1), c32(1), op(0x72), op(0x6d), drop)))
		add(fmt.Sprintf("%d shuffles", n), plain(times(n, times(2, op(0xfd, 0x0c), times(16, op(3))), op(0xfd, 0x0d), times(16, op(7)), drop)))
		add(fmt.Sprintf("br_table of %d", n), plain(block(get(0), brTable(make([]int, n)...))))
		add(fmt.Sprintf("%d types", n), func(m *module) []byte { m.types = slices.Repeat([][]byte{signature(i32, "")}, n); return nil })
		add(fmt.Sprintf("%d functions", n), func(m *module) []byte { return many(m, n) })
		add(fmt.Sprintf("%d exports", n), func(m *module) []byte {
			for i := range n {
				m.export(fmt.Sprint(i), 2, 0)
			}
			return nil
		})
		add(fmt.Sprintf("%d data segments", n), func(m *module) []byte {
			for range n {
				m.put(0, "x")
			}
			return nil
		})
		add(fmt.Sprintf("%d locals", n), func(m *module) []byte {
			return call(m.fnWith("", "", "", locals{{uint64(n), i64}}, nop))
		})
		add(fmt.Sprintf("%d runs of locals", n), func(m *module) []byte {
			l := make(locals, n)
			for i := range l {
				l[i].count, l[i].of = 1, []string{i32, i64, f32, f64}[i%4]
			}
			return call(m.fnWith("", "", "", l, nop))
		})
		add(fmt.Sprintf("elements of %d functions", n), func(m *module) []byte {
			withTable(m, uint64(n))
			elements(m, make([]int, n)...)
			m.fn("", "", "", nop)
			return nil
		})
	}
	add("1,000 br_tables of 1,000", plain(times(1000, block(get(0), brTable(make([]int, 1000)...)))))
	add("300,000 functions", func(m *module) []byte { return many(m, 300_000) })
	add("20,000 types of 1,000 parameters", func(m *module) []byte {
		m.types = slices.Repeat([][]byte{signature(string(times(1000, []byte(i32))), "")}, 20_000)
		return nil
	})
	add("a function of 1,000 parameters and results called 10,000 times", func(m *module) []byte {
		n := string(times(1000, []byte(i32)))
		f := m.fn("", n, n, sequence(1000, get))
		return join(times(1000, c32(1)), times(10_000, call(f)), times(1000, drop))
	})
	for _, n := range []int{100, 1000, 5000} { // values live through blocks: phis of n times n
		add(fmt.Sprintf("%d locals live through %d ifs", n, n), func(m *module) []byte {
			code := sequence(n, func(i int) []byte {
				return join(get(i), op(0x04, 0x40), c32(int32(i)), set((i*7+3)%n), end)
			})
			return call(m.fnWith("", "", "", locals{{uint64(n), i32}}, code, sequence(n, func(i int) []byte { return join(get(i), drop) })))
		})
		add(fmt.Sprintf("%d locals live through %d loops", n, n), func(m *module) []byte {
			code := sequence(n, func(i int) []byte { return loop(get(i), c32(1), add32, tee((i*5+1)%n), op(0x45), brIf(0)) })
			return call(m.fnWith("", "", "", locals{{uint64(n), i32}}, code))
		})
		add(fmt.Sprintf("%d results of a block", n), func(m *module) []byte {
			t := m.typ("", string(times(n, []byte(i32))))
			return join(op(0x02), sleb(nil, int64(t)), times(n, c32(1)), c32(0), brIf(0), end, times(n, drop))
		})
	}
	for _, n := range []int{1 << 20, 7 << 20, 20 << 20} {
		add(fmt.Sprintf("straight line of %d bytes in one function", n), plain(times(n/3, memSize, drop)))
		add(fmt.Sprintf("sums of %d bytes in one function", n), plain(get(0), times(n/3, c32(1), add32), drop))
		add(fmt.Sprintf("%d bytes in functions of 7 KB", n), func(m *module) []byte {
			for range n / 7000 {
				m.fn("", "", "", times(7000/3, memSize, drop))
			}
			return nil
		})
		add(fmt.Sprintf("data of %d bytes", n), func(m *module) []byte {
			m.data = append(m.data, text([]byte{1}, string(make([]byte, n))))
			return nil
		})
		add(fmt.Sprintf("custom section of %d bytes", n), nothing)
		last := &list[len(list)-1]
		last.Binary = func() []byte { return assemble(append(actor().sections(), custom("junk", make([]byte, n)...))) }
	}
	return list
}

func nothing(*module) []byte { return nil }

// many adds n functions.
func many(m *module, n int) []byte {
	t := m.typ("", "")
	m.funcs = append(m.funcs, slices.Repeat([][]byte{uleb(nil, uint64(t))}, n)...)
	m.bodies = append(m.bodies, slices.Repeat([][]byte{body(nil, nop)}, n)...)
	return nil
}

// sequence joins what each number below n gives.
func sequence(n int, each func(int) []byte) []byte {
	var b []byte
	for i := range n {
		b = append(b, each(i)...)
	}
	return b
}

package hostile

import "fmt"

// place is where in the life of an instance code runs.
type place struct {
	name string
	// put has m run code, which leaves nothing on the stack, in that place.
	put func(m *module, code []byte)
}

// The places where the host calls into a guest, or has it called.
var places = []place{
	{"handle", func(m *module, code []byte) { m.fn("grow_handle", i32+i32, i64, code, c64(0)) }},
	{"start section", func(m *module, code []byte) { m.start = uleb(nil, uint64(m.fn("", "", "", code))) }},
	{"_initialize", func(m *module, code []byte) { m.fn("_initialize", "", "", code) }},
	{"grow_abi", func(m *module, code []byte) { m.fn("grow_abi", "", i32, code, c32(1)) }},
	{"grow_init", func(m *module, code []byte) { m.fn("grow_init", i32+i32, i32, code, c32(0)) }},
	{"grow_alloc", func(m *module, code []byte) { m.fn("grow_alloc", i32, i32, code, c32(1024)) }},
}

// in is a case for each place. make adds to the module what the code needs.
func in(class Class, name string, want []string, make func(m *module) []byte) []Case {
	var list []Case
	for i, p := range places {
		list = append(list, Case{
			Name: fmt.Sprintf("%s in %s", name, p.name), Class: class, Want: want, place: i,
			Binary: func() []byte {
				m := actor()
				code := make(m)
				p.put(m, code)
				return m.bytes()
			},
		})
	}
	return list
}

// one is a case of an actor whose grow_handle runs code; make adds what the
// code needs.
func one(class Class, name string, make func(m *module) []byte, want ...string) Case {
	return Case{Name: name, Class: class, Want: want, Binary: func() []byte {
		m := actor()
		places[0].put(m, make(m))
		return m.bytes()
	}}
}

// plain is code that needs nothing.
func plain(code ...[]byte) func(*module) []byte {
	return func(*module) []byte { return join(code...) }
}

// forever repeats code, which leaves the stack as it was.
func forever(code ...[]byte) []byte { return loop(join(code...), br(0)) }

// growCall is grow.call, wasi a function of WASI that takes and returns i32 only.
func growCall(m *module) int { return m.import_("grow", "call", i32+i32+i32+i32, i32) }

func wasi(m *module, name string, params int) int {
	return m.import_("wasi_snapshot_preview1", name, string(times(params, []byte(i32))), i32)
}

// withTable gives m a table of n functions.
func withTable(m *module, min uint64) {
	m.tables = append(m.tables, uleb(append([]byte(fref), 0), min))
}

// elements fills the table from 0 on.
func elements(m *module, funcs ...int) {
	b := append(join([]byte{0}, c32(0), end), uleb(nil, uint64(len(funcs)))...)
	for _, f := range funcs {
		b = uleb(b, uint64(f))
	}
	m.elements = append(m.elements, b)
}

func cpuCases() []Case {
	var list []Case
	endless := func(name string, make func(m *module) []byte) {
		list = append(list, in(CPU, name, []string{"limit.fuel", "limit.time"}, make)...)
	}
	endless("empty loop", plain(forever()))
	endless("loop of nops", plain(forever(times(100, nop))))
	endless("loop by br_if", plain(loop(c32(1), brIf(0))))
	endless("loop by br_table", plain(loop(c32(0), brTable(0, 0, 0))))
	endless("loops within loops", plain(forever(loop(loop(block(br(2)))))))
	endless("loop left and entered again", plain(forever(block(loop(block(br(2)))))))
	endless("loop in both arms", plain(forever(c32(0), op(0x04, 0x40), forever(), op(0x05), br(1), end)))
	endless("loop of stores", plain(forever(c32(0), c32(1), store32(64))))
	endless("loop of divisions", plain(forever(c64(-1), c64(3), op(0x7f), drop)))
	endless("loop of square roots", plain(forever(op(0x44), make8(0x40), op(0x9f), drop)))
	endless("loop of vectors", plain(forever(op(0xfd, 0x0c), times(16, op(3)), op(0xfd, 0xe0, 0x01), drop)))
	endless("loop of memory.size", plain(forever(memSize, drop)))
	endless("loop of memory.grow by nothing", plain(forever(c32(0), memGrow, drop)))
	endless("loop of memory.grow that fails", plain(forever(c32(60000), memGrow, drop)))
	endless("loop of memory.fill", plain(forever(fill(65536))))
	endless("loop of memory.copy", plain(forever(c32(0), c32(1), c32(65535), op(0xfc, 0x0a, 0, 0))))
	endless("loop of fills of nothing", plain(forever(fill(0))))
	endless("loop of calls", func(m *module) []byte { return forever(call(m.fn("", "", "", nop))) })
	endless("counters within counters", func(m *module) []byte {
		f := m.fnWith("", "", "", locals{{3, i64}}, nested(3))
		return call(f)
	})
	endless("loop of select", plain(forever(c32(1), c32(2), c32(3), op(0x1b), drop)))
	endless("loop of globals", func(m *module) []byte {
		m.globals = append(m.globals, join([]byte(i64), op(1), c64(0), end))
		return forever(op(0x23, 0), c64(1), op(0x7c), op(0x24, 0))
	})
	endless("loop of table.set", func(m *module) []byte {
		withTable(m, 10)
		return forever(c32(3), op(0xd0, 0x70), op(0x26, 0))
	})
	endless("loop of table.fill", func(m *module) []byte {
		withTable(m, 1000)
		return forever(c32(0), op(0xd0, 0x70), c32(1000), op(0xfc, 0x11, 0))
	})
	endless("loop of table.grow by nothing", func(m *module) []byte {
		withTable(m, 10)
		return forever(op(0xd0, 0x70), c32(0), op(0xfc, 0x0f, 0), drop)
	})
	endless("ping-pong by call_indirect", func(m *module) []byte {
		withTable(m, 2)
		t := m.typ("", "")
		ping := m.fn("", "", "", nop)
		pong := m.fn("", "", "", c32(0), indirect(t))
		elements(m, ping, pong)
		return forever(c32(1), indirect(t))
	})
	return append(list, hostFloods()...)
}

// hostFloods call the host without end.
func hostFloods() []Case {
	var list []Case
	endless := func(name string, make func(m *module) []byte) {
		list = append(list, in(CPU, name, []string{"limit.fuel", "limit.time"}, make)...)
	}
	for _, f := range []struct {
		name string
		args []int32
	}{
		{"fd_write", []int32{1, 0, 0, 64}}, {"clock_time_get", nil}, {"random_get", []int32{4096, 4096}}, {"sched_yield", []int32{}},
		{"environ_sizes_get", []int32{64, 72}}, {"fd_close", []int32{99}}, {"fd_fdstat_get", []int32{1, 64}}, {"args_get", []int32{64, 64}},
	} {
		endless("flood of "+f.name, func(m *module) []byte {
			if f.args == nil {
				n := m.import_("wasi_snapshot_preview1", f.name, i32+i64+i32, i32)
				return forever(c32(0), c64(1), c32(64), call(n), drop)
			}
			n := wasi(m, f.name, len(f.args))
			return forever(constants(f.args...), call(n), drop)
		})
	}
	endless("flood of grow.answer", func(m *module) []byte {
		n := m.import_("grow", "answer", i32+i32, i32)
		return forever(c32(0), c32(0), call(n), drop)
	})
	list = append(list, in(CPU, "flood of grow.call", []string{"limit.calls", "limit.fuel"}, func(m *module) []byte {
		n := growCall(m)
		request := frame(attrs("type", "log.debug"))
		m.put(2048, string(request))
		return forever(constants(2048, int32(len(request)), 0, 0), call(n), drop)
	})...)
	for _, size := range []int{1 << 10, 64 << 10, 1 << 20} {
		list = append(list, one(CPU, fmt.Sprintf("flood of log lines of %d bytes", size), func(m *module) []byte {
			m.memories = [][]byte{{0, 16}} // all it may have
			if size == 1<<20 {
				size -= 8 << 10
			}
			n := growCall(m)
			request := frame(attrs("type", "log.debug"))
			request = append(request[:len(request)-4], byte(size), byte(size>>8), byte(size>>16), 0)
			m.put(2048, string(request))
			return forever(constants(2048, int32(len(request)+size), 0, 0), call(n), drop)
		}, "limit.calls", "limit.fuel"))
	}
	for _, n := range []int{10_000, 100_000, 500_000} {
		list = append(list, one(CPU, fmt.Sprintf("straight line of %d instructions in a loop", 2*n), plain(forever(times(n, memSize, drop))), "limit.fuel", "limit.time", "module.limit", "module.compile"))
	}
	return list
}

// nested counts n locals up within each other: 2^(64 n) turns.
func nested(n int) []byte {
	if n == 0 {
		return nop
	}
	return loop(nested(n-1), get(n-1), c64(1), op(0x7c), tee(n-1), c64(0), op(0x52), brIf(0))
}

func make8(b byte) []byte { return append(times(7, op(1)), b) }

func constants(list ...int32) []byte {
	var b []byte
	for _, n := range list {
		b = append(b, c32(n)...)
	}
	return b
}

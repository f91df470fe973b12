package hostile

import (
	"fmt"
	"time"
)

// deep is fuel and time enough for the stack to be what ends.
var deep = Limits{Fuel: 2_000_000_000, Time: 10 * time.Second}

func stackCases() []Case {
	var list []Case
	recursive := func(name string, make func(m *module) []byte) {
		for _, c := range in(Stack, name, []string{"limit.stack"}, make) {
			c.Limits = deep
			list = append(list, c)
		}
	}
	for _, n := range []int{0, 1, 12, 100, 250} {
		recursive(fmt.Sprintf("recursion with %d parameters", n), func(m *module) []byte {
			params := string(times(n, []byte(i64)))
			self := m.next()
			m.fn("", params, "", times(n, c64(7)), call(self))
			return join(times(n, c64(7)), call(self))
		})
	}
	for _, n := range []uint64{10, 1000, 20_000} {
		recursive(fmt.Sprintf("recursion with %d locals", n), func(m *module) []byte {
			self := m.next()
			m.fnWith("", "", "", locals{{n, i64}}, call(self))
			return call(self)
		})
	}
	for _, n := range []int{1, 10, 250} {
		recursive(fmt.Sprintf("recursion with %d results", n), func(m *module) []byte {
			self := m.next()
			m.fn("", "", string(times(n, []byte(i64))), call(self))
			return join(call(self), times(n, drop))
		})
	}
	recursive("recursion with a live stack of 500 values", func(m *module) []byte {
		self := m.next()
		m.fn("", "", "", times(500, memSize), call(self), times(500, drop))
		return call(self)
	})
	recursive("recursion through vectors", func(m *module) []byte {
		self := m.next()
		m.fnWith("", v128, "", locals{{50, v128}}, get(0), call(self))
		return join(op(0xfd, 0x0c), times(16, op(3)), call(self))
	})
	recursive("three that call each other", func(m *module) []byte {
		first := m.next()
		m.fn("", "", "", call(first+1))
		m.fn("", "", "", call(first+2))
		m.fn("", "", "", call(first))
		return call(first)
	})
	recursive("recursion by call_indirect", func(m *module) []byte {
		withTable(m, 1)
		t := m.typ("", "")
		elements(m, m.fn("", "", "", c32(0), indirect(t)))
		return join(c32(0), indirect(t))
	})
	recursive("recursion in a loop", func(m *module) []byte {
		self := m.next()
		m.fn("", "", "", forever(call(self)))
		return call(self)
	})
	recursive("recursion between calls of the host", func(m *module) []byte {
		yield := wasi(m, "sched_yield", 0)
		self := m.next()
		m.fn("", "", "", call(yield), drop, call(self))
		return call(self)
	})
	recursive("recursion in two branches", func(m *module) []byte {
		self := m.next()
		m.fn("", "", "", call(self), call(self))
		return call(self)
	})
	handles := one(Stack, "grow_handle calls itself", func(m *module) []byte { return nil }, "limit.stack")
	handles.Binary = func() []byte {
		m := actor()
		m.fn("grow_handle", i32+i32, i64, get(0), get(1), call(m.next()))
		return m.bytes()
	}
	handles.Limits = deep
	list = append(list, handles)
	for _, n := range []int32{10, 100, 1000} {
		list = append(list, one(Stack, fmt.Sprintf("recursion that ends after %d calls", n), func(m *module) []byte {
			self := m.next()
			m.fn("", i32, "", get(0), when(get(0), c32(1), op(0x6b), call(self)))
			return join(c32(n), call(self))
		}, Handled))
	}
	return list
}

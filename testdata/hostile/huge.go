package hostile

import (
	"fmt"
	"maps"
	"slices"

	"github.com/grow-platform/grow/runtime/wasm"
)

// hugeBody is the code of a function of which as many as there is room for make a
// module of the largest size, in bytes; body of its largest.
const (
	hugeBody    = 300
	hugeRoom    = 4 << 10 // of a module, for what is not code
	hugeLargest = wasm.BodyMax - 64
)

// Huge are modules as large as one may be, each full of what may be dear to judge.
// They are decoded, validated and rewritten, and not meant to be compiled.
func Huge() []Case {
	var list []Case
	add := func(name string, make func(m *module) []byte) {
		list = append(list, one(Compile, "32 MiB of "+name, make, Handled, tooMuch, "module.import"))
	}
	all := hugeCode()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		code := all[name]
		add(name+" in functions as small as they may be", filled(hugeBody, wasm.FuncsMax-100, code))
		add(name+" in functions of 20 kB", filled(20_000, wasm.FuncsMax, code))
		add(name+" in functions as large as they may be", filled(hugeLargest, wasm.FuncsMax, code))
	}
	hugeLists(add)
	sections := hugeSections()
	for _, name := range slices.Sorted(maps.Keys(sections)) {
		section := sections[name]
		list = append(list, Case{Name: "32 MiB of " + name, Class: Compile, Want: []string{Handled}, Binary: func() []byte {
			return assemble(append(actor().sections(), section()))
		}})
	}
	return list
}

// hugeLists adds modules that have as many as may be of what is no code, and of
// functions that call each other.
func hugeLists(add func(name string, make func(m *module) []byte)) {
	add("data segments", func(m *module) []byte {
		const n = wasm.DataMax - 10
		for range n {
			m.put(0, string(make([]byte, (wasm.BinaryMax-hugeRoom)/n-6)))
		}
		return nil
	})
	add("elements", func(m *module) []byte {
		withTable(m, 1)
		for range wasm.ElementMax / (100 << 10) {
			elements(m, make([]int, 100<<10)...)
		}
		m.fn("", "", "", nop)
		return nil
	})
	add("types", func(m *module) []byte {
		for i := range wasm.TypesMax - 10 {
			params := times(wasm.ParamsMax, []byte(i32))
			params[i%len(params)], params[i/len(params)] = i64[0], f64[0]
			m.types = append(m.types, signature(string(params), string(params)))
		}
		return nil
	})
	add("exports", func(m *module) []byte {
		for i := range wasm.ExportsMax - 10 {
			m.export(fmt.Sprintf("%0600d", i), 2, 0)
		}
		return nil
	})
	add("imports that nobody serves", func(m *module) []byte {
		for i := range wasm.ImportsMax - 10 {
			m.import_("grow", fmt.Sprintf("%03200d", i), i32, i32)
		}
		return nil
	})
	add("globals", func(m *module) []byte {
		for range wasm.GlobalsMax - 10 {
			m.globals = append(m.globals, join([]byte(i64), op(1), c64(1), end))
		}
		return nil
	})
	add("locals", func(m *module) []byte {
		for range wasm.LocalsTotalMax / wasm.LocalsMax {
			m.fnWith("", "", "", locals{{wasm.LocalsMax - 1, v128}}, get(0), drop)
		}
		return nil
	})
	add("functions that call each other", func(m *module) []byte {
		const n = 50_000
		m.types = append(m.types, signature("", ""))
		for i := range n {
			m.funcs = append(m.funcs, op(0))
			m.bodies = append(m.bodies, body(nil, sequence(150, func(k int) []byte { return call((i*7 + k*331) % n) })))
		}
		return nil
	})
}

// filled fills a module with functions of so many bytes each.
func filled(size, most int, code []byte) func(m *module) []byte {
	return func(m *module) []byte {
		before := 0
		for _, b := range m.bodies {
			before += len(b)
		}
		n := min(most, (wasm.BinaryMax-hugeRoom-before)/(size+16))
		t := m.typ(i32+i64+f64, "")
		one := body(locals{{40, i32}, {4, v128}}, times(max(1, (size-12)/len(code)), code))
		for range n {
			m.funcs = append(m.funcs, uleb(nil, uint64(t)))
			m.bodies = append(m.bodies, one)
		}
		withTable(m, 1)
		return nil
	}
}

// hugeCode is code that leaves the stack as it was and may stand in any function of
// filled.
func hugeCode() map[string][]byte {
	labels := brTable(make([]int, 1000)...)
	return map[string][]byte{
		"nothing":         nop,
		"loads":           join(get(0), load32(1), drop),
		"stores":          join(get(0), get(0), store32(2)),
		"constants":       join(c64(-1), drop),
		"locals":          join(get(3), tee(4), set(5)),
		"blocks":          block(),
		"loops":           loop(),
		"ifs":             join(get(0), op(0x04, 0x40), get(3), set(4), op(0x05), get(4), set(3), end),
		"branches":        block(get(0), brIf(0)),
		"turns":           loop(get(0), brIf(0)),
		"jumps":           block(br(0), unreachable),
		"br_tables":       block(get(0), labels),
		"calls":           join(get(0), op(0x42, 0), op(0x44, 0, 0, 0, 0, 0, 0, 0, 0), call(0)),
		"indirect calls":  join(get(0), op(0x42, 0), op(0x44, 0, 0, 0, 0, 0, 0, 0, 0), get(0), indirect(0)),
		"bulk operations": join(get(0), get(0), get(0), op(0xfc, 0x0b, 0)),
		"growth":          join(get(0), memGrow, drop),
		"vectors":         join(get(45), get(46), op(0xfd, 0x0d), times(16, op(7)), set(44)),
	}
}

// hugeSections are custom sections, which nothing in them can make invalid.
func hugeSections() map[string]func() part {
	const size = wasm.BinaryMax - hugeRoom
	names := func(id byte, entries func(k int) []byte, each int) func() part {
		return func() part {
			n := size / each
			content := uleb(nil, uint64(n))
			for k := range n {
				content = append(content, entries(k)...)
			}
			return custom("name", append(uleb([]byte{id}, uint64(len(content))), content...)...)
		}
	}
	return map[string]func() part{
		"names of functions":      names(1, func(k int) []byte { return text(uleb(nil, uint64(k)), "f") }, 6),
		"names as long as may be": names(1, func(k int) []byte { return text(uleb(nil, uint64(k)), string(times(wasm.NameMax, op('n')))) }, wasm.NameMax+8),
		"names of no text":        names(1, func(k int) []byte { return text(uleb(nil, uint64(k)), "\x1b[2J\xff\xfe\u202e") }, 16),
		"names of locals":         names(2, func(k int) []byte { return append(uleb(nil, uint64(k)), 1, 0, 1, 'l') }, 8),
		"name subsections":        func() part { return custom("name", times(size/2, op(1, 0))...) },
		"debug information":       func() part { return custom(".debug_info", times(size, op(0xff))...) },
		"debug lines":             func() part { return custom(".debug_line", times(size/4, op(4, 0, 0, 0))...) },
		"producers": func() part {
			content := uleb(nil, size/8)
			for range size / 8 {
				content = append(text(content, "sdk"), 1, 1, 'x', 0)
			}
			return custom("producers", content...)
		},
		"target features": func() part {
			content := uleb(nil, size/4)
			return custom("target_features", append(content, times(size/4, op('+', 2, 'a', 'b'))...)...)
		},
	}
}

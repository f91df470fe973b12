package hostile

import (
	"errors"
	"slices"

	"github.com/grow-platform/grow/runtime/wasm"
)

// graftedMax is how many functions a grafted module calls at a message.
const graftedMax = 50

// errNoGraft: the module imports something, or has no memory.
var errNoGraft = errors.New("no actor can be made of the module")

// Graft makes an actor of a valid module that is none: its memory is exported
// as the ABI wants, and grow_handle calls the functions it exports, with numbers
// for arguments. Those that take more than numbers are not called. A module that
// imports anything cannot be one.
func Graft(b []byte) ([]byte, error) {
	m, err := wasm.Decode(b)
	if err != nil {
		return nil, err
	}
	list, ok := split(b)
	if !ok || len(m.Imports) > 0 || len(m.Memories) == 0 {
		return nil, errNoGraft
	}
	types, funcs := len(m.Types), len(m.Funcs)
	into := func(id byte, count int, added ...[]byte) { list = grown(list, id, count, added) }
	into(secType, types, signature(i32, i32), signature(i32+i32, i64))
	into(secFunc, funcs, uleb(nil, uint64(types)), uleb(nil, uint64(types+1)))
	exports := [][]byte{uleb(append(text(nil, "grow_alloc"), 0), uint64(funcs)), uleb(append(text(nil, "grow_handle"), 0), uint64(funcs+1))}
	for _, e := range m.Exports {
		if slices.Contains([]string{"grow_alloc", "grow_handle", "grow_init", "grow_abi", "_initialize"}, e.Name) || e.Name == "memory" && e.Kind != wasm.KindMemory {
			return nil, errNoGraft
		}
	}
	if !slices.ContainsFunc(m.Exports, func(e wasm.Export) bool { return e.Name == "memory" }) {
		exports = append(exports, append(text(nil, "memory"), 2, 0))
	}
	into(secExport, len(m.Exports), exports...)
	into(secCode, len(m.Bodies), body(nil, memSize, op(0x45), when(c32(1), memGrow, drop), c32(16)), body(nil, calls(m), c64(0)))
	return assemble(list), nil
}

// calls is code that calls what a module exports.
func calls(m *wasm.Module) []byte {
	var code []byte
	n := 0
	for _, e := range m.Exports {
		if e.Kind != wasm.KindFunc || n == graftedMax {
			continue
		}
		t := m.Types[m.Funcs[e.Index].Type]
		args, ok := arguments(t.Params, n)
		if !ok {
			continue
		}
		n++
		code = append(code, join(args, call(e.Index), times(len(t.Results), drop))...)
	}
	return code
}

// arguments pushes small numbers of the types.
func arguments(types []wasm.ValType, n int) (code []byte, ok bool) {
	for _, t := range types {
		switch t {
		case wasm.I32:
			code = append(code, c32(int32(n%5))...)
		case wasm.I64:
			code = append(code, c64(int64(n%5))...)
		case wasm.F32:
			code = append(code, 0x43, 0, 0, 0x80, 0x3f)
		case wasm.F64:
			code = append(code, 0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f)
		default:
			return nil, false
		}
	}
	return code, true
}

// grown is the sections with entries added to the one of a number, which holds
// count; it is made when there is none.
func grown(list []part, id byte, count int, added [][]byte) []part {
	all := uleb(nil, uint64(count+len(added)))
	for i := range list {
		if list[i].id == id {
			_, rest, _ := leading(list[i].content)
			list[i].content = join(all, rest, join(added...))
			return list
		}
	}
	fresh := part{id, join(all, join(added...))}
	for i := range list {
		if after(list[i].id, id) {
			return slices.Insert(list, i, fresh)
		}
	}
	return append(list, fresh)
}

// after reports whether a section comes behind another; custom ones stay
// where they are.
func after(id, other byte) bool {
	order := []byte{secType, secImport, secFunc, secTable, secMemory, secGlobal, secExport, secStart, secElement, secDataCount, secCode, secData}
	return id != secCustom && slices.Index(order, id) > slices.Index(order, other)
}

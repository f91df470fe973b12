package enginetest

// Wasm builds small modules for tests, so that none depends on an assembler.
// The zero value is an empty module; sections follow the WebAssembly core
// specification 2.0, chapter 5.
type Wasm struct {
	Imports []Import
	Funcs   []Func
	Memory  []int  // pages: the minimum, and the maximum if there are two; nil: none
	Name    string // the memory is exported as; "": it is not
	Start   int    // index of the function that the start section names; 0: none
	Data    []Data
}

// Import is one import. Its index comes before those of Funcs.
type Import struct {
	Module, Name string
	Params       string // a byte each: I32 or I64
	Results      string
	Export       string // "": it is not exported
}

// Func is a function; Code is its body without the final end.
type Func struct {
	Export  string // "": it is not exported
	Params  string
	Results string
	Code    []byte
}

// Data is a data segment.
type Data struct {
	At    int
	Bytes string
}

// Types of values.
const (
	I32 = "\x7f"
	I64 = "\x7e"
)

// Instructions that take no argument.
const (
	Unreachable = 0x00
	Drop        = 0x1a
	Shl64       = 0x86
	Or64        = 0x84
	Extend64    = 0xad // of an unsigned i32
)

// Actor is a module that keeps to the ABI: its input block lies at 1024, and
// code, which may use the parameters ptr and len, is grow_handle.
func Actor(code ...byte) *Wasm {
	return &Wasm{
		Memory: []int{1}, Name: "memory",
		Funcs: []Func{
			{Export: "grow_alloc", Params: I32, Results: I32, Code: Const32(1024)},
			{Export: "grow_handle", Params: I32 + I32, Results: I64, Code: code},
		},
	}
}

// Const32 is i32.const.
func Const32(n int32) []byte { return signed([]byte{0x41}, int64(n)) }

// Const64 is i64.const.
func Const64(n int64) []byte { return signed([]byte{0x42}, n) }

// Call is a call of the function of an index.
func Call(index int) []byte { return unsigned([]byte{0x10}, index) }

// Get is local.get.
func Get(index int) []byte { return unsigned([]byte{0x20}, index) }

// Code joins instructions.
func Code(list ...[]byte) []byte {
	var b []byte
	for _, c := range list {
		b = append(b, c...)
	}
	return b
}

// Op is an instruction without arguments.
func Op(op byte) []byte { return []byte{op} }

// Bytes is the binary.
func (w *Wasm) Bytes() []byte {
	b := []byte("\x00asm\x01\x00\x00\x00")
	var types, imports, funcs, exports, bodies, data [][]byte
	for n, i := range w.Imports {
		types = append(types, signature(i.Params, i.Results))
		imports = append(imports, unsigned(append(text(nil, i.Module, i.Name), 0), n))
		if i.Export != "" {
			exports = append(exports, unsigned(append(text(nil, i.Export), 0), n))
		}
	}
	for n, f := range w.Funcs {
		types = append(types, signature(f.Params, f.Results))
		funcs = append(funcs, unsigned(nil, len(w.Imports)+n))
		if f.Export != "" {
			exports = append(exports, unsigned(append(text(nil, f.Export), 0), len(w.Imports)+n))
		}
		body := append(append([]byte{0}, f.Code...), 0x0b) // no locals
		bodies = append(bodies, append(unsigned(nil, len(body)), body...))
	}
	if w.Name != "" {
		exports = append(exports, append(text(nil, w.Name), 2, 0))
	}
	for _, d := range w.Data {
		data = append(data, text(append(append([]byte{0}, Const32(int32(d.At))...), 0x0b), d.Bytes))
	}
	b = section(b, 1, types)
	b = section(b, 2, imports)
	b = section(b, 3, funcs)
	if w.Memory != nil {
		limits := []byte{byte(len(w.Memory) - 1)}
		for _, pages := range w.Memory {
			limits = unsigned(limits, pages)
		}
		b = section(b, 5, [][]byte{limits})
	}
	b = section(b, 7, exports)
	if w.Start > 0 {
		index := unsigned(nil, w.Start)
		b = append(append(b, 8, byte(len(index))), index...)
	}
	b = section(b, 10, bodies)
	return section(b, 11, data)
}

// section appends a section that is a list; an empty one is left out.
func section(b []byte, id byte, list [][]byte) []byte {
	if len(list) == 0 {
		return b
	}
	content := unsigned(nil, len(list))
	for _, item := range list {
		content = append(content, item...)
	}
	return append(unsigned(append(b, id), len(content)), content...)
}

func signature(params, results string) []byte { return text([]byte{0x60}, params, results) }

// text appends strings with their lengths.
func text(b []byte, list ...string) []byte {
	for _, s := range list {
		b = append(unsigned(b, len(s)), s...)
	}
	return b
}

// unsigned appends an integer in LEB128.
func unsigned(b []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

// signed appends an integer in signed LEB128.
func signed(b []byte, n int64) []byte {
	for {
		low := byte(n) & 0x7f
		n >>= 7
		if n == 0 && low&0x40 == 0 || n == -1 && low&0x40 != 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}

package wasm

// ValType is a type of values, by its byte in the binary format
// (WebAssembly core specification 2.0, section 5.3).
type ValType byte

// The value types of core 2.0.
const (
	I32       ValType = 0x7f
	I64       ValType = 0x7e
	F32       ValType = 0x7d
	F64       ValType = 0x7c
	V128      ValType = 0x7b
	FuncRef   ValType = 0x70
	ExternRef ValType = 0x6f
)

// Kind says what an import or an export is.
type Kind byte

// The kinds, by their byte in the binary format.
const (
	KindFunc   Kind = 0
	KindTable  Kind = 1
	KindMemory Kind = 2
	KindGlobal Kind = 3
)

// Module is what a binary says, checked. What is in it aliases the binary,
// which must not be changed. All offsets are into Binary.
//
// The index spaces Funcs, Tables, Memories and Globals begin with what is
// imported, as those of the specification do.
type Module struct {
	Binary   []byte
	Sections []Section // in the order of the file, custom ones too
	Types    []FuncType
	Imports  []Import
	Funcs    []Func
	Tables   []Table
	Memories []Memory
	Globals  []Global
	Exports  []Export
	Start    int // index of the start function; -1: there is none
	Elements []Element
	Bodies   []Body // of the functions that are not imported, in their order
	Data     []Data
	// DataCount is what the data count section says; -1: there is none.
	DataCount int

	peaks [limitsEnd]int // the most of each that was found

	ImportedFuncs, ImportedTables, ImportedMemories, ImportedGlobals int
}

// Section is one section of the binary.
type Section struct {
	ID         byte
	Name       string // of a custom section, which has ID 0
	At         int    // of its id
	Start, End int    // of what it holds; of a custom section: after its name
}

// FuncType is the type of a function.
type FuncType struct{ Params, Results []ValType }

// Import is one import. Index is its place in the index space of its kind.
type Import struct {
	Module, Name string
	Kind         Kind
	Index        int
}

// Export is one export. Index is a place in the index space of its kind.
type Export struct {
	Name  string
	Kind  Kind
	Index int
}

// Func is a function; Type is an index into Types.
type Func struct{ Type int }

// Limits are the bounds of a table (in elements) or a memory (in pages of
// 64 KiB). Max is -1 when the module gives none.
type Limits struct{ Min, Max int64 }

// Table is a table.
type Table struct {
	Elem ValType
	Limits
}

// Memory is a linear memory.
type Memory struct{ Limits }

// Global is a global. The initial value of one that is not imported is the
// expression from Start to End, the final end included.
type Global struct {
	Type       ValType
	Mutable    bool
	Start, End int
}

// Element is one segment of elements.
type Element struct {
	Mode       SegmentMode
	Table      int
	Elem       ValType
	Start, End int // of the whole segment
	Funcs      int // number of elements
}

// SegmentMode says when a segment takes effect.
type SegmentMode byte

// The modes of segments.
const (
	Active SegmentMode = iota
	Passive
	Declarative
)

// Data is one segment of data.
type Data struct {
	Mode       SegmentMode
	Memory     int
	Start, End int // of the whole segment
	Size       int // bytes of data, the last of the segment
}

// Body is the code of a function. The declarations of locals begin at Start,
// the instructions at Code; End is behind the final end.
type Body struct {
	Start, Code, End int
	Locals           []Locals // declared, without parameters
}

// Locals are a run of locals of one type.
type Locals struct {
	Count uint32
	Type  ValType
}

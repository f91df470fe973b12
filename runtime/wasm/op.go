package wasm

import "fmt"

// Op is an instruction: its byte or, of one with a prefix, the prefix in the
// second byte and the number behind it in the first.
type Op uint32

// The bytes that begin instructions of two parts.
const (
	prefixGC      = 0xfb
	prefixMisc    = 0xfc
	prefixVector  = 0xfd
	prefixThreads = 0xfe
)

// String is the name of the instruction in the text format.
func (o Op) String() string {
	if known := o.operation(); known.name != "" {
		return known.name
	}
	return fmt.Sprintf("instruction %#x", uint32(o))
}

// immediate says what follows an opcode.
type immediate byte

const (
	noImm        immediate = iota
	blockImm               // a block type
	labelsImm              // a vector of labels, then the default
	typesImm               // a vector of value types
	reftypeImm             // a reference type
	indexImm               // an index, or a label
	indexesImm             // two indexes
	indexzeroImm           // an index, then a zero byte
	zeroImm                // a zero byte, in the place of a memory
	zerosImm               // two of them
	memoryImm              // alignment and offset
	memlaneImm             // alignment, offset and lane
	laneImm                // a lane
	shuffleImm             // sixteen lanes
	i32Imm                 // and the constants
	i64Imm
	f32Imm
	f64Imm
	v128Imm
)

// operation is what the tables say of an instruction.
type operation struct {
	name  string // in the text format; "": there is no such instruction
	takes immediate
	// typing is what it pops, a colon and what it pushes: i, l, f, d and v stand for
	// i32, i64, f32, f64 and v128. "": the types follow from more than the opcode.
	typing string
	// width is, as a power of two, the natural alignment in bytes of one that
	// touches memory, and of one with a lane how many there are.
	width byte

	plain      bool
	pops, push []ValType
}

// dense are the operations by prefix (none, 0xfc, 0xfd) and number.
var dense = densely()

func densely() *[3][256]operation {
	var all [3][256]operation
	for _, table := range []map[Op]operation{operations, vectorOperations} {
		for code, o := range table {
			if o.typing != "" {
				o.pops, o.push = typing(o.typing)
				o.plain = true
			}
			all[plane(code)][byte(code)] = o
		}
	}
	return &all
}

// plane is where operations of a prefix lie in dense.
func plane(o Op) int {
	if o>>8 == 0 {
		return 0
	}
	return int(o>>8) - prefixMisc + 1
}

func typing(text string) (pops, push []ValType) {
	letters := map[rune]ValType{'i': I32, 'l': I64, 'f': F32, 'd': F64, 'v': V128}
	all := &pops
	for _, r := range text {
		if r == ':' {
			all = &push
			continue
		}
		*all = append(*all, letters[r])
	}
	return pops, push
}

var noOperation operation

func (o Op) operation() *operation {
	switch o >> 8 {
	case 0, prefixMisc, prefixVector:
		return &dense[plane(o)][byte(o)]
	}
	return &noOperation
}

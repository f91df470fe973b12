package meter

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/runtime/wasm"
)

// The names that a rewritten module uses and no other may.
const (
	ImportModule = "grow:meter"
	// ImportName is the function (left i64) -> (grant i64) that is called when
	// left, the fuel there is, is below zero, or with [StackEmpty]. It returns how
	// much more the guest is given, which covers what is below zero, and does not
	// return when the guest is to stop.
	ImportName   = "slice"
	ExportFuel   = "grow:fuel"  // mutable i64: the fuel left
	ExportStack  = "grow:stack" // mutable i32: the bytes of stack left
	exportGlobal = "grow:global."
	reserved     = "grow:"
)

// StackEmpty is what the imported function is called with when calls have gone
// too deep.
const StackEmpty = math.MinInt64

// Prices, in units of fuel.
const (
	UnitBytes = 1 << unitShift // bytes, or elements, that a bulk operation moves for a unit
	PageFuel  = 1024           // for each page that memory grows by, of PagesCharged
	unitShift = 3
	pageShift = 16 // of the bytes of a page
)

// PagesCharged is how many of the pages that memory grows by at once are paid for:
// new pages are empty, and cost when they are written.
const PagesCharged = 256

// ChunkBytes is how much a bulk operation does before fuel is looked at again.
const ChunkBytes = 256 << 10

// The defaults of [Options].
const (
	StackMax = 9 << 20 // bytes
	TableMax = 100_000 // elements
)

// Options say what a module is held to.
type Options struct {
	// StackMax bounds the stack that calls take, in bytes of an upper estimate;
	// 0 stands for the constant StackMax. The engine doubles its stack as it
	// fills, and for a moment holds the old one too, so real memory can be half as
	// much again.
	StackMax int
	// TableMax bounds the elements of each table; 0 stands for the constant
	// TableMax. A module that demands more at start is refused; growing beyond it
	// answers -1.
	TableMax int64
	// PagesMax bounds memory likewise, in pages of 64 KiB; 0: as the module says.
	PagesMax int64
	// Globals has mutable globals exported, for snapshots and debugging.
	Globals bool
	// Offsets has Module.Offsets kept.
	Offsets bool

	each bool // charge before every instruction: what tests hold the rest against
}

// Module is a rewritten module.
type Module struct {
	Binary []byte
	Fuel   int // index of the global that counts fuel
	Stack  int // index of the one that counts the stack
	Sites  int // places that charge
	// Checks are the places that look whether there is fuel left, and Counted the
	// functions that count the stack they take.
	Checks, Counted int
	// Globals are the mutable globals of the original, if they are exported.
	Globals []Global
	// Offsets say where the code of the original now lies, in ascending order. What
	// is between two of them has been moved by as much as the one before. Every
	// instruction that was written anew has one, which is where what stands for it
	// begins. nil: they were not asked for.
	Offsets []Offset
}

// Global is a mutable global that can be read. Export is its name now.
type Global struct {
	Index  int // in the original
	Type   wasm.ValType
	Export string
}

// GlobalName is the name under which a mutable global can be read and set, by its
// index in the original, if [Options] has them exported.
func GlobalName(index int) string { return exportGlobal + strconv.Itoa(index) }

// Offset is a place in the code, in bytes from the beginning of the binary.
type Offset struct{ Old, New uint32 }

// Rewrite rewrites a module, which must be one that [wasm.Decode] has accepted. It
// fails with an *wasm.Error of code module.limit, or of module.invalid when the
// module uses a name that is reserved.
func Rewrite(m *wasm.Module, o Options) (*Module, error) {
	if o.StackMax == 0 {
		o.StackMax = StackMax
	}
	if o.TableMax == 0 {
		o.TableMax = TableMax
	}
	if err := admit(m, o); err != nil {
		return nil, err
	}
	w := &writer{m: m, o: o}
	w.survey()
	return w.write(), nil
}

// admit refuses what cannot be rewritten.
func admit(m *wasm.Module, o Options) error {
	for _, i := range m.Imports {
		if strings.HasPrefix(i.Module, reserved) || strings.HasPrefix(i.Name, reserved) {
			return taken("imports", i.Module+"."+i.Name)
		}
	}
	for _, e := range m.Exports {
		if strings.HasPrefix(e.Name, reserved) {
			return taken("exports", e.Name)
		}
	}
	for i, t := range m.Tables {
		if t.Min > o.TableMax {
			return &wasm.Error{Code: wasm.CodeLimit, Reason: fmt.Sprintf(
				"table %d begins with %d elements; at most %d are allowed", i, t.Min, o.TableMax)}
		}
	}
	for _, mem := range m.Memories {
		if o.PagesMax > 0 && mem.Min > o.PagesMax {
			return &wasm.Error{Code: wasm.CodeLimit, Reason: fmt.Sprintf(
				"the memory begins with %d pages of 64 KiB; at most %d are allowed", mem.Min, o.PagesMax)}
		}
	}
	return nil
}

func taken(verb, name string) error {
	return &wasm.Error{Code: wasm.CodeInvalid, Reason: fmt.Sprintf(
		"the module %s %q; names that begin with %q are the host's", verb, wasm.Safe(name), reserved)}
}

package admission

import (
	"crypto/sha256"
	"fmt"

	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/runtime/wasm/meter"
)

// Edition is counted up whenever [Decode] judges a module otherwise than before,
// or [Meter] makes something else of it: what older editions have admitted is
// admitted anew.
const Edition = 3

// Recipe says what an admitted module depends on besides the module: the edition,
// and the limits and prices of it.
func Recipe() string {
	sum := sha256.Sum256(fmt.Append(nil, new(wasm.Module).Usage(), wasm.WorkPerByte,
		meter.StackMax, ReactorStack, meter.TableMax, meter.ChunkBytes, meter.UnitBytes, meter.PageFuel, meter.PagesCharged, Version))
	return fmt.Sprintf("admission %d %x", Edition, sum[:8])
}

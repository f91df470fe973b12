//go:build wasip1

package grow

import (
	"log/slog"
	"os"
	"unsafe"

	"github.com/grow-platform/grow/sdk/go/internal/bridge"
)

func init() { slog.SetDefault(slog.New(Handler())) }

// blockMax is the size in bytes of the largest input there is room for.
const blockMax = 64 << 20

// block is the room the host writes input to. It is made of words because
// those are aligned as the ABI asks; it is a variable so that it is not
// collected. Go does not move it.
var block []uint64

//go:wasmexport grow_abi
func growABI() uint32 { return 1 }

//go:wasmexport grow_alloc
func growAlloc(n uint32) uint32 {
	if n > blockMax {
		return 0
	}
	if words := max(1, (int(n)+7)/8); words > len(block) {
		block = make([]uint64, words)
	}
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(block))))
}

//go:wasmexport grow_handle
func growHandle(p unsafe.Pointer, n uint32) uint64 {
	answer, err := bridge.Handle(unsafe.Slice((*byte)(p), n))
	if err != nil {
		// The one way out that also tells the host that the message failed. The reason has been logged.
		os.Exit(1)
	}
	if len(answer) == 0 {
		return 0
	}
	// answer is a buffer of the Context, which keeps it until the next message.
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(answer))))<<32 | uint64(len(answer))
}

//go:wasmexport grow_init
func growInit(p unsafe.Pointer, n uint32) uint32 {
	if bridge.Start(unsafe.Slice((*byte)(p), n)) != nil {
		return 1
	}
	return 0
}

package replay

import (
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/wasm/cover"
)

// blocks takes the bits of the blocks that an instance of a module of package cover has
// run since it was asked last, and clears them; nil: its engine does not show them.
func blocks(i *actor.Instance, words int) []uint32 {
	if i == nil || words == 0 {
		return nil
	}
	list := make([]uint32, words)
	for k := range list {
		v, ok := i.SwapGlobal(cover.Name(k), 0)
		if !ok {
			return nil
		}
		list[k] = uint32(v)
	}
	return list
}

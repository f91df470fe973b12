package actor

import "github.com/grow-platform/grow/runtime/engine"

// SwapGlobal sets an exported global of the instance's module, and returns what it was;
// false: there is none, or the engine does not show any. The instance must handle nothing
// meanwhile.
func (i *Instance) SwapGlobal(export string, value uint64) (old uint64, ok bool) {
	l, ok := i.running.(engine.Legible)
	if !ok {
		return 0, false
	}
	return l.SwapGlobal(export, value)
}

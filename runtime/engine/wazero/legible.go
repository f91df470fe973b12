package wazero

import "github.com/tetratelabs/wazero/api"

// SwapGlobal implements engine.Legible.
func (i *instance) SwapGlobal(export string, value uint64) (old uint64, ok bool) {
	g, ok := i.running.ExportedGlobal(export).(api.MutableGlobal)
	if !ok {
		return 0, false
	}
	old = g.Get()
	g.Set(value)
	return old, true
}

//go:build !linux

package wazero

import "github.com/tetratelabs/wazero/experimental"

// reserve maps nothing here.
func reserve(uint64) (experimental.LinearMemory, bool) { return nil, false }

//go:build !linux

package wazero

import (
	"os"

	"github.com/grow-platform/grow/runtime/wasm/snapshot"
	"github.com/tetratelabs/wazero/experimental"
)

// fileOf makes no file here: images are copied.
func fileOf(*snapshot.Image) *os.File { return nil }

// mapFile maps nothing here.
func mapFile(*os.File, uint64, uint64) experimental.LinearMemory { return nil }

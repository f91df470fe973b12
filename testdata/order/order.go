// Package order holds an actor written in C, as a module, so that tests and
// figures have one without a C compiler.
//
// It is made in the folder c with clang and lld 14 (apt-get install clang-14 lld-14):
//
//	clang-14 --target=wasm32 -O2 -nostdlib -fno-builtin -Wall -Wextra \
//		-fuse-ld=/usr/bin/wasm-ld-14 -Wl,--no-entry -Wl,--strip-debug -o order.wasm order.c
package order

import (
	"bytes"
	_ "embed"
)

//go:embed c/order.wasm
var binary []byte

// Module returns the binary of order.c, a fresh copy. It takes an order and sends
// echo.done with its id, its customer, its total and the sum of its items.
func Module() []byte { return bytes.Clone(binary) }

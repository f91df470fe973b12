//go:build wasip1

package bridge

import "unsafe"

//go:wasmimport grow call
//go:noescape
func hostCall(req unsafe.Pointer, reqLen uint32, buf unsafe.Pointer, bufCap uint32) uint32

//go:wasmimport grow answer
//go:noescape
func hostAnswer(buf unsafe.Pointer, bufCap uint32) uint32

// Call hands the host a request frame and returns the length of the answer.
// When that is more than len(buf) nothing has been written and Answer fetches it.
func Call(req, buf []byte) int {
	return int(hostCall(unsafe.Pointer(unsafe.SliceData(req)), uint32(len(req)),
		unsafe.Pointer(unsafe.SliceData(buf)), uint32(len(buf))))
}

// Answer writes the waiting answer into buf and returns its length, or 0 when
// none waits or buf is too small.
func Answer(buf []byte) int {
	return int(hostAnswer(unsafe.Pointer(unsafe.SliceData(buf)), uint32(len(buf))))
}

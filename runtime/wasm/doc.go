// Package wasm knows the binary format of WebAssembly: it decodes and validates
// modules strictly, within limits, and rewrites them so that they pay for what
// they run.
//
// What is accepted is core specification 2.0 (W3C, 2024), nothing of later
// proposals. Decoding allocates nothing by a count that the bytes do not back.
package wasm

// Package native is the debugger of actors in Rust and C, whose modules say by DWARF
// where their lines and variables are, and of all other modules by function and
// instruction.
//
// A module is compiled with probes where statements begin (see package probe). A probe
// hands over the locals of WebAssembly that variables are kept in; all else is read
// from linear memory. What callers keep in locals cannot be read, but where their
// frames lie in memory can be worked out: see [frames].
package native

// Package probe rewrites modules so that a debugger is told where they are: where
// a statement begins, and where a turn of a loop does, stands a probe, which costs
// next to nothing until it is armed.
//
// A probe is
//
//	global.get $flags; i64.const BIT; i64.and; i64.const 0; i64.ne
//	if
//	  i32.const ID; local.get …; call $probe
//	end
//
// It takes nothing off the operand stack and leaves nothing there, so it is valid
// before each instruction, where nothing is ever reached too. Probes share the bits of
// at most [FlagsMax] globals: compilers load each global that changes again after each
// call, so that one global for each probe would make code that is many times as slow,
// and many times as slow to compile. One whose bit is set for another is told apart by
// its ID.
//
// What is inserted is not paid for: it is to be done with a module that package meter
// has rewritten. [Find] finds places in the original, which meter's offsets lead to
// where they are then.
package probe

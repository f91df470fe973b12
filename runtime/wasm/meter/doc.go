// Package meter rewrites modules so that they pay for what they run and stop
// when they may not run on: fuel is counted, the depth of calls is counted where
// calls can go deep, bulk operations are charged by length and done in pieces,
// and tables and memory are held to a maximum.
//
// A module is rewritten in three steps: [body] finds in each body what to insert
// and where, graph decides by the calls between functions which of them check
// what, and writer puts the new binary together. The module must have been
// validated: an index that only what is added here would make valid must not
// come this far.
//
// # Fuel
//
// A unit is one instruction; nop, block, loop, else and end are free. What always
// runs together is charged together, where it begins; the first turn of a loop with
// what stands before it, each other one by the branch back that begins it. The
// counter is a global that the guest cannot name. It is looked at where functions
// begin, but for small ones, and at those branches; when it is below zero the
// imported function [ImportModule].[ImportName] is called with what is left and
// returns how much more there is.
//
// A function with loops counts in a local. The global says the same whenever others
// can see it, which is before a call, a bulk operation and a return, and when a turn
// of a loop begins but the first. After a trap it holds what it held at the last of
// these places, or when the function that trapped was called: what has been charged
// since, at most the instructions of that function's body, each once, is left out.
// That is the same on every engine and for all slices. A call that returns has used
// its instructions, each as often as it ran.
//
// # Stack
//
// Functions on a cycle of calls, as many of them as are needed, count an upper
// estimate of the stack their call takes in a second global. When it is used up
// the imported function is called with [StackEmpty] and must not return.
package meter

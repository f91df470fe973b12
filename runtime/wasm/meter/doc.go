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
// runs together is charged together, where it begins. The counter is a global
// that the guest cannot name. It is looked at where loops begin and where
// functions do, but for small ones; when it is below zero the imported function
// [ImportModule].[ImportName] is called with what is left and returns how much
// more there is.
//
// # Stack
//
// Functions on a cycle of calls, as many of them as are needed, count an upper
// estimate of the stack their call takes in a second global. When it is used up
// the imported function is called with [StackEmpty] and must not return.
package meter

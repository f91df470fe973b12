// Package crash ends a running grow in every way that ends a process, a disk or
// a file, and sees from outside what is left: it starts the shipped command,
// loads it over HTTP, does the harm, starts it again and reads every state
// through the public API. It imports nothing that grow is made of, so that an
// error of the shard cannot hide in the checker.
//
// The service in folder service keeps two books a key, of which the second is
// written by what the first sends on. A line is the client's id with a nonce drawn when the
// line was entered. After each fault these must hold (check.go):
//
//   - what was answered 200 stands where the answer said, with the same nonce:
//     nothing acknowledged is lost, nothing is handled again with another result
//   - what was answered 202 stands in the book, or is a dead letter when it was poison
//   - what stands there was sent, once, and to this key; the sum over all ids
//     in their order is the one the actor has kept
//   - the second book has the same lines in the same order
//   - what was acknowledged before another was sent stands before it; and the
//     history of each key is linearizable, as porcupine says
//   - a request that is repeated is answered as it was the first time
//   - a book read before is how the book begins
//
// The same is done to the example service, which is loaded with webhooks and
// checked by the rule of package triagetest (triage.go, triagecheck.go).
package crash

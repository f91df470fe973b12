// Package shard accepts messages, keeps them in order, has actors handle them,
// and commits what came of it: it is the one owner of a slice of the key space
// and of its journal.
//
// # Who owns what
//
// A shard has as many lanes as there are processors. Every (node, key) belongs
// to one lane for ever, so the mailboxes, states and timers of a lane need no
// locks: they belong to the goroutine that holds the lane's token. That
// goroutine (see lane.work) begins when the lane has something to do and ends
// when it has not; who brings a message to a lane that sleeps does the first
// turns itself (lane.help). Handling runs on it, without a change of goroutine; when a
// guest is about to wait for the outside, the token passes to another
// goroutine and the handling comes back to the lane as an event (worker.wait,
// lane.finish). What other goroutines want from a lane they post to its inbox.
//
// Locks, in the order in which they may be taken: lane.mu; committer.mu; each
// of flows.mu, idempotency.mu, dead.mu alone.
//
// # When things become visible
//
// What a message sends to nodes of the same journal is delivered at once: if
// the record that holds it were lost, everything that followed is lost with it,
// since records are appended in order. Replies, and anything else the outside
// could see, wait for the commit. Messages to other lanes leave only after the
// entry that caused them was given to the committer, so no record ever holds a
// consequence before its cause.
package shard

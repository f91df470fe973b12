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
// Where snapshots are taken one more goroutine, the keeper's, follows the journal
// behind the lanes (see keeper). It never asks a lane for anything. And where more
// waited when the journal ended than is to be in memory, one reads it bit by bit
// (see backlog), until it has handed the last of it over.
//
// Locks, in the order in which they may be taken: lane.mu; committer.mu;
// backlog.mu; each of flows.mu, idempotency.mu, dead.mu, states.mu, keeper.mu alone.
//
// # When things become visible
//
// What a message sends to nodes of the same journal is delivered at once: if
// the record that holds it were lost, everything that followed is lost with it,
// since records are appended in order. Replies, and anything else the outside
// could see, wait for the commit. Messages to other lanes leave only after the
// entry that caused them was given to the committer, so no record ever holds a
// consequence before its cause.
//
// # How it comes back
//
//  1. Open reads the last snapshot and folds the records after it (package fold):
//     that is the world as it was committed. It appends an epoch, which fences
//     whoever had the journal before.
//  2. Dead letters, idempotency keys and flows that may be asked about are there
//     at once. Messages that wait are given to their lanes by the first Apply, in
//     the journal's order and before anything new: those that are due go into
//     their mailboxes, the others get their timers, and one that holds its key up
//     does so again. Where there are snapshots, and more messages wait than
//     Options.Ahead, only those that hold their key up are read at once. Of the
//     others the place in the journal is known; they are read, node by node, as
//     lanes handle what was read before, and what comes to such a node meanwhile
//     waits in memory behind all of them.
//  3. The state of a key is loaded when its first message comes; see cell.loaded.
//
// # By which routes
//
// A message from outside, and all that comes of it, goes by the plan that it was accepted
// under: parcels and entries carry its number. The journal knows a plan's routes before the
// first message has its number (see enforce). Plans that are replaced are kept for a while,
// and nodes that only they have go on (see settleFormer); those of a trial that the end of
// the process interrupted hold what is for them until it goes on (see await).
//
// One entry settles a message, changes the state, and holds what it leads to, so
// every prefix of the journal is a world to go on from, and no message is settled twice.
//
// An append of which it is not known what became (see flight) is looked for and
// made again with the same bytes; nothing follows it until then. What waits for it
// is told nothing. Only when the journal has another owner is all given up.
package shard

package shard

import (
	"time"

	"github.com/grow-platform/grow/runtime/journal"
)

// The limits of a shard.
const (
	turnMax    = 512 // messages a lane handles before it looks at its inbox
	helpMax    = 32  // messages that who brings one handles for its lane
	cellMax    = 64  // messages of one mailbox before the next one's turn
	cellsIdle  = 256 // keys of a node remembered although nothing is known of them
	warmMax    = 8   // messages whose memory is read ahead
	freeMax    = 64  // messages a lane keeps for reuse, twice when others return some
	slabSize   = 14  // messages a lane makes at once, in two pages, and the bytes of each
	parcelRoom = 376 // that lie in it: 200 of data and two ids
	spareBytes = 8 << 10
	trashMin   = 16 // room for parcels being taken back, and for
	queueMin   = 16 // messages waiting in a mailbox: whole cache lines of it

	flowsMax      = 100_000  // flows remembered for Lookup
	flowsCount    = 64       // additions between two looks at how much they take
	flowsBytes    = 64 << 20 // bytes of replies remembered for Lookup
	keysMax       = 200_000  // idempotency keys remembered, besides
	keyLife       = 24 * time.Hour
	sourceKeys    = 4096 // those of each schedule and subscription: its newest, and more than a server sends again
	sourceLife    = 30 * 24 * time.Hour
	deadMax       = 10_000   // dead letters kept
	deadBytes     = 64 << 20 // bytes of dead letters kept
	overflow      = 2        // times its capacity that a mailbox in a cycle may hold
	backoffMax    = time.Hour
	foldBytes     = 1 << 20          // of the journal, before the keeper is told of them
	foldEntries   = 4096             // likewise
	openTries     = 5                // of the first append of a shard
	pauseMin      = time.Millisecond // before an append that failed is tried again, twice as long each time
	pauseMax      = time.Second
	missMax       = 3 // appends that fail within missTime before nothing more is accepted
	missTime      = 10 * time.Second
	landingsMax   = 1024                         // batches not folded that a lane remembers before it looks which were
	fullBytes     = journal.RecordMax / 4 * 3    // waiting for the journal that are a record of their own, and
	smallBytes    = 4 << 10                      // of a record that another one need not wait for
	flightsMax    = jamBytes / journal.RecordMax // records whose memory is kept for reuse: as much as waits at once
	ownBytes      = 64 << 10                     // of a record's memory that a lane keeps for itself
	batchesMax    = 1 << 20                      // bytes of memory for batches that all lanes together keep for reuse
	jamBytes      = 8 << 20                      // waiting for the journal before lanes rest
	waitingTime   = 5 * time.Second              // that a lane may take to say what waits in it, at the end
	idleInstances = 30 * time.Second             // after which unused instances are closed

	routesMax  = 8                // routes that only what had begun before goes by
	routesTime = time.Hour        // that they are kept at most
	routesLook = 10 * time.Second // between two looks at whether something of them is left
	routesWait = 10 * time.Second // for the journal to take note of others
	awaitTime  = 5 * time.Minute  // that a trial may take to go on after a restart

	awaitMessages = 1 << 20 // that may wait at a node until then

	starvedTimes = 4        // times as much is read ahead where a lane has nothing to do
	aheadBytes   = 16 << 20 // bytes of messages of a node that are read ahead
	readMax      = 1024     // messages read at once, and
	readBytes    = 2 << 20  // bytes of them after which no more are

	// Ahead is how many messages of a node that waited when the journal ended are
	// in memory when nothing else is said.
	Ahead = 4096
	// KeepBytes is how much of the journal is kept when nothing else is said.
	KeepBytes = 4 << 20
)

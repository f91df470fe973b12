package journal

import "github.com/grow-platform/grow/abi"

// Entry is one thing in a record: *Epoch, *Accepted, *Handled, *Dead,
// *AttemptMade, *Timer, *Moved, *Revision, *LinkAck, *SnapshotTaken or *Packed.
type Entry interface{ message }

// Epoch begins the time of an owner. A new owner appends it first.
type Epoch struct {
	Number uint64
	Owner  string
	Format uint32 // version of the format of what follows
}

// Accepted keeps a message from outside that has not been handled yet.
type Accepted struct {
	Source      string // endpoint or other face it came in through
	ID          string
	Node        string // node path
	Key         string
	Input       []byte // frame of one message
	Time        int64  // nanoseconds since 1970
	Idempotency *Idempotency
}

// Idempotency is a client's promise that requests of one key are one request.
type Idempotency struct {
	Scope  string // endpoint and consumer
	Key    string
	Digest []byte // of the request, to tell a repeat from another use of the key
}

// Handled settles one message: its state changes and outputs hold with it.
type Handled struct {
	ID          string
	Node        string
	Key         string
	Input       []byte       // frame of one message; empty when InputSeq is set
	Message     *abi.Message // for writing, in place of Input; nil when read
	InputSeq    uint64       // sequence of the record that accepted it
	Time        int64        // the clock the guest saw, nanoseconds since 1970
	Seed        []byte       // of the guest's random stream; empty when it drew none
	Attempt     uint32
	Revision    string // of definition and code
	Outcome     Outcome
	State       []StateChange
	Outputs     []Output
	Answers     []Answer
	Fuel        uint64
	Duration    int64 // nanoseconds
	Idempotency *Idempotency
}

// Outcome is how a message ended.
type Outcome uint8

// The outcomes that settle a message. One that is tried later has none yet.
const (
	OutcomeHandled Outcome = iota + 1
	OutcomeRefused
	OutcomeFailed
)

// StateChange is a value set or deleted.
type StateChange struct {
	Name     string
	Value    []byte
	Deleted  bool
	Revision uint64
}

// Output is a message that goes on to a node, or out.
type Output struct {
	To      string // node path, or one of the places output, drop, deadletter
	Link    uint64 // number on the link to another journal; 0 inside this one
	Key     string
	Due     int64 // nanoseconds since 1970; 0 for at once
	Frame   []byte
	Message *abi.Message // for writing, in place of Frame; nil when read
}

// Answer is what a capability answered.
type Answer struct {
	Call      uint32 // number of the request within the message, from 1
	Operation string
	Use       string
	Request   []byte // digest of the request
	Frame     []byte
	Duration  int64 // nanoseconds
}

// Dead is a message that was given up on.
type Dead struct {
	ID       string
	Node     string
	Key      string
	Code     string
	Reason   string
	Attempt  uint32
	Time     int64
	Input    []byte
	InputSeq uint64
	Revision string
	Settles  bool // the message was waiting here and is settled by this
}

// AttemptMade keeps the successful answers of an attempt that failed.
type AttemptMade struct {
	ID      string
	Node    string
	Key     string
	Attempt uint32
	Due     int64 // of the next attempt
	Code    string
	Reason  string
	Answers []Answer
}

// Timer is a message that waits for its time.
type Timer struct {
	ID    string
	Node  string
	Key   string
	Due   int64
	Fired bool
	Frame []byte
}

// Moved carries a virtual shard to another journal.
type Moved struct {
	Virtual uint32
	To      string
}

// Revision says which code an actor runs from here on.
type Revision struct {
	Node   string
	Digest string
	Number string
}

// LinkAck acknowledges what another journal sent, up to Number.
type LinkAck struct {
	Link   string
	Number uint64
}

// SnapshotTaken says that a snapshot holds everything up to Sequence.
type SnapshotTaken struct {
	Sequence uint64
	Object   string
	Digest   string
}

// Packed stands for an entry that is too large for a record; see [Pack].
type Packed struct {
	Blob string // digest of the blob that holds it
	Size uint64 // bytes of the blob
}

package journal

import "strings"
import "github.com/grow-platform/grow/abi"

// Entry is one thing in a record: *Epoch, *Accepted, *Handled, *Dead,
// *AttemptMade, *Begun, *Timer, *Moved, *Revision, *LinkAck, *SnapshotTaken,
// *Packed, *Asked, *Action or *Routes. Pages of snapshots hold *Cell, *Waiting, *Dead, *Asked and *Root.
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
	Node        string // node path; empty when only Copies go anywhere
	Key         string
	Input       []byte // frame of one message
	Time        int64  // nanoseconds since 1970
	Idempotency *Idempotency
	Copies      []Output // what else the same request leads to
	Asked       *Asked   // nil when nobody may ask what became of it
	Routes      uint32   // number of those that all it leads to goes by: see Routes
}

// Idempotency is a client's promise that requests of one key are one request.
type Idempotency struct {
	Scope  string // endpoint and consumer
	Key    string
	Digest []byte // of the request, to tell a repeat from another use of the key
}

// OfSource reports whether a scope is that of a schedule or a subscription, whose keys are
// those of its messages. It repeats only its newest ones, but may do so after a long time.
func OfSource(scope string) bool {
	return strings.HasPrefix(scope, "schedule ") || strings.HasPrefix(scope, "subscribe ")
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
	Settles     bool   // the message was waiting here and is settled by this
	Asked       *Asked // as in Accepted, when there was none
	Code        string // when refused
	Reason      string // likewise
	Routes      uint32 // number of those that its outputs go by: see Routes
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
	Type     uint64 // print of the type that it was checked against; 0: not known
}

// Output is a message that goes on to a node, or out.
type Output struct {
	To      string // node path, or one of the places output, drop, deadletter
	Link    uint64 // number on the link to another journal; 0 inside this one
	Key     string
	Due     int64 // nanoseconds since 1970; 0 for at once
	Frame   []byte
	Message *abi.Message // for writing, in place of Frame; nil when read
	Grave   *Grave       // when To is deadletter
	Answers bool         // it is the reply to its flow
}

// Grave says why an output became a dead letter at once.
type Grave struct {
	Node   string // node path that it is a dead letter of
	Code   string
	Reason string
}

// Answer is what a capability answered.
type Answer struct {
	Call      uint32 // number of the request within the message, from 1
	Operation string
	Use       string
	Request   []byte // digest of the request
	Frame     []byte
	Duration  int64 // nanoseconds
	Passing   bool  // another attempt at the message makes the request again
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
	Fuel     uint64
	Refused  bool // the actor did not want it; otherwise it failed for good
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
	Hold    bool  // the message holds its key up until then
	Time    int64 // of this one, nanoseconds since 1970
	Fuel    uint64
	// Revision is what it ran on.
	Revision string
}

// Begun says that an attempt is about to change something outside, and what it has been
// told by then. When it ends with the process, the message is handled again with the same
// clock and the same answers, failures included, so that it asks the outside for the same.
// An attempt may have several, each with what is new.
type Begun struct {
	ID      string
	Node    string
	Key     string
	Attempt uint32
	Time    int64 // the clock the guest sees, nanoseconds since 1970
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

// Asked is a flow that somebody may ask about later. As an entry of its own it
// says so of a flow that began before, or, with an outcome, what came of one.
type Asked struct {
	Flow    string   // id of the request's first message
	Replies []string // types that answer it
	Any     bool     // any type does
	Waits   bool     // somebody waits for the answer
	Outcome uint32   // 0: not known yet; otherwise as the shard numbers them
	Reply   []byte   // frame of the message that answered it
	Code    string
	Text    string
	Node    string

	// In a snapshot only.
	Idempotency *Idempotency
	Until       int64 // nanoseconds since 1970 that Idempotency holds
	Listed      bool  // it may be asked for by its id
	Fault       bool  // Outcome is what came of it if no reply comes
}

// Action is what a person did to what is kept here.
type Action struct {
	Name   string // see the constants
	ID     string // of the dead letter
	By     string // who
	Time   int64  // nanoseconds since 1970
	Node   string
	Key    string
	Input  []byte // frame of the message put in place of it, or sent again
	State  []StateChange
	Reason string
	Routes uint32 // number of those that what is sent again goes by: see Routes
}

// The names of actions.
const (
	ActionDrop     = "deadletter.drop"    // the dead letter is forgotten
	ActionEdit     = "deadletter.edit"    // Input takes the place of its message
	ActionRedrive  = "deadletter.redrive" // Input waits at Node and the dead letter is settled
	ActionSetState = "state.set"          // State is changed
	ActionDebug    = "debug.begin"        // By looks into what Node does, or ID, from here on
	ActionDebugEnd = "debug.end"          // and no more
)

// Cell is the state of a key at a node, in a snapshot.
type Cell struct {
	Node  string
	Key   string
	State []StateChange
}

// Waiting is a message that waits, in a snapshot.
type Waiting struct {
	Node    string
	Key     string
	Frame   []byte
	Order   uint64 // its place among all messages that ever waited
	Attempt uint32 // of the next handling
	Due     int64  // nanoseconds since 1970; 0: at once
	Hold    bool   // it holds its key up
	First   bool   // it came from outside
	Answers []Answer
	Apart   bool     // what its flow is told does not come of it: it is, or comes of, a dead letter's message that was sent again
	Clock   int64    // that the attempt sees which had begun: see Begun; 0: none had
	Given   []Answer // to that attempt
	Routes  uint32   // number of those that it goes by: see Routes
}

// Root is what a snapshot begins with.
type Root struct {
	Sequence uint64 // of the last record that the snapshot holds
	Epoch    uint64 // in force then
	Time     int64  // the latest that an entry named, nanoseconds since 1970
	Order    uint64 // of the last message that waited
	DeadEver uint64 // dead letters, ever
	Pages    []Page
	Previous string // digest of the root before this one
	Before   uint64 // sequence of that one
	Routes   []Routes
}

// Routes are what says where messages go, as the package router writes it, and what has
// become of it. Messages name the routes that they go by from beginning to end by their
// number; those that name none go by number 0, the first of a journal.
type Routes struct {
	Number uint32
	Text   []byte
	Time   int64  // of that, nanoseconds since 1970
	Use    uint32 // see the constants
}

// The uses of routes.
const (
	RoutesInForce   = iota + 1 // new messages go by them
	RoutesTried                // some do, in a trial
	RoutesWithdrawn            // none do any more; in a snapshot, of those that were replaced, too
)

// Page is one blob of a snapshot.
type Page struct {
	Kind   uint32 // see the constants
	Low    uint64 // of state: the least hash of the cells that may lie there
	Digest string // empty: there is nothing
	Size   uint64 // bytes
}

// The kinds of pages.
const (
	PageState = iota + 1 // cells
	PageWaiting
	PageDead
	PageFlows
)

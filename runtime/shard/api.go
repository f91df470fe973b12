package shard

import (
	"errors"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/specs/shape"
)

// Errors of [Shard.Accept]; tell them apart with [errors.Is].
var (
	// ErrFull: the mailbox the message would wait in is full. Try again later.
	ErrFull = errors.New("mailbox is full")
	// ErrStopping: the shard accepts nothing more.
	ErrStopping = errors.New("host is stopping")
	// ErrUnknownTarget: there is no actor, workflow or node of that name.
	ErrUnknownTarget = errors.New("no such actor, workflow or node")
	// ErrNotTaken: the target does not take messages of that type.
	ErrNotTaken = errors.New("message type is not taken there")
	// ErrReused: the idempotency key was used before with another request.
	ErrReused = errors.New("idempotency key was used for another request")
	// ErrTooManyKeys: so many idempotency keys are remembered that none can be added.
	ErrTooManyKeys = errors.New("too many idempotency keys are remembered")
	// ErrJournal: the journal does not take records.
	ErrJournal = errors.New("journal is not available")
)

// Request is a message from outside.
type Request struct {
	To     string   // actor, workflow or node path
	Source string   // attribute source: what it came in through
	Type   string   // type of the message; its data has been checked
	Attrs  []string // further attributes: name, value, name, value
	Data   []byte
	Places shape.Places // that the check noted in Data

	// Replies are the types that answer it; the first message of one of them
	// to reach an output does. AnyReply takes any type.
	Replies  []string
	AnyReply bool
	// Direct skips the journal; only where vet allows it.
	Direct bool
	// Kept makes Accept return only once the message is in the journal, so
	// that it outlives this process where the journal does.
	Kept bool
	// Idempotency makes a repeated request share the first one's flow.
	Idempotency *journal.Idempotency
}

// Outcome is how a flow ended.
type Outcome uint8

// The ways a flow ends.
const (
	Pending Outcome = iota // not yet
	Replied                // a reply reached an output
	Ended                  // every branch ended and none replied
	Refused                // an actor refused, and none replied
	Failed                 // an actor failed for good, and none replied
)

// String names the outcome in one word.
func (o Outcome) String() string {
	switch o {
	case Replied:
		return "replied"
	case Ended:
		return "ended"
	case Refused:
		return "refused"
	case Failed:
		return "failed"
	}
	return "pending"
}

// Answer is what came of a request.
type Answer struct {
	Outcome Outcome
	Reply   *abi.Message // when Replied; not to be changed
	Code    string       // when Refused or Failed
	Text    string       // likewise
	Node    string       // likewise: the node path that said so
	Fuel    uint64       // likewise: units that the last attempt at it used
}

// DeadLetter is a message that was given up on. It is immutable.
type DeadLetter struct {
	ID      string
	Node    string
	Key     string
	Type    string
	Code    string
	Reason  string
	Attempt int
	Fuel    uint64 // units that the last attempt used
	Time    time.Time
	Message *abi.Message
}

// Waiting is a message that is not in a mailbox yet: delayed, or to be retried.
type Waiting struct {
	ID      string
	Node    string
	Key     string
	Due     time.Time
	Attempt int // of the next delivery
}

// NodeStatus is what one node is doing and has done since the host started.
type NodeStatus struct {
	Node      string `json:"node"`
	Actor     string `json:"actor"`
	Revision  string `json:"revision"`
	Mailbox   int64  `json:"mailbox"`   // messages waiting
	Capacity  int    `json:"capacity"`  // of the mailbox
	Instances int    `json:"instances"` // running copies of the module
	Waiting   int64  `json:"waiting"`   // delayed messages and retries to come
	Handled   uint64 `json:"handled"`
	Refused   uint64 `json:"refused"`
	Failed    uint64 `json:"failed"` // attempts
	Retried   uint64 `json:"retried"`
	Dead      uint64 `json:"dead"`
	Outputs   uint64 `json:"outputs"`
	Dropped   uint64 `json:"dropped"`    // outputs a route sent to drop, replies nobody waited for
	RuleFault uint64 `json:"rule_fault"` // rules that ended in an error and so were not taken
	Ignored   uint64 `json:"ignored"`    // attributes of outputs that are the host's to set
	Busy      int64  `json:"busy"`       // nanoseconds spent handling
	Fuel      uint64 `json:"fuel"`       // units used by all attempts
	FuelMax   uint64 `json:"fuel_max"`   // by the one that used most
	Memory    int64  `json:"memory"`     // bytes of linear memory of all instances
	LastCode  string `json:"last_code"`  // of the last attempt that was refused or failed; "" for none
	Mode      Mode   `json:"mode,omitempty"`
}

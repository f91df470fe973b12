package control

import (
	"encoding/json"
	"time"
)

// Trace is what a journal tells of one request: of its first message and of all
// that this caused. What was redriven is of the request of its original.
type Trace struct {
	ID       string         `json:"id"`   // of the message asked for
	Flow     string         `json:"flow"` // id of the first message
	Began    time.Time      `json:"began"`
	Took     float64        `json:"took_ms"` // until the last thing that happened
	Fuel     uint64         `json:"fuel"`
	Messages []TraceMessage `json:"messages"`       // each behind the one that caused it
	More     bool           `json:"more,omitempty"` // there is more, which was too much
}

// What may have become of a message.
const (
	TraceWaits   = "waits" // or is being handled
	TraceHandled = "handled"
	TraceRefused = "refused"
	TraceDead    = "dead" // it is a dead letter, or was one: see its acts
	TraceLeft    = "left" // it left the service
	TraceDropped = "dropped"
)

// TraceMessage is one message and what became of it.
type TraceMessage struct {
	ID      string          `json:"id"`
	Cause   string          `json:"cause,omitempty"` // id of the message that caused it, or that it was redriven for
	Depth   int             `json:"depth"`           // of messages that caused it
	Node    string          `json:"node,omitempty"`  // "": it went to none
	Key     string          `json:"key,omitempty"`
	Type    string          `json:"type"`
	Time    time.Time       `json:"time"`           // when it came into being
	Due     time.Time       `json:"due,omitzero"`   // when it was to be handled, if later
	Outcome string          `json:"outcome"`        // see the constants
	Code    string          `json:"code,omitempty"` // when refused or dead
	Reason  string          `json:"reason,omitempty"`
	Tries   []TraceTry      `json:"tries"`
	Acts    []TraceAct      `json:"acts,omitempty"` // what people did to it
	Data    json.RawMessage `json:"data,omitempty"` // when it is JSON
	Raw     []byte          `json:"raw,omitempty"`  // when it is not; base64
}

// TraceTry is one handling of a message.
type TraceTry struct {
	Attempt  int           `json:"attempt"`
	Record   uint64        `json:"record"`  // of the journal
	Time     time.Time     `json:"time"`    // when it began
	Took     float64       `json:"took_ms"` // 0: it was too quick to be measured
	Fuel     uint64        `json:"fuel"`
	Revision string        `json:"revision,omitempty"`
	Routes   uint32        `json:"routes,omitempty"` // number of those that its outputs went by; 0: the service's first
	Code     string        `json:"code,omitempty"`   // why it failed or was refused
	Reason   string        `json:"reason,omitempty"`
	Due      time.Time     `json:"next_try,omitzero"`
	State    []StateValue  `json:"state,omitempty"`   // as it was left; revision 0: deleted
	Answers  []TraceAnswer `json:"answers,omitempty"` // of capabilities; secrets are never kept
	// Begun is set once it was about to change something outside, and Told is what it had
	// been answered by then, failures too.
	Begun bool          `json:"begun,omitempty"`
	Told  []TraceAnswer `json:"told,omitempty"`
	// Open is set while it has not ended: it is under way, or the process ended before it did.
	Open bool `json:"open,omitempty"`
}

// TraceAnswer is a request of a message and what it was answered.
type TraceAnswer struct {
	Call      uint32          `json:"call"` // number of the request within the message
	Operation string          `json:"operation"`
	Use       string          `json:"use,omitempty"`
	Took      float64         `json:"took_ms,omitempty"`
	Code      string          `json:"code,omitempty"`  // it failed
	Bytes     int             `json:"bytes,omitempty"` // of its data, with secrets hidden
	Data      json.RawMessage `json:"data,omitempty"`
	Raw       []byte          `json:"raw,omitempty"`
}

// TraceAct is what a person did to a message that was given up on.
type TraceAct struct {
	Name   string    `json:"name"` // deadletter.edit, deadletter.redrive, deadletter.drop
	Time   time.Time `json:"time"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	Again  string    `json:"again,omitempty"` // id of the message sent in its place
}

// Limits of a list of messages.
const (
	MessagesLast = 20   // that are listed where no number is given
	MessagesMax  = 1000 // that can be asked for
)

// MessageFilter picks the newest messages. The zero value picks MessagesLast.
type MessageFilter struct {
	Node    string `json:"node,omitempty"` // path of a node, or of a workflow for its nodes
	Key     string `json:"key,omitempty"`
	Outcome string `json:"outcome,omitempty"` // waits, handled, refused, dead, left, dropped
	Last    int    `json:"last,omitempty"`    // how many, up to MessagesMax; 0: MessagesLast
}

// MessageList is what a journal tells of its newest messages, without what they hold.
type MessageList struct {
	Messages []Message `json:"messages"`        // the newest first
	Older    bool      `json:"older,omitempty"` // there are older ones, which were not looked at
	Since    time.Time `json:"since,omitzero"`  // the oldest that was looked at
}

// Message is one message and what has become of it.
type Message struct {
	ID      string    `json:"id"`
	Type    string    `json:"type,omitempty"` // "": it came before what was looked at
	Node    string    `json:"node,omitempty"` // "": it went to none
	Key     string    `json:"key,omitempty"`
	Time    time.Time `json:"time"`              // when it came into being, as far as was looked
	Outcome string    `json:"outcome"`           // waits, handled, refused, dead, left, dropped
	Took    float64   `json:"took_ms,omitempty"` // from its first attempt to the end of its last; 0: it was too quick to be measured
	Code    string    `json:"code,omitempty"`    // why it was refused, is dead or is tried again
	Reason  string    `json:"reason,omitempty"`
}

package control

import (
	"context"
	"encoding/json"
	"time"
)

// Letters is what a host offers of messages that were given up on. What changes
// them is in the journal, with who did it and why, before it is answered.
type Letters interface {
	DeadLetters(ctx context.Context, f DeadFilter) ([]DeadLetter, error)
	DeadLetter(ctx context.Context, id string) (DeadLetter, error)
	// EditDeadLetter replaces the data of one.
	EditDeadLetter(ctx context.Context, r EditRequest) (EditReply, error)
	// SettleDeadLetters sends dead letters again or forgets them, the oldest
	// first, and tells of each. It ends early when ctx does or when somebody
	// aborts the action; what was settled until then stays so.
	SettleDeadLetters(ctx context.Context, r SettleRequest, emit func(Settled) error) error
	// Actions lists the actions on many that run or ran last, newest first.
	Actions(ctx context.Context) ([]Action, error)
	// AbortAction ends one that runs.
	AbortAction(ctx context.Context, name string) (Action, error)
}

// Act says who does something, and why, for the journal.
type Act struct {
	By     string `json:"by"`
	Reason string `json:"reason,omitempty"`
}

type callerKey struct{}

// WithCaller says in whose name a request is made, whatever it says itself.
func WithCaller(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, callerKey{}, name)
}

// callerOf is in whose name a request is made; "": it was not said.
func callerOf(ctx context.Context) string {
	name, _ := ctx.Value(callerKey{}).(string)
	return name
}

type permitKey struct{}

// WithPermit says how who makes a request is asked again, while it goes on, whether they
// may still do so: permit returns an *Error once they may not.
func WithPermit(ctx context.Context, permit func(context.Context) error) context.Context {
	return context.WithValue(ctx, permitKey{}, permit)
}

// Permitted asks that: an *Error for who may no longer do what they are doing.
func Permitted(ctx context.Context) error {
	if permit, ok := ctx.Value(permitKey{}).(func(context.Context) error); ok {
		return permit(ctx)
	}
	return nil
}

func (a *Act) by(ctx context.Context) {
	if name, ok := ctx.Value(callerKey{}).(string); ok {
		a.By = name
	}
}

func (r *EditRequest) act() *Act   { return &r.Act }
func (r *SettleRequest) act() *Act { return &r.Act }
func (r *StateSet) act() *Act      { return &r.Act }

// DeadFilter picks dead letters. Its zero value picks all.
type DeadFilter struct {
	IDs   []string  `json:"ids,omitempty"` // those, if there are any
	Node  string    `json:"node,omitempty"`
	Code  string    `json:"code,omitempty"`
	Type  string    `json:"type,omitempty"`
	Key   string    `json:"key,omitempty"`
	Text  string    `json:"text,omitempty"` // in the reason or in the data
	Since time.Time `json:"since,omitzero"`
	Limit int       `json:"limit,omitempty"` // the newest; 0: all
}

// DeadLetter is a message that was given up on.
type DeadLetter struct {
	ID      string            `json:"id"`
	Time    time.Time         `json:"time"`
	Node    string            `json:"node"`
	Key     string            `json:"key,omitempty"`
	Type    string            `json:"type"`
	Code    string            `json:"code"`
	Reason  string            `json:"reason"`
	Attempt int               `json:"attempt"`
	Fuel    uint64            `json:"fuel"`            // units that the last attempt used
	Attrs   map[string]string `json:"attrs,omitempty"` // only when one is asked for
	Data    json.RawMessage   `json:"data,omitempty"`  // likewise, when it is JSON
	Raw     []byte            `json:"raw,omitempty"`   // likewise, when it is not; base64
}

// EditRequest is other data for a dead letter.
type EditRequest struct {
	ID   string `json:"id"`
	Data []byte `json:"data"` // as it is; base64 on the wire
	Act  Act    `json:"act"`
	Plan bool   `json:"plan,omitempty"` // only say what would be
}

// EditReply is a dead letter as it was and as it is.
type EditReply struct {
	ID   string          `json:"id"`
	Node string          `json:"node"`
	Type string          `json:"type"`
	Was  json.RawMessage `json:"was,omitempty"` // when it is JSON
	Data json.RawMessage `json:"data,omitempty"`
	Plan bool            `json:"plan,omitempty"`
}

// The names of what settles dead letters.
const (
	SettleRedrive = "redrive" // send them again
	SettleDrop    = "drop"    // forget them
)

// SettleRequest says which dead letters are to be settled and how.
type SettleRequest struct {
	How    string     `json:"how"`            // SettleRedrive or SettleDrop
	Name   string     `json:"name,omitempty"` // of the action; the host makes one
	Filter DeadFilter `json:"filter"`
	To     string     `json:"to,omitempty"` // node path; where they were given up on
	Act    Act        `json:"act"`
	Plan   bool       `json:"plan,omitempty"` // only say what would be
}

// Settled is what became of one dead letter, and how far its action has come.
type Settled struct {
	Action string `json:"action,omitempty"` // its name
	ID     string `json:"id"`
	Again  string `json:"again,omitempty"` // id of the message that was sent in its place
	To     string `json:"to,omitempty"`    // node path it went to, or would
	Fault  *Error `json:"fault,omitempty"` // why it stays
	All    int    `json:"all"`             // dead letters that were picked
	Done   int    `json:"done"`
	Failed int    `json:"failed"`
	Plan   bool   `json:"plan,omitempty"`
}

// Action is something that is done to many dead letters.
type Action struct {
	Name    string    `json:"action"`
	How     string    `json:"how"`
	Act     Act       `json:"act"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	Aborted bool      `json:"aborted,omitempty"`
	All     int       `json:"all"`
	Done    int       `json:"done"`
	Failed  int       `json:"failed"`
}

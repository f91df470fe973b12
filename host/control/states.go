package control

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// States is what a host offers of the states of keys, and of the journal that
// tells how they came about. Keys are "" where an actor has none.
type States interface {
	// State reads what a key keeps; a key that keeps nothing is an *Error of
	// code not_found, as a node is that there is not.
	State(ctx context.Context, r StateRequest) (State, error)
	// States lists keys, in order.
	States(ctx context.Context, f StateFilter) (StateList, error)
	// SetState changes a value, or fails with an *Error of code conflict when it
	// has another revision. The journal keeps who did it and why.
	SetState(ctx context.Context, r StateSet) (StateSetReply, error)
	// StateDiff tells how a state has changed, as far back as the journal goes.
	StateDiff(ctx context.Context, r DiffRequest) (StateDiff, error)
	// Trace tells what happened to a message and to all of its request. The
	// beginning of an id is enough.
	Trace(ctx context.Context, id string) (Trace, error)
	// Messages lists the newest messages, from as much of the journal's end as it
	// takes, up to a limit.
	Messages(ctx context.Context, f MessageFilter) (MessageList, error)
	// Replay handles a message again as it was handled, and compares what comes of it.
	// Nothing outside is asked or changed. The beginning of an id is enough.
	Replay(ctx context.Context, r ReplayRequest) (Replayed, error)
	// Record tells all of handled messages that a test of their actor is made of:
	// they are handled again, as by Replay, and come out the same.
	Record(ctx context.Context, r RecordRequest) (Record, error)
}

// StateRequest names a key of a node.
type StateRequest struct {
	Node    string        `json:"node"`
	Key     string        `json:"key"`
	Timeout time.Duration `json:"timeout,omitempty"` // for what is done with the key to end, nanoseconds; 0: StateTime
}

// StateTime is how long a state is waited for when nothing else is said: a
// message of its key may be at it. StateTimeMax is the longest.
const (
	StateTime    = 20 * time.Second
	StateTimeMax = 10 * time.Minute
)

// State is what a key keeps.
type State struct {
	Node   string       `json:"node"`
	Key    string       `json:"key"`
	Values []StateValue `json:"values"` // by name
}

// StateValue is a value by name, "" where there is only one.
type StateValue struct {
	Name     string          `json:"name"`
	Revision uint64          `json:"revision"` // counts the sets, from 1
	Bytes    int             `json:"bytes"`
	Data     json.RawMessage `json:"data,omitempty"` // when it is JSON; not in lists
	Raw      []byte          `json:"raw,omitempty"`  // when it is not; base64
	// Older is set of a value that is still of an older type than its actor declares.
	Older *OlderValue `json:"older,omitempty"`
}

// OlderValue says how a value of an older type is migrated before the next message of its key.
type OlderValue struct {
	Type string `json:"type"` // of the value as it is
	By   string `json:"by"`   // actor
}

// StateFilter picks keys of a node.
type StateFilter struct {
	Node   string  `json:"node"` // "": no keys, but the nodes that have state
	Prefix string  `json:"prefix,omitempty"`
	After  *string `json:"after,omitempty"` // nil: from the first on
	Limit  int     `json:"limit,omitempty"` // keys; 0: StatesMax
}

// StatesMax is how many keys a list has at most.
const StatesMax = 10_000

// StateList is a list of keys with what they keep, without data.
type StateList struct {
	Nodes []StateNode `json:"nodes,omitempty"` // when no node was named
	Keys  []State     `json:"keys"`
	Next  *string     `json:"next,omitempty"` // there is more: after this key
}

// StateNode is a node whose actor has state.
type StateNode struct {
	Node  string      `json:"node"`
	Actor string      `json:"actor"`
	Keyed bool        `json:"keyed"` // one state a key; else one in all
	State []StateType `json:"state"`
}

// StateType is what values may be.
type StateType struct {
	Name string `json:"name"` // or pattern of names
	Type string `json:"type"`
}

// StateSet is a change of a value.
type StateSet struct {
	Node     string  `json:"node"`
	Key      string  `json:"key"`
	Name     string  `json:"name,omitempty"`
	Data     []byte  `json:"data,omitempty"` // as it is; base64 on the wire
	Delete   bool    `json:"delete,omitempty"`
	Revision *uint64 `json:"revision,omitempty"` // that it must have, 0 for none; nil: any
	Act      Act     `json:"act"`
	Plan     bool    `json:"plan,omitempty"` // only say what would be

	Timeout time.Duration `json:"timeout,omitempty"` // as of StateRequest
}

// StateSetReply is a value as it was and as it is.
type StateSetReply struct {
	Node     string       `json:"node"`
	Key      string       `json:"key"`
	Name     string       `json:"name"`
	Was      *StateValue  `json:"was,omitempty"` // nil: there was none
	Revision uint64       `json:"revision"`      // 0: there is none now
	Changes  []Difference `json:"changes"`
	Plan     bool         `json:"plan,omitempty"`
}

// DiffRequest asks how a state has changed between two points, both included:
// the number of a record, a time, or the id of a message, whose changes and
// those of what it caused begin or end the span. "" is as far as the journal goes.
type DiffRequest struct {
	Node string `json:"node"`
	Key  string `json:"key"`
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// StateDiff is how a state has changed.
type StateDiff struct {
	Node   string      `json:"node"`
	Key    string      `json:"key"`
	Count  int         `json:"count"`  // of changes
	Steps  []StateStep `json:"steps"`  // the last of them, oldest first
	Values []ValueDiff `json:"values"` // what they come to, by name
	First  uint64      `json:"first"`  // record that the journal goes back to
	Since  time.Time   `json:"since,omitzero"`
}

// StateStep is one change.
type StateStep struct {
	Record uint64    `json:"record"`
	Time   time.Time `json:"time"`
	ID     string    `json:"id,omitempty"` // of the message; else a person did it
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Names  []string  `json:"names"`
}

// ValueDiff is how one value has changed. Revision 0: there is none.
type ValueDiff struct {
	Name    string       `json:"name"`
	Was     uint64       `json:"was"`               // revision
	Is      uint64       `json:"is"`                // likewise
	Unknown bool         `json:"unknown,omitempty"` // the journal does not go back to what it was
	Changes []Difference `json:"changes"`
	More    int          `json:"more,omitempty"` // differences left out
}

// Difference is one place where two values of JSON differ.
type Difference struct {
	Path string          `json:"path"`          // items[0].qty; "" for the whole value
	Was  json.RawMessage `json:"was,omitempty"` // not there: nothing was
	Is   json.RawMessage `json:"is,omitempty"`  // not there: nothing is
}

// lookTime is for what reads the whole journal.
const lookTime = 10 * time.Minute

// State reads what a key keeps.
func (c *Client) State(ctx context.Context, r StateRequest) (s State, err error) {
	return s, c.conn.Call(ctx, callTime+r.Timeout, http.MethodPost, "/state/get", r, &s)
}

// States lists keys, in order.
func (c *Client) States(ctx context.Context, f StateFilter) (l StateList, err error) {
	return l, c.conn.Call(ctx, callTime, http.MethodPost, "/state/list", f, &l)
}

// SetState changes a value, or says what that would do.
func (c *Client) SetState(ctx context.Context, r StateSet) (reply StateSetReply, err error) {
	return reply, c.conn.Call(ctx, callTime+r.Timeout, http.MethodPost, "/state/set", r, &reply)
}

// StateDiff tells how a state has changed.
func (c *Client) StateDiff(ctx context.Context, r DiffRequest) (d StateDiff, err error) {
	return d, c.conn.Call(ctx, lookTime, http.MethodPost, "/state/diff", r, &d)
}

// Trace tells what happened to a message.
func (c *Client) Trace(ctx context.Context, id string) (t Trace, err error) {
	return t, c.conn.Call(ctx, lookTime, http.MethodGet, "/trace/"+url.PathEscape(id), nil, &t)
}

// Messages lists the newest messages.
func (c *Client) Messages(ctx context.Context, f MessageFilter) (l MessageList, err error) {
	return l, c.conn.Call(ctx, lookTime, http.MethodPost, "/messages", f, &l)
}

package control

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/grow-platform/grow/runtime/shard"
)

// Inspects is where people look at one node.
type Inspects interface {
	// Inspect tells what a node is doing. One that there is not is an *Error of code
	// not_found.
	Inspect(ctx context.Context, r InspectRequest) (Inspection, error)
}

// InspectRequest names what is looked at.
type InspectRequest struct {
	Node string  `json:"node"`           // path of a node, or an actor that fills only one
	Key  *string `json:"key,omitempty"`  // whose mailbox and messages are told of; nil: all
	Keys int     `json:"keys,omitempty"` // mailboxes that are listed, up to InspectKeys; 0: that many
}

// InspectKeys is how many mailboxes of keys are listed at most.
const InspectKeys = 100

// Inspection is what one node is doing, at about one moment.
type Inspection struct {
	Node      string           `json:"node"`
	Actor     string           `json:"actor"`
	Language  string           `json:"language"`
	About     string           `json:"about,omitempty"`
	Keyed     bool             `json:"keyed"`
	Revision  string           `json:"revision"`
	Time      time.Time        `json:"time"`
	Mailbox   Mailbox          `json:"mailbox"`
	Instances []Instance       `json:"instances"` // that run, the oldest first
	Flight    []InFlight       `json:"flight"`    // messages that are being handled and take long, the longest first
	In        []string         `json:"in"`        // types of messages that it takes
	State     []StateType      `json:"state"`     // what the node may keep, of each key where it has keys
	Config    json.RawMessage  `json:"config,omitempty"`
	Counters  shard.NodeStatus `json:"counters"` // since the host started
	Limits    []Limit          `json:"limits"`
}

// Mailbox is what waits at a node.
type Mailbox struct {
	Mode     shard.Mode   `json:"mode"`
	Waiting  int64        `json:"waiting"`
	Capacity int          `json:"capacity"`
	Bytes    int64        `json:"bytes"`
	BytesMax int64        `json:"bytes_max"`
	Later    int64        `json:"later"`           // delayed messages and retries to come
	Oldest   time.Time    `json:"oldest,omitzero"` // when the one that waits longest came into being
	Keys     []KeyMailbox `json:"keys"`            // the fullest first
	More     int          `json:"more,omitempty"`  // keys that are not listed
}

// KeyMailbox is what waits of one key.
type KeyMailbox struct {
	Key     string    `json:"key"`
	Waiting int       `json:"waiting"`
	Busy    int       `json:"busy"`           // messages being handled
	Held    bool      `json:"held,omitempty"` // a retry to come holds up the others
	Oldest  time.Time `json:"oldest,omitzero"`
}

// Instance is a running copy of the module.
type Instance struct {
	Started time.Time `json:"started"`
	Handled uint64    `json:"handled"` // messages, whatever became of them
	Memory  int64     `json:"memory"`  // bytes of linear memory
	Busy    bool      `json:"busy"`    // in use; else it waits for messages
}

// InFlight is a message that is being handled.
type InFlight struct {
	ID       string    `json:"id"`
	Type     string    `json:"type"`
	Key      string    `json:"key,omitempty"`
	Began    time.Time `json:"began"`
	Attempt  int       `json:"attempt"`
	Revision string    `json:"revision"`
}

// Limit is something that the node may not exceed, and how near it has come.
type Limit struct {
	Name string  `json:"name"` // mailbox.messages, mailbox.bytes, instances, memory, fuel
	Max  float64 `json:"max"`
	Used float64 `json:"used"` // now; of fuel, by the message that used most
	Unit string  `json:"unit"`
}

// Inspect tells what a node is doing.
func (c *Client) Inspect(ctx context.Context, r InspectRequest) (i Inspection, err error) {
	return i, c.conn.Call(ctx, callTime, http.MethodPost, "/inspect", r, &i)
}

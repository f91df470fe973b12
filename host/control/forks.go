package control

import (
	"context"
	"encoding/json"
	"net/http"
)

// Forks is where people have copies of what runs do things that nobody else notices.
type Forks interface {
	// Fork has a copy of what runs at a node handle a message, with what its key keeps now.
	// Nothing is sent, kept or asked for outside.
	Fork(ctx context.Context, r ForkRequest) (Forked, error)
}

// ForkRequest is a message for a copy of what runs.
type ForkRequest struct {
	Node  string            `json:"node"` // path of a node, or an actor that fills only one
	Type  string            `json:"type"`
	Data  []byte            `json:"data"` // as it is; base64 on the wire
	Attrs map[string]string `json:"attrs,omitempty"`
}

// Forked is what came of the message.
type Forked struct {
	Node string          `json:"node"`
	Key  string          `json:"key,omitempty"` // that the message has
	Type string          `json:"type"`
	Data json.RawMessage `json:"data,omitempty"` // when it is JSON
	Now  ReplayOutcome   `json:"now"`
}

// Fork has a copy of what runs handle a message.
func (c *Client) Fork(ctx context.Context, r ForkRequest) (f Forked, err error) {
	return f, c.conn.Call(ctx, lookTime, http.MethodPost, "/fork", r, &f)
}

package control

import (
	"context"
	"encoding/json"
	"net/http"
)

// ReplayRequest asks for a message to be handled again, apart from all that runs.
type ReplayRequest struct {
	ID string `json:"id"` // or the beginning of it
	// On is what handles it: the number of a revision, or the digest of a module, on a
	// host; the path of a module where there is none; "": what runs.
	On   string         `json:"on,omitempty"`
	With []ReplayAnswer `json:"with,omitempty"`
}

// ReplayAnswer is what a request of the message is answered in place of what it was.
type ReplayAnswer struct {
	Call      int               `json:"call,omitempty"` // number of the request within the message; 0: any
	Use       string            `json:"use,omitempty"`  // grant; "": any
	Operation string            `json:"operation,omitempty"`
	Data      []byte            `json:"data,omitempty"` // as it is; base64 on the wire
	Attrs     map[string]string `json:"attrs,omitempty"`
	Code      string            `json:"code,omitempty"` // it fails
	Text      string            `json:"text,omitempty"`
}

// Replayed is a message beside what came of it when it was handled again.
type Replayed struct {
	ID          string             `json:"id"`
	Node        string             `json:"node"`
	Key         string             `json:"key,omitempty"`
	Type        string             `json:"type"`
	Data        json.RawMessage    `json:"data,omitempty"` // when it is JSON
	Raw         []byte             `json:"raw,omitempty"`  // when it is not; base64
	Then        ReplayOutcome      `json:"then"`
	Now         ReplayOutcome      `json:"now"`
	Differences []ReplayDifference `json:"differences"`
	// Ungiven are the answers of the request's With that nothing asked for, by their number, from 1.
	Ungiven []int `json:"ungiven,omitempty"`
}

// ReplayOutcome is what came of a message.
type ReplayOutcome struct {
	Revision string         `json:"revision"` // that handled it
	Outcome  string         `json:"outcome"`  // handled, refused, later or failed
	Code     string         `json:"code,omitempty"`
	Reason   string         `json:"reason,omitempty"`
	Outputs  []ReplayOutput `json:"outputs"`
	State    []StateValue   `json:"state"` // as it was left, of what changed; revision 0: deleted
	Fuel     uint64         `json:"fuel"`
	Took     float64        `json:"took_ms,omitempty"` // 0: it was too quick to be measured
	// Unknown are requests that the journal has no answer for: they failed.
	Unknown []ReplayAsked `json:"unknown,omitempty"`
}

// ReplayOutput is a message that was sent.
type ReplayOutput struct {
	Type  string            `json:"type"`
	Attrs map[string]string `json:"attrs,omitempty"`
	Data  json.RawMessage   `json:"data,omitempty"` // when it is JSON
	Raw   []byte            `json:"raw,omitempty"`  // when it is not; base64
}

// ReplayAsked is a request of a capability.
type ReplayAsked struct {
	Call      int    `json:"call"` // number of the request within the message
	Use       string `json:"use"`
	Operation string `json:"operation"`
	Data      string `json:"data,omitempty"`
}

// ReplayDifference is one thing that came out otherwise.
type ReplayDifference struct {
	Name string `json:"name"`
	Path string `json:"path"`
	Was  string `json:"was,omitempty"`
	Is   string `json:"is,omitempty"`
}

// Replay has a message handled again. Nothing outside is asked or changed.
func (c *Client) Replay(ctx context.Context, r ReplayRequest) (out Replayed, err error) {
	return out, c.conn.Call(ctx, lookTime, http.MethodPost, "/replay", r, &out)
}

package control

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// RecordMax is how many messages a record looks at, at most.
const RecordMax = 10_000

// RecordRequest asks for all that tests are made of: of one message, or of the last of an actor.
type RecordRequest struct {
	Actor string `json:"actor"`
	ID    string `json:"id,omitempty"`   // or the beginning of it; "": the last
	Last  int    `json:"last,omitempty"` // at most so many, RecordMax too
	// Distinct leaves out what takes no path through the module that others do not.
	Distinct bool `json:"distinct,omitempty"`
}

// Record is messages, in the order in which they were handled.
type Record struct {
	Messages []RecordedMessage `json:"messages"`
	Looked   int               `json:"looked"`          // at so many
	Left     []RecordLeft      `json:"left,omitempty"`  // that are none of a test, and why
	Paths    *RecordPaths      `json:"paths,omitempty"` // when asked for distinct ones
}

// RecordPaths is how much of a module messages run.
type RecordPaths struct {
	Blocks int `json:"blocks"` // that the messages run, of those that were looked at
	Module int `json:"module"` // that there are; 0: they cannot be counted, and what comes of messages tells them apart
}

// RecordLeft is a message that no test can be made of.
type RecordLeft struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// RecordedMessage is a handled message. Secrets are hidden in all of it.
type RecordedMessage struct {
	ID       string          `json:"id"`
	Node     string          `json:"node"`
	Key      string          `json:"key,omitempty"`
	Time     time.Time       `json:"time"` // that it saw
	Revision string          `json:"revision"`
	Type     string          `json:"type"`
	Attrs    []RecordAttr    `json:"attrs,omitempty"`
	Data     []byte          `json:"data"`             // as it is; base64 on the wire, as are all
	Config   json.RawMessage `json:"config,omitempty"` // of its node, when that is not the actor's default
	Before   []RecordedValue `json:"before,omitempty"` // all values of its key
	Given    []RecordedCall  `json:"given,omitempty"`
	Outcome  string          `json:"outcome"` // handled or refused
	Code     string          `json:"code,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Outputs  []RecordedSent  `json:"outputs"`
	After    []RecordedValue `json:"after,omitempty"`  // values that have changed; Data nil: deleted
	Random   bool            `json:"random,omitempty"` // it drew random numbers
	Attempt  int             `json:"attempt"`          // that handled it
}

// RecordAttr is an attribute of a message, a request or an answer.
type RecordAttr struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// RecordedValue is a value of a state.
type RecordedValue struct {
	Name string `json:"name"`
	Data []byte `json:"data,omitempty"`
}

// RecordedSent is a message that was sent.
type RecordedSent struct {
	Type  string       `json:"type"`
	Attrs []RecordAttr `json:"attrs,omitempty"`
	Data  []byte       `json:"data"`
}

// RecordedCall is a request of a grant, and its answer.
type RecordedCall struct {
	Use       string       `json:"use"`
	Operation string       `json:"operation"`
	Attrs     []RecordAttr `json:"attrs,omitempty"`
	Data      []byte       `json:"data,omitempty"`
	Secret    bool         `json:"secret,omitempty"` // the answer is one: it is not told
	Answer    RecordAnswer `json:"answer"`
}

// RecordAnswer is what came of a request.
type RecordAnswer struct {
	Attrs []RecordAttr `json:"attrs,omitempty"`
	Data  []byte       `json:"data,omitempty"`
	Code  string       `json:"code,omitempty"` // it failed
	Text  string       `json:"text,omitempty"`
	Retry bool         `json:"retry,omitempty"`
}

// Record asks for all that tests of handled messages are made of.
func (c *Client) Record(ctx context.Context, r RecordRequest) (out Record, err error) {
	return out, c.conn.Call(ctx, lookTime, http.MethodPost, "/record", r, &out)
}

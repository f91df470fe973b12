// Package control is how commands reach a running host: HTTP over a socket in
// the service's folder that only its owner can open. Commands use [Client] and
// know nothing of the way; another transport takes its place behind the same
// client.
package control

import (
	"context"
	"encoding/json"
	"time"

	"github.com/grow-platform/grow/host/logs"
	"github.com/grow-platform/grow/runtime/shard"
)

// Backend is what a host offers. It is safe for concurrent use. Its errors are
// *Error where a person can do something about them.
type Backend interface {
	Status(ctx context.Context) (Status, error)
	Send(ctx context.Context, r SendRequest) (SendReply, error)
	// Logs calls emit with log records until there are no more or, when follow
	// is set, until ctx ends.
	Logs(ctx context.Context, f logs.Filter, follow bool, emit func(logs.Record) error) error
	Letters
	Backups
	States
	Debugs
	Inspects
	Forks
	REPLs
}

// Status is what a host runs.
type Status struct {
	Service   string             `json:"service"`
	Version   string             `json:"version,omitempty"` // of the service
	Dir       string             `json:"dir"`
	URL       string             `json:"url"`
	PID       int                `json:"pid"`
	Started   time.Time          `json:"started"`
	Time      time.Time          `json:"time"` // of what is told here
	Endpoints []Endpoint         `json:"endpoints"`
	Nodes     []shard.NodeStatus `json:"nodes"`
	Migrators []string           `json:"migrators,omitempty"` // actors that migrate what others keep, and have nodes for nothing else
	Processes []Process          `json:"processes"`           // of isolated actors
	Dead      uint64             `json:"dead_letters"`        // ever
	Kept      int                `json:"dead_letters_kept"`
	Journal   Journal            `json:"journal"`
	Fault     string             `json:"fault,omitempty"` // why nothing more is accepted
}

// Journal is where what was accepted is kept, and how far it has come.
type Journal struct {
	At       string    `json:"at"`              // a folder, memory, or the address of a server
	Fault    string    `json:"fault,omitempty"` // why it takes nothing at the moment
	Records  uint64    `json:"records"`         // sequence of the last one
	Epoch    uint64    `json:"epoch"`           // of this host: the record it began with
	Bytes    int64     `json:"bytes,omitempty"` // on disk, where it is a folder
	Snapshot uint64    `json:"snapshot"`        // record up to which the last snapshot holds everything; 0: there is none
	Taken    time.Time `json:"snapshot_time,omitzero"`
}

// Process is what runs the instances of an isolated actor.
type Process struct {
	Actor   string    `json:"actor"`
	PID     int       `json:"pid,omitempty"` // 0: none runs; one is started when it is needed
	Started time.Time `json:"started,omitzero"`
	Deaths  int       `json:"deaths"`              // in a row, none of which lived long
	Ended   string    `json:"ended,omitempty"`     // what the last one ended of
	Next    time.Time `json:"next_start,omitzero"` // not before
}

// Endpoint is one of a service's HTTP endpoints.
type Endpoint struct {
	Endpoint string `json:"endpoint"` // POST /orders
	Send     string `json:"send"`
	To       string `json:"to"`
}

// SendRequest is a message to send from the command line.
type SendRequest struct {
	To          string            `json:"to"` // actor, workflow or node path
	Type        string            `json:"type"`
	Data        []byte            `json:"data"` // as it is; base64 on the wire
	ContentType string            `json:"content_type,omitempty"`
	Attrs       map[string]string `json:"attrs,omitempty"`
	Wait        bool              `json:"wait"`
	Timeout     time.Duration     `json:"timeout,omitempty"` // of Wait, nanoseconds
}

// SendReply is what came of a sent message, as far as was waited for.
type SendReply struct {
	ID      string            `json:"id"`
	Outcome string            `json:"outcome"` // accepted, replied, ended, refused, failed
	Type    string            `json:"type,omitempty"`
	Attrs   map[string]string `json:"attrs,omitempty"`
	Data    json.RawMessage   `json:"data,omitempty"` // when it is JSON; spaces between values are left out
	Raw     []byte            `json:"raw,omitempty"`  // when it is not; base64
	Code    string            `json:"code,omitempty"`
	Text    string            `json:"text,omitempty"`
	Node    string            `json:"node,omitempty"`
	Fuel    uint64            `json:"fuel"`              // units used for it and what it caused, until it had an answer
	Took    float64           `json:"took_ms,omitempty"` // milliseconds until then
}

// Error is what a person is told. On the wire and for scripts it is an object.
type Error struct {
	Code    string `json:"code"` // stable
	Message string `json:"message"`
	At      string `json:"at,omitempty"`   // file and place, or the thing it is about
	Next    string `json:"next,omitempty"` // what to do
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Codes of errors between client and host.
const (
	CodeNotRunning  = "host.not_running"
	CodePermission  = "host.permission" // the host is another user's
	CodeUnreachable = "host.unreachable"
	CodeTimeout     = "host.timeout"
	CodeRunning     = "run.already"
	CodeNotFound    = "not_found"
	CodeInvalid     = "request.invalid"
	CodeTooLarge    = "request.too_large" // more than one message may be
	CodeConflict    = "conflict"          // somebody else was quicker, or is at it
	CodeInternal    = "host.fault"
)

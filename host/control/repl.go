package control

import (
	"context"
	"net/http"
	"time"
)

// REPLs is where people type what a copy of an actor carries out. by is who that is: one
// that has ended is an *Error of code repl.ended, and so is one that somebody else has opened.
type REPLs interface {
	// OpenREPL makes a copy of what runs at a node, with what a key keeps now. The journal
	// keeps who did it, and when it ended: by CloseREPL, or when nothing was typed for
	// REPLIdle.
	OpenREPL(ctx context.Context, r REPLRequest, by string) (REPL, error)
	// Evaluate has it carry out an input.
	Evaluate(ctx context.Context, r REPLInput, by string) (REPLOutput, error)
	CloseREPL(ctx context.Context, id, by string) (REPL, error)
}

// Limits of what is typed.
const (
	REPLIdle = 10 * time.Minute // after which a copy ends that nothing is typed for
	REPLsMax = 8                // copies of a service at a time
)

// Codes of what cannot be typed.
const (
	CodeREPLLanguage = "repl.language" // it is for actors in Python
	CodeREPLEnded    = "repl.ended"    // the copy has ended by itself, as for its limits
)

// REPLRequest names what is copied.
type REPLRequest struct {
	Node string `json:"node"`          // path of a node, or an actor that fills only one
	Key  string `json:"key,omitempty"` // whose state it has
}

// REPL is a copy of an actor that waits for input.
type REPL struct {
	ID       string `json:"id"`
	Node     string `json:"node"`
	Key      string `json:"key,omitempty"`
	Revision string `json:"revision"`
	Language string `json:"language"`
}

// REPLInput is what a copy is to carry out: a line, or several that belong together.
type REPLInput struct {
	ID     string `json:"id"`
	Source string `json:"source"`
}

// REPLOutput is what came of it.
type REPLOutput struct {
	More   bool          `json:"more,omitempty"`   // it is only a beginning: give it again, with more lines
	Output string        `json:"output,omitempty"` // what was printed, and the value of an expression
	Fault  string        `json:"fault,omitempty"`  // an exception, with its lines
	Asked  []ReplayAsked `json:"asked"`            // requests of capabilities, which were refused
}

// OpenREPL makes a copy of what runs at a node.
func (c *Client) OpenREPL(ctx context.Context, r REPLRequest) (out REPL, err error) {
	return out, c.conn.Call(ctx, callTime, http.MethodPost, "/repl/open", r, &out)
}

// Evaluate has a copy carry out an input.
func (c *Client) Evaluate(ctx context.Context, r REPLInput) (out REPLOutput, err error) {
	return out, c.conn.Call(ctx, callTime, http.MethodPost, "/repl/input", r, &out)
}

// CloseREPL ends a copy.
func (c *Client) CloseREPL(ctx context.Context, id string) error {
	return c.conn.Call(ctx, callTime, http.MethodPost, "/repl/close", REPLInput{ID: id}, nil)
}

package control

import (
	"context"
	"net/http"
	"reflect"

	"github.com/grow-platform/grow/host/logs"
)

// Operation is one thing that can be asked of a running service. The socket in a
// service's folder and the control API of a host serve the same ones.
type Operation struct {
	ID           string // get-status
	Scope        string // that a token needs: read, debug, admin
	Method, Path string // below the service's
	Summary      string
	In           reflect.Type // of the request's body; nil: it has none
	Out          reflect.Type // of the answer, or of each line of it
	Lines        bool         // the answer has a value a line
	Upgrade      string       // what the connection becomes; "": the answer is all
	Serve        func(b Backend, w http.ResponseWriter, r *http.Request)
}

// LogsRequest asks for log lines.
type LogsRequest struct {
	Filter logs.Filter `json:"filter"`
	Follow bool        `json:"follow,omitempty"` // those to come too
}

// The scopes that operations need.
const (
	scopeRead  = "read"
	scopeDebug = "debug"
	scopeAdmin = "admin"
)

// Operations are all of them.
func Operations() []Operation {
	return []Operation{
		get("get-status", "/status", "Tell what the service is doing", func(ctx context.Context, b Backend, _ *http.Request) (Status, error) { return b.Status(ctx) }),
		ask("inspect-node", scopeRead, "/inspect", "Tell what one node is doing", func(ctx context.Context, b Backend, in InspectRequest) (Inspection, error) { return b.Inspect(ctx, in) }),
		ask("send-message", scopeDebug, "/send", "Send a message", func(ctx context.Context, b Backend, in SendRequest) (SendReply, error) { return b.Send(ctx, in) }),
		lines("list-logs", scopeRead, "/logs", "List log lines, or follow them", func(ctx context.Context, b Backend, in LogsRequest, emit func(logs.Record) error) error {
			return b.Logs(ctx, in.Filter, in.Follow, emit)
		}),
		ask("list-deadletters", scopeRead, "/deadletters", "List dead letters, the newest first", func(ctx context.Context, b Backend, in DeadFilter) ([]DeadLetter, error) {
			return b.DeadLetters(ctx, in)
		}),
		get("get-deadletter", "/deadletters/{id}", "Get a dead letter", func(ctx context.Context, b Backend, r *http.Request) (DeadLetter, error) {
			return b.DeadLetter(ctx, r.PathValue("id"))
		}),
		ask("edit-deadletter", scopeDebug, "/deadletter-edit", "Replace the data of a dead letter", func(ctx context.Context, b Backend, in EditRequest) (EditReply, error) {
			return b.EditDeadLetter(ctx, in)
		}),
		lines("settle-deadletters", scopeDebug, "/deadletter-settle", "Send dead letters again, or forget them", func(ctx context.Context, b Backend, in SettleRequest, emit func(Settled) error) error {
			return b.SettleDeadLetters(ctx, in, emit)
		}),
		get("list-actions", "/actions", "List what is or was done to many dead letters", func(ctx context.Context, b Backend, _ *http.Request) ([]Action, error) { return b.Actions(ctx) }),
		abort(),
		ask("get-state", scopeRead, "/state/get", "Read what a key keeps", func(ctx context.Context, b Backend, in StateRequest) (State, error) { return b.State(ctx, in) }),
		ask("list-states", scopeRead, "/state/list", "List the keys of a node", func(ctx context.Context, b Backend, in StateFilter) (StateList, error) { return b.States(ctx, in) }),
		ask("set-state", scopeDebug, "/state/set", "Change a value", func(ctx context.Context, b Backend, in StateSet) (StateSetReply, error) { return b.SetState(ctx, in) }),
		ask("diff-state", scopeRead, "/state/diff", "Tell how a state has changed", func(ctx context.Context, b Backend, in DiffRequest) (StateDiff, error) {
			return b.StateDiff(ctx, in)
		}),
		get("get-trace", "/trace/{id}", "Tell what happened to a message", func(ctx context.Context, b Backend, r *http.Request) (Trace, error) {
			return b.Trace(ctx, r.PathValue("id"))
		}),
		ask("list-messages", scopeRead, "/messages", "List the newest messages", func(ctx context.Context, b Backend, in MessageFilter) (MessageList, error) {
			return b.Messages(ctx, in)
		}),
		ask("replay-message", scopeDebug, "/replay", "Handle a message again, apart from all that runs", func(ctx context.Context, b Backend, in ReplayRequest) (Replayed, error) {
			return b.Replay(ctx, in)
		}),
		ask("fork-node", scopeDebug, "/fork", "Have a copy of what runs at a node handle a message, without effect", func(ctx context.Context, b Backend, in ForkRequest) (Forked, error) {
			return b.Fork(ctx, in)
		}),
		ask("open-repl", scopeDebug, "/repl/open", "Make a copy of an actor in Python, to type at", func(ctx context.Context, b Backend, in REPLRequest) (REPL, error) {
			return b.OpenREPL(ctx, in, callerOf(ctx))
		}),
		ask("input-repl", scopeDebug, "/repl/input", "Have a copy carry out what is typed", func(ctx context.Context, b Backend, in REPLInput) (REPLOutput, error) {
			return b.Evaluate(ctx, in, callerOf(ctx))
		}),
		ask("close-repl", scopeDebug, "/repl/close", "End a copy", func(ctx context.Context, b Backend, in REPLInput) (REPL, error) {
			return b.CloseREPL(ctx, in.ID, callerOf(ctx))
		}),
		ask("record-messages", scopeDebug, "/record", "Tell all that a test is made of, of handled messages", func(ctx context.Context, b Backend, in RecordRequest) (Record, error) {
			return b.Record(ctx, in)
		}),
		openDebugger(),
		lines("create-backup", scopeAdmin, "/backup", "Back up what the service keeps", func(ctx context.Context, b Backend, in BackupRequest, emit func(BackupPart) error) error {
			return b.Backup(ctx, in, emit)
		}),
	}
}

// get is an operation that reads.
func get[Out any](id, path, summary string, do func(context.Context, Backend, *http.Request) (Out, error)) Operation {
	return Operation{
		ID: id, Scope: scopeRead, Method: http.MethodGet, Path: path, Summary: summary, Out: reflect.TypeFor[Out](),
		Serve: func(b Backend, w http.ResponseWriter, r *http.Request) {
			answer(w, func() (Out, error) { return do(r.Context(), b, r) })
		},
	}
}

// abort ends an action on many dead letters.
func abort() Operation {
	o := get("abort-action", "/actions/{name}/abort", "End one that runs", func(ctx context.Context, b Backend, r *http.Request) (Action, error) {
		return b.AbortAction(ctx, r.PathValue("name"))
	})
	o.Scope, o.Method = scopeDebug, http.MethodPost
	return o
}

// ask is an operation whose request has a body.
func ask[In, Out any](id, scope, path, summary string, do func(context.Context, Backend, In) (Out, error)) Operation {
	return Operation{
		ID: id, Scope: scope, Method: http.MethodPost, Path: path, Summary: summary, In: reflect.TypeFor[In](), Out: reflect.TypeFor[Out](),
		Serve: func(b Backend, w http.ResponseWriter, r *http.Request) {
			var in In
			if decode(w, r, &in) {
				answer(w, func() (Out, error) { return do(r.Context(), b, in) })
			}
		},
	}
}

// lines is an operation that answers with a value a line.
func lines[In, Out any](id, scope, path, summary string, do func(context.Context, Backend, In, func(Out) error) error) Operation {
	return Operation{
		ID: id, Scope: scope, Method: http.MethodPost, Path: path, Summary: summary, In: reflect.TypeFor[In](), Out: reflect.TypeFor[Out](), Lines: true,
		Serve: func(b Backend, w http.ResponseWriter, r *http.Request) {
			var in In
			if decode(w, r, &in) {
				Lines(w, func(emit func(Out) error) error { return do(r.Context(), b, in, emit) })
			}
		},
	}
}

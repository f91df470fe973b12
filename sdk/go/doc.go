// Package grow is the SDK for actors written in Go. It needs Go 1.24 or later
// and nothing but the standard library.
//
// An actor is a main package whose init registers a handler for each type of
// message it takes. main is there because Go asks for one; it never runs.
//
//	package main
//
//	import grow "github.com/grow-platform/grow/sdk/go"
//
//	type Order struct {
//		ID    string  `json:"id"`
//		Total float64 `json:"total"`
//	}
//
//	type Priced struct {
//		ID  string  `json:"id"`
//		Due float64 `json:"due"`
//	}
//
//	func init() { grow.On("order.placed", placed) }
//
//	func placed(ctx *grow.Context, o Order) error {
//		if o.Total <= 0 {
//			return grow.Refuse("order.empty", "an order needs a total")
//		}
//		return ctx.Send("order.priced", Priced{ID: o.ID, Due: o.Total * 0.9})
//	}
//
//	func main() {}
//
// It is compiled with
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o actor.wasm .
//
// # What comes of a message
//
// The error a handler returns decides; it is looked for with [errors.As], so a
// wrapped error counts:
//
//   - nil: handled. What was sent and what was written to state become durable
//     together, or not at all.
//   - [Refuse]: refused. The message is at fault; it is not tried again.
//   - [Later], or a [CallError] whose Retry is set: tried again by the actor's
//     retry policy.
//   - any other error, and a panic: failed. The SDK logs the text (of a panic
//     also the stack) at level error and then ends the instance with an exit
//     code other than 0, which is how the host learns of it. The message is
//     tried again by the retry policy, in a new instance.
//
// In the last three cases nothing the handler sent or wrote to state takes effect.
//
// # Memory, time and chance
//
// One instance handles one message at a time. Package variables live as long
// as the instance, which the host may end between any two messages: use them
// as a cache, and [Context.State] for what must last.
//
// Everything reached through a [Context], a [Message] or an [Answer] is for
// the goroutine that handles the message and until the handler returns. A
// goroutine that is still running then stands still until the next message;
// wait for those you start.
//
// time.Now stands still while a message is handled, and [Context.Rand] and
// crypto/rand draw from a stream that is the same each time the message is
// handled again, so that a replay takes the same course. The functions of
// math/rand and the order of map iteration do not: the runtime seeds them when
// the instance starts.
//
// Package growtest runs handlers in ordinary Go tests.
package grow

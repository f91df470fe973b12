// Package runtime moves messages. It holds no code of its own; its packages
// never touch the world outside: that is package host's.
//
// # The way of one message
//
//  1. host/gateway receives POST /orders, checks signature, size and media
//     type, checks the body against the type's shape (specs/shape), and gives
//     shard.Accept the message's parts.
//  2. shard.Accept gives it an id, asks the router.Table in force where
//     messages of this type go from here, evaluates the key of the node that
//     takes it, and reserves room in that node's mailbox: a full one is an
//     error the client sees as 503. The message is kept in parts, which are put
//     together in a guest's memory (abi.Message).
//  3. The lane that owns (node, key) puts it into the mailbox. Lanes are as
//     many as processors; each belongs to the one goroutine that holds its
//     token, so what follows takes no locks.
//  4. When its turn has come the lane hands it, with an instance from the
//     actor's pool, to actor.Instance.Handle.
//  5. engine/wazero has the frame written into the guest's memory and calls
//     grow_handle. What the guest asks for on the way goes through grow.call
//     to the capability.Broker, which checks grants, runs several requests at
//     the same time, and records the answers. A handling that has to wait, or
//     that has used two slices of fuel, passes the lane's token on, so that its
//     neighbours do not wait with it; from then on it takes turns with others
//     that run for long (package pace).
//  6. The answer frame is decoded and every output checked: declared, of its
//     type, within limits. Anything else fails the message and nothing of it
//     remains. The check notes where fields lie, for the rules and keys of 7.
//  7. For each output the table says what is next: the first route that fits.
//     A message for a node goes into its mailbox at once; one that matches
//     nothing becomes a dead letter, never silence.
//  8. One journal entry says what came in, what went out, what state changed
//     and what capabilities answered. The entries of a turn are committed as
//     one record; while it is under way the next ones gather.
//  9. With the commit the outside sees: the first message of the flow to reach
//     an output, of a type the endpoint names, is the HTTP reply.
//
// A message that fails is tried again by the actor's retry policy and then
// kept as a dead letter with its reason.
//
// # The way of one deployment
//
// specs.Load reads and checks a folder; compiler/project builds what changed;
// actortest runs the declared tests of what changed, each in a shard of its own
// with a clock that stands. Every module passes admission: it is decoded strictly
// (wasm), held against the ABI, and rewritten to pay for what it runs
// (wasm/meter); a worker process compiles it. supervisor.Apply opens grants and
// starts an instance of each actor whose revision is new, and only then puts
// the new table in force, in one step. What it replaced finishes the messages
// it has and is closed.
package runtime

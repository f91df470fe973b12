package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/replay"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/runtime/supervisor"
)

// openMessage has a recorded message ready to be run again.
func (d *Debugged) openMessage(ctx context.Context) error {
	c, err := d.recorded(ctx, d.id)
	if err != nil {
		return err
	}
	f, err := d.fork(ctx)
	if err != nil {
		return err
	}
	d.begin = func() { d.again(f, c) }
	return nil
}

// openFork has a fork ready for the next message that the node has handled.
func (d *Debugged) openFork(ctx context.Context) error {
	st, err := d.host.shard.JournalStatus(ctx)
	if err != nil {
		return err
	}
	f, err := d.fork(ctx)
	if err != nil {
		return err
	}
	d.begin = func() {
		d.Say("waiting for the next message of " + d.node.Path + "; it is handled there first, and then here once more")
		id, err := d.next(d.context, st.Last)
		if err != nil {
			d.finish(err)
			return
		}
		c, err := d.recorded(d.context, id)
		if err != nil {
			d.finish(err)
			return
		}
		d.again(f, c)
	}
	return nil
}

// openLive has the node's messages handled by what reports to the session.
func (d *Debugged) openLive(ctx context.Context) error {
	a, err := d.host.supervisor.Attach(ctx, d.wanted, d.node.Path, d.target.Key, d.probe, d.End)
	switch {
	case errors.Is(err, shard.ErrAttached):
		return &control.Error{Code: control.CodeDebugMoved, Message: err.Error(), At: d.node.Path, Next: "try again once that is over, or debug a copy: grow debug " + d.node.Path + " --fork"}
	case err != nil:
		return &control.Error{Code: control.CodeInvalid, Message: err.Error(), At: d.node.Path}
	}
	d.leave = func() error { a.Detach(); return nil }
	d.begin = func() {
		d.Say("the module's memory is fresh: the actor's instances go on as they were when the session ends; its state is the host's, and is what it was")
	}
	return nil
}

// forked is a fork with the record that it has in place of the world.
type forked struct {
	*supervisor.Fork
	record *replay.Record
}

func (d *Debugged) fork(ctx context.Context) (*forked, error) {
	world := apart{&replay.Record{}, d.probe}
	f, err := d.host.supervisor.Fork(ctx, d.wanted, d.node.Path, 1, world)
	if err != nil {
		return nil, &control.Error{Code: control.CodeInvalid, Message: err.Error(), At: d.node.Path, Next: "see what it takes to run: grow vet FILE.wasm"}
	}
	d.leave = f.Close
	return &forked{f, world.Record}, nil
}

// recorded is a message with all that it had.
func (d *Debugged) recorded(ctx context.Context, id string) (*replay.Case, error) {
	h := d.host
	defer h.shard.Hold()() // what is read twice must be there twice
	c, err := replay.Find(ctx, replay.Options{
		Journal: h.journal, Node: d.node.Path, Keyless: !d.node.Keyed(), Select: replay.Select{ID: id}, Dead: true, State: d.state,
	})
	switch {
	case errors.Is(err, replay.ErrNone):
		return nil, unhandled(id)
	case err != nil:
		return nil, err
	case len(c.Unknown) > 0 && len(d.node.Actor.State) > 0:
		return nil, forgotten(id)
	}
	if len(c.Seed) == 0 { // nothing was drawn, or it was given up on: a message's stream is always the same
		seed := h.supervisor.Seed(c.ID)
		c.Seed = seed[:]
	}
	return c, nil
}

// forkEvery is how often the journal is looked at for the next message.
const forkEvery = 200 * time.Millisecond

// next waits for a message of the node, and of the key if one is wanted, that comes to its
// end in a record after one, and returns its id.
func (d *Debugged) next(ctx context.Context, after uint64) (id string, err error) {
	tick := time.NewTicker(forkEvery)
	defer tick.Stop()
	for {
		st, err := d.host.shard.JournalStatus(ctx)
		if err != nil {
			return "", err
		}
		if st.Last > after {
			_, err := d.host.shard.Recent(ctx, min(st.Last-after, recentRecords), func(h *shard.Hop) error {
				settled := h.What == shard.HopHandled || h.What == shard.HopRefused || h.What == shard.HopDead && h.Revision != ""
				if id == "" && settled && h.Sequence > after && h.Node == d.node.Path && (d.target.Key == nil || *d.target.Key == h.Key) {
					id = h.ID
				}
				return nil
			})
			if err != nil || id != "" {
				return id, err
			}
			after = st.Last
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// again runs a message and tells what came of it. The session ends then.
func (d *Debugged) again(f *forked, c *replay.Case) {
	d.Say(aboutCase(c, f.Revision))
	out, err := replay.Again(d.context, c, f.Actor, f.record, d.host.mask(d.wanted.Service).hide)
	if err == nil {
		d.tell(c, out)
		err = errDone
	}
	d.finish(err)
}

// errDone: a message was run to its end.
var errDone = errors.New("the message was run to its end; nothing was sent, kept or asked for outside")

// finish ends the session.
func (d *Debugged) finish(why error) {
	if d.context.Err() == nil {
		d.End(why.Error())
	}
}

// aboutCase says which message is run again, and as what.
func aboutCase(c *replay.Case, revision string) string {
	text := fmt.Sprintf("message %s, %s, at %s: %s", c.ID, c.Message.Type(), time.Unix(0, c.Clock).UTC().Format(time.RFC3339Nano), ended(&c.Then))
	if c.Revision != revision {
		text += fmt.Sprintf(" by revision %s; it is run by revision %s, which runs now", c.Revision, revision)
	}
	return text
}

// tell says what came of a message.
func (d *Debugged) tell(c *replay.Case, out *replay.Outcome) {
	d.Say(fmt.Sprintf("now %s; then %s", ended(out), ended(&c.Then)))
	for i := range out.Outputs {
		d.Say(fmt.Sprintf("would send %s %s", out.Outputs[i].Type, d.Excerpt(out.Outputs[i].Data, toldMax)))
	}
	for _, ch := range out.State {
		what := "the state"
		if ch.Name != "" {
			what += " " + ch.Name
		}
		if ch.Data == nil {
			d.Say("would delete " + what)
			continue
		}
		d.Say(fmt.Sprintf("would keep %s %s", what, d.Excerpt(ch.Data, toldMax)))
	}
	for _, a := range out.Unknown {
		d.Say(fmt.Sprintf("asked %s of %s, request %d, which the journal has no answer for: %s", a.Operation, a.Use, a.Call, a.Data))
	}
}

// ended says how a handling ended.
func ended(o *replay.Outcome) string {
	if o.Code == "" {
		return o.What
	}
	return o.What + " with " + o.Code
}

// toldMax is how many bytes of data a line says.
const toldMax = 1 << 10

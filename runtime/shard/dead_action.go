package shard

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/specs/shape"
)

// Errors of what people do to dead letters.
var (
	// ErrNoLetter: there is no dead letter of that id.
	ErrNoLetter = errors.New("no such dead letter")
	// ErrBusy: somebody else is doing something to it.
	ErrBusy = errors.New("somebody else is at it")
	// ErrNowhere: it is not clear where a message should go; name a node.
	ErrNowhere = errors.New("no node to send it to")
)

// Act says who does something to what is kept, and why, for the journal.
type Act struct {
	By     string
	Reason string
}

// EditDeadLetter replaces the data of a dead letter's message, which must have
// been checked against its type. It returns once that is in the journal.
func (s *Shard) EditDeadLetter(ctx context.Context, id string, data []byte, by Act) error {
	d, err := s.claimLetter(id)
	if err != nil {
		return err
	}
	edited := *d
	edited.Message = rebuilt(d.Message, data, nil)
	err = s.act(ctx, s.lanes[0], &journal.Action{
		Name: journal.ActionEdit, ID: id, By: by.By, Reason: by.Reason, Input: edited.Message.Frame(),
	}, nil)
	s.dead.release(d, &edited, err)
	return err
}

// DropDeadLetter forgets a dead letter. It returns once that is in the journal.
func (s *Shard) DropDeadLetter(ctx context.Context, id string, by Act) error {
	d, err := s.claimLetter(id)
	if err != nil {
		return err
	}
	err = s.act(ctx, s.lanes[0], &journal.Action{Name: journal.ActionDrop, ID: id, By: by.By, Reason: by.Reason}, nil)
	s.dead.release(d, nil, err)
	return err
}

// Redrive sends a dead letter's message again, as a message of its own whose
// causation is the dead letter's id, and forgets the dead letter. It goes to the
// node to, or when that is empty to where it was given up on, or wherever the
// routes lead from there by now if none had fitted. What comes of it is not what
// the request is told that it once belonged to: that stays as it was. It returns
// the new message's id once all of that is in the journal. ErrFull: try again later.
func (s *Shard) Redrive(ctx context.Context, id, to string, by Act) (string, error) {
	d, err := s.claimLetter(id)
	if err != nil {
		return "", err
	}
	again, err := s.redrive(ctx, d, to, by)
	s.dead.release(d, nil, err)
	return again, err
}

func (s *Shard) redrive(ctx context.Context, d *DeadLetter, to string, by Act) (string, error) {
	if s.stopping.Load() { // which what waits in a mailbox does not say
		return "", ErrStopping
	}
	p := s.plan.Load()
	spec, err := p.address(d, to)
	if err != nil {
		return "", err
	}
	id := s.id(s.clock.Now())
	it := &parcel{node: p.nodes[spec.Index], attempt: 1, first: true, kept: true, routes: p.number}
	it.msg = *rebuilt(d.Message, d.Message.Data(), []string{abi.ID, id, abi.Causation, d.ID, abi.Attempt, "1"})
	if spec.Keyed() {
		if g := it.key(spec.Key(d.Type), spec.Path); g != nil {
			return "", fmt.Errorf("%w: %s", ErrNowhere, g.reason)
		}
	}
	r := it.node.run.Load()
	switch {
	case r == nil:
		return "", fmt.Errorf("%w: %s is no longer part of the service", ErrNowhere, spec.Path)
	case it.node.full(r):
		return "", fmt.Errorf("%w: %s", ErrFull, spec.Path)
	}
	return id, s.act(ctx, s.home(it, r, s.lanes[0]), &journal.Action{
		Name: journal.ActionRedrive, ID: d.ID, By: by.By, Reason: by.Reason, Node: spec.Path, Key: it.msg.Key(), Input: it.msg.Frame(), Routes: p.number,
	}, it)
}

// Progress is how far a redrive of many has come.
type Progress struct {
	All, Done, Failed int
	ID                string // of the letter last tried
	Again             string // id of the message that was sent in its place
	Err               error  // why that one stays; nil: it was sent
}

// RedriveAll is Redrive for each dead letter that keep selects (nil: all), the oldest
// first, and waits where a mailbox is full. It tells progress after each, and
// ends early with ctx's error; what was sent until then stays so.
func (s *Shard) RedriveAll(ctx context.Context, keep func(*DeadLetter) bool, to string, by Act, progress func(Progress)) (Progress, error) {
	list := s.DeadLetters(keep, 0)
	slices.Reverse(list)
	p := Progress{All: len(list)}
	for _, d := range list {
		if ctx.Err() != nil {
			return p, fmt.Errorf("redrive: %w", ctx.Err())
		}
		again, err := s.Redrive(ctx, d.ID, to, by)
		for tries := 1; errors.Is(err, ErrFull); tries++ {
			if !s.committer.pause(ctx, tries, "redrive") {
				return p, fmt.Errorf("redrive: %w", ctx.Err())
			}
			again, err = s.Redrive(ctx, d.ID, to, by)
		}
		switch {
		case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, ErrStopping), errors.Is(err, ErrJournal):
			return p, fmt.Errorf("redrive: %w", err)
		case err != nil:
			p.Failed++
		default:
			p.Done++
		}
		if p.ID, p.Again, p.Err = d.ID, again, err; progress != nil {
			progress(p)
		}
	}
	return p, nil
}

// address is the node that a dead letter's message is sent to again.
func (p *plan) address(d *DeadLetter, to string) (*router.Node, error) {
	path := to
	if path == "" {
		path = d.Node
	}
	spec, ok := p.table.Node(path)
	if !ok {
		return nil, fmt.Errorf("%w: there is no node %q; name another", ErrNowhere, path)
	}
	if to != "" || d.Code != CodeRouted && d.Code != CodeNoRoute {
		if !spec.Takes(d.Type) {
			return nil, fmt.Errorf("%w: %s does not take messages of type %s", ErrNowhere, path, d.Type)
		}
		return spec, nil
	}
	i := slices.IndexFunc(spec.Outs, func(o *router.Out) bool { return o.Type == d.Type })
	if i < 0 {
		return nil, fmt.Errorf("%w: %s no longer sends messages of type %s", ErrNowhere, path, d.Type)
	}
	var targets []router.Target
	if only := spec.Outs[i].Only(); only != nil {
		targets = append(targets, *only)
	} else {
		var way router.Way
		spec.Outs[i].Next(d.Message, &shape.Places{}, &way)
		targets = way.Targets
	}
	if len(targets) != 1 || targets[0].Place != router.ToNode {
		return nil, fmt.Errorf("%w: the routes from %s do not lead to one node; name one", ErrNowhere, path)
	}
	return targets[0].Node, nil
}

// rebuilt is a message with other data, and other values of some attributes,
// given as name, value. Its key goes when its id changes.
func rebuilt(m *abi.Message, data []byte, other []string) *abi.Message {
	var attrs []string
	for name, value := range m.All() {
		if other != nil && name == abi.Subject {
			continue
		}
		for i := 0; i < len(other); i += 2 {
			if other[i] == name {
				name = ""
			}
		}
		if name != "" {
			attrs = append(attrs, name, value)
		}
	}
	frame := abi.NewMessage(data, append(attrs, other...)...).Frame()
	again, err := abi.ParseMessage(frame)
	if err != nil {
		panic("shard: a message made of a message: " + err.Error())
	}
	return again
}

// act writes an action to the journal, on a lane, and returns once it is there.
// it, if not nil, is handled afterwards.
func (s *Shard) act(ctx context.Context, l *lane, a *journal.Action, it *parcel) error {
	done := make(chan error, 1)
	if err := s.instruct(ctx, l, noteAct{a, it, done}); err != nil {
		return err
	}
	select {
	case err := <-done:
		s.resume(ctx, "act")
		if err != nil {
			return fmt.Errorf("%w: %w", ErrJournal, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the journal: %w: %w", errOpen, ctx.Err())
	}
}

// errOpen: what was to be written to the journal may be there, or come to be.
var errOpen = errors.New("it may still be done")

// instruct hands an action to a lane, after all that lanes have written before.
func (s *Shard) instruct(ctx context.Context, l *lane, n noteAct) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.finish()
	n.action.Time = s.clock.Now().UnixNano()
	if err := s.tell(ctx, func(done chan struct{}) note { return noteFlush{done} }); err != nil {
		return fmt.Errorf("wait for what was written before: %w", err)
	}
	l.post(event{note: n})
	return nil
}

// noteFlush hands over what a lane has written, so that what comes after it in
// another lane comes after it in the journal.
type noteFlush struct{ done chan struct{} }

func (n noteFlush) run(l *lane) {
	l.flush()
	close(n.done)
}

// noteAct writes an action, and delivers the message that it is about.
type noteAct struct {
	action *journal.Action
	item   *parcel // nil: none
	done   chan error
}

func (n noteAct) run(l *lane) {
	l.write(n.action)
	l.batch.barriers = append(l.batch.barriers, n.done)
	if it := n.item; it != nil {
		it.node.shift(1, int64(it.msg.Size()))
		l.enqueue(it, l.local(it.node), it.node.run.Load())
	}
}

// claimLetter takes a dead letter for one action.
func (s *Shard) claimLetter(id string) (*DeadLetter, error) {
	d := &s.dead
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.list, func(l *DeadLetter) bool { return l.ID == id })
	switch {
	case i < 0:
		return nil, fmt.Errorf("%w: %s", ErrNoLetter, id)
	case d.busy[id]:
		return nil, fmt.Errorf("%w: %s", ErrBusy, id)
	}
	if d.busy == nil {
		d.busy = map[string]bool{}
	}
	d.busy[id] = true
	return d.list[i], nil
}

// release ends an action: by is what takes the letter's place, nil: nothing.
// When the action failed the letter stays, unless it may still be done.
func (d *deadLetters) release(l, by *DeadLetter, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.busy, l.ID)
	if err != nil && !errors.Is(err, errOpen) {
		return
	}
	i := slices.Index(d.list, l)
	if i < 0 {
		return
	}
	d.bytes -= l.size()
	if by == nil {
		d.list = slices.Delete(d.list, i, i+1)
		return
	}
	d.bytes += by.size()
	d.list[i] = by
}

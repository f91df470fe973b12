package app

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/shard"
)

// CodeNowhere is the code of a dead letter that no node takes any more.
const CodeNowhere = "deadletter.nowhere"

// DeadLetters implements control.Backend.
func (b backend) DeadLetters(_ context.Context, f control.DeadFilter) ([]control.DeadLetter, error) {
	list, m := []control.DeadLetter{}, b.mask(b.service.Load())
	for _, d := range b.shard.DeadLetters(m.picks(&f), f.Limit) {
		list = append(list, m.dead(d))
	}
	return list, nil
}

// picks is a filter as the shard takes it. It is held against what is told of a letter: else
// whoever may look could guess a secret bit by bit.
func (m mask) picks(f *control.DeadFilter) func(*shard.DeadLetter) bool {
	ids := map[string]bool{}
	for _, id := range f.IDs {
		ids[id] = true
	}
	text := []byte(f.Text)
	return func(d *shard.DeadLetter) bool {
		return (len(ids) == 0 || ids[d.ID]) &&
			(f.Node == "" || d.Node == f.Node || strings.HasPrefix(d.Node, f.Node+"/")) &&
			(f.Code == "" || m.text(d.Code) == f.Code) && (f.Type == "" || d.Type == f.Type) && (f.Key == "" || m.text(d.Key) == f.Key) &&
			!d.Time.Before(f.Since) && (f.Text == "" || strings.Contains(m.text(d.Reason), f.Text) || bytes.Contains(m.hide(d.Message.Data()), text))
	}
}

// DeadLetter implements control.Backend.
func (b backend) DeadLetter(_ context.Context, id string) (control.DeadLetter, error) {
	d, ok := b.shard.DeadLetter(id)
	if !ok {
		return control.DeadLetter{}, noLetter(id)
	}
	m := b.mask(b.service.Load())
	out := m.dead(d)
	out.Attrs = m.attrs(attributes(d.Message))
	out.Data, out.Raw = m.value(d.Message.Data())
	return out, nil
}

func noLetter(id string) *control.Error {
	return &control.Error{Code: control.CodeNotFound, Message: "there is no dead letter " + id, At: id, Next: "see which there are: grow deadletters list"}
}

// dead is a dead letter as it is told.
func (m mask) dead(d *shard.DeadLetter) control.DeadLetter {
	return control.DeadLetter{
		ID: d.ID, Time: d.Time, Node: d.Node, Key: m.text(d.Key), Type: d.Type, Code: m.text(d.Code), Reason: m.text(d.Reason), Attempt: d.Attempt, Fuel: d.Fuel,
	}
}

// EditDeadLetter implements control.Backend.
func (b backend) EditDeadLetter(ctx context.Context, r control.EditRequest) (control.EditReply, error) {
	d, ok := b.shard.DeadLetter(r.ID)
	if !ok {
		return control.EditReply{}, noLetter(r.ID)
	}
	if err := checkedAs(b.service.Load(), d.Type, r.Data); err != nil {
		return control.EditReply{}, err
	}
	m := b.mask(b.service.Load())
	if err := m.lossless(d, r.Data); err != nil {
		return control.EditReply{}, err
	}
	reply := control.EditReply{ID: d.ID, Node: d.Node, Type: d.Type, Was: valueOf(m.hide(d.Message.Data())), Data: valueOf(m.hide(r.Data)), Plan: r.Plan}
	if r.Plan {
		return reply, nil
	}
	return reply, letterError(r.ID, b.shard.EditDeadLetter(ctx, r.ID, r.Data, shard.Act(r.Act)))
}

// lossless reports data that somebody gives a dead letter in which there is what stands in the
// place of a secret, where the message as it is has one: it would be lost.
func (m mask) lossless(d *shard.DeadLetter, given []byte) error {
	was := d.Message.Data()
	if !bytes.Contains(given, []byte(hidden)) || bytes.Equal(m.hide(was), was) {
		return nil
	}
	return &control.Error{
		Code: control.CodeInvalid, Message: "the message has a secret in it, which is shown as " + hidden + ": to set that would lose it", At: d.ID,
		Next: "give data without " + hidden + ", or send the message again as it is: grow deadletters redrive " + d.ID,
	}
}

// letterError is what a person is told of an action on a dead letter.
func letterError(id string, err error) error {
	if err == nil {
		return nil
	}
	e := &control.Error{Code: control.CodeInternal, Message: err.Error(), At: id}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, shard.ErrNoLetter):
		return noLetter(id)
	case errors.Is(err, shard.ErrBusy):
		e.Code, e.Next = control.CodeConflict, "try again in a moment"
	case errors.Is(err, shard.ErrNowhere):
		e.Code, e.Next = CodeNowhere, "name the node that takes it: --to NODE"
	case errors.Is(err, shard.ErrFull):
		e.Code, e.Next = "mailbox.full", "try again later; see: grow status"
	case errors.Is(err, shard.ErrStopping):
		e.Code = "host.stopping"
	case errors.Is(err, shard.ErrJournal):
		e.Code, e.Next = CodeJournal, "it goes on by itself when the cause is gone; see: grow status"
	}
	return e
}

// SettleDeadLetters implements control.Backend.
func (b backend) SettleDeadLetters(ctx context.Context, r control.SettleRequest, emit func(control.Settled) error) error {
	if r.How != control.SettleRedrive && r.How != control.SettleDrop || r.How == control.SettleDrop && r.To != "" {
		return &control.Error{Code: control.CodeInvalid, Message: "dead letters are sent again (redrive), somewhere else even, or forgotten (drop)"}
	}
	for _, id := range r.Filter.IDs {
		if _, ok := b.shard.DeadLetter(id); !ok {
			return noLetter(id)
		}
	}
	if r.Plan {
		return b.planSettle(&r, emit)
	}
	a, ctx, err := b.actions.begin(ctx, &r)
	if err != nil {
		return err
	}
	defer b.actions.end(a)
	b.log.Info("dead letters are settled", "how", r.How, "action", a.Name, "by", r.Act.By, "reason", r.Act.Reason)
	m := b.mask(b.service.Load())
	act := shard.Act{By: r.Act.By, Reason: a.reason()}
	var gone error // of whoever is told: what was begun ends
	tell := func(p shard.Progress) {
		line := control.Settled{Action: a.Name, ID: p.ID, Again: p.Again, All: p.All, Done: p.Done, Failed: p.Failed}
		if err := letterError(p.ID, p.Err); err != nil {
			errors.As(err, &line.Fault)
		}
		b.actions.note(a, &p)
		if gone == nil {
			if gone = emit(line); gone != nil {
				a.cancel()
			}
		}
	}
	if r.How == control.SettleDrop {
		_, err = b.shard.DropAll(ctx, m.picks(&r.Filter), act, tell)
	} else {
		_, err = b.shard.RedriveAll(ctx, m.picks(&r.Filter), r.To, act, tell)
	}
	if err != nil && b.actions.aborted(a) {
		return &control.Error{Code: "action.aborted", Message: "somebody has aborted " + a.Name, At: a.Name, Next: "what is left: grow deadletters list"}
	}
	return letterError("", err)
}

// planSettle tells what would become of each.
func (b backend) planSettle(r *control.SettleRequest, emit func(control.Settled) error) error {
	list := b.shard.DeadLetters(b.mask(b.service.Load()).picks(&r.Filter), 0)
	p := control.Settled{All: len(list), Plan: true}
	for _, d := range slices.Backward(list) {
		p.ID, p.To, p.Fault = d.ID, "", nil
		var err error
		if r.How == control.SettleRedrive {
			p.To, err = b.shard.RedriveTarget(d, r.To)
		}
		if err != nil {
			p.Failed++
			errors.As(letterError(d.ID, err), &p.Fault)
		} else {
			p.Done++
		}
		if err := emit(p); err != nil {
			return err
		}
	}
	return nil
}

package simulation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/grow-platform/grow/runtime/shard"
)

// operator is a person at work on states and dead letters.
type operator struct {
	world *world
	acts  int // ever
}

func (o *operator) visit(v *visitor) {
	w := o.world
	for o.acts < w.plan.operator && v.pause(time.Duration(w.random.Int64N(int64(8*time.Second)))) {
		if w.calm != 0 {
			return
		}
		o.acts++
		by := shard.Act{By: fmt.Sprint("act ", o.acts), Reason: "to see"}
		ctx, cancel := v.context, context.CancelFunc(func() {})
		if w.oneIn(8) { // who has no patience
			ctx, cancel = context.WithTimeout(ctx, time.Duration(1+w.random.Int64N(int64(5*time.Millisecond))))
		}
		did, err := o.act(ctx, v, by)
		cancel()
		if !v.turn("has done " + by.By) {
			return
		}
		w.trace("%s: %s: %v", by.By, did, err)
		switch known := w.model.acts[by.By]; {
		case err == nil && did != "" && !known:
			w.violate("%s: %s is done and not in the journal", by.By, did)
		case err != nil && did != "" && known && !errors.Is(err, context.DeadlineExceeded):
			w.violate("%s: %s is in the journal, and was told to have failed: %v", by.By, did, err)
		}
	}
}

// act does one thing; "": there was nothing to do.
func (o *operator) act(ctx context.Context, v *visitor, by shard.Act) (did string, err error) {
	w, s := o.world, v.shard
	w.name("again")
	letters := s.DeadLetters(nil, 0)
	if w.oneIn(2) || len(letters) == 0 {
		return o.set(ctx, v, by)
	}
	d := letters[w.random.IntN(len(letters))]
	some := func(d *shard.DeadLetter) bool { return d.Code == "no" }
	switch w.random.IntN(10) {
	case 2:
		_, err := s.DropAll(ctx, some, by, nil)
		return "", err
	case 3:
		_, err := s.RedriveAll(ctx, some, "", by, nil)
		return "", err
	case 0:
		return "edit " + d.ID, s.EditDeadLetter(ctx, d.ID, fmt.Appendf(nil, `{"k":"k0","n":%d}`, 1000+o.acts), by)
	case 1:
		return "drop " + d.ID, s.DropDeadLetter(ctx, d.ID, by)
	}
	to := ""
	if d.Type == "work" && w.oneIn(3) {
		to = "w/free"
	}
	again, err := s.Redrive(ctx, d.ID, to, by)
	if errors.Is(err, shard.ErrNowhere) || errors.Is(err, shard.ErrFull) {
		return "", nil
	}
	return fmt.Sprintf("redrive %s as %s", d.ID, again), err
}

// set sets or deletes a value, if it is still the one that was read.
func (o *operator) set(ctx context.Context, v *visitor, by shard.Act) (did string, err error) {
	w := o.world
	node := []string{"inner/held", "w/free", "pay", "w/inner/held"}[w.random.IntN(4)]
	key := fmt.Sprintf("k%d", w.random.IntN(w.plan.keys))
	have, err := v.shard.GetState(ctx, node, key)
	if !v.turn("has read a state") || err != nil {
		return "", err
	}
	value, deletes := fmt.Appendf(nil, `"%d"`, o.acts), w.oneIn(4)
	if deletes {
		value = nil
	}
	did = fmt.Sprintf("set %s %s", node, key)
	_, revision, err := v.shard.SetState(ctx, &shard.StateSet{Node: node, Key: key, Name: "note", Data: value, Revision: have["note"].Revision}, by)
	switch {
	case errors.Is(err, shard.ErrMoved):
		w.violate("%s: nobody else sets notes: %v", did, err)
	case err == nil && !deletes && revision != have["note"].Revision+1:
		w.violate("%s: revision %d after %d", did, revision, have["note"].Revision)
	}
	if deletes && have["note"].Revision == 0 {
		return "", err // nothing to delete
	}
	return did, err
}

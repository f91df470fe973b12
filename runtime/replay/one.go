package replay

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/journal"
)

// Find reads the message that o.Select names by its ID, with all that it had. Of one that
// came to its end several times, at the hands of people, it is the last time. It looks at
// Journal, Node, Select, Keyless, Dead and State, and fails with ErrNone when there is none.
func Find(ctx context.Context, o Options) (*Case, error) {
	o.Select.Last = 1
	c, err := o.choose(ctx)
	if err != nil {
		return nil, fmt.Errorf("choose messages of %s: %w", o.Node, err)
	}
	if len(c.places) == 0 {
		return nil, ErrNone
	}
	if err := c.begin(ctx, &o); err != nil {
		return nil, fmt.Errorf("find the states of %s: %w", o.Node, err)
	}
	var found *Case
	if err := c.read(ctx, &o, func(k *Case) error { found = k; return nil }); err != nil {
		return nil, fmt.Errorf("read messages of %s: %w", o.Node, err)
	}
	if found == nil { // trimmed meanwhile
		return nil, ErrNone
	}
	return found, nil
}

// Again has an instance of an actor, whose broker and seeds are those of r, handle a message
// as it was handled then. The instance is discarded afterwards. hide takes out of what it asks
// for what people must not see; nil: nothing.
func Again(ctx context.Context, c *Case, a *actor.Actor, r *Record, hide func([]byte) []byte) (*Outcome, error) {
	w := worker{options: &Options{}}
	var i *actor.Instance
	out, err := w.run(ctx, a, &sheet{of: c, hide: hide}, r, &i)
	if i != nil {
		a.Discard(i)
	}
	return out, err
}

// settled is what an entry says of a message that came to its end; ok is false for one
// that says nothing of the kind.
func (o *Options) settled(e journal.Entry) (id, node, key string, at int64, ok bool) {
	switch e := e.(type) {
	case *journal.Handled:
		return e.ID, e.Node, e.Key, e.Time, true
	case *journal.Dead:
		if key = e.Key; o.Keyless { // its message may have a key that only others look at
			key = ""
		}
		return e.ID, e.Node, key, e.Time, o.Dead && e.Revision != ""
	}
	return "", "", "", 0, false
}

// deadCase copies what the journal says of a message that was given up on. It has what
// capabilities answered to earlier attempts as far as that lasts, and what they answered to
// the last one before it changed something outside; its clock is what that one saw then, or
// when it was given up on.
func deadCase(c *Case, d *journal.Dead, t *past) (*Case, error) {
	m, err := abi.ParseMessage(slices.Clone(d.Input))
	if err != nil {
		return nil, err
	}
	c.Key, c.Message, c.Clock, c.Answers, c.Dead = strings.Clone(d.Key), m, cmp.Or(t.clock, d.Time), t.last(), true
	c.Then = Outcome{What: "failed", Code: strings.Clone(d.Code), Text: strings.Clone(d.Reason), Fuel: d.Fuel}
	if d.Refused {
		c.Then.What = "refused"
	}
	return c, nil
}

// merged adds answers to those of earlier attempts, in place of those to the same requests.
func merged(list, more []capability.Recorded) []capability.Recorded {
	for _, r := range more {
		i := slices.IndexFunc(list, func(have capability.Recorded) bool { return have.Call == r.Call })
		if i < 0 {
			list = append(list, r)
		} else {
			list[i] = r
		}
	}
	return list
}

package replay

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/shard"
)

// Case is one handled message as the journal has it.
type Case struct {
	Sequence uint64 // of its record
	ID       string
	Key      string
	Message  *abi.Message
	Clock    int64 // that it saw, nanoseconds since 1970
	Seed     []byte
	Revision string
	State    map[string]capability.Value // before it
	Unknown  []string                    // names of values of which it is not known what they were
	Answers  []capability.Recorded
	Then     Outcome // what came of it
	// Dead says that it became a dead letter. Its answers are those that its attempts got.
	Dead bool
}

// size is how many bytes it holds of what may be large. A state is counted whole, though
// others may hold some of the same values.
func (c *Case) size() int {
	n := c.Message.Size() + capability.Size(c.State)
	n += answered(c.Answers)
	for i := range c.Then.Outputs {
		o := &c.Then.Outputs[i]
		n += len(o.Data)
		for name, value := range o.Attrs {
			n += len(name) + len(value)
		}
	}
	for i := range c.Then.State {
		n += len(c.Then.State[i].Data)
	}
	return n
}

// place is where a handled message lies.
type place struct {
	sequence uint64
	index    int // of the entry among those of its record
}

// chosen are the messages to run and the states of their keys.
type chosen struct {
	places []place // in the journal's order
	keys   map[string]*cell
	whole  bool // the journal goes back to its begin
	// revision is the last that a message had: most have the same.
	revision string
	dead     map[string]bool // ids of dead letters among them
	size     int             // bytes that the states take, as capability.Size counts, and what attempts at the dead letters were answered
	most     int             // of size
	room     room
}

// grow counts n bytes more of size, or fewer; ErrStates when they are too many.
func (c *chosen) grow(n int) error {
	if c.size += n; c.size > c.most {
		return ErrStates
	}
	return nil
}

// cell is a key's state as it is followed through the journal.
type cell struct {
	key     string
	now     map[string]capability.Value
	unknown map[string]bool // names that had a value before the journal begins, which it does not tell
	seen    map[string]bool // names that were changed; nil once all was read
}

// entries visits those of records from a sequence on, with the index of each in its record,
// in a turn aside. A journal lets few read at a time, and who reads waits for turns: so one
// is waited for only once the journal is being read, never the other way round.
func (o *Options) entries(ctx context.Context, from uint64, visit func(p place, e journal.Entry) error) error {
	defer o.reading.End()
	var at place
	return shard.Entries(ctx, o.Journal, from, func(seq uint64, e journal.Entry) error {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := o.reading.Begin(ctx); err != nil {
			return err
		}
		o.reading.Next()
		if seq != at.sequence {
			at = place{sequence: seq}
		} else {
			at.index++
		}
		return visit(at, e)
	})
}

// choose finds the messages that are selected.
func (o *Options) choose(ctx context.Context) (*chosen, error) {
	first, _, err := o.Journal.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	type found struct {
		place
		key string
	}
	var list []found
	count, dice := 0, rand.New(rand.NewPCG(1, 2)) // so that the same journal gives the same sample
	names := map[string]string{}                  // keys, each once
	dead := map[place]string{}                    // ids of the dead letters in list
	err = o.entries(ctx, o.Select.After+1, func(p place, e journal.Entry) error {
		id, node, of, when, ok := o.settled(e)
		if !ok || node != o.Node || !o.Select.takes(id, of, when) {
			return nil
		}
		key, known := names[of]
		if !known {
			key = strings.Clone(of)
			names[key] = key
		}
		at := count
		if count++; at >= o.Select.Last {
			if at %= o.Select.Last; o.Select.Sample {
				at = dice.IntN(count)
			}
			if at >= len(list) {
				return nil
			}
			delete(dead, list[at].place)
			list[at] = found{p, key}
		} else {
			list = append(list, found{p, key})
		}
		if _, ok := e.(*journal.Dead); ok {
			dead[p] = strings.Clone(id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	c := &chosen{keys: map[string]*cell{}, dead: map[string]bool{}, whole: first <= 1, most: cmp.Or(o.states, StatesMax)}
	for _, f := range list {
		c.places = append(c.places, f.place)
		if c.keys[f.key] != nil {
			continue
		}
		c.keys[f.key] = &cell{key: f.key, now: map[string]capability.Value{}, unknown: map[string]bool{}, seen: map[string]bool{}}
	}
	for _, id := range dead {
		c.dead[id] = true
	}
	slices.SortFunc(c.places, func(a, b place) int {
		if a.sequence != b.sequence {
			return int(int64(a.sequence - b.sequence))
		}
		return a.index - b.index
	})
	return c, nil
}

// takes reports whether a message of a key, settled at a time, is selected.
func (s *Select) takes(id, key string, when int64) bool {
	at := time.Unix(0, when)
	return s.names(id) && (s.Key == nil || *s.Key == key) &&
		(s.From.IsZero() || !at.Before(s.From)) && (s.To.IsZero() || !at.After(s.To))
}

// names reports whether the message of an id may be selected.
func (s *Select) names(id string) bool { return s.ID == "" || s.ID == id }

// changes is what an entry does to states of the node.
func (o *Options) changes(e journal.Entry) (key string, list []journal.StateChange) {
	switch e := e.(type) {
	case *journal.Handled:
		if e.Node == o.Node {
			return e.Key, e.State
		}
	case *journal.Action:
		if e.Node == o.Node {
			return e.Key, e.State
		}
	}
	return "", nil
}

// begin finds out what the states were when the journal begins: what has not
// changed since is as it is now; what has, and is at its first revision then, was not there.
func (c *chosen) begin(ctx context.Context, o *Options) error {
	if c.whole {
		return nil
	}
	current := map[string]map[string]capability.Value{}
	if o.State != nil {
		for key := range c.keys {
			values, err := o.State(ctx, key)
			if err != nil {
				return err
			}
			current[key] = values
			if err := c.grow(capability.Size(values)); err != nil {
				return err
			}
		}
	}
	err := o.entries(ctx, 0, func(_ place, e journal.Entry) error {
		key, list := o.changes(e)
		k := c.keys[key]
		if k == nil {
			return nil
		}
		for i := range list {
			if ch := &list[i]; !k.seen[ch.Name] {
				name := strings.Clone(ch.Name)
				k.seen[name] = true
				if ch.Revision != 1 || ch.Deleted {
					k.unknown[name] = true
				}
			}
		}
		return nil
	})
	c.size = 0
	for key, k := range c.keys {
		for name, v := range current[key] {
			if !k.seen[name] {
				k.now[name] = v
			}
		}
		if o.State == nil {
			k.unknown[""] = true
		}
		k.seen = nil
		c.size += capability.Size(k.now)
	}
	return err
}

// errRead ends the reading: nothing more is wanted.
var errRead = errors.New("all was read")

// read follows the states and gives out the messages.
func (c *chosen) read(ctx context.Context, o *Options, give func(*Case) error) error {
	left := c.places
	attempts := map[string]*past{} // what chosen dead letters were told before they were, by id
	err := o.entries(ctx, 0, func(p place, e journal.Entry) error {
		for len(left) > 0 && left[0].sequence < p.sequence { // it was trimmed meanwhile
			left = left[1:]
		}
		if len(left) == 0 {
			return errRead
		}
		key, list := o.changes(e)
		k := c.keys[key]
		var copied []capability.Change
		if left[0] == p {
			left = left[1:]
			m, err := o.caseOf(p.sequence, e, c, attempts)
			if err != nil {
				return err
			}
			copied = m.Then.State
			if err := give(m); err != nil {
				return err
			}
		}
		if err := o.remember(c, attempts, e); err != nil {
			return err
		}
		if k != nil {
			return c.grow(k.change(list, copied))
		}
		return nil
	})
	if errors.Is(err, errRead) {
		return nil
	}
	return err
}

// readMany gives out the messages in bundles, so that reading and running them do not have
// to wait for each other at each, but in no larger ones than have work for every worker.
func (c *chosen) readMany(ctx context.Context, o *Options, give func([]*Case) error) error {
	most := max(1, min(handMax, len(c.places)/o.Workers))
	var some []*Case
	size := 0
	err := c.read(ctx, o, func(k *Case) error {
		some, size = append(some, k), size+k.size()
		if len(some) < most && size < handBytes {
			return nil
		}
		full := some
		some, size = make([]*Case, 0, most), 0
		return give(full)
	})
	if err != nil || len(some) == 0 {
		return err
	}
	return give(some)
}

// change follows what an entry changes, and returns by how many bytes the state grows.
// copied, if there is any of it, is the same as list, and stays.
func (k *cell) change(list []journal.StateChange, copied []capability.Change) (grown int) {
	if copied == nil {
		copied = changesOf(list)
	}
	grown = -capability.Size(k.now)
	for i := range copied {
		ch := &copied[i]
		delete(k.unknown, ch.Name)
		if ch.Data == nil {
			delete(k.now, ch.Name)
			continue
		}
		k.now[ch.Name] = capability.Value{Data: ch.Data, Revision: ch.Revision, Type: ch.Type}
	}
	return grown + capability.Size(k.now)
}

// past is what attempts at a message were told.
type past struct {
	answers []capability.Recorded // that each further attempt is given
	given   []capability.Recorded // to the attempt that had begun to change something outside, failures too
	clock   int64                 // that this one sees, nanoseconds since 1970; 0: none had begun
}

// last is what the last attempt was told, as far as the journal has it.
func (t *past) last() []capability.Recorded { return merged(slices.Clone(t.answers), t.given) }

// end has the attempt end that was under way. What does not last of what it was told goes
// with it, as it does for the attempt after it.
func (t *past) end(answers []capability.Recorded) {
	for i := range t.given {
		t.given[i].Kept = true
	}
	lasting := slices.DeleteFunc(t.given, func(r capability.Recorded) bool { return !r.Lasts() })
	*t = past{answers: merged(merged(t.answers, lasting), answers)}
}

// size is about how many bytes it takes.
func (t *past) size() int { return answered(t.answers) + answered(t.given) }

// remember has attempts hold what chosen dead letters were told, until they come to
// their end.
func (o *Options) remember(c *chosen, attempts map[string]*past, e journal.Entry) error {
	switch e := e.(type) {
	case *journal.AttemptMade:
		if e.Node == o.Node && c.dead[e.ID] {
			return c.told(attempts, e.ID, func(t *past) { t.end(recordedOf(e.Answers)) })
		}
	case *journal.Begun:
		if e.Node == o.Node && c.dead[e.ID] {
			return c.told(attempts, e.ID, func(t *past) {
				t.given, t.clock = merged(t.given, recordedOf(e.Answers)), e.Time
			})
		}
	case *journal.Handled:
		if e.Node == o.Node {
			c.forget(attempts, e.ID)
		}
	case *journal.Dead:
		if e.Node == o.Node {
			c.forget(attempts, e.ID)
		}
	}
	return nil
}

// told has f change what is kept of a message, within the bound of all that is kept.
func (c *chosen) told(attempts map[string]*past, id string, f func(*past)) error {
	t := attempts[id]
	if t == nil {
		t = new(past)
		attempts[strings.Clone(id)] = t
	}
	before := t.size()
	f(t)
	return c.grow(t.size() - before)
}

func (c *chosen) forget(attempts map[string]*past, id string) {
	if t := attempts[id]; t != nil {
		c.size -= t.size()
		delete(attempts, id)
	}
}

// answerBytes is about what an answer takes besides its request and its frame.
const answerBytes = 128

// answered is about how many bytes answers take.
func answered(list []capability.Recorded) (n int) {
	for i := range list {
		n += len(list[i].Sum) + len(list[i].Frame) + answerBytes
	}
	return n
}

// caseOf copies what an entry that settles a message says of it.
func (o *Options) caseOf(seq uint64, e journal.Entry, of *chosen, attempts map[string]*past) (*Case, error) {
	if d, ok := e.(*journal.Dead); ok {
		_, _, key, _, _ := o.settled(d)
		return deadCase(of.newCase(seq, d.ID, key, d.Revision), d, cmp.Or(attempts[d.ID], &past{}))
	}
	h := e.(*journal.Handled) // nothing else is chosen
	m, err := abi.ParseMessage(of.room.bytes(h.Input))
	if err != nil {
		return nil, err
	}
	c := of.newCase(seq, h.ID, h.Key, h.Revision)
	c.Message, c.Clock, c.Seed, c.Answers = m, h.Time, of.room.bytes(h.Seed), recordedOf(h.Answers)
	return c, c.Then.recorded(h, &of.room)
}

func (c *chosen) newCase(seq uint64, id, key, revision string) *Case {
	k := c.keys[key]
	if c.revision != revision {
		c.revision = strings.Clone(revision)
	}
	made := &Case{Sequence: seq, ID: c.room.string(id), Key: k.key, Revision: c.revision, State: maps.Clone(k.now)}
	if len(k.unknown) > 0 {
		made.Unknown = slices.Sorted(maps.Keys(k.unknown))
	}
	return made
}

// recordedOf copies answers as a ledger takes them.
func recordedOf(list []journal.Answer) (copied []capability.Recorded) {
	for i := range list {
		a := &list[i]
		copied = append(copied, capability.Recorded{
			Call: int(a.Call), Operation: strings.Clone(a.Operation), Use: strings.Clone(a.Use), Sum: slices.Clone(a.Request),
			Frame: slices.Clone(a.Frame), Duration: time.Duration(a.Duration), Passing: a.Passing,
		})
	}
	return copied
}

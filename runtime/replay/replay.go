// Package replay runs messages again that a journal says were handled, each from
// the state, clock, random seed and capability answers it had, and compares what
// comes of it with what came of it then. Nothing outside is asked or changed, and
// nothing is written to the journal: the instances are those of actors made for
// it, with the broker and the seeds of a [Record].
//
//  1. The journal is read once to choose the messages: only their places are kept.
//  2. Where the journal no longer goes back to its begin, the states of their keys
//     as they are now are asked for, and it is read to see what has changed since.
//     So it is known of each value what it was, or that this is not known.
//  3. It is read again, with the states of those keys followed; each message goes
//     to a worker, which runs it and compares.
package replay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/pace"
)

// Limits of a replay.
const (
	LastMax    = 1_000_000 // messages
	StatesMax  = 256 << 20 // bytes of the states of all their keys, and of answers to attempts at dead letters, at a time
	WorkersMax = 64
	GroupsMax  = 100 // groups of differences; what else differs is counted only

	handMax   = 32               // messages that a worker is handed at a time
	handTime  = time.Millisecond // of one message, after which others have a turn before the next
	handBytes = 64 << 10         // of them and of what they had and did, without the last message's
)

// Select says which handled messages of a node are run again. The zero Select
// is the last LastMax.
type Select struct {
	Last     int    // at most so many; 0: LastMax
	Sample   bool   // spread over all there are, in place of the last
	ID       string // only that message; "": all
	Key      *string
	From, To time.Time // when they were handled, both included; zero: any time
	// After leaves out those in records up to this sequence, which are not looked at.
	After uint64
}

// Options is what a replay needs.
type Options struct {
	Journal journal.Journal
	Node    string // node path
	Select  Select
	Keyless bool // the node has one state and no keys
	// New is what the messages are run on. Its broker and seeds are those of
	// Record, its Scale.Max is at least Workers. It is not closed.
	New    *actor.Actor
	Record *Record
	// Old, if not nil, is run as well, message by message, after New: to compare
	// how fast both are, and to see which messages do not even repeat on what
	// they ran on. It is made as New is, with a Record of its own, OldRecord.
	Old       *actor.Actor
	OldRecord *Record
	// Words is how many globals there are of the blocks that Old runs, a module of package
	// cover; 0: it is none.
	Words  int
	Mask   Mask
	With   []Override
	Listen bool // New's outcomes have Heard
	// Hide, if not nil, takes secrets out of what is shown of differences and in a report. It
	// must be safe for concurrent use.
	Hide func([]byte) []byte
	// Dead has dead letters be run, too, but for those that no actor ever had. One that is
	// handled now is mended, which is no difference.
	Dead bool
	// State is what the state of a key is now, as far as it is committed. It is
	// asked only where the journal does not go back to its begin; nil: what
	// cannot be known without it is not run.
	State func(ctx context.Context, key string) (map[string]capability.Value, error)
	// Workers is how many messages are run at a time; 0: one.
	Workers int
	// Aside is what reading the journal and the workers take turns at, so that whatever
	// else runs goes first. nil: they do not wait.
	Aside *pace.Aside
	// Progress, if not nil, is told now and then how many of all messages were
	// run. It is called by one goroutine at a time, and must not block.
	Progress func(done, all int)
	// Each, if not nil, is given every message that was run, by one goroutine at
	// a time, in no particular order. It may keep it.
	Each func(*Comparison)

	states  int // in place of StatesMax, for tests; 0: that
	rest    pace.Rest
	share   *pace.Share
	reading pace.Stint
}

// ErrNone: the journal has no handled message that was selected.
var ErrNone = errors.New("no handled message is in the journal that could be run again")

// ErrStates: the keys of the messages that were selected keep, and attempts at dead letters
// among them were answered, more than StatesMax bytes.
var ErrStates = fmt.Errorf("what the keys of these messages kept, and dead letters were answered, takes more than %d MiB; select fewer messages, or those of one key", StatesMax>>20)

// Run runs messages again and tells how what came of them differs. It fails with
// ErrNone, ErrStates, with an error of the journal, or of starting an instance, and with
// that of ctx when it ends.
func Run(ctx context.Context, o Options) (*Report, error) {
	o.bound(pace.RestLong)
	chosen, err := o.prepare(ctx)
	if err != nil {
		return nil, err
	}
	t := &tally{options: &o, report: Report{Node: o.Node}}
	if err := o.play(ctx, chosen, t); err != nil {
		return nil, err
	}
	return t.told(), nil
}

// bound puts limits on what is asked for, and makes the turns of reading.
func (o *Options) bound(rest pace.Rest) {
	o.Workers = max(1, min(o.Workers, WorkersMax))
	if o.Select.Last <= 0 || o.Select.Last > LastMax {
		o.Select.Last = LastMax
	}
	o.rest, o.share = rest, &pace.Share{}
	o.reading = o.Aside.Stint(o.share, rest)
}

// prepare chooses messages, and finds out what the states of their keys were.
func (o *Options) prepare(ctx context.Context) (*chosen, error) {
	chosen, err := o.choose(ctx)
	if err != nil {
		return nil, fmt.Errorf("choose messages of %s: %w", o.Node, err)
	}
	if len(chosen.places) == 0 {
		return nil, ErrNone
	}
	if err := chosen.begin(ctx, o); err != nil {
		return nil, fmt.Errorf("find the states of %s: %w", o.Node, err)
	}
	return chosen, nil
}

// play has workers run what is chosen, as it is read.
func (o *Options) play(ctx context.Context, c *chosen, t *tally) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cases := make(chan []*Case, o.Workers)
	t.more(len(c.places))
	var wait sync.WaitGroup
	for range o.Workers {
		wait.Go(func() {
			if err := o.worker(ctx, t).work(ctx, cases); err != nil {
				cancel(err)
			}
		})
	}
	err := c.readMany(ctx, o, func(some []*Case) error {
		o.reading.End() // those that run them may have no other turn; the next entry begins again
		select {
		case cases <- some:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	close(cases)
	wait.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err != nil {
		return fmt.Errorf("read messages of %s: %w", o.Node, err)
	}
	return nil
}

package replay

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/pace"
)

// waiting is a journal whose readers wait until they are let.
type waiting struct {
	journal.Journal
	comes, let chan struct{}
}

func (j *waiting) Read(ctx context.Context, from uint64, visit func(uint64, []byte) error) error {
	j.comes <- struct{}{}
	<-j.let
	return j.Journal.Read(ctx, from, visit)
}

// TestAsideReading: who waits for a reader of the journal has no turn meanwhile, since those
// that have the readers wait for one.
func TestAsideReading(t *testing.T) {
	const messages = 3 * handMax
	w := handled(t, openMem(t), messages)
	aside := pace.NewAside(&pace.Pacer{Processors: 1})
	for name, run := range map[string]func(context.Context, Options) (*Report, error){"run": Run, "tail": round} {
		t.Run(name, func(t *testing.T) {
			j := &waiting{w.journal, make(chan struct{}), make(chan struct{})}
			o := Options{Journal: j, Node: "facts", Record: &Record{}, Workers: 2, Aside: aside}
			o.New = w.actor(facts(plain, nothing), o.Record.Broker(w.broker), o.Record.Seed)
			ended := make(chan error)
			go func() {
				r, err := run(t.Context(), o)
				if err == nil && r.Equal != messages {
					err = errors.New("not all are equal")
				}
				ended <- err
			}()
			// It only says that there is none, which it would forever.
			ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Second, errors.New("no turn is left"))
			defer cancel()
			for range 2 { // to choose, and to run
				<-j.comes
				other := aside.Stint(&pace.Share{}, pace.RestLong)
				if err := other.Begin(ctx); err != nil {
					t.Error(err)
				}
				other.End()
				j.let <- struct{}{}
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
			<-o.New.Close()
		})
	}
}

// slow is a journal that takes a while for each record, during which a message is handled live.
type slow struct {
	journal.Journal
	pacer *pace.Pacer
	took  time.Duration
}

func (j *slow) Read(ctx context.Context, from uint64, visit func(uint64, []byte) error) error {
	return j.Journal.Read(ctx, from, func(seq uint64, record []byte) error {
		time.Sleep(asideRecord)
		j.took += asideRecord
		j.pacer.Live()
		return visit(seq, record)
	})
}

const asideRecord = 3 * time.Millisecond

// TestAsideRests: beside live messages a rehearsal rests for far longer than it works, since nobody
// waits for it; what has to keep up with them does not.
func TestAsideRests(t *testing.T) {
	w := handled(t, openMem(t), 100)
	elapsed := func(run func(context.Context, Options) (*Report, error)) (work, all time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			j := &slow{Journal: w.journal, pacer: &pace.Pacer{Processors: 2}}
			o := Options{Journal: j, Node: "others", Record: &Record{}, Aside: pace.NewAside(j.pacer)}
			begin := time.Now()
			if _, err := run(t.Context(), o); err != nil && !errors.Is(err, ErrNone) {
				t.Error(err)
			}
			work, all = j.took, time.Since(begin)
		})
		return work, all
	}
	if work, all := elapsed(Run); work == 0 || all < 10*work {
		t.Errorf("a rehearsal takes %v for %v of work", all, work)
	}
	follow := func(ctx context.Context, o Options) (*Report, error) {
		tail, err := NewTail(ctx, o)
		if err != nil {
			return nil, err
		}
		tail.options.Select.After = 0
		return nil, tail.Next(ctx)
	}
	if work, all := elapsed(follow); work == 0 || all > 6*work {
		t.Errorf("a tail takes %v for %v of work", all, work)
	}
}

// round is what a tail runs that has seen nothing yet.
func round(ctx context.Context, o Options) (*Report, error) {
	o.bound(pace.RestLong)
	tail := &Tail{options: o}
	tail.tally = &tally{options: &tail.options, report: Report{Node: o.Node}}
	err := tail.Next(ctx)
	return tail.Report(), err
}

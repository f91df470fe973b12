package replay

import (
	"context"
	"errors"
	"testing"
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

// round is what a tail runs that has seen nothing yet.
func round(ctx context.Context, o Options) (*Report, error) {
	o.bound(pace.RestLong)
	tail := &Tail{options: o}
	tail.tally = &tally{options: &tail.options, report: Report{Node: o.Node}}
	err := tail.Next(ctx)
	return tail.Report(), err
}

package schedule

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
)

// desk takes messages, and notes when each was due and came.
type desk struct {
	mu    sync.Mutex
	taken []string
	fault error // what it answers; nil: it takes
}

func (d *desk) Accept(_ context.Context, r *shard.Request) (*shard.Flow, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fault != nil {
		return nil, d.fault
	}
	due, err := time.Parse(time.RFC3339, r.Attrs[1])
	if err != nil || !r.Kept || r.Idempotency.Key != r.Attrs[1] || r.Idempotency.Scope != r.Source {
		return nil, shard.ErrNotTaken
	}
	d.taken = append(d.taken, r.Source+" "+r.Type+" "+string(r.Data)+" "+due.Format("02 15:04")+" at "+time.Now().UTC().Format("02 15:04"))
	return &shard.Flow{}, nil
}

func (d *desk) refuse(err error) {
	d.mu.Lock()
	d.fault = err
	d.mu.Unlock()
}

// got are what came since it was last asked, without what all have.
func (d *desk) got() []string {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.taken
	d.taken = nil
	for i := range list {
		list[i] = strings.TrimPrefix(list[i], `schedule a due {"n":1} `)
	}
	return list
}

func at(cron string, missed specs.Missed) []*specs.Source {
	return []*specs.Source{{Name: "subscribe x", Subscription: &specs.Subscription{}}, {
		Name: "schedule a", Send: "due", To: "x", Schedule: &specs.Schedule{Cron: cron, Zone: "UTC", Data: []byte(`{"n":1}`), Missed: missed},
	}}
}

// world is a runner, what it sends to and what it knows; time is that of synctest, which
// begins at midnight, UTC, of the first day of the year 2000.
type world struct {
	*desk
	store  bucket.Memory
	runner *Runner
}

func (w *world) start(t *testing.T, sources []*specs.Source) {
	t.Helper()
	b, err := w.store.Bucket(t.Context(), bucket.Name{Namespace: "main", Service: "shop", Bucket: Bucket})
	if err != nil {
		t.Fatal(err)
	}
	w.runner = New(Options{Shard: w.desk, Bucket: b, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := w.runner.Run(sources); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func (w *world) has(t *testing.T, want ...string) {
	t.Helper()
	if got := w.got(); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// TestRuns: messages come when they are due, with what they have to say.
func TestRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{desk: &desk{}}
		w.start(t, at("30 */6 * * *", specs.MissedOnce))
		defer w.runner.Close()
		w.has(t)
		time.Sleep(13 * time.Hour)
		w.has(t, "01 00:30 at 01 00:30", "01 06:30 at 01 06:30", "01 12:30 at 01 12:30")
		if err := w.runner.Run(at("0 14 * * *", specs.MissedOnce)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Hour)
		w.has(t, "01 14:00 at 01 14:00")
		if err := w.runner.Run(at("* * *", specs.MissedOnce)); err == nil {
			t.Error("what is no cron is run")
		}
	})
}

// TestMissed: what each policy makes of times at which no host was there.
func TestMissed(t *testing.T) {
	for missed, want := range map[specs.Missed][]string{
		specs.MissedSkip: nil,
		specs.MissedOnce: {"01 03:00 at 01 03:20"},
		specs.MissedAll:  {"01 01:00 at 01 03:20", "01 02:00 at 01 03:20", "01 03:00 at 01 03:20"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &world{desk: &desk{}}
			w.start(t, at("0 * * * *", missed))
			w.runner.Close()
			time.Sleep(3*time.Hour + 20*time.Minute)
			w.start(t, at("0 * * * *", missed))
			w.has(t, want...)
			time.Sleep(time.Hour)
			w.has(t, "01 04:00 at 01 04:00")
			w.runner.Close()
			w.start(t, at("0 * * * *", missed)) // and nothing is sent twice
			w.has(t)
			w.runner.Close()
			time.Sleep(40*time.Minute + LateMax)
			w.start(t, at("0 * * * *", missed))
			w.has(t, "01 05:00 at 01 05:01") // was not missed
			w.runner.Close()
		})
	}
}

// TestMany: of very many missed times, the last ones are made up for.
func TestMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{desk: &desk{}}
		w.start(t, at("@every 1s", specs.MissedAll))
		w.runner.Close()
		time.Sleep(20 * 24 * time.Hour)
		w.start(t, at("@every 1s", specs.MissedAll))
		if got := w.got(); len(got) != MissedMax || got[MissedMax-1] != "21 00:00 at 21 00:00" {
			t.Errorf("%d messages", len(got))
		}
		w.runner.Close()
	})
}

// TestRefused: what cannot be taken now is sent when it can, and what never can be is not
// in the way of the next.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{desk: &desk{}}
		w.refuse(errors.New("the journal is ill"))
		w.start(t, at("0 * * * *", specs.MissedSkip))
		time.Sleep(time.Hour + 10*time.Minute)
		w.has(t)
		w.refuse(nil)
		time.Sleep(time.Minute)
		w.has(t, "01 01:00 at 01 01:10")
		w.refuse(shard.ErrUnknownTarget)
		time.Sleep(time.Hour)
		w.refuse(nil)
		time.Sleep(time.Hour)
		w.has(t, "01 03:00 at 01 03:00")
		w.refuse(errors.New("the journal is ill"))
		time.Sleep(time.Hour)
		w.runner.Close() // while one is tried again
	})
}

// TestForgotten: a schedule that comes back after others were run has missed nothing.
func TestForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{desk: &desk{}}
		w.start(t, at("0 * * * *", specs.MissedAll))
		if err := w.runner.Run(nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Hour)
		if err := w.runner.Run(at("0 * * * *", specs.MissedAll)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		w.has(t, "01 06:00 at 01 06:00")
		w.runner.Close()
	})
}

// TestOtherRule: a schedule that is due by another rule than before has missed nothing.
func TestOtherRule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{desk: &desk{}}
		w.start(t, at("0 3 * * *", specs.MissedAll))
		time.Sleep(4 * time.Hour)
		w.has(t, "01 03:00 at 01 03:00")
		w.runner.Close()
		time.Sleep(5 * time.Hour)
		w.start(t, at("0 * * * *", specs.MissedAll))
		defer w.runner.Close()
		w.has(t)
		time.Sleep(time.Hour)
		w.has(t, "01 10:00 at 01 10:00")
	})
}

// TestSetBack: a clock that was ahead when a schedule was last sent has it not wait until
// that time has come again.
func TestSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{desk: &desk{}}
		w.start(t, at("0 * * * *", specs.MissedOnce))
		w.runner.Close()
		b, err := w.store.Bucket(t.Context(), bucket.Name{Namespace: "main", Service: "shop", Bucket: Bucket})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Write(t.Context(), &bucket.Write{Key: "schedule a", Data: []byte("2001-01-01T00:00:00Z UTC 0 * * * *")}); err != nil {
			t.Fatal(err)
		}
		w.start(t, at("0 * * * *", specs.MissedOnce))
		defer w.runner.Close()
		time.Sleep(time.Hour)
		w.has(t, "01 01:00 at 01 01:00")
	})
}

// TestLateButNotMissed: times that are over for less than a minute are all sent.
func TestLateButNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{desk: &desk{}}
		w.refuse(errors.New("the journal is ill"))
		w.start(t, at("@every 20s", specs.MissedOnce))
		defer w.runner.Close()
		time.Sleep(45 * time.Second)
		w.refuse(nil)
		time.Sleep(30 * time.Second)
		if got := w.got(); len(got) != 3 {
			t.Errorf("%q", got)
		}
	})
}

package actor

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/pace"
	"github.com/grow-platform/grow/specs"
)

// loop uses fuel, slice by slice, until the host stops it or until is used up.
func loop(h engine.Host, until uint64, each func()) (used uint64, err error) {
	for used < until {
		grant, err := h.Slice(used)
		if err != nil {
			return used, err
		}
		used += grant
		each()
	}
	return used, nil
}

// TestFuelLimit: the stop follows the limit, to the unit, and what is within it
// goes through.
func TestFuelLimit(t *testing.T) {
	for _, limit := range []uint64{1, 1000, engine.SliceFuel, 5*engine.SliceFuel + 7} {
		var used uint64
		a := newActor(t, script(func(h engine.Host, frame []byte) ([]byte, error) {
			until := limit
			if strings.Contains(string(frame), "endless") {
				until = 1 << 40
			}
			var err error
			used, err = loop(h, until, func() {})
			return nil, err
		}), func(o *Options) { o.Def.Limits.Fuel = limit })
		i := take(t, a)
		if r := handle(i, "within"); r.Outcome != Handled || used != limit {
			t.Errorf("limit %d: %s %s after %d", limit, r.Code, r.Text, used)
		}
		if r := handle(i, "endless"); r.Code != CodeFuel || !r.Broken || used != limit {
			t.Errorf("limit %d: code %q after %d", limit, r.Code, used)
		}
		a.Discard(i)
	}
}

// TestTimeLimit: the stop follows the limit; without one it is the default,
// which is longer for a message that has asked granted capabilities.
func TestTimeLimit(t *testing.T) {
	for _, c := range []struct {
		limit, want time.Duration
		asks        bool
	}{
		{0, abi.TimeDefault, false}, {0, abi.TimeCallsDefault, true}, {50 * time.Millisecond, 50 * time.Millisecond, false},
		{2 * time.Second, 2 * time.Second, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			var took time.Duration
			a := newActor(t, script(func(h engine.Host, _ []byte) ([]byte, error) {
				if c.asks {
					h.(*Instance).allow(time.Now())
				}
				begin := time.Now()
				_, err := loop(h, 1<<50, func() { time.Sleep(time.Millisecond) })
				took = time.Since(begin)
				return nil, err
			}), func(o *Options) { o.Def.Limits.Time, o.Def.Limits.Fuel = c.limit, 1<<50 })
			i := take(t, a)
			defer a.Discard(i)
			r := handle(i, "x")
			if r.Code != CodeTime || took < c.want || took > c.want+2*time.Millisecond {
				t.Errorf("limit %v: code %q after %v, want %v", c.limit, r.Code, took, c.want)
			}
			if !strings.Contains(r.Text, c.want.String()) {
				t.Errorf("text %q", r.Text)
			}
		})
	}
}

// TestSleepLimit: sleeping ends with the message's time, and what fits into it
// goes on.
func TestSleepLimit(t *testing.T) {
	for _, limit := range []time.Duration{time.Second, 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			pause := limit / 2
			a := newActor(t, script(func(h engine.Host, _ []byte) ([]byte, error) {
				before := h.Monotonic()
				for range 2 {
					if err := h.Sleep(int64(pause)); err != nil {
						return nil, err
					}
					if got := time.Duration(h.Monotonic() - before); got != pause {
						t.Errorf("the clock moved by %v, not %v", got, pause)
					}
					before = h.Monotonic()
					pause = 1 << 62
				}
				return nil, nil
			}), func(o *Options) { o.Def.Limits.Time = limit })
			i := take(t, a)
			defer a.Discard(i)
			begin := time.Now()
			if r := handle(i, "x"); r.Code != CodeTime || time.Since(begin) != limit {
				t.Errorf("limit %v: %q after %v", limit, r.Code, time.Since(begin))
			}
		})
	}
}

// TestSleepAside: who hands messages over is told of sleep, and how long they keep the guest from
// going on afterwards does not count as the message's time.
func TestSleepAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newActor(t, script(func(h engine.Host, _ []byte) ([]byte, error) {
			for range 2 {
				if err := h.Sleep(int64(time.Second)); err != nil {
					return nil, err
				}
			}
			return nil, nil
		}), func(o *Options) { o.Def.Limits.Time = 3 * time.Second })
		i := take(t, a)
		defer a.Discard(i)
		begin, told := time.Now(), ""
		r := i.Handle(&Task{Message: abi.NewMessage(nil, abi.Type, "in"), ID: "1", Sleep: func() func() {
			told += "s"
			return func() {
				told += "w"
				time.Sleep(time.Hour)
			}
		}})
		if r.Outcome != Handled || told != "swsw" || time.Since(begin) != 2*(time.Hour+time.Second) {
			t.Errorf("%s %s after %v; told %s", r.Code, r.Text, time.Since(begin), told)
		}
	})
}

// TestWaitingForAProcessor does not count as the message's time.
func TestWaitingForAProcessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pace.Pacer{Processors: 1}
		var other pace.Turn
		other.Begin(p, &pace.Share{})
		a := newActor(t, script(func(h engine.Host, _ []byte) ([]byte, error) {
			_, err := loop(h, 10*engine.SliceFuel, func() { time.Sleep(time.Millisecond) })
			return nil, err
		}), func(o *Options) { o.Pacer, o.Def.Limits = p, specs.Limits{Time: time.Second} })
		i := take(t, a)
		defer a.Discard(i)
		go func() {
			time.Sleep(time.Minute)
			other.End()
			other.Begin(p, &pace.Share{}) // and is given the next turn, between two slices
			time.Sleep(time.Minute)
			other.End()
		}()
		if r := handle(i, "x"); r.Outcome != Handled {
			t.Errorf("%s %s", r.Code, r.Text)
		}
		if i.turn.Taken() {
			t.Error("the turn is still taken")
		}
	})
}

// TestHostStops: a guest that runs ends when the host gives up on it.
func TestHostStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a := newActor(t, script(func(h engine.Host, _ []byte) ([]byte, error) {
		_, err := loop(h, 1<<50, cancel)
		return nil, err
	}), func(o *Options) { o.Context = ctx })
	i := take(t, a)
	defer a.Discard(i)
	if r := handle(i, "x"); r.Outcome != Failed || !r.Broken {
		t.Errorf("outcome %d", r.Outcome)
	}
}

// TestLongTakesTurns: a message that is expected to run for long waits for its
// turn before it begins, and one that is not does not.
func TestLongTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pace.Pacer{Processors: 1}
		var other pace.Turn
		other.Begin(p, &pace.Share{})
		began := 0
		a := newActor(t, script(func(h engine.Host, _ []byte) ([]byte, error) {
			began++
			return nil, nil
		}), func(o *Options) { o.Pacer = p })
		i := take(t, a)
		defer a.Discard(i)
		if r := handle(i, "short"); began != 1 || r.Long {
			t.Errorf("a short message began %d times, long %t", began, r.Long)
		}
		done := make(chan *Result)
		go func() { done <- i.Handle(&Task{Message: abi.NewMessage(nil, abi.Type, "in"), ID: "m2", Long: true}) }()
		synctest.Wait()
		if began != 1 {
			t.Error("a long message began without a turn")
		}
		other.End()
		if r := <-done; began != 2 || r.Outcome != Handled || r.Long {
			t.Errorf("then it began %d times: %s, long %t", began, r.Text, r.Long)
		}
	})
}

// TestSlicesByTime: instructions that are dear make slices of fewer units.
func TestSlicesByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var grants []uint64
		a := newActor(t, script(func(h engine.Host, _ []byte) ([]byte, error) {
			var used uint64
			for range 6 {
				grant, err := h.Slice(used)
				if err != nil {
					return nil, err
				}
				grants = append(grants, grant)
				used += grant
				time.Sleep(time.Duration(grant) * 5 * time.Nanosecond) // ten times as dear as a tight loop
			}
			return nil, nil
		}), nil)
		i := take(t, a)
		defer a.Discard(i)
		if r := handle(i, "x"); r.Outcome != Handled || !r.Long {
			t.Errorf("%s, long %t", r.Text, r.Long)
		}
		if last := grants[len(grants)-1]; grants[0] != engine.SliceFuel || last < 19_000 || last > 21_000 {
			t.Errorf("slices of %d", grants)
		}
	})
}

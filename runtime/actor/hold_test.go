package actor

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/pace"
)

// TestHold: what passes while a person looks is not the message's time, and what passes
// otherwise is.
func TestHold(t *testing.T) {
	for _, c := range []struct {
		name string
		hold bool
		code string
	}{{"held", true, ""}, {"at work", false, CodeTime}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var i *Instance
				a := newActor(t, script(func(h engine.Host, _ []byte) ([]byte, error) {
					if _, err := h.Slice(engine.SliceFuel); err != nil { // the clock is read
						return nil, err
					}
					release := func() {}
					if c.hold {
						release = i.Hold()
					}
					time.Sleep(time.Hour)
					release()
					_, err := h.Slice(2 * engine.SliceFuel)
					return nil, err
				}), nil)
				i = take(t, a)
				defer a.Discard(i)
				waited, stood := 0, time.Duration(0)
				stand := func() func() {
					began := time.Now()
					return func() { stood += time.Since(began) }
				}
				r := i.Handle(&Task{Message: abi.NewMessage(nil, abi.Type, "in"), ID: "m1", Wait: func() { waited++ }, Stand: stand})
				if r.Code != c.code || c.hold != (waited > 0) || c.hold != (stood == time.Hour) {
					t.Errorf("%q %s: waited %d times, stood for %v", r.Code, r.Text, waited, stood)
				}
			})
		})
	}
}

// TestPace: work that is not the message's takes turns with others, and ends with the host;
// its fuel is nobody's.
func TestPace(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pacer := &pace.Pacer{Processors: 1}
	var i *Instance
	a := newActor(t, script(func(engine.Host, []byte) ([]byte, error) {
		if err := i.Pace(); err != nil {
			return nil, err
		}
		begun := make(chan struct{})
		go func() { // ends with its turn
			var other pace.Turn
			other.Begin(pacer, &pace.Share{})
			close(begun)
			other.End()
		}()
		for pacer.Waiting() == 0 {
			runtime.Gosched()
		}
		if err := i.Pace(); err != nil { // the other one goes first
			return nil, err
		}
		<-begun
		i.Rest()
		var third pace.Turn
		third.Begin(pacer, &pace.Share{}) // the turn is given back
		third.End()
		cancel()
		return nil, i.Pace()
	}), func(o *Options) { o.Pacer, o.Context = pacer, ctx })
	i = take(t, a)
	defer a.Discard(i)
	waited := 0
	r := i.Handle(&Task{Message: abi.NewMessage(nil, abi.Type, "in"), ID: "m1", Wait: func() { waited++ }})
	if r.Outcome == Handled || !errors.Is(ctx.Err(), context.Canceled) || r.Fuel != 0 || waited == 0 {
		t.Errorf("%s %s, fuel %d, waited %d times", r.Code, r.Text, r.Fuel, waited)
	}
}

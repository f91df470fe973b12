package actor

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
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

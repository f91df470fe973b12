package actor

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
)

// TestStand: what passes while a person looks is not the message's time, what passes
// otherwise is, and an error of whoever waits ends the handling.
func TestStand(t *testing.T) {
	for _, c := range []struct {
		name  string
		stand bool
		err   error
		code  string
	}{
		{"goes on", true, nil, ""},
		{"is ended", true, errors.New("enough"), CodeHost},
		{"works for as long", false, nil, CodeTime},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var i *Instance
				pass := func() error { time.Sleep(time.Hour); return c.err }
				a := newActor(t, script(func(h engine.Host, _ []byte) ([]byte, error) {
					if _, err := h.Slice(engine.SliceFuel); err != nil { // the clock is read
						return nil, err
					}
					do := pass
					if c.stand {
						do = func() error { return i.Stand(pass) }
					}
					if err := do(); err != nil {
						return nil, err
					}
					_, err := h.Slice(2 * engine.SliceFuel)
					return nil, err
				}), nil)
				i = take(t, a)
				defer a.Discard(i)
				waited := 0
				r := i.Handle(&Task{Message: abi.NewMessage(nil, abi.Type, "in"), ID: "m1", Wait: func() { waited++ }})
				if r.Code != c.code || c.stand != (waited > 0) {
					t.Errorf("%q %s: waited %d times", r.Code, r.Text, waited)
				}
			})
		})
	}
}

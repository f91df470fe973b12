package python

import (
	"errors"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/engine/enginetest"
)

// TestSittingEnds: a guest that asks for no fuel, and is not told by it that its input is to
// end, is unwound by whatever asks for its sleep.
func TestSittingEnds(t *testing.T) {
	for _, c := range []struct {
		name       string
		left, told bool
		until      time.Duration // from now
		want       error
	}{
		{"in time", false, false, time.Hour, nil},
		{"late, with mercy", false, false, -time.Second, nil},
		{"late", false, false, -mercyTime - time.Second, ErrEndless},
		{"told", false, true, time.Hour, nil},
		{"told long ago", false, true, -mercyTime - time.Second, ErrEndless},
		{"left", true, false, time.Hour, ErrLeft},
	} {
		for _, d := range []int64{0, 1} {
			s := &sitting{Host: &enginetest.Host{}, console: NewConsole(), input: &typed{told: make(chan struct{})}, until: time.Now().Add(c.until)}
			if c.left {
				s.console.Close()
			}
			if c.told {
				close(s.input.told)
			}
			if err := s.Sleep(d); !errors.Is(err, c.want) {
				t.Errorf("%s, sleep of %d: %v, want %v", c.name, d, err, c.want)
			}
			if c.told && s.until.After(time.Now()) {
				t.Errorf("%s: it may go on until %v", c.name, s.until)
			}
		}
	}
}

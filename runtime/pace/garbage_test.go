package pace

import (
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

func gcPercent() int { return int(int32(metric("/gc/gogc:percent"))) }

// TestLitter: more garbage may lie about as long as there is litter, and not longer.
func TestLitter(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	synctest.Test(t, func(t *testing.T) {
		a := NewAside(&Pacer{})
		want := func(when string, more bool) {
			t.Helper()
			if got := gcPercent(); got > 100 != more || got < 100 {
				t.Errorf("%s it is %d %%", when, got)
			}
		}
		for range 2 {
			a.litter.leave(time.Second)
			want("at first", true)
			time.Sleep(time.Second - 1)
			a.litter.leave(time.Second)
			a.litter.leave(time.Millisecond) // which makes it no shorter
			time.Sleep(time.Second - 1)
			want("once it is longer", true)
			time.Sleep(1)
			synctest.Wait()
			want("afterwards", false)
		}
		s := a.Stint(&Share{})
		if err := s.Begin(t.Context()); err != nil {
			t.Error(err)
		}
		want("in a turn aside", true)
		s.End()
		time.Sleep(asideLitter)
		synctest.Wait()
		want("after a turn", false)
	})
}

// TestLittered: the bound is GarbageMax where that is more than there would be without litter.
func TestLittered(t *testing.T) {
	for _, c := range []struct {
		before, want int
		live         uint64
	}{
		{100, 1600, 0}, {100, 1600, 8 << 20}, {100, 400, 32 << 20}, {100, 100, 128 << 20}, {100, 100, 1 << 40}, {300, 300, 64 << 20}, {50, 64, 200 << 20}, {-1, -1, 32 << 20},
	} {
		if got := littered(c.before, c.live); got != c.want {
			t.Errorf("%d %% of %d bytes become %d %%, want %d", c.before, c.live, got, c.want)
		}
	}
}

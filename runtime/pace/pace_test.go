package pace

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestOrder: actors take turns, however many messages each has.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pacer{Processors: 1}
		var holder Turn
		holder.Begin(p, &Share{})
		var many, one Share
		var mu sync.Mutex
		var got []string
		begin := func(name string, s *Share) {
			go func() {
				var turn Turn
				turn.Begin(p, s)
				mu.Lock()
				got = append(got, name)
				mu.Unlock()
				turn.Next()
				mu.Lock()
				got = append(got, name)
				mu.Unlock()
				turn.End()
			}()
			synctest.Wait()
		}
		begin("a1", &many)
		begin("a2", &many)
		begin("a3", &many)
		begin("b1", &one)
		holder.End()
		synctest.Wait()
		if want := []string{"a1", "b1", "a2", "b1", "a3", "a1", "a2", "a3"}; !slices.Equal(got, want) {
			t.Errorf("turns %q, want %q", got, want)
		}
		if p.running != 0 || p.Waiting() != 0 {
			t.Errorf("%d run and %d wait after the end", p.running, p.Waiting())
		}
	})
}

// TestLanes have every other turn, and all of them when nobody else waits.
func TestLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pacer{Processors: 1}
		var holder Turn
		holder.Begin(p, &Share{})
		var got []byte
		begin := func(name byte, s *Share) {
			go func() {
				var turn Turn
				turn.Begin(p, s)
				got = append(got, name)
				turn.Next()
				got = append(got, name)
				turn.End()
			}()
			synctest.Wait()
		}
		begin('a', &Share{})
		begin('b', &Share{})
		begin('c', &Share{})
		begin('L', &Share{Lane: true})
		begin('M', &Share{Lane: true})
		holder.End()
		synctest.Wait()
		if want := "LaMbLcMabc"; string(got) != want {
			t.Errorf("turns %s, want %s", got, want)
		}
	})
}

// TestLimit: no more turns are held than there are processors, every turn
// comes, and what is free is used.
func TestLimit(t *testing.T) {
	p := &Pacer{Processors: 3}
	shares := make([]Share, 5)
	var running, most atomic.Int64
	var wait sync.WaitGroup
	for k := range 40 {
		wait.Go(func() {
			var turn Turn
			for range 5 {
				turn.Begin(p, &shares[k%len(shares)])
				for range 20 {
					if n := running.Add(1); n > 3 {
						t.Errorf("%d turns of 3", n)
					} else if n > most.Load() {
						most.Store(n)
					}
					running.Add(-1)
					turn.Next()
				}
				turn.End()
			}
		})
	}
	wait.Wait()
	if p.running != 0 || p.Waiting() != 0 {
		t.Errorf("%d run and %d wait after the end", p.running, p.Waiting())
	}
	// A processor given back with nobody waiting is there for the next.
	var a, b, c Turn
	for _, turn := range []*Turn{&a, &b, &c} {
		turn.Begin(p, &shares[0])
	}
	for _, turn := range []*Turn{&a, &b, &c} {
		turn.End()
		turn.End() // ending again does nothing
	}
	if p.running != 0 || a.Taken() {
		t.Errorf("%d run after the end", p.running)
	}
}

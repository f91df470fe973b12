package pace

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestAside: one processor is left, a turn goes on only by End, and who no longer wants one
// does not wait for it.
func TestAside(t *testing.T) {
	for _, c := range []struct{ processors, turns int }{{1, 1}, {2, 1}, {4, 3}} {
		a := NewAside(&Pacer{Processors: c.processors})
		share := &Share{}
		list := make([]Stint, c.turns+1)
		for i := range list {
			list[i] = a.Stint(share, RestLong)
		}
		for i := range c.turns {
			for range 2 { // the second does nothing
				if err := list[i].Begin(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			list[i].Next()
		}
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(gone)
		last := &list[c.turns]
		if err := last.Begin(ctx); !errors.Is(err, gone) {
			t.Errorf("on %d processors there are more than %d turns: %v", c.processors, c.turns, err)
		}
		last.End() // it has none to give
		list[0].End()
		list[0].End()
		if err := last.Begin(t.Context()); err != nil {
			t.Error(err)
		}
		if n := len(a.turns); n != c.turns {
			t.Errorf("on %d processors %d turns are taken", c.processors, n)
		}
	}
	var none *Aside
	s := none.Stint(nil, RestLong)
	if err := s.Begin(t.Context()); err != nil {
		t.Error(err)
	}
	s.Next()
	s.End()
}

// TestAsideMakesRoom: a guest that runs for long and waits goes before the next piece.
func TestAsideMakesRoom(t *testing.T) {
	p := &Pacer{Processors: 1}
	a := NewAside(p)
	var long Turn
	long.Begin(p, &Share{})
	s := a.Stint(&Share{}, RestLong)
	began := make(chan error)
	go func() { began <- s.Begin(t.Context()) }()
	for p.Waiting() == 0 { // it waits behind what runs
		yield()
	}
	select {
	case <-began:
		t.Fatal("it has begun while a guest held the only processor")
	default:
	}
	long.End()
	if err := <-began; err != nil {
		t.Fatal(err)
	}
	long.Begin(p, &Share{}) // a turn aside holds none of the pacer's
	s.since = s.since.Add(-asideStretch)
	next := make(chan struct{})
	go func() { s.Next(); close(next) }()
	for p.Waiting() == 0 {
		yield()
	}
	long.End()
	<-next
	s.End()
}

// TestAsideRests: while messages are handled that somebody waits for, the work rests for most
// of the time, and a while later no more.
func TestAsideRests(t *testing.T) {
	for _, rest := range []Rest{RestShort, RestLong} {
		rests(t, rest)
	}
}

func rests(t *testing.T, rest Rest) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pacer{Processors: 2}
		s := NewAside(p).Stint(&Share{}, rest)
		if err := s.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer s.End()
		// rested is for how long it is after so much work.
		rested := func(work time.Duration) time.Duration {
			time.Sleep(work)
			before := time.Now()
			s.Next()
			return time.Since(before)
		}
		if d := rested(asideRest); d != 0 {
			t.Errorf("it rests for %v though nobody waits", d)
		}
		p.Live()
		for i, c := range []struct{ work, rest time.Duration }{
			{asideStretch, 0}, // too little yet
			{asideRest, time.Duration(rest) * (asideRest + asideStretch)},
			{asideStretch, 0}, // from here on it counts anew
			{asideLive / 2, asideRestMax},
		} {
			if d := rested(c.work); d != c.rest {
				t.Errorf("%d: it rests for %v after %v, want %v", i, d, c.work, c.rest)
			}
		}
		if d := rested(asideRest); d != 0 {
			t.Errorf("it rests for %v long after the last message", d)
		}
		p.Live()
		time.Sleep(asideRest)
		s.End() // what was done until here counts
		before := time.Now()
		if err := s.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(before); d != time.Duration(rest)*asideRest {
			t.Errorf("it rests for %v before its next turn", d)
		}
	})
}

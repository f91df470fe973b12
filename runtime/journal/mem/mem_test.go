package mem

import (
	"bytes"
	"errors"
	"testing"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/journaltest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	journaltest.Run(t, func(_ *testing.T, clock *journaltest.Clock) journal.Store { return New(Options{Now: clock.Now}) })
}

// TestConformanceLate runs the suite with every append ending on another goroutine.
func TestConformanceLate(t *testing.T) {
	journaltest.Run(t, func(_ *testing.T, clock *journaltest.Clock) journal.Store {
		return New(Options{Now: clock.Now, Fault: func(uint64) Fault { return Late }})
	})
}

// TestMemory has a journal that is trimmed take many times its capacity, and
// one that is not refuse what it cannot hold.
func TestMemory(t *testing.T) {
	s := New(Options{Capacity: 4 << 20})
	defer s.Close()
	j, err := s.Open(t.Context(), journal.Name{})
	if err != nil {
		t.Fatal(err)
	}
	record := bytes.Repeat([]byte("x"), 100<<10)
	add := func(last uint64) (err error) {
		j.Append(record, last, func(_ uint64, e error) { err = e })
		return err
	}
	for last := range uint64(1000) {
		if err := add(last); err != nil {
			t.Fatalf("append %d: %v", last+1, err)
		}
		if err := j.Trim(t.Context(), last-min(last, 10)); err != nil {
			t.Fatal(err)
		}
	}
	last := uint64(1000)
	for ; err == nil && last < 2000; last++ {
		err = add(last)
	}
	if !errors.Is(err, ErrFull) || last > 1045 {
		t.Fatalf("a journal that is never trimmed: %v at record %d, want ErrFull before 1045", err, last)
	}
}

func TestFaults(t *testing.T) {
	faults := []Fault{None, Lost, Unsure, Fenced}
	s := New(Options{Fault: func(n uint64) Fault { return faults[n-1] }})
	defer s.Close()
	j, err := s.Open(t.Context(), journal.Name{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		last uint64
		want error
		kept uint64
	}{{0, nil, 1}, {1, journal.ErrUnknown, 1}, {1, journal.ErrUnknown, 2}, {2, journal.ErrFenced, 3}} {
		var got error
		j.Append([]byte("x"), c.last, func(_ uint64, err error) { got = err })
		if !errors.Is(got, c.want) {
			t.Errorf("append after %d: %v, want %v", c.last, got, c.want)
		}
		if _, last, _ := j.Bounds(t.Context()); last != c.kept {
			t.Errorf("after it the last is %d, want %d", last, c.kept)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	s := New(Options{})
	defer s.Close()
	j, err := s.Open(b.Context(), journal.Name{})
	if err != nil {
		b.Fatal(err)
	}
	record := bytes.Repeat([]byte("x"), 1024)
	last := uint64(0)
	done := func(uint64, error) {}
	b.ReportAllocs()
	for b.Loop() {
		j.Append(record, last, done)
		if last++; last%1024 == 0 {
			if err := j.Trim(b.Context(), last-512); err != nil {
				b.Fatal(err)
			}
		}
	}
}

package journal_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/mem"
)

// TestBegin begins on a journal whose appends befall all that can: it gets its
// epoch in the end, and every record is visited once.
func TestBegin(t *testing.T) {
	for _, faults := range [][]mem.Fault{
		{mem.None}, {mem.Late}, {mem.Lost, mem.None}, {mem.Unsure, mem.None}, {mem.Unsure, mem.Lost, mem.Late}, {mem.Lost, mem.Lost, mem.Unsure, mem.Unsure, mem.None},
	} {
		t.Run(fmt.Sprint(faults), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mem.New(mem.Options{Fault: func(n uint64) mem.Fault {
					if n <= uint64(len(faults)) {
						return faults[n-1]
					}
					return mem.None
				}})
				defer s.Close()
				j, err := s.Open(t.Context(), journal.Name{Namespace: "main", Service: "shop"})
				if err != nil {
					t.Fatal(err)
				}
				var seen []uint64
				epoch, err := journal.Begin(t.Context(), j, "a", 1, func(seq uint64, _ journal.Record) error {
					seen = append(seen, seq)
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				unsure := 0
				for _, f := range faults {
					if f == mem.Unsure {
						unsure++
					}
				}
				if len(seen) != unsure || epoch != uint64(unsure+1) {
					t.Errorf("epoch %d after %v, with %d tries of unknown outcome that are there", epoch, seen, unsure)
				}
			})
		})
	}
}

// TestBeginEnds: it does not try for ever, and not after its context has ended.
func TestBeginEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mem.New(mem.Options{Fault: func(uint64) mem.Fault { return mem.Lost }})
		defer s.Close()
		j, err := s.Open(t.Context(), journal.Name{Namespace: "main", Service: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		none := func(uint64, journal.Record) error { return nil }
		if _, err := journal.Begin(t.Context(), j, "a", 1, none); !errors.Is(err, journal.ErrUnknown) {
			t.Errorf("a journal that loses all: %v, want ErrUnknown", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := journal.Begin(ctx, j, "a", 1, none); !errors.Is(err, context.Canceled) {
			t.Errorf("a context that has ended: %v", err)
		}
	})
}

// TestDoubt: after an append of unknown outcome nothing is appended, and
// nothing taken for another owner's, until the journal was looked at.
func TestDoubt(t *testing.T) {
	for _, fault := range []mem.Fault{mem.Lost, mem.Unsure} {
		s := mem.New(mem.Options{Fault: func(n uint64) mem.Fault {
			if n == 1 {
				return fault
			}
			return mem.None
		}})
		defer s.Close()
		j, err := s.Open(t.Context(), journal.Name{Namespace: "main", Service: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		for last := range uint64(3) {
			j.Append([]byte("x"), last, func(_ uint64, err error) {
				if !errors.Is(err, journal.ErrUnknown) {
					t.Errorf("append after %d: %v, want ErrUnknown", last, err)
				}
			})
		}
		_, last, err := j.Bounds(t.Context())
		if err != nil || last > 1 {
			t.Fatalf("last %d, %v", last, err)
		}
		j.Append([]byte("x"), last, func(_ uint64, err error) {
			if err != nil {
				t.Errorf("append when doubt has ended: %v", err)
			}
		})
	}
}

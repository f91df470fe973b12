package jail

import (
	"errors"
	"io"
	"testing"
	"time"
)

// waits is the worker that waits, once it does.
func (s *Spare) waits(t *testing.T) *Process {
	t.Helper()
	s.starting.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		t.Fatal("no worker waits")
	}
	return s.next
}

func (s *Spare) begin(t *testing.T, l Limits) *Process {
	t.Helper()
	p, err := s.Start(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// TestSpare: after the first, workers are those that waited; they do what their role
// says under the limits they are given then, and one that was killed is replaced.
func TestSpare(t *testing.T) {
	s := NewSpare("echo")
	defer s.Close()
	s.begin(t, Limits{CPUMax: 30 * time.Second})
	first := s.waits(t)
	p := s.begin(t, Limits{CPUMax: 30 * time.Second})
	if p != first {
		t.Error("another worker was started than the one that waited")
	}
	if _, err := io.WriteString(p.Conn(), "hello"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(p.Conn(), b); err != nil || string(b) != "hello" {
		t.Fatalf("%q, %v", b, err)
	}
	killed := s.waits(t)
	killed.Kill()
	if p := s.begin(t, Limits{CPUMax: 30 * time.Second}); p == killed {
		t.Error("a worker was given out that had been killed")
	}
	last := s.waits(t)
	s.Close()
	if <-last.Done(); last.Wait() == nil {
		t.Error("the worker that waits ended by itself")
	}
	s.refill()
	if s.starting.Wait(); s.next != nil {
		t.Error("a worker was started after the end")
	}
}

// TestSpareLimits: what a worker that waited may have follows its limit.
func TestSpareLimits(t *testing.T) {
	s := NewSpare("take")
	defer s.Close()
	s.begin(t, Limits{MemoryMax: 64 << 20})
	for _, c := range []struct {
		most  int64 // MiB
		wants byte
		fits  bool
	}{{64, 200, false}, {2000, 200, true}} {
		s.waits(t)
		p := s.begin(t, Limits{MemoryMax: c.most << 20})
		if _, err := p.Conn().Write([]byte{c.wants}); err != nil {
			t.Fatal(err)
		}
		_, err := io.ReadFull(p.Conn(), make([]byte, 1))
		if fits := err == nil; fits != c.fits {
			t.Errorf("%d MiB of %d: %v", c.wants, c.most, err)
		}
		var end *ExitError
		if !c.fits && !errors.As(p.Wait(), &end) {
			t.Error("it ended well")
		}
	}
}

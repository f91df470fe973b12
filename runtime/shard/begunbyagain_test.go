package shard

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/specs"
)

// TestTrialNewKey: what is sent, after a restart, to a new node of a trial before that goes on
// has its key.
func TestTrialNewKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := openJournal(t)
		fails := true
		request := hop("k")
		request.Idempotency, request.Kept = &journal.Idempotency{Scope: "s", Key: "k", Digest: []byte("d")}, true
		var mu sync.Mutex
		var keys []string
		life := func(f func(s *Shard, resume func())) {
			s, err := Open(t.Context(), Options{Namespace: "main", Service: "test", Journal: j, Lanes: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			a, guests := hops("a")
			other, more := hops("b")
			for name, g := range more {
				guests[name] = func(h engine.Host, m *abi.Message) ([]sent, error) {
					if fails && name == "n0" {
						return nil, trap("not yet")
					}
					mu.Lock()
					keys = append(keys, name+" "+m.Key())
					mu.Unlock()
					return g(h, m)
				}
			}
			serve(t, s, a, guests)
			f(s, func() {
				actors := actorsOf(t, s, other, guests)
				delete(actors, "w/n0")
				if err := s.Try(&Trial{Table: mustCompile(t, other), Actors: actors, Salt: "7", Share: 1}); err != nil {
					t.Fatal(err)
				}
			})
		}
		life(func(s *Shard, resume func()) {
			synctest.Wait()
			resume()
			if _, err := s.Accept(context.Background(), request); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		})
		fails = false
		life(func(s *Shard, resume func()) {
			time.Sleep(5 * time.Second) // n0 handles it
			resume()
			f, err := s.Accept(context.Background(), request)
			if err != nil {
				t.Fatal(err)
			}
			<-f.Done()
		})
		want := []string{"n0 k", "n1b k", "n2b k"}
		if !slices.Equal(keys, want) {
			t.Errorf("keys %q, want %q", keys, want)
		}
	})
}

// hooked has a hook called by replace, when that looks at the clock.
type hooked struct {
	*manual
	hook func()
}

// Now implements Clock.
func (h *hooked) Now() time.Time {
	if f := h.hook; f != nil {
		pc := make([]uintptr, 4)
		frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc)])
		for {
			fr, more := frames.Next()
			if strings.HasSuffix(fr.Function, "(*Shard).replace") {
				h.hook = nil
				f()
			}
			if !more {
				break
			}
		}
	}
	return h.manual.Now()
}

// called holds that the hook was.
func (h *hooked) called(t *testing.T) {
	t.Helper()
	if h.hook != nil {
		t.Error("no replace has looked at the clock")
	}
}

// TestTrialNewApplied: a table with a node at which messages wait for a trial is applied while
// one comes there.
func TestTrialNewApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := openJournal(t)
		clock := &hooked{manual: newManual()}
		fails := true
		life := func(f func(s *Shard, other *specs.Service, guests map[string]guest)) {
			s, err := Open(t.Context(), Options{Namespace: "main", Service: "test", Journal: j, Lanes: 1, Clock: clock})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			a, guests := hops("a")
			other, more := hops("b")
			for name, g := range more {
				guests[name] = func(h engine.Host, m *abi.Message) ([]sent, error) {
					if fails && name == "n0" {
						return nil, trap("not yet")
					}
					return g(h, m)
				}
			}
			serve(t, s, a, guests)
			f(s, other, guests)
		}
		request := hop("k")
		request.Idempotency, request.Kept = &journal.Idempotency{Scope: "s", Key: "k", Digest: []byte("d")}, true
		life(func(s *Shard, other *specs.Service, guests map[string]guest) {
			actors := actorsOf(t, s, other, guests)
			delete(actors, "w/n0")
			if err := s.Try(&Trial{Table: mustCompile(t, other), Actors: actors, Salt: "7", Share: 1}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Accept(context.Background(), request); err != nil {
				t.Fatal(err)
			}
			_ = s.Settle(t.Context())
		})
		fails = false
		life(func(s *Shard, other *specs.Service, guests map[string]guest) {
			_ = s.Settle(t.Context())
			clock.hook = func() {
				clock.pass(2 * time.Second) // n0 tries again
				synctest.Wait()
			}
			serve(t, s, other, guests)
			clock.called(t)
			f, err := s.Accept(context.Background(), request)
			if err != nil {
				t.Fatal(err)
			}
			<-f.Done()
			if way := went(t, f.Answer()); way != "b" {
				t.Errorf("it went by %q", way)
			}
		})
	})
}

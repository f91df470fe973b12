package shard

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/fold"
	"github.com/grow-platform/grow/specs"
)

// slowPage is a journal of which the next blob that is read is told of only once
// something has been sent to it.
type slowPage struct {
	*gated
	next atomic.Pointer[chan struct{}]
}

func (s *slowPage) Blob(ctx context.Context, digest string) ([]byte, error) {
	held := s.next.Swap(nil)
	data, err := s.Journal.Blob(ctx, digest)
	if held != nil {
		<-*held
	}
	return data, err
}

// paged runs f on a shard that has states in pages of its journal, which a former one left there.
func paged(t *testing.T, j journal.Journal, modes Modes, service *specs.Service, guests map[string]guest, f func(s *Shard)) {
	t.Helper()
	s, err := Open(context.Background(), Options{Namespace: "main", Service: "test", Journal: j, Lanes: 1, Snapshots: Snapshots{Entries: 1, StateBytes: 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Govern(modes)
	serve(t, s, service, guests)
	f(s)
	synctest.Wait()
}

// TestStateReadBeforeItWasChanged: a state that was read for a message and came
// to the lane late does not take the place of what somebody made of it meanwhile
// (the simulation's seed 6641).
func TestStateReadBeforeItWasChanged(t *testing.T) {
	a := def("a", func(a *specs.Actor) { a.Key, a.State = map[string]string{"": "data"}, []specs.State{{}} })
	service := project(a)
	guests := map[string]guest{"a": func(h engine.Host, m *abi.Message) ([]sent, error) {
		return []sent{{typ: "out", data: get(h, "")}}, nil
	}}
	synctest.Test(t, func(t *testing.T) {
		j := &slowPage{gated: &gated{Journal: openJournal(t), pass: -1}}
		life := func(f func(s *Shard, set func(key, data string) error)) {
			paged(t, j, Modes{}, service, guests, func(s *Shard) {
				f(s, func(key, data string) error {
					_, _, err := s.SetState(context.Background(), &StateSet{Node: "a", Key: key, Data: []byte(data), Revision: AnyRevision}, Act{})
					return err
				})
			})
		}
		life(func(_ *Shard, set func(key, data string) error) {
			for _, key := range []string{"k", "other"} { // which lie in one page
				if err := set(key, `"first"`); err != nil {
					t.Fatal(err)
				}
			}
		})
		life(func(s *Shard, set func(key, data string) error) {
			page := make(chan struct{})
			j.next.Store(&page)
			f, err := s.Accept(context.Background(), &Request{To: "a", Type: "in", AnyReply: true, Data: []byte(`"k"`)})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if _, err := s.GetState(context.Background(), "a", "other"); err != nil { // has the page read, too
				t.Fatal(err)
			}
			j.close(0) // so that who reads the state again does not find the change in the journal
			changed := make(chan error, 1)
			go func() { changed <- set("k", `"second"`) }()
			synctest.Wait()
			close(page)
			synctest.Wait()
			j.open()
			if err := <-changed; err != nil {
				t.Fatal(err)
			}
			<-f.Done()
			if got := f.Answer().text(); got != `replied out "second"` {
				t.Errorf("the message was handled with a state that had been changed: %s", got)
			}
		})
	})
}

// TestStateOfThePaused: a state that is not in memory is told of while a message of its key
// waits for an actor that is paused.
func TestStateOfThePaused(t *testing.T) {
	service, guests := counter()
	synctest.Test(t, func(t *testing.T) {
		j := openJournal(t)
		life := func(f func(s *Shard)) {
			paged(t, j, Modes{Actors: map[string]Mode{"count": Paused}}, service, guests, f)
		}
		life(func(s *Shard) {
			if _, _, err := s.SetState(context.Background(), &StateSet{Node: "count", Key: "k", Data: []byte("1")}, Act{}); err != nil {
				t.Fatal(err)
			}
		})
		life(func(s *Shard) {
			f, err := s.Accept(context.Background(), &Request{To: "count", Type: "in", AnyReply: true, Data: []byte(`"k"`)})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			for range 2 {
				if v, err := s.GetState(ctx, "count", "k"); err != nil || string(v[""].Data) != "1" {
					t.Fatalf("%v, %v; want 1", v, err)
				}
			}
			s.Govern(Modes{})
			<-f.Done()
			if got := f.Answer().text(); got != "replied out 2" {
				t.Error(got)
			}
		})
	})
}

// TestStateDeclaredMeanwhile: a state that another revision declares while a message of the key is
// handled is told of when that has ended.
func TestStateDeclaredMeanwhile(t *testing.T) {
	with, counts := counter()
	without := project(def("count", func(a *specs.Actor) { a.Key = map[string]string{"": "data"} }))
	synctest.Test(t, func(t *testing.T) {
		entered, gate := make(chan struct{}), make(chan struct{})
		slow := map[string]guest{"count": func(h engine.Host, _ *abi.Message) ([]sent, error) {
			if err := h.Sleep(1); err != nil {
				return nil, err
			}
			close(entered)
			<-gate
			return []sent{{typ: "out", data: "1"}}, nil
		}}
		paged(t, openJournal(t), Modes{}, without, slow, func(s *Shard) {
			f, err := s.Accept(context.Background(), &Request{To: "count", Type: "in", AnyReply: true, Data: []byte(`"k"`)})
			if err != nil {
				t.Fatal(err)
			}
			<-entered
			serve(t, s, with, counts)
			told := make(chan error, 1)
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				_, err := s.GetState(ctx, "count", "k")
				told <- err
			}()
			synctest.Wait()
			close(gate)
			<-f.Done()
			if err := <-told; err != nil {
				t.Error(err)
			}
		})
	})
}

// lostPage is a journal that counts how often blobs are asked for, and has lost them while it says so.
type lostPage struct {
	journal.Journal
	lost  atomic.Bool
	asked atomic.Int64
}

func (p *lostPage) Blob(ctx context.Context, digest string) ([]byte, error) {
	p.asked.Add(1)
	if p.lost.Load() {
		return nil, journal.ErrDamaged
	}
	return p.Journal.Blob(ctx, digest)
}

// TestStateThatIsLost: a state that cannot be read is tried again once a second, however many
// want to see it, and told once it can be.
func TestStateThatIsLost(t *testing.T) {
	service, guests := counter()
	synctest.Test(t, func(t *testing.T) {
		j := &lostPage{Journal: openJournal(t)}
		life := func(f func(s *Shard)) { paged(t, j, Modes{}, service, guests, f) }
		life(func(s *Shard) {
			if _, _, err := s.SetState(context.Background(), &StateSet{Node: "count", Key: "k", Data: []byte("1")}, Act{}); err != nil {
				t.Fatal(err)
			}
		})
		life(func(s *Shard) {
			j.lost.Store(true)
			before := j.asked.Load()
			for range 5 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				if v, err := s.GetState(ctx, "count", "k"); err == nil {
					t.Errorf("a state that is lost is %v", v)
				}
				cancel()
			}
			time.Sleep(10 * loadAgain)
			if n := j.asked.Load() - before; n < 5 || n > 15 {
				t.Errorf("it was asked for %d times in ten pauses", n)
			}
			j.lost.Store(false)
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			if v, err := s.GetState(ctx, "count", "k"); err != nil || string(v[""].Data) != "1" {
				t.Errorf("%v, %v; want 1", v, err)
			}
		})
	})
}

// ending is a clock that is asked while something else comes to its end.
type ending struct {
	RealClock
	next atomic.Pointer[func()]
}

func (c *ending) Now() time.Time {
	if f := c.next.Swap(nil); f != nil {
		(*f)()
	}
	return c.RealClock.Now()
}

// TestActAtTheEnd: what somebody does to a dead letter while the shard closes is done, or refused;
// nobody waits for lanes that have ended.
func TestActAtTheEnd(t *testing.T) {
	service, guests := project(def("a", nil)), map[string]guest{"a": func(engine.Host, *abi.Message) ([]sent, error) { return nil, trap("bad") }}
	synctest.Test(t, func(t *testing.T) {
		clock := &ending{}
		s, err := Open(context.Background(), Options{Namespace: "main", Service: "test", Journal: openJournal(t), Clock: clock, Lanes: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		serve(t, s, service, guests)
		ask(t, s, &Request{To: "a"})
		closes := func() {
			go s.Close() // until the deferred one, at the latest
			synctest.Wait()
		}
		synctest.Wait() // nobody else asks for the time
		clock.next.Store(&closes)
		if err := s.DropDeadLetter(context.Background(), s.DeadLetters(nil, 1)[0].ID, Act{}); err != nil {
			t.Error(err)
		}
	})
}

// TestKeptAtTheEnd: a message that somebody wants to have kept while the shard closes is in the
// journal when they are told so, and whoever opens that next handles it.
func TestKeptAtTheEnd(t *testing.T) {
	handled := make(chan string, 2)
	service, guests := project(def("a", nil)), map[string]guest{"a": func(_ engine.Host, m *abi.Message) ([]sent, error) {
		handled <- m.ID()
		return nil, nil
	}}
	synctest.Test(t, func(t *testing.T) {
		j, clock := openJournal(t), &ending{}
		s, err := Open(context.Background(), Options{Namespace: "main", Service: "test", Journal: j, Clock: clock, Lanes: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		serve(t, s, service, guests)
		synctest.Wait()
		closes := func() {
			go s.Close() // until the deferred one, at the latest
			synctest.Wait()
		}
		clock.next.Store(&closes)
		f, err := s.Accept(context.Background(), &Request{To: "a", Type: "in", Kept: true})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		paged(t, j, Modes{}, service, guests, func(*Shard) { synctest.Wait() })
		select {
		case id := <-handled:
			if id != f.ID() {
				t.Errorf("%s was handled, want %s", id, f.ID())
			}
		default:
			t.Error("it was lost")
		}
	})
}

// turns is a scheduler that counts how often a goroutine asks when it may go on.
type turns struct {
	sync.Mutex
	of map[string]int
}

func (*turns) Start(f func()) func() { return f }

func (s *turns) Resume(_ context.Context, what string) {
	s.Lock()
	defer s.Unlock()
	s.of[what]++
}

// TestNoTurnAfterTheEnd: a goroutine that is woken while its shard ends asks for
// no turn any more. Which of the two it saw first would be left to chance, and no
// seed would be the same run twice (the simulation's seed 273).
func TestNoTurnAfterTheEnd(t *testing.T) {
	asked := &turns{of: map[string]int{}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 64 {
		s := &Shard{context: ctx, clock: newManual(), opts: Options{Scheduler: asked, Snapshots: DefaultSnapshots}}
		k := newKeeper(s, fold.New(limits), 0)
		k.nudge()
		k.run()
		b := &backlog{shard: s, wake: make(chan struct{}, 1), nudged: true}
		b.wake <- struct{}{}
		s.begin()
		b.run()
	}
	if len(asked.of) > 0 {
		t.Errorf("turns that were asked for: %v", asked.of)
	}
}

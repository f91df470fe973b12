package shard

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/mem"
	"github.com/grow-platform/grow/specs"
)

// What follows is what the simulation has found (see package simulation), each
// error by itself.

// gated is a journal whose appends are made, and told of only once it is open.
type gated struct {
	journal.Journal
	mu   sync.Mutex
	pass int // appends told of before the gate closes; -1: it is open
	held []func()
}

func (g *gated) Append(record []byte, last uint64, done func(uint64, error)) {
	g.Journal.Append(record, last, func(seq uint64, err error) {
		g.mu.Lock()
		if g.pass == 0 {
			g.held = append(g.held, func() { done(seq, err) })
			g.mu.Unlock()
			return
		}
		g.pass = max(-1, g.pass-1)
		g.mu.Unlock()
		done(seq, err)
	})
}

// close has so many more appends be told of, and then none.
func (g *gated) close(after int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pass = after
}

func (g *gated) open() {
	g.mu.Lock()
	held := g.held
	g.pass, g.held = -1, nil
	g.mu.Unlock()
	for _, f := range held {
		f()
	}
}

// simulated runs f in a bubble, with a shard that lives by the bubble's time.
func simulated(t *testing.T, fault func(uint64) mem.Fault, service *specs.Service, guests map[string]guest, f func(t *testing.T, s *Shard, g *gated)) {
	synctest.Test(t, func(t *testing.T) {
		g := &gated{Journal: openFaulty(t, fault), pass: -1}
		s, err := Open(context.Background(), Options{Namespace: "main", Service: "test", Journal: g, Lanes: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		serve(t, s, service, guests)
		f(t, s, g)
	})
}

// payer is an actor that draws a ticket, which changes something outside.
func payer() (*specs.Service, map[string]guest) {
	a := def("pay", func(a *specs.Actor) {
		a.Uses = []specs.Grant{{Name: "c", Kind: "test.ticket"}}
		a.Retry = specs.Retry{Max: 3, Backoff: time.Second, Factor: 1}
	})
	return project(a), map[string]guest{"pay": func(h engine.Host, m *abi.Message) ([]sent, error) {
		frame := abi.AppendAttr(abi.AppendAttr(abi.AppendAttrCount(abi.AppendCount(nil, 1), 2), "type", "ticket.draw"), "use", "c")
		if _, err := h.Call(abi.AppendData(frame, nil)); err != nil {
			return nil, err
		}
		return []sent{{typ: "out"}}, nil
	}}
}

// TestEffectWaitsForRequest: a request that is on its way to the journal is
// there before its actor changes anything outside.
func TestEffectWaitsForRequest(t *testing.T) {
	tickets.given.Store(0)
	service, guests := payer()
	simulated(t, nil, service, guests, func(t *testing.T, s *Shard, g *gated) {
		g.close(0)
		go func() {
			if _, err := s.Accept(context.Background(), &Request{To: "pay", Type: "in", AnyReply: true, Kept: true}); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		if n := tickets.given.Load(); n != 0 {
			t.Errorf("%d tickets were drawn for a request that is not in the journal", n)
		}
		g.open()
		synctest.Wait()
		if n := tickets.given.Load(); n != 1 {
			t.Errorf("%d tickets were drawn", n)
		}
	})
}

// TestNoEffectAfterLoss: once the journal has another owner, nothing is changed
// outside, however often it is tried.
func TestNoEffectAfterLoss(t *testing.T) {
	tickets.given.Store(0)
	service, guests := payer()
	fenced := func(n uint64) mem.Fault {
		if n == 2 {
			return mem.Fenced
		}
		return mem.None
	}
	simulated(t, fenced, service, guests, func(t *testing.T, s *Shard, _ *gated) {
		f, err := s.Accept(context.Background(), &Request{To: "pay", Type: "in", AnyReply: true})
		if err != nil {
			t.Fatal(err)
		}
		<-f.Done()
		if n := tickets.given.Load(); n != 0 || f.Answer().Code != "journal.unavailable" {
			t.Errorf("%d tickets were drawn; the answer is %s", n, f.Answer().text())
		}
	})
}

// TestAnswerIsKeptFirst: who asks late what becomes of a request is told once
// the next life would say the same.
func TestAnswerIsKeptFirst(t *testing.T) {
	a := def("a", func(a *specs.Actor) { a.Retry = specs.Retry{Max: 1, Backoff: time.Second, Factor: 1} })
	guests := map[string]guest{"a": func(_ engine.Host, m *abi.Message) ([]sent, error) {
		if m.Attempt() == 1 {
			return nil, trap("not yet")
		}
		return []sent{{typ: "out"}}, nil
	}}
	simulated(t, nil, project(a), guests, func(t *testing.T, s *Shard, g *gated) {
		f, err := s.Accept(context.Background(), &Request{To: "a", Type: "in", AnyReply: true})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s.Keep(f)
		synctest.Wait()
		g.close(1) // for what came of the second attempt
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := f.Answer(); got.Outcome != Pending || len(g.held) != 1 {
			t.Errorf("told %s with %d appends under way", got.text(), len(g.held))
		}
		g.open()
		synctest.Wait()
		if got := f.Answer(); got.Outcome != Replied {
			t.Errorf("then %s", got.text())
		}
	})
}

// TestAskedAboutAndLost: a request that the journal does not have is unknown in
// the next life, and has not ended, although the journal has that somebody asks.
func TestAskedAboutAndLost(t *testing.T) {
	j := openJournal(t)
	var w journal.Writer
	w.Reset(1)
	w.Add(&journal.Epoch{Number: 1, Owner: "before", Format: journal.FormatVersion})
	w.Add(&journal.Asked{Flow: "lost", Any: true, Waits: true})
	j.Append(w.Bytes(), 0, func(_ uint64, err error) {
		if err != nil {
			t.Fatal(err)
		}
	})
	s, err := Open(context.Background(), Options{Namespace: "main", Service: "test", Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if a, ok := s.Lookup("lost"); ok {
		t.Errorf("it is known: %s", a.text())
	}
}

// TestRefusedStaysRefused: in the next life, too.
func TestRefusedStaysRefused(t *testing.T) {
	guests := map[string]guest{"a": func(engine.Host, *abi.Message) ([]sent, error) {
		return []sent{{typ: abi.TypeError, data: "no thanks", attrs: []string{"code", "no"}}}, nil
	}}
	service := project(def("a", nil))
	b := open(t, service, guests, nil)
	f := b.accept(t, &Request{To: "a", AnyReply: true, Kept: true})
	want := answered1(t, f)
	b.reopen(t, service, guests, Options{})
	if a, ok := b.Lookup(f.ID()); !ok || a.text() != want || a.Outcome != Refused {
		t.Errorf("%t %s, was %s", ok, a.text(), want)
	}
}

// TestRedriveTakesNoRoom: a redrive that comes to nothing leaves the mailbox as it was.
func TestRedriveTakesNoRoom(t *testing.T) {
	guests := map[string]guest{"a": func(engine.Host, *abi.Message) ([]sent, error) { return nil, trap("bad") }}
	b := open(t, project(def("a", nil)), guests, nil)
	answered1(t, b.accept(t, &Request{To: "a", AnyReply: true}))
	d := b.DeadLetters(nil, 1)[0]
	b.unhealthy(journal.ErrFull)
	if _, err := b.Redrive(context.Background(), d.ID, "", Act{}); !errors.Is(err, ErrJournal) {
		t.Errorf("redrive: %v", err)
	}
	b.healthy()
	if n := b.status(t, "a").Mailbox; n != 0 {
		t.Errorf("%d messages in the mailbox", n)
	}
}

// picky is a journal that takes no blob at first.
type picky struct {
	journal.Journal
	left int // failures to come
}

func (p *picky) PutBlob(ctx context.Context, data []byte) (string, error) {
	if p.left > 0 {
		p.left--
		return "", journal.ErrFull
	}
	return p.Journal.PutBlob(ctx, data)
}

// TestBlobTriedAgain: an entry that lies in a blob is in the journal before what
// comes after it, also when the blob cannot be written at first.
func TestBlobTriedAgain(t *testing.T) {
	large := make([]byte, journal.InlineMax)
	for i := range large {
		large[i] = '1'
	}
	a := def("a", func(a *specs.Actor) { a.Retry = specs.Retry{Max: 1, Backoff: time.Second, Factor: 1} })
	guests := map[string]guest{"a": func(_ engine.Host, m *abi.Message) ([]sent, error) {
		if m.Attempt() == 1 {
			return nil, trap("again")
		}
		return []sent{{typ: "out"}}, nil
	}}
	synctest.Test(t, func(t *testing.T) {
		p := &picky{openJournal(t), 5}
		s, err := Open(context.Background(), Options{Namespace: "main", Service: "test", Journal: p, Lanes: 1})
		if err != nil {
			t.Fatal(err)
		}
		serve(t, s, project(a), guests)
		f, err := s.Accept(context.Background(), &Request{To: "a", Type: "in", AnyReply: true, Kept: true, Data: large})
		if err != nil {
			t.Fatal(err)
		}
		<-f.Done()
		if f.Answer().Outcome != Replied || p.left != 0 || s.Err() != nil {
			t.Errorf("%s; %d failures to come; %v", f.Answer().text(), p.left, s.Err())
		}
		want := f.Answer().text()
		s.Close()
		s, err = Open(context.Background(), Options{Namespace: "main", Service: "test", Journal: p, Lanes: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if a, ok := s.Lookup(f.ID()); !ok || a.text() != want {
			t.Errorf("in the next life: %t %s", ok, a.text())
		}
	})
}

// TestRepeatWaitsToo: a request that is to be kept and repeats one that is on its way to the
// journal is acknowledged no sooner than that one.
func TestRepeatWaitsToo(t *testing.T) {
	service, guests := payer()
	simulated(t, nil, service, guests, func(t *testing.T, s *Shard, g *gated) {
		g.close(0)
		var told atomic.Int32
		for range 2 {
			go func() {
				r := &Request{To: "pay", Type: "in", AnyReply: true, Kept: true, Idempotency: &journal.Idempotency{Scope: "subscribe x", Key: "1", Digest: []byte("d")}}
				if _, err := s.Accept(context.Background(), r); err != nil {
					t.Error(err)
				}
				told.Add(1)
			}()
		}
		synctest.Wait()
		if n := told.Load(); n != 0 {
			t.Errorf("%d requests were acknowledged that are not in the journal", n)
		}
		g.open()
		synctest.Wait()
		if n := told.Load(); n != 2 {
			t.Errorf("%d requests were acknowledged, want 2", n)
		}
	})
}

package shard

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/specs"
)

// hops is a service of three stations, at each of which a message goes the way of the
// service: ways of other names have nodes of their own. Each station adds its name.
func hops(way string) (*specs.Service, map[string]guest) {
	s := project()
	w := &specs.Workflow{Name: "w", In: []string{"in"}, Out: []string{"out"}}
	guests := map[string]guest{}
	from := specs.Input
	for i := range 3 {
		name := fmt.Sprint("n", i)
		if i > 0 {
			name += way
		}
		out := "in"
		if i == 2 {
			out = "out"
		}
		s.Actors[name] = def(name, func(a *specs.Actor) {
			a.Out, a.Key = []string{out}, map[string]string{"in": "data.k"}
			a.Retry = specs.Retry{Max: 3, Backoff: time.Second, Factor: 1}
		})
		w.Nodes = append(w.Nodes, &specs.Node{Name: name, Actor: name, Scale: specs.Scale{Max: 4, Mailbox: 10_000}})
		w.Routes = append(w.Routes, &specs.Route{From: from, To: []string{name}})
		guests[name] = func(_ engine.Host, m *abi.Message) ([]sent, error) {
			return []sent{{typ: out, data: strings.Replace(string(m.Data()), `"at":"`, `"at":"`+name+" ", 1)}}, nil
		}
		from = name
	}
	w.Routes = append(w.Routes, &specs.Route{From: from, To: []string{specs.Output}})
	s.Workflows["w"] = w
	return s, guests
}

// hop makes a request of a key at hops.
func hop(key string) *Request {
	return &Request{To: "w", Type: "in", AnyReply: true, Data: fmt.Appendf(nil, `{"k":%q,"at":""}`, key)}
}

// went is the way that an answer says it came, "" for none.
func went(t *testing.T, a Answer) string {
	t.Helper()
	for _, way := range []string{"a", "b"} {
		if strings.Contains(a.text(), fmt.Sprintf(`"at":"n2%s n1%s n0 "`, way, way)) {
			return way
		}
	}
	t.Errorf("it went two ways, or none: %s", a.text())
	return ""
}

// TestBegunBy: messages of three stations end by the routes that they began by, while those
// are swapped all the time, and nodes that are gone finish what they have begun.
func TestBegunBy(t *testing.T) {
	a, guests := hops("a")
	other, more := hops("b")
	for name, g := range more {
		guests[name] = g
	}
	b := open(t, a, guests, nil)
	stop := make(chan struct{})
	var wait sync.WaitGroup
	var mu sync.Mutex
	ways := map[string]int{}
	for sender := range 4 {
		wait.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				f, err := b.Accept(t.Context(), hop(fmt.Sprint(sender, i%7)))
				if err != nil {
					t.Error(err)
					return
				}
				<-f.Done()
				way := went(t, f.Answer())
				mu.Lock()
				ways[way]++
				mu.Unlock()
			}
		})
	}
	answered := func() int {
		mu.Lock()
		defer mu.Unlock()
		return ways["a"] + ways["b"]
	}
	for i := range 60 {
		serve(t, b.Shard, []*specs.Service{other, a}[i%2], guests)
		want := answered() + 9 // more than are under way
		await(t, "messages", func() bool { return answered() >= want })
	}
	close(stop)
	wait.Wait()
	if ways["a"] == 0 || ways["b"] == 0 || len(b.DeadLetters(nil, 0)) > 0 {
		t.Errorf("%v, %d dead letters", ways, len(b.DeadLetters(nil, 0)))
	}
}

// TestBegunByCrash: what waits when the process ends goes on by the routes that it came by,
// in the next life too, with snapshots and without; what waits at a node that is gone by then
// is a dead letter.
func TestBegunByCrash(t *testing.T) {
	for _, kept := range []Snapshots{{}, {Entries: 1, StateBytes: 1}} {
		synctest.Test(t, func(t *testing.T) {
			j := openJournal(t)
			fails := true
			life := func(f func(s *Shard)) {
				s, err := Open(t.Context(), Options{Namespace: "main", Service: "test", Journal: j, Lanes: 1, Snapshots: kept})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				f(s)
				synctest.Wait()
			}
			all := func(way string) (*specs.Service, map[string]guest) { // with the nodes of both
				s, guests := hops(way)
				other, more := hops(map[string]string{"a": "b", "b": "a"}[way])
				for name, g := range more {
					guests[name] = g
					if s.Actors[name] == nil {
						s.Actors[name] = other.Actors[name]
						i := slices.IndexFunc(other.Workflows["w"].Nodes, func(n *specs.Node) bool { return n.Name == name })
						s.Workflows["w"].Nodes = append(s.Workflows["w"].Nodes, other.Workflows["w"].Nodes[i])
						j := slices.IndexFunc(other.Workflows["w"].Routes, func(r *specs.Route) bool { return r.From == name })
						s.Workflows["w"].Routes = append(s.Workflows["w"].Routes, other.Workflows["w"].Routes[j])
					}
				}
				first := guests["n0"]
				guests["n0"] = func(h engine.Host, m *abi.Message) ([]sent, error) {
					if fails {
						return nil, trap("not yet")
					}
					return first(h, m)
				}
				return s, guests
			}
			promised := hop("k")
			promised.Idempotency, promised.Kept = &journal.Idempotency{Scope: "s", Key: "k", Digest: []byte("d")}, true
			life(func(s *Shard) {
				service, guests := all("a")
				serve(t, s, service, guests)
				if _, err := s.Accept(context.Background(), promised); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				service, guests = all("b")
				serve(t, s, service, guests)
			})
			life(func(s *Shard) { // in which it is not tried
				service, guests := all("b")
				serve(t, s, service, guests)
			})
			fails = false
			life(func(s *Shard) {
				service, guests := all("b")
				serve(t, s, service, guests)
				f, err := s.Accept(context.Background(), promised)
				if err != nil {
					t.Fatal(err)
				}
				<-f.Done()
				if way := went(t, f.Answer()); way != "a" {
					t.Errorf("it began by a, and ended by %q", way)
				}
				now, err := s.Accept(context.Background(), hop("k"))
				if err != nil {
					t.Fatal(err)
				}
				<-now.Done()
				if way := went(t, now.Answer()); way != "b" {
					t.Errorf("a new one went by %q", way)
				}
				for id, want := range map[string]uint32{f.ID(): 0, now.ID(): 1} {
					traced, err := s.Trace(context.Background(), id)
					if err != nil || len(traced.Hops) < 3 {
						t.Fatalf("%v: %+v", err, traced)
					}
					for _, h := range traced.Hops {
						if h.What == HopHandled && h.Routes != want {
							t.Errorf("%s at %s is told to go by routes %d, want %d", h.ID, h.Node, h.Routes, want)
						}
					}
				}
			})
		})
	}
}

// TestBegunByFor: routes are kept for an hour, and eight of them; what waits longer goes on by
// those in force, and at a node that is gone becomes a dead letter.
func TestBegunByFor(t *testing.T) {
	for name, swap := range map[string]func(t *testing.T, s *Shard){
		"time": func(t *testing.T, s *Shard) { time.Sleep(routesTime + routesLook) },
		"count": func(t *testing.T, s *Shard) {
			for i := range routesMax {
				service, guests := hops("b")
				service.Workflows["w"].Routes[1].When = fmt.Sprintf("data.k != 'none%d'", i)
				serve(t, s, service, guests)
			}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, err := Open(t.Context(), Options{Namespace: "main", Service: "test", Journal: openJournal(t), Lanes: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			a, guests := hops("a")
			at := guests["n1a"]
			late := false
			guests["n1a"] = func(h engine.Host, m *abi.Message) ([]sent, error) {
				if !late {
					return []sent{{typ: abi.TypeError, data: "busy", attrs: []string{"code", "busy", "retry", "yes", "after", "7200000"}}}, nil
				}
				return at(h, m)
			}
			serve(t, s, a, guests)
			f, err := s.Accept(context.Background(), hop("k"))
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			late = true
			other, more := hops("b")
			serve(t, s, other, more)
			swap(t, s)
			synctest.Wait()
			time.Sleep(3 * time.Hour)
			synctest.Wait()
			if got := f.Answer(); got.Code != CodeGone {
				t.Errorf("%s: %s", name, got.text())
			}
			if used := s.InUse(); len(used) != 3 {
				t.Errorf("%s: %d actors are in use", name, len(used))
			}
		})
	}
}

// TestTrialNew: new nodes come with the trial of the routes that lead to them: only messages of
// the share get there, a key's always or never; when it is withdrawn they finish what they have
// and are done, and when it is kept they go on.
func TestTrialNew(t *testing.T) {
	a, guests := hops("a")
	other, more := hops("b")
	for name, g := range more {
		guests[name] = g
	}
	b := open(t, a, guests, nil)
	all := func() map[string]string {
		by := map[string]string{}
		for i := range 200 {
			key := fmt.Sprintf("customer-%03d", i)
			f := b.accept(t, hop(key))
			<-f.Done()
			by[key] = went(t, f.Answer())
		}
		return by
	}
	count := func(by map[string]string) (n int) {
		for _, way := range by {
			if way == "b" {
				n++
			}
		}
		return n
	}
	tried := func() map[string]*actor.Actor {
		actors := actorsOf(t, b.Shard, other, guests)
		delete(actors, "w/n0")
		return actors
	}
	first := tried()
	if err := b.Try(&Trial{Table: mustCompile(t, other), Actors: first, Salt: "7", Share: 0.3}); err != nil {
		t.Fatal(err)
	}
	before := all()
	if n := count(before); n < 30 || n > 90 {
		t.Errorf("%d of 200 keys go to the new nodes", n)
	}
	if err := b.Share(0.6); err != nil {
		t.Fatal(err)
	}
	now := all()
	for key, way := range before {
		if way == "b" && now[key] != way {
			t.Errorf("%s went back while the share grew", key)
		}
	}
	if n := count(now); n < 90 || n > 150 {
		t.Errorf("%d of 200 keys go to the new nodes", n)
	}
	if _, err := b.Accept(t.Context(), &Request{To: "w/n1b", Type: "in"}); err == nil {
		t.Error("a new node takes what is sent to it by its name")
	}
	if !b.InUse()[first["w/n1b"]] {
		t.Error("what runs at a new node may be closed")
	}
	await(t, "rest", b.idleNow)
	b.Untry()
	if n := count(all()); n != 0 {
		t.Errorf("after the trial %d keys go to nodes that were only tried", n)
	}
	if b.InUse()[first["w/n1b"]] {
		t.Error("a node that was tried goes on although nothing is there")
	}
	if err := b.Try(&Trial{Table: mustCompile(t, other), Actors: tried(), Salt: "7", Share: 1}); err != nil {
		t.Fatal(err)
	}
	if n := count(all()); n != 200 {
		t.Errorf("%d keys go to the new nodes", n)
	}
	serve(t, b.Shard, other, guests)
	if n := count(all()); n != 200 {
		t.Errorf("%d keys go to the nodes that were kept", n)
	}
	if n := len(b.DeadLetters(nil, 0)); n > 0 {
		t.Errorf("%d dead letters", n)
	}
}

// idleNow is idle for who does not hold applying. Who asks node after node what waits there may
// miss a message that goes from one to another meanwhile.
func (s *Shard) idleNow() bool {
	s.applying.Lock()
	defer s.applying.Unlock()
	return s.idle()
}

// TestTrialNewDrains: what is under way at new nodes when a trial is withdrawn is finished
// there, also what comes to them afterwards by messages that had begun.
func TestTrialNewDrains(t *testing.T) {
	a, guests := hops("a")
	other, more := hops("b")
	held, goOn := make(chan struct{}, 2), make(chan struct{})
	for name, g := range more {
		guests[name] = func(h engine.Host, m *abi.Message) ([]sent, error) {
			if name == "n0" || name == "n1b" {
				if err := h.Sleep(1); err != nil {
					return nil, err
				}
				held <- struct{}{}
				<-goOn
			}
			return g(h, m)
		}
	}
	b := open(t, a, guests, nil)
	actors := actorsOf(t, b.Shard, other, guests)
	delete(actors, "w/n0")
	ended := make(chan struct{}, 1)
	b.OnEnd(func() { ended <- struct{}{} })
	if err := b.Try(&Trial{Table: mustCompile(t, other), Actors: actors, Salt: "7", Share: 1}); err != nil {
		t.Fatal(err)
	}
	f := b.accept(t, hop("k"))
	<-held // at the node that both ways have
	b.Untry()
	goOn <- struct{}{}
	<-held // and at a new one, by now of nothing that is tried
	goOn <- struct{}{}
	if got := answered1(t, f); !strings.Contains(got, `"at":"n2b n1b n0 "`) {
		t.Errorf("it went %s", got)
	}
	await(t, "rest", b.idleNow)
	b.clock.ring(t, routesLook)
	<-ended
	if b.InUse()[actors["w/n2b"]] {
		t.Error("a node that was tried goes on although nothing is there")
	}
}

// TestTrialNewCrash: what waits at a new node when the process ends is handled there when the
// trial goes on in the next life; when it does not, it becomes a dead letter after a while.
func TestTrialNewCrash(t *testing.T) {
	for _, resumed := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			j := openJournal(t)
			fails := true
			request := hop("k")
			request.Idempotency, request.Kept = &journal.Idempotency{Scope: "s", Key: "k", Digest: []byte("d")}, true
			life := func(resume bool, f func(s *Shard)) {
				s, err := Open(t.Context(), Options{Namespace: "main", Service: "test", Journal: j, Lanes: 1})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				a, guests := hops("a")
				other, more := hops("b")
				for name, g := range more {
					guests[name] = func(h engine.Host, m *abi.Message) ([]sent, error) {
						if fails && name == "n1b" {
							return nil, trap("not yet")
						}
						return g(h, m)
					}
				}
				serve(t, s, a, guests)
				synctest.Wait()
				if resume {
					actors := actorsOf(t, s, other, guests)
					delete(actors, "w/n0")
					if err := s.Try(&Trial{Table: mustCompile(t, other), Actors: actors, Salt: "7", Share: 1}); err != nil {
						t.Fatal(err)
					}
				}
				f(s)
			}
			life(true, func(s *Shard) {
				if _, err := s.Accept(context.Background(), request); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			})
			fails = false
			life(resumed, func(s *Shard) {
				time.Sleep(awaitTime + 2*routesLook)
				f, err := s.Accept(context.Background(), request)
				if err != nil {
					t.Fatal(err)
				}
				<-f.Done()
				switch {
				case resumed:
					if way := went(t, f.Answer()); way != "b" {
						t.Errorf("it went by %q", way)
					}
				case f.Answer().Code != CodeGone:
					t.Errorf("nobody goes on with the trial, and it came to %s", f.Answer().text())
				}
			})
		})
	}
}

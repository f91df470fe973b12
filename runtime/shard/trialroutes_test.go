package shard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs"
)

// forked is a workflow whose messages go to one of two nodes, each of which says its name:
// from a node before them, or as they come in. A message that says so fails there.
func forked(inside bool, to string) (*specs.Service, map[string]guest) {
	keyed := func(name string) *specs.Actor {
		return def(name, func(a *specs.Actor) {
			a.In, a.Out, a.Key = []string{"in"}, []string{"out", "in"}, map[string]string{"in": "data.k"}
		})
	}
	s := project(keyed("first"), keyed("left"), keyed("right"))
	w := &specs.Workflow{Name: "w", In: []string{"in"}, Out: []string{"out"}}
	for _, name := range []string{"first", "left", "right"} {
		w.Nodes = append(w.Nodes, &specs.Node{Name: name, Actor: name, Scale: specs.Scale{Max: 8, Mailbox: 10_000}})
	}
	from := specs.Input
	if inside {
		from = "first"
		w.Routes = append(w.Routes, &specs.Route{From: specs.Input, To: []string{"first"}})
	}
	w.Routes = append(w.Routes, &specs.Route{From: from, Type: "in", To: []string{to}},
		&specs.Route{From: "left", To: []string{specs.Output}}, &specs.Route{From: "right", To: []string{specs.Output}})
	s.Workflows["w"] = w
	says := func(name string) guest {
		return func(_ engine.Host, m *abi.Message) ([]sent, error) {
			if strings.Contains(string(m.Data()), name+" fails") {
				return nil, errors.New("boom")
			}
			return []sent{{typ: "out", data: name}}, nil
		}
	}
	return s, map[string]guest{
		"first": func(_ engine.Host, m *abi.Message) ([]sent, error) {
			return []sent{{typ: "in", data: string(m.Data())}}, nil
		},
		"left": says("left"), "right": says("right"),
	}
}

// asked has a message of each of some keys handled, and tells by which node.
func (b *bench) asked(t *testing.T, text string) map[string]string {
	t.Helper()
	by := map[string]string{}
	for i := range 400 {
		key := fmt.Sprintf("customer-%03d", i)
		by[key] = answered1(t, b.accept(t, &Request{To: "w", AnyReply: true, Data: fmt.Appendf(nil, `{"k":%q,"text":%q}`, key, text)}))
	}
	return by
}

// TestTrialRoutes: in a trial of other routes a share of the keys goes along them, always
// the same ones, from a node as well as from outside; what becomes of the messages that went
// either way is counted; and all go as before when it ends, or as was tried when that is kept.
func TestTrialRoutes(t *testing.T) {
	for name, inside := range map[string]bool{"of a node": true, "of a workflow's input": false} {
		t.Run(name, func(t *testing.T) {
			service, guests := forked(inside, "left")
			b := open(t, service, guests, nil)
			next, _ := forked(inside, "right")
			if err := b.Try(&Trial{Table: mustCompile(t, next), Salt: "7"}); err != nil {
				t.Fatal(err)
			}
			before := b.asked(t, "")
			for _, x := range []struct {
				share    float64
				min, max int // of 400
			}{{0, 0, 0}, {0.05, 8, 36}, {0.5, 160, 240}} {
				if err := b.Share(x.share); err != nil {
					t.Fatal(err)
				}
				now := b.asked(t, "")
				if n := share(now, "right"); n < x.min || n > x.max || n+share(now, "left") != 400 {
					t.Errorf("with a share of %v, %d of 400 keys go the way that is tried", x.share, n)
				}
				for key, who := range before {
					if who == "replied out right" && now[key] != who {
						t.Errorf("%s went back while the share grew to %v", key, x.share)
					}
				}
				if again := b.asked(t, ""); !maps.Equal(now, again) {
					t.Errorf("keys flap with a share of %v", x.share)
				}
				before = now
			}
			failed := uint64(400 - share(b.asked(t, "right fails"), "left"))
			list := b.Trial()
			if len(list) != 2 || !strings.HasPrefix(list[0].Node, "routes of w/") || list[0].New.Failed != failed || list[0].Old.Failed != 0 || failed == 0 || len(list[0].New.Samples) == 0 {
				t.Fatalf("%d have failed, report %+v", failed, list)
			}
			if all := list[0].Old.Handled + list[0].New.Handled + failed; all != 8*400 {
				t.Errorf("%d messages counted, %d handled", all, 8*400)
			}
			answers := list[1]
			if !answers.Answers || answers.Node != "answers of w" || answers.New.Failed != failed || answers.Old.Failed != 0 || answers.Old.Handled+answers.New.Handled+failed != 8*400 || len(answers.New.Samples) == 0 {
				t.Errorf("%d requests have failed, report %.500s", failed, fmt.Sprint(answers))
			}
			if !b.Untry() || b.Trial() != nil {
				t.Error("the trial does not end")
			}
			if n := share(b.asked(t, ""), "left"); n != 400 {
				t.Errorf("after the trial %d keys go as before", n)
			}
			if err := b.Try(&Trial{Table: mustCompile(t, next), Salt: "7", Share: 1}); err != nil {
				t.Fatal(err)
			}
			if n := share(b.asked(t, ""), "right"); n != 400 {
				t.Errorf("%d keys go the way that has all", n)
			}
			serve(t, b.Shard, next, guests)
			if n := share(b.asked(t, ""), "right"); n != 400 || b.Trial() != nil {
				t.Errorf("%d keys, trial %v", n, b.Trial())
			}
		})
	}
}

// TestTrialRoutesNowhere: messages that get nowhere by what is tried count as its own.
func TestTrialRoutesNowhere(t *testing.T) {
	for name, inside := range map[string]bool{"of a node": true, "of a workflow's input": false} {
		service, guests := forked(inside, "left")
		b := open(t, service, guests, nil)
		next, _ := forked(inside, specs.DeadLetter)
		if err := b.Try(&Trial{Table: mustCompile(t, next), Salt: "7", Share: 0.5}); err != nil {
			t.Fatal(err)
		}
		lost := uint64(400 - share(b.asked(t, ""), "left"))
		if n := b.Trial()[0]; n.New.Failed != lost || n.Old.Failed != 0 || lost == 0 {
			t.Errorf("%s: %d are lost, report %+v", name, lost, n)
		}
		b.Close()
	}
}

// TestTrialAnswers: a request counts by how long its answer takes, whatever it passes, and one that
// ends without the reply that is waited for counts as failed, though no message has. How long answers
// took is of the share that is tried. Those that cannot get to where the routes differ do not count.
func TestTrialAnswers(t *testing.T) {
	aside := func(s *specs.Service) *specs.Service {
		s.Actors["aside"] = def("aside", nil)
		return s
	}
	service, guests := forked(true, "left")
	guests["aside"] = guests["left"]
	var b *bench
	right := guests["right"]
	guests["right"] = func(h engine.Host, m *abi.Message) ([]sent, error) {
		b.clock.pass(time.Second)
		return right(h, m)
	}
	b = open(t, aside(service), guests, nil)
	for to, want := range map[string][3]uint64{"right": {200, 0, 100}, specs.Drop: {200, 100, 0}} {
		next, _ := forked(true, to)
		if err := b.Try(&Trial{Table: mustCompile(t, aside(next)), Salt: "7"}); err != nil {
			t.Fatal(err)
		}
		took := func(what string, samples []Sample, n uint64, each time.Duration) {
			t.Helper()
			if uint64(len(samples)) != n || slices.ContainsFunc(samples, func(s Sample) bool { return s.Time != each }) {
				t.Errorf("%s: answers by the %s routes took %.200s, want %d times %v", to, what, fmt.Sprint(samples), n, each)
			}
		}
		var n TrialNode
		for _, share := range []float64{0, 1} {
			if err := b.Share(share); err != nil {
				t.Fatal(err)
			}
			for i := range 100 {
				answered1(t, b.accept(t, &Request{To: "w", Replies: []string{"out"}, Data: fmt.Appendf(nil, `{"k":"%d"}`, i)}))
				answered1(t, b.accept(t, &Request{To: "aside", Type: "in", AnyReply: true, Data: []byte(`{"k":"a"}`)}))
			}
			list := slices.DeleteFunc(b.Trial(), func(n TrialNode) bool { return !n.Answers })
			if len(list) != 1 || list[0].Node != "answers of w" {
				t.Fatalf("%s: answers %.300s", to, fmt.Sprint(list))
			}
			if n = list[0]; share == 0 {
				took("old", n.Old.Samples, 100, 0)
			}
		}
		if got := [3]uint64{n.Old.Handled + n.New.Handled + n.New.Failed, n.New.Failed, n.New.Handled}; got != want || n.Old.Failed != 0 {
			t.Errorf("%s: %d requests, %d failed, %d answered, want %d", to, got[0], got[1], got[2], want)
		}
		took("old", n.Old.Samples, 0, 0) // they are of another share
		took("new", n.New.Samples, want[2], time.Second)
		b.Untry()
	}
}

// TestTrialRoutesFaults: a rule of the way that is tried and that cannot be evaluated is told of.
func TestTrialRoutesFaults(t *testing.T) {
	service, guests := forked(false, "left")
	var log strings.Builder
	var mu sync.Mutex
	b := &bench{clock: newManual(), journal: openFaulty(t, nil)}
	s, err := Open(context.Background(), Options{
		Namespace: "main", Service: "test", Journal: b.journal, Clock: b.clock, Lanes: 2, Log: slog.New(slog.NewTextHandler(locked{&mu, &log}, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	b.Shard = s
	serve(t, s, service, guests)
	next, _ := forked(false, "right")
	w := next.Workflows["w"]
	w.Routes = append([]*specs.Route{{From: specs.Input, Type: "in", When: "data.none.at.all == 1", To: []string{"left"}}}, w.Routes...)
	if err := b.Try(&Trial{Table: mustCompile(t, next), Salt: "7", Share: 1}); err != nil {
		t.Fatal(err)
	}
	if got := answered1(t, b.accept(t, &Request{To: "w", AnyReply: true, Data: []byte(`{"k":"a"}`)})); !strings.HasSuffix(got, "right") {
		t.Errorf("it went %s", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if !strings.Contains(log.String(), "a rule could not be evaluated") {
		t.Errorf("nobody is told: %s", log.String())
	}
}

// locked is a writer for several goroutines.
type locked struct {
	mu *sync.Mutex
	to *strings.Builder
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(p)
}

// TestTrialRoutesLater: what is tried is to blame for what its messages lead to, too.
func TestTrialRoutesLater(t *testing.T) {
	service, guests := forked(true, "left")
	more := func(s *specs.Service) *specs.Service {
		s.Actors["tail"] = def("tail", nil)
		w := s.Workflows["w"]
		w.Nodes = append(w.Nodes, &specs.Node{Name: "tail", Actor: "tail", Scale: specs.Scale{Max: 8, Mailbox: 10_000}})
		w.Routes = append([]*specs.Route{{From: "right", Type: "in", To: []string{"tail"}}, {From: "tail", To: []string{specs.Output}}}, w.Routes...)
		return s
	}
	guests["right"] = guests["first"]
	guests["tail"] = func(engine.Host, *abi.Message) ([]sent, error) { return nil, errors.New("boom") }
	b := open(t, more(service), guests, nil)
	next, _ := forked(true, "right")
	if err := b.Try(&Trial{Table: mustCompile(t, more(next)), Salt: "7", Share: 0.5}); err != nil {
		t.Fatal(err)
	}
	other := uint64(400 - share(b.asked(t, ""), "left"))
	if n := b.Trial()[0]; n.New.Failed != other || n.New.Handled != other || n.Old.Failed != 0 || n.Old.Handled != 400-other || other == 0 {
		t.Errorf("%d went the other way, report %+v", other, n)
	}
}

// TestTrialRoutesRefused: what is neither another actor nor another route cannot be tried, nor
// can routes that do not take what came in before, or lead to new nodes where nothing runs.
func TestTrialRoutesRefused(t *testing.T) {
	service, guests := forked(false, "left")
	b := open(t, service, guests, nil)
	same, _ := forked(false, "left")
	less, _ := forked(false, "right")
	less.Workflows["w"].In = []string{"out"}
	more, _ := forked(false, "right")
	more.Workflows["w"].Nodes = append(more.Workflows["w"].Nodes, &specs.Node{Name: "new", Actor: "left", Scale: specs.Scale{Max: 1, Mailbox: 10}})
	more.Workflows["w"].Routes = append([]*specs.Route{{From: "new", To: []string{specs.Output}}, {From: "right", Type: "in", To: []string{"new"}}}, more.Workflows["w"].Routes...)
	aside, _ := forked(false, "left")
	aside.Actors["new"] = def("new", nil)
	for want, s := range map[string]*specs.Service{"it is what runs already": same, "w takes no in any more": less, "nothing runs at w/new, which is new": more, "but for nodes that are new": aside} {
		if err := b.Try(&Trial{Table: mustCompile(t, s), Actors: map[string]*actor.Actor{}, Salt: "7", Share: 0.5}); !errors.Is(err, ErrTrial) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if n := share(b.asked(t, ""), "left"); n != 400 {
		t.Errorf("%d keys go as before", n)
	}
}

// TestTrialRoutesLess: a node that is gone from what is tried goes on with the keys that go
// the old way, and with what it has, until that is in force.
func TestTrialRoutesLess(t *testing.T) {
	service, guests := forked(true, "left")
	b := open(t, service, guests, nil)
	next, _ := forked(true, "right")
	w := next.Workflows["w"]
	w.Nodes = slices.DeleteFunc(w.Nodes, func(n *specs.Node) bool { return n.Name == "left" })
	w.Routes = slices.DeleteFunc(w.Routes, func(r *specs.Route) bool { return r.From == "left" })
	for range 2 { // left is an actor of its own then, which nobody sends anything
		if err := b.Try(&Trial{Table: mustCompile(t, next), Salt: "7", Share: 0.5}); err != nil {
			t.Fatal(err)
		}
		now := b.asked(t, "")
		if l, r := share(now, "left"), share(now, "right"); l+r != 400 || l < 160 || r < 160 {
			t.Errorf("%d keys go the old way, %d the new one", l, r)
		}
		b.Untry()
		if n := share(b.asked(t, ""), "left"); n != 400 {
			t.Errorf("after the trial %d keys go as before", n)
		}
	}
	if err := b.Try(&Trial{Table: mustCompile(t, next), Salt: "7", Share: 1}); err != nil {
		t.Fatal(err)
	}
	serve(t, b.Shard, next, guests)
	if n := share(b.asked(t, ""), "right"); n != 400 {
		t.Errorf("%d keys go the way that is kept", n)
	}
}

// TestTrialRoutesLoad: while messages come, other routes are tried by more and more keys,
// withdrawn, tried again and kept: each message is handled once, and answered by one of the two.
func TestTrialRoutesLoad(t *testing.T) {
	for name, inside := range map[string]bool{"of a node": true, "of a workflow's input": false} {
		service, guests := forked(inside, "left")
		b := open(t, service, guests, nil)
		next, _ := forked(inside, "right")
		const senders, rounds = 4, 30
		turns := make(chan struct{}) // one for each round of trials; senders go on meanwhile
		var wait sync.WaitGroup
		var sent atomic.Int64
		for sender := range senders {
			wait.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-turns:
						return
					default:
					}
					f, err := b.Accept(t.Context(), &Request{To: "w", Type: "in", Source: "test", AnyReply: true, Data: fmt.Appendf(nil, `{"k":"s%d-%d"}`, sender, i%50)})
					if err != nil {
						t.Error(err)
						return
					}
					sent.Add(1)
					<-f.Done()
					if got := f.Answer().text(); got != "replied out left" && got != "replied out right" {
						t.Errorf("%s: message %d of sender %d: %s", name, i, sender, got)
						return
					}
				}
			})
		}
		for range rounds {
			before := sent.Load()
			if err := b.Try(&Trial{Table: mustCompile(t, next), Salt: "7", Share: 0.2}); err != nil {
				t.Fatal(err)
			}
			await(t, "messages", func() bool { return sent.Load() > before+20 })
			if err := b.Share(0.7); err != nil {
				t.Fatal(err)
			}
			await(t, "more", func() bool { return sent.Load() > before+40 })
			b.Untry()
		}
		serve(t, b.Shard, next, guests)
		close(turns)
		wait.Wait()
		if got := b.status(t, "w/left").Handled + b.status(t, "w/right").Handled; got != uint64(sent.Load()) {
			t.Errorf("%s: %d messages were sent, and %d handled", name, sent.Load(), got)
		}
		if n := share(b.asked(t, ""), "right"); n != 400 {
			t.Errorf("%s: %d keys go the way that is kept", name, n)
		}
		b.Close()
	}
}

package shard

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs"
)

// reopen closes a shard and opens another on its journal.
func (b *bench) reopen(t *testing.T, service *specs.Service, guests map[string]guest, o Options) {
	t.Helper()
	b.Close()
	o.Namespace, o.Service, o.Journal, o.Clock, o.Lanes = "main", "test", b.journal, b.clock, 2
	s, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	b.Shard = s
	serve(t, s, service, guests)
}

// TestDeadLetterActions: a dead letter is edited, sent again under an id of its
// own that leads back to it, or dropped; all of it outlives the process.
func TestDeadLetterActions(t *testing.T) {
	var fixed atomic.Bool
	guests := map[string]guest{"a": func(_ engine.Host, m *abi.Message) ([]sent, error) {
		if string(m.Data()) != `"good"` && !fixed.Load() {
			return nil, trap("bad")
		}
		cause, _ := m.Attr(abi.Causation)
		return []sent{{typ: "out", data: fmt.Sprintf("%s %s %s", m.Data(), m.Key(), cause)}}, nil
	}}
	service := project(def("a", func(a *specs.Actor) { a.Key = map[string]string{"": "data"} }))
	b := open(t, service, guests, nil)
	ctx, by := context.Background(), Act{By: "ann", Reason: "it was wrong"}
	var ids []string
	for range 3 {
		f := b.accept(t, &Request{To: "a", AnyReply: true, Data: []byte(`"bad"`), Kept: true})
		answered1(t, f)
		ids = append(ids, f.ID())
	}
	if err := b.EditDeadLetter(ctx, ids[0], []byte(`"good"`), by); err != nil {
		t.Fatal(err)
	}
	if err := b.DropDeadLetter(ctx, ids[1], by); err != nil {
		t.Fatal(err)
	}
	if err := b.DropDeadLetter(ctx, ids[1], by); !errors.Is(err, ErrNoLetter) {
		t.Errorf("dropped twice: %v", err)
	}
	b.reopen(t, service, guests, Options{})
	if d, ok := b.DeadLetter(ids[0]); !ok || string(d.Message.Data()) != `"good"` || d.Code != "trap" {
		t.Fatalf("edited: %t %+v", ok, d)
	}
	if _, err := b.Redrive(ctx, ids[0], "nowhere", by); !errors.Is(err, ErrNowhere) {
		t.Errorf("to a node that is not there: %v", err)
	}
	again, err := b.Redrive(ctx, ids[0], "", by)
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the redriven one", func() bool { return b.status(t, "a").Handled == 1 })
	if n := len(b.DeadLetters(nil, 0)); n != 1 {
		t.Errorf("%d dead letters are left, want 1", n)
	}
	b.reopen(t, service, guests, Options{})
	if left := b.DeadLetters(nil, 0); len(left) != 1 || left[0].ID != ids[2] {
		t.Errorf("dead letters after all: %+v", left)
	}
	traced, err := b.Trace(ctx, again)
	if err != nil {
		t.Fatal(err)
	}
	hops := traced.Hops
	var told []string
	for _, h := range hops {
		line := fmt.Sprintf("%s %s %s %s%s", h.What, h.Node, h.Key, h.Data, h.By)
		for _, o := range h.Outputs {
			line += fmt.Sprintf(" -> %s %s", o.To, o.Data)
		}
		told = append(told, strings.TrimSpace(line))
	}
	wantLines(t, told, `accepted a bad "bad"`, `dead a bad "bad"`, `action   "good"ann`, `action a good ann -> a "good"`,
		fmt.Sprintf(`handled a good "good" -> output "good" good %s`, ids[0]))
	if hops[4].ID != again || hops[4].Cause != ids[0] {
		t.Errorf("the redriven message is %s because of %s", hops[4].ID, hops[4].Cause)
	}
	if same, err := b.Trace(ctx, ids[0]); err != nil || len(same.Hops) != len(hops) {
		t.Errorf("trace of the original: %+v, %v", same, err)
	}
	if _, err := b.Trace(ctx, "nobody"); !errors.Is(err, ErrNoTrace) {
		t.Errorf("trace of nothing: %v", err)
	}
}

// noteStand has a lane stand still.
type noteStand struct{ until chan struct{} }

func (n noteStand) run(*lane) { <-n.until }

// TestDeadLetterLeft: who waits no longer for an action has left the letter as it was, unless the
// action may still be done: then the letter is taken for gone.
func TestDeadLetterLeft(t *testing.T) {
	guests := map[string]guest{"a": func(engine.Host, *abi.Message) ([]sent, error) { return nil, trap("bad") }}
	b := open(t, project(def("a", nil)), guests, nil)
	for name, act := range map[string]func(ctx context.Context, id string) error{
		"edit":    func(ctx context.Context, id string) error { return b.EditDeadLetter(ctx, id, []byte(`"good"`), Act{}) },
		"drop":    func(ctx context.Context, id string) error { return b.DropDeadLetter(ctx, id, Act{}) },
		"redrive": func(ctx context.Context, id string) error { _, err := b.Redrive(ctx, id, "", Act{}); return err },
	} {
		f := b.accept(t, &Request{To: "a", AnyReply: true, Data: []byte(`"bad"`), Kept: true})
		answered1(t, f)
		until := make(chan struct{})
		for _, l := range b.lanes {
			l.post(event{note: noteStand{until}})
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		err := act(ctx, f.ID())
		close(until)
		if !errors.Is(err, context.Canceled) || errors.Is(err, errOpen) {
			t.Errorf("%s: %v", name, err)
		}
		if d, ok := b.DeadLetter(f.ID()); !ok || string(d.Message.Data()) != `"bad"` {
			t.Errorf("%s that was not done: the letter is there: %t", name, ok)
		}
		if err := act(context.Background(), f.ID()); err != nil {
			t.Errorf("%s later: %v", name, err)
		}
	}
	d := &DeadLetter{ID: "open", Message: &abi.Message{}}
	letters := deadLetters{list: []*DeadLetter{d}}
	letters.release(d, nil, fmt.Errorf("%w: %w", errOpen, context.Canceled))
	if len(letters.list) > 0 {
		t.Error("one that may be gone is shown")
	}
}

// TestRedriveRoutes: what no route fitted goes where the routes lead by now.
func TestRedriveRoutes(t *testing.T) {
	service, guests := flowService()
	b := open(t, service, guests, nil)
	f := b.accept(t, &Request{To: "outer", Replies: []string{"out"}, Data: []byte("lost")})
	answered1(t, f)
	letter := b.DeadLetters(nil, 0)[0]
	if _, err := b.Redrive(context.Background(), letter.ID, "", Act{}); !errors.Is(err, ErrNowhere) {
		t.Errorf("while no route fits: %v", err)
	}
	w := service.Workflows["outer"]
	w.Routes = append(w.Routes, &specs.Route{From: "first", Type: "lost", To: []string{"audit"}})
	service.Actors["audit"].In = append(service.Actors["audit"].In, "lost")
	b.reopen(t, service, guests, Options{})
	if _, err := b.Redrive(context.Background(), letter.ID, "", Act{}); err != nil {
		t.Fatal(err)
	}
	await(t, "its handling", func() bool { return b.status(t, "outer/audit").Handled == 1 })
}

// counter is a service whose keys count their messages.
func counter() (*specs.Service, map[string]guest) {
	a := def("count", func(a *specs.Actor) {
		a.Key, a.State = map[string]string{"": "data"}, []specs.State{{}, {Pattern: "note"}}
	})
	return project(a), map[string]guest{"count": func(h engine.Host, m *abi.Message) ([]sent, error) {
		n := 0
		fmt.Sscan(get(h, ""), &n)
		set(h, "", fmt.Sprint(n+1))
		return []sent{{typ: "out", data: fmt.Sprint(n + 1)}}, nil
	}}
}

// set sets a value of the counter, or deletes it when data is "".
func (b *bench) set(ctx context.Context, key, name, data string, revision uint64) (uint64, error) {
	s := StateSet{Node: "count", Key: key, Name: name, Revision: revision}
	if data != "" {
		s.Data = []byte(data)
	}
	_, next, err := b.SetState(ctx, &s, Act{By: "ann", Reason: "a slip"})
	return next, err
}

// TestStateNobodyWaits: a change that nobody waits for any more is not made, so that who
// asks again does not have it twice.
func TestStateNobodyWaits(t *testing.T) {
	service, guests := counter()
	b := open(t, service, guests, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 { // the lane's word may be the quicker one
		if _, err := b.set(ctx, "k", "note", "1", 0); !errors.Is(err, context.Canceled) {
			t.Fatalf("%v, want context.Canceled", err)
		}
	}
	if state, err := b.GetState(t.Context(), "count", "k"); err != nil || len(state) != 0 {
		t.Errorf("%v, %v; want nothing", state, err)
	}
}

// TestState: a state is read, listed, and set when nobody was quicker, with and
// without states that leave memory, and what was set is what the next message
// and the next process find.
func TestState(t *testing.T) {
	for _, o := range []Options{{}, {Snapshots: Snapshots{Entries: 3, StateBytes: 1}, KeepBytes: 1}} {
		t.Run(fmt.Sprint(o.Snapshots.Entries), func(t *testing.T) {
			service, guests := counter()
			b := open(t, service, guests, nil)
			b.reopen(t, service, guests, o)
			ctx := context.Background()
			count := func(key, want string) {
				t.Helper()
				if got := answered1(t, b.accept(t, &Request{To: "count", AnyReply: true, Data: fmt.Appendf(nil, "%q", key)})); got != "replied out "+want {
					t.Errorf("%s: %s, want %s", key, got, want)
				}
			}
			for i := range 40 {
				count(fmt.Sprintf("k%02d", i%20), fmt.Sprint(1+i/20))
			}
			if v, err := b.GetState(ctx, "count", "k07"); err != nil || string(v[""].Data) != "2" || v[""].Revision != 2 {
				t.Errorf("k07: %v %v", v, err)
			}
			if _, err := b.set(ctx, "k07", "", "70", 1); !errors.Is(err, ErrMoved) {
				t.Errorf("an old revision: %v", err)
			}
			if _, err := b.set(ctx, "k07", "other", "70", 0); !errors.Is(err, ErrState) {
				t.Errorf("a name that is not declared: %v", err)
			}
			if r, err := b.set(ctx, "k07", "", "70", 2); err != nil || r != 3 {
				t.Errorf("set: %d %v", r, err)
			}
			if r, err := b.set(ctx, "k08", "", "", 2); err != nil || r != 0 {
				t.Errorf("delete: %d %v", r, err)
			}
			if r, err := b.set(ctx, "new", "note", `"x"`, 0); err != nil || r != 1 {
				t.Errorf("set a new one: %d %v", r, err)
			}
			count("k07", "71")
			for range 2 {
				after := "k06"
				list, err := b.ListStates(ctx, &StateFilter{"count", "k0", &after, 2})
				if want := []KeyState{{"k07", []ValueSize{{"", 2, list[0].Values[0].Revision}}}, {"k09", []ValueSize{{"", 1, 2}}}}; err != nil || !reflect.DeepEqual(list, want) {
					t.Errorf("list: %v %v", list, err)
				}
				if all, err := b.ListStates(ctx, &StateFilter{Node: "count", Limit: 100}); err != nil || len(all) != 20 || all[19].Key != "new" {
					t.Errorf("list of all: %v %v", all, err)
				}
				b.reopen(t, service, guests, o)
			}
			count("k07", "72")
			count("k08", "1")
		})
	}
}

// TestStateWaits: a state is not touched while a message of its key is handled.
func TestStateWaits(t *testing.T) {
	service, guests := counter()
	entered, gate := make(chan struct{}), make(chan struct{})
	plain := guests["count"]
	guests["count"] = func(h engine.Host, m *abi.Message) ([]sent, error) {
		if err := h.Sleep(1); err != nil {
			return nil, err
		}
		close(entered)
		<-gate
		return plain(h, m)
	}
	b := open(t, service, guests, nil)
	f := b.accept(t, &Request{To: "count", AnyReply: true, Data: []byte(`"k"`)})
	<-entered
	for wait := time.Millisecond; ; wait *= 2 { // until the lane has had the time to say why
		short, cancel := context.WithTimeout(context.Background(), wait)
		v, err := b.GetState(short, "count", "k")
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("while it is handled: %v %v", v, err)
		}
		if errors.Is(err, ErrHandled) {
			break
		}
		if wait > 10*time.Second {
			t.Fatalf("it is not said that a message is handled: %v", err)
		}
	}
	close(gate)
	answered1(t, f)
	for _, get := range []func(context.Context, string, string) (map[string]capability.Value, error){b.CommittedState, b.GetState} {
		if v, err := get(context.Background(), "count", "k"); err != nil || string(v[""].Data) != "1" {
			t.Errorf("afterwards: %v %v", v, err)
		}
	}
}

// ticket is a capability whose every answer is another number, some of them failures.
type ticket struct{ given atomic.Int32 }

var tickets = &ticket{}

func init() { capability.Register(tickets) }

func (*ticket) Name() string               { return "test.ticket" }
func (*ticket) Check(map[string]any) error { return nil }
func (*ticket) Close() error               { return nil }
func (*ticket) Operations() map[string]capability.Effect {
	return map[string]capability.Effect{"ticket.draw": capability.Changes}
}

func (k *ticket) Open(context.Context, specs.Grant, capability.Environment) (capability.Capability, error) {
	return k, nil
}

func (k *ticket) Do(_ context.Context, r *capability.Request) capability.Answer {
	n := k.given.Add(1)
	switch string(r.Data) {
	case "fail":
		return capability.Fail(capability.Unavailable, "number %d", n)
	case "none":
		return capability.Fail(capability.NotFound, "none %d", n)
	case "pass":
		return capability.Answer{Data: fmt.Appendf(nil, "pass %d", n), Passing: true}
	}
	return capability.Answer{Data: fmt.Appendf(nil, "%s %d", r.Stable, n)}
}

// TestAnswersAgain: what a capability answered an attempt that failed is answered
// again to the next, in this life and the one after, unless the request is
// another one or had failed.
func TestAnswersAgain(t *testing.T) {
	tickets.given.Store(0)
	a := def("a", func(a *specs.Actor) {
		a.Uses = []specs.Grant{{Name: "c", Kind: "test.ticket"}}
		a.Retry = specs.Retry{Max: 5, Backoff: time.Second, Factor: 1}
	})
	guests := map[string]guest{"a": func(h engine.Host, m *abi.Message) ([]sent, error) {
		draw := func(data string) string { return string(request(h, data, "type", "ticket.draw", "use", "c").Data()) }
		first, none, failed, passed, last := draw("x"), draw("none"), draw("fail"), draw("pass"), draw(fmt.Sprint("attempt ", min(m.Attempt(), 2)))
		if m.Attempt() < 4 {
			return nil, trap("again")
		}
		return []sent{{typ: "out", data: strings.Join([]string{first, none, failed, passed, last}, ", ")}}, nil
	}}
	service := project(a)
	b := open(t, service, guests, nil)
	f := b.accept(t, &Request{To: "a", AnyReply: true, Kept: true})
	attempt := func(n int) {
		t.Helper()
		await(t, "the attempt", func() bool {
			attempts := 0
			for _, l := range b.entries(t) {
				if strings.HasPrefix(l, "attempt") {
					attempts++
				}
			}
			return attempts == n
		})
	}
	attempt(1)
	b.clock.ring(t, time.Second)
	attempt(2)
	b.reopen(t, service, guests, Options{})
	b.clock.ring(t, time.Second)
	attempt(3)
	b.reopen(t, service, guests, Options{Snapshots: Snapshots{Entries: 1}})
	b.clock.ring(t, time.Second)
	await(t, "the end", func() bool { a, _ := b.Lookup(f.ID()); return a.Outcome != Pending })
	id := f.ID()
	// Ticket 1 was drawn once, 2 failed for good before something else was drawn; 3, 6, 9 and 11 failed, 4, 7, 10 and 12 were
	// passing, 5 was for another request, and 8 is the second attempt's.
	want := fmt.Sprintf("replied out %s/1 1, none 2, number 11, pass 12, %s/5 8", id, id)
	if a, _ := b.Lookup(id); a.text() != want {
		t.Errorf("%s, want %s", a.text(), want)
	}
}

// TestKeep: a flow that is kept only after it began, or after it ended, is found
// by its id in the next life too, and its answer with it.
func TestKeep(t *testing.T) {
	service, guests := flowService()
	b := open(t, service, guests, nil)
	ended := b.accept(t, &Request{To: "outer", Replies: []string{"out"}, Data: []byte("work")})
	want := answered1(t, ended)
	b.Keep(ended)
	late := b.accept(t, &Request{To: "outer", Replies: []string{"out"}, Data: []byte("late")})
	await(t, "the delay", func() bool { return b.status(t, "outer/inner/w").Waiting == 1 })
	b.Keep(late)
	again := b.accept(t, &Request{To: "outer", Replies: []string{"out"}, Data: []byte("late")})
	await(t, "the delay", func() bool { return b.status(t, "outer/inner/w").Waiting == 2 })
	b.Keep(again)
	b.clock.ring(t, time.Second)
	wanted := answered1(t, again)
	late = b.accept(t, &Request{To: "outer", Replies: []string{"out"}, Data: []byte("late")})
	await(t, "the delay", func() bool { return b.status(t, "outer/inner/w").Waiting == 1 })
	b.Keep(late)
	if err := b.Settle(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.reopen(t, service, guests, Options{})
	if a, ok := b.Lookup(ended.ID()); !ok || a.text() != want {
		t.Errorf("one that had ended: %t %s, want %s", ok, a.text(), want)
	}
	if a, ok := b.Lookup(again.ID()); !ok || a.text() != wanted {
		t.Errorf("one that ended afterwards: %t %s, want %s", ok, a.text(), wanted)
	}
	if a, ok := b.Lookup(late.ID()); !ok || a.Outcome != Pending {
		t.Errorf("one that had not: %t %s", ok, a.text())
	}
	b.clock.ring(t, time.Second)
	await(t, "its end", func() bool { a, _ := b.Lookup(late.ID()); return a.Outcome == Replied })
	b.reopen(t, service, guests, Options{})
	if a, ok := b.Lookup(late.ID()); !ok || !strings.HasPrefix(a.text(), "replied out late") {
		t.Errorf("in the life after: %t %s", ok, a.text())
	}
}

// TestDelayOutlives: a delayed message is due when it was, whatever part of its delay no host was
// there: not early, and at once when that has passed.
func TestDelayOutlives(t *testing.T) {
	service, guests := flowService()
	b := open(t, service, guests, nil)
	for _, c := range []struct{ before, away time.Duration }{{400 * time.Millisecond, 300 * time.Millisecond}, {999 * time.Millisecond, 0}, {0, time.Hour}} {
		f := b.accept(t, &Request{To: "outer", Replies: []string{"out"}, Data: []byte("late")})
		await(t, "the delay", func() bool { return b.status(t, "outer/inner/w").Waiting == 1 })
		b.Keep(f)
		b.clock.pass(c.before)
		if err := b.Settle(context.Background()); err != nil {
			t.Fatal(err)
		}
		b.Close()
		b.clock.pass(c.away)
		b.reopen(t, service, guests, Options{})
		outcome := func() Outcome { a, _ := b.Lookup(f.ID()); return a.Outcome }
		if left := time.Second - c.before - c.away; left > 0 {
			b.clock.armed(t, left)
			b.clock.pass(left - 1)
			if outcome() != Pending {
				t.Errorf("%v before and %v away: it came early", c.before, c.away)
			}
			b.clock.ring(t, 1)
		} else {
			b.clock.pass(time.Millisecond)
		}
		await(t, "its end", func() bool { return outcome() == Replied })
	}
}

// TestRedriveAll sends many again into a mailbox that holds few, leaves those
// that have nowhere to go, and is aborted.
func TestRedriveAll(t *testing.T) {
	var fixed atomic.Bool
	guests := map[string]guest{"a": func(engine.Host, *abi.Message) ([]sent, error) {
		if !fixed.Load() {
			return nil, trap("bad")
		}
		return nil, nil
	}, "b": func(engine.Host, *abi.Message) ([]sent, error) { return nil, trap("bad") }}
	service := project(def("a", func(a *specs.Actor) { a.Scale.Mailbox = 3 }), def("b", nil))
	b := open(t, service, guests, nil)
	for i := range 30 {
		answered1(t, b.accept(t, &Request{To: []string{"a", "a", "b"}[i%3], AnyReply: true}))
	}
	fixed.Store(true)
	short := project(def("a", func(a *specs.Actor) { a.Scale.Mailbox = 3 }))
	b.reopen(t, short, guests, Options{})
	stop := b.clock.run(time.Millisecond) // a full mailbox is waited for
	ctx, cancel := context.WithCancel(context.Background())
	p, err := b.RedriveAll(ctx, nil, "", Act{By: "ann"}, func(p Progress) {
		if p.Done == 5 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || p.All != 30 || p.Done != 5 {
		t.Errorf("aborted: %+v %v", p, err)
	}
	p, err = b.RedriveAll(context.Background(), nil, "", Act{By: "ann"}, nil)
	stop()
	if err != nil || p.All != 25 || p.Done != 15 || p.Failed != 10 {
		t.Errorf("to the end: %+v %v", p, err)
	}
	await(t, "their handling", func() bool { return b.status(t, "a").Handled == 20 })
}

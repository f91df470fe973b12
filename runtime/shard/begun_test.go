package shard

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/specs"
)

// outside is a world in which every look sees something else, and every third fails. It
// notes what is changed in it, and how much the journal held then.
type outside struct {
	mu      sync.Mutex
	journal journal.Journal
	gate    chan struct{} // nothing is changed before it is closed
	looks   int
	writes  []write
}

// write is a change of the outside.
type write struct {
	stable, data string
	seq          uint64 // of the journal's last record then
	first        bool
}

func (o *outside) Name() string               { return "test.outside" }
func (o *outside) Check(map[string]any) error { return nil }
func (o *outside) Close() error               { return nil }
func (o *outside) Operations() map[string]capability.Effect {
	return map[string]capability.Effect{"outside.look": capability.Reads, "outside.write": capability.Changes}
}

func (o *outside) Open(context.Context, specs.Grant, capability.Environment) (capability.Capability, error) {
	return o, nil
}

func (o *outside) Do(ctx context.Context, r *capability.Request) capability.Answer {
	if r.Operation == "outside.write" {
		<-o.gate
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if r.Operation == "outside.look" {
		if o.looks++; o.looks%3 == 0 {
			return capability.Fail(capability.Unavailable, "look %d", o.looks)
		}
		return capability.Answer{Data: fmt.Append(nil, o.looks)}
	}
	_, last, err := o.journal.Bounds(ctx)
	if err != nil {
		return capability.Fail(capability.Unavailable, "%v", err)
	}
	o.writes = append(o.writes, write{r.Stable, string(r.Data), last, r.First})
	return capability.Answer{Data: fmt.Append(nil, "write ", len(o.writes))}
}

// world is the one of the test that runs.
var world = &outside{}

func init() { capability.Register(world) }

// lookers is an actor that changes the outside by all that it was told of it, by its clocks
// and by its state, twice; the second time also by what became of the first. Some messages
// fail before or in between, and come again.
func lookers(t *testing.T) *crash {
	a := def("a", func(a *specs.Actor) {
		a.Uses = []specs.Grant{{Name: "o", Kind: "test.outside"}}
		a.Key, a.State = map[string]string{"": "data.k"}, []specs.State{{}}
		a.Retry = specs.Retry{Max: 3, Backoff: time.Second, Factor: 1}
	})
	x := &crash{T: t, clock: newManual(), service: project(a), guests: map[string]guest{"a": func(h engine.Host, m *abi.Message) ([]sent, error) {
		n := drawn(m.ID())
		if m.Attempt() == 1 && n%3 == 0 {
			return nil, trap("busy")
		}
		seen := []string{get(h, "")}
		look := func(data string) {
			a := request(h, data, "type", "outside.look", "use", "o")
			seen = append(seen, a.Type()+" "+string(a.Data()))
		}
		write := func() {
			text := fmt.Sprintf("attempt %d: %s", m.Attempt(), strings.Join(seen, ", "))
			seen = append(seen, string(request(h, text, "type", "outside.write", "use", "o").Data()))
		}
		if n%4 > 0 {
			look("first")
		}
		if n%5 < 2 {
			real, _ := request(h, "", "type", "time.now").Attr("unix_ns")
			seen = append(seen, fmt.Sprint(h.Now()), real)
		}
		write()
		if m.Attempt() < 3 && n%5 == 0 {
			return nil, trap("between")
		}
		look("second")
		write()
		list, _ := json.Marshal(append(handledBy(get(h, "")), m.ID())) // strings
		set(h, "", string(list))
		return nil, nil
	}}}
	for i := range 24 {
		data := fmt.Sprintf(`{"k":%d}`, i%3)
		x.requests = append(x.requests, &Request{To: "a", Type: "in", Data: []byte(data), AnyReply: true, Kept: i%2 == 0, Idempotency: &journal.Idempotency{Key: fmt.Sprint(i)}})
	}
	return x
}

// TestBegunAgain: what was changed outside before a process ended, after any of its records,
// is asked for with the same words if it is asked for again in the next life; then nothing
// that has an answer in the journal is asked for again.
func TestBegunAgain(t *testing.T) {
	for _, c := range []struct {
		name      string
		snapshots Snapshots
		ahead     int
	}{
		{name: "journal alone"}, {name: "snapshots", snapshots: Snapshots{Entries: 1, StateBytes: 1 << 20}, ahead: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := lookers(t)
			j := openJournal(t)
			world.journal, world.gate, world.writes, world.looks = j, make(chan struct{}), nil, 0
			s := x.open(j)
			flows := x.send(s)
			close(world.gate)
			x.drain(s)
			s.Close()
			_, last, err := j.Bounds(context.Background())
			if err != nil || len(world.writes) < 2*len(flows) {
				t.Fatalf("%d writes, %v", len(world.writes), err)
			}
			before, again := world.writes, 0
			for n := range last {
				j := cut(t, j, n+1)
				done := map[string]string{} // outside, when the process ends
				for _, w := range before {
					if w.seq <= n+1 {
						done[w.stable+" "+attemptOf(w.data)] = w.data
					}
				}
				world.journal, world.writes = j, nil
				x.options.Snapshots, x.options.Ahead = c.snapshots, c.ahead
				s := x.open(j)
				x.send(s)
				x.drain(s)
				s.Close()
				ended := slices.DeleteFunc(slices.Clone(before), func(w write) bool { return w.seq > n+1 })
				for _, w := range world.writes {
					if w.first && slices.ContainsFunc(ended, func(e write) bool { return e.stable == w.stable }) {
						t.Fatalf("cut after record %d of %d: %s is said to be the first, and was made before", n+1, last, w.stable)
					}
					switch data, ok := done[w.stable+" "+attemptOf(w.data)]; {
					case ok && data != w.data:
						t.Fatalf("cut after record %d of %d: %s was %q, and then %q", n+1, last, w.stable, data, w.data)
					case ok:
						again++
					}
				}
			}
			if firsts := slices.DeleteFunc(slices.Clone(before), func(w write) bool { return !w.first }); len(firsts) == 0 || len(firsts) == len(before) {
				t.Errorf("of %d writes %d say that they are the first", len(before), len(firsts))
			}
			t.Logf("%d writes, %d records, %d writes again", len(before), last, again)
		})
	}
}

// TestBegunAgainTwice: what an attempt was told before the process ended stays said when the
// attempt fails in the next life before it asks again, and that process ends too.
func TestBegunAgainTwice(t *testing.T) {
	looker := func(h engine.Host, m *abi.Message) ([]sent, error) {
		seen := request(h, "first", "type", "outside.look", "use", "o")
		request(h, "set "+string(seen.Data()), "type", "outside.write", "use", "o")
		return nil, nil
	}
	for _, c := range []struct {
		name      string
		between   guest // of the second life; nil: no instance starts
		snapshots Snapshots
	}{
		{name: "fails early", between: func(engine.Host, *abi.Message) ([]sent, error) { return nil, trap("early") }},
		{name: "does not start"},
		{name: "fails early, snapshots", between: func(engine.Host, *abi.Message) ([]sent, error) { return nil, trap("early") }, snapshots: Snapshots{Entries: 1, StateBytes: 1 << 20}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := def("a", func(a *specs.Actor) {
				a.Uses = []specs.Grant{{Name: "o", Kind: "test.outside"}}
				a.Retry = specs.Retry{Max: 3, Backoff: time.Second, Factor: 1}
			})
			x := &crash{T: t, clock: newManual(), service: project(a)}
			x.requests = []*Request{{To: "a", Type: "in", Data: []byte("{}"), Kept: true}}
			live := func(g guest, j journal.Journal, during func(s *Shard)) {
				world.journal, x.guests = j, map[string]guest{"a": g}
				s := x.open(j)
				defer s.Close()
				during(s)
			}
			j := openJournal(t)
			world.gate, world.writes, world.looks = make(chan struct{}), nil, 0
			close(world.gate)
			live(looker, j, func(s *Shard) { x.send(s); x.drain(s) })
			if len(world.writes) != 1 {
				t.Fatalf("%d writes in the first life", len(world.writes))
			}
			j = cut(t, j, world.writes[0].seq)
			x.options.Snapshots = c.snapshots
			live(c.between, j, func(s *Shard) {
				await(t, "the attempt has failed", func() bool { return s.Status()[0].Waiting == 1 })
				if err := s.Settle(context.Background()); err != nil {
					t.Fatal(err)
				}
			})
			live(looker, j, func(s *Shard) { x.drain(s) })
			if len(world.writes) != 2 || world.writes[0].stable != world.writes[1].stable || world.writes[0].data != world.writes[1].data || world.looks != 1 {
				t.Errorf("%d looks, and what was written: %v", world.looks, world.writes)
			}
		})
	}
}

// TestBegunDuration: how long a message took does not count the time that the process was away.
func TestBegunDuration(t *testing.T) {
	a := def("a", func(a *specs.Actor) { a.Uses = []specs.Grant{{Name: "o", Kind: "test.outside"}} })
	clocks := map[int64]bool{}
	x := &crash{T: t, clock: newManual(), service: project(a), guests: map[string]guest{"a": func(h engine.Host, _ *abi.Message) ([]sent, error) {
		clocks[h.Now()] = true
		request(h, "", "type", "outside.write", "use", "o")
		return nil, nil
	}}}
	x.requests = []*Request{{To: "a", Type: "in", Data: []byte("{}"), Kept: true}}
	j := openJournal(t)
	world.journal, world.gate, world.writes = j, make(chan struct{}), nil
	close(world.gate)
	s := x.open(j)
	x.send(s)
	x.drain(s)
	s.Close()
	j = cut(t, j, world.writes[0].seq)
	world.journal = j
	x.clock.pass(time.Hour)
	s = x.open(j)
	x.drain(s)
	s.Close()
	handled := 0
	eachEntry(t, j, func(e journal.Entry) {
		if h, ok := e.(*journal.Handled); ok {
			if handled++; h.Duration != 0 {
				t.Errorf("it took %v", time.Duration(h.Duration))
			}
		}
	})
	if handled != 1 || len(clocks) != 1 {
		t.Errorf("handled %d times, by %d clocks", handled, len(clocks))
	}
}

// TestUnkept: the journal is told of each answer once, and of those of streams never.
func TestUnkept(t *testing.T) {
	given := []capability.Recorded{{Call: 1, Operation: "kv.get", Use: "k"}, {Call: 2, Operation: "stream.read", Use: "h"}, {Call: 3, Operation: "time.now"}, {Call: 4, Operation: "kv.get", Kept: true}}
	for _, want := range [][]uint32{{1, 3}, nil} {
		var got []uint32
		for _, a := range unkept(given) {
			got = append(got, a.Call)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d, want %d", got, want)
		}
	}
}

// attemptOf is the attempt that a write is of: another one sees another clock.
func attemptOf(data string) string {
	attempt, _, _ := strings.Cut(data, ":")
	return attempt
}

// TestBegunTold: a trace tells what an attempt was told that has begun to change something
// outside; and of one that goes on after a restart it is told since when this handling lasts,
// not since when the one before did.
func TestBegunTold(t *testing.T) {
	a := def("a", func(a *specs.Actor) { a.Uses = []specs.Grant{{Name: "o", Kind: "test.outside"}} })
	x := &crash{T: t, clock: newManual(), service: project(a), guests: map[string]guest{"a": func(h engine.Host, _ *abi.Message) ([]sent, error) {
		seen := request(h, "first", "type", "outside.look", "use", "o")
		request(h, "set "+string(seen.Data()), "type", "outside.write", "use", "o")
		return nil, nil
	}}}
	x.requests = []*Request{{To: "a", Type: "in", Data: []byte("{}"), Kept: true}}
	j := openJournal(t)
	world.journal, world.gate, world.writes, world.looks = j, make(chan struct{}), nil, 0
	close(world.gate)
	s := x.open(j)
	x.send(s)
	x.drain(s)
	s.Close()
	j = cut(t, j, world.writes[0].seq)
	told, err := Trace(t.Context(), j, idOf(0))
	if err != nil {
		t.Fatal(err)
	}
	var begun []*Hop
	for i := range told.Hops {
		if told.Hops[i].What == HopBegun {
			begun = append(begun, &told.Hops[i])
		}
	}
	if len(begun) != 1 || begun[0].ID != idOf(0) || begun[0].Node != "a" || begun[0].Attempt != 1 || len(begun[0].Answers) != 1 || begun[0].Answers[0].Operation != "outside.look" {
		t.Errorf("%+v", told.Hops)
	}
	world.journal, world.gate = j, make(chan struct{})
	x.clock.pass(time.Hour)
	since := x.clock.Now()
	s = x.open(j)
	var flight []InFlight
	await(t, "the message", func() bool {
		in, err := s.Inspect(t.Context(), &InspectFilter{Node: "a", Keys: 10})
		if err != nil {
			t.Fatal(err)
		}
		flight = in.Flight
		return len(flight) == 1
	})
	if flight[0].Since.Before(since) {
		t.Errorf("in flight since %v, the shard was opened at %v", flight[0].Since, since)
	}
	close(world.gate)
	x.drain(s)
	s.Close()
}

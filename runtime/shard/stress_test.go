package shard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// job is what a message of the stress test says of itself, so that whoever gets
// it can tell whether it is the one it claims to be.
type job struct {
	K    string `json:"k"`
	Hops int    `json:"hops"`
	Pad  string `json:"pad"`
	Corr string `json:"corr"`
}

// text writes the job with its fields in one of two orders.
func (d *job) text(flip bool) string {
	if flip {
		return fmt.Sprintf(`{"pad":%q,"corr":%q,"k":%q,"hops":%d}`, d.Pad, d.Corr, d.K, d.Hops)
	}
	return fmt.Sprintf(`{"k":%q, "hops":%d,"pad":%q,"corr":%q}`, d.K, d.Hops, d.Pad, d.Corr)
}

// drawn is a number that looks random and is the same whenever it is asked for.
func drawn(s string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s)) // never fails
	return int(h.Sum32() >> 3)
}

// tangle is a service with all kinds of nodes and routes, whose message type has
// its fields in one of two orders.
func tangle(t testing.TB, fields string) *specs.Service {
	t.Helper()
	works := func(a *specs.Actor) {
		a.In, a.Out = []string{"work"}, []string{"work", "out"}
		a.Retry = specs.Retry{Max: 12, Backoff: time.Microsecond, Factor: 1}
		a.Scale.Max = 4
	}
	s := project(
		def("front", func(a *specs.Actor) { a.Out = []string{"work"} }),
		def("keyed", func(a *specs.Actor) { works(a); a.Key = map[string]string{"work": "data.k"} }),
		def("held", func(a *specs.Actor) { works(a); a.Key, a.Retry.Hold = map[string]string{"": "data.k + '-x'"}, true }),
		def("plain", works),
		def("state", func(a *specs.Actor) { works(a); a.State = []specs.State{{}} }),
	)
	s.Types = map[string]*shape.Type{"work": cueType(t, fields)}
	w := &specs.Workflow{Name: "w", In: []string{"in"}, Out: []string{"out"}}
	for _, name := range []string{"front", "keyed", "held", "plain", "state"} {
		w.Nodes = append(w.Nodes, &specs.Node{Name: name, Actor: name, Scale: specs.Scale{Max: 4, Mailbox: 2000}})
		w.Routes = append(w.Routes, &specs.Route{From: name, Type: "out", To: []string{"output"}})
	}
	route := func(from, typ, when string, to ...string) {
		w.Routes = append(w.Routes, &specs.Route{From: from, Type: typ, When: when, To: to})
	}
	route("input", "", "", "front")
	route("front", "work", "data.k.startsWith('a')", "keyed", "plain")
	route("front", "work", "", "held")
	route("keyed", "work", "data.hops > 3", "held", "state", "drop")
	route("keyed", "work", "data.hops > 1", "plain")
	route("keyed", "work", "", "deadletter")
	route("held", "work", "", "keyed")
	route("plain", "work", "data.k.endsWith('3')", "state", "keyed")
	route("plain", "work", "", "keyed")
	route("state", "work", "", "held")
	s.Workflows["w"] = w
	return s
}

// worker is a guest that checks what it is given, and does by a number that
// looks random whatever guests may do: fail, refuse for now, wait, send one or
// two, small and large, at once and later.
func (x *stress) worker(name string) guest {
	return func(h engine.Host, m *abi.Message) ([]sent, error) {
		var d job
		if err := json.Unmarshal(m.Data(), &d); err != nil {
			x.wrong("%s: %v", name, err)
			return nil, err
		}
		if key := map[string]string{"keyed": d.K, "held": d.K + "-x"}[name]; m.Key() != key || m.Correlation() != d.Corr {
			x.wrong("%s: key %q of %s, data says %q of %s", name, m.Key(), m.Correlation(), key, d.Corr)
		}
		n := drawn(m.ID() + name)
		switch {
		case n%7 == 0 && m.Attempt() < 1+n%12 && n%3 == 0:
			return nil, trap("again")
		case n%7 == 0 && m.Attempt() < 1+n%12:
			return []sent{{typ: abi.TypeError, data: "busy", attrs: []string{"code", "busy", "retry", "yes", "after", "1"}}}, nil
		case n%53 == 0:
			return nil, trap("dead")
		case d.Hops <= 0:
			return []sent{{typ: "out", data: "x"}}, nil
		case n%11 == 0:
			if err := h.Sleep(int64(n % 100_000)); err != nil {
				return nil, err
			}
		}
		d.Hops--
		d.Pad = strings.Repeat("p", []int{0, 10, 100, 300, 1000, 9000}[n%6])
		var list []sent
		for i := range 1 + n%2 {
			s := sent{typ: "work", data: d.text((n+i)%2 == 0)}
			if n%5 == 0 {
				s.attrs = append(s.attrs, abi.OwnPrefix+"a", strings.Repeat("v", n%40))
			}
			if n%9 == 0 {
				s.attrs = append(s.attrs, abi.Delay, fmt.Sprint(1+n%3))
			}
			list = append(list, s)
		}
		return list, nil
	}
}

func front(_ engine.Host, m *abi.Message) ([]sent, error) {
	d := job{K: string(m.Data()), Hops: 4, Corr: m.Correlation()}
	return []sent{{typ: "work", data: d.text(true)}, {typ: "work", data: d.text(false)}}, nil
}

type stress struct {
	*testing.T
	shard    *Shard
	journal  journal.Journal
	guests   map[string]guest
	faults   atomic.Int32
	accepted atomic.Int64
	revision int
}

func (x *stress) wrong(format string, a ...any) {
	if x.faults.Add(1) < 20 {
		x.Errorf(format, a...)
	}
}

// apply puts the next revision in force.
func (x *stress) apply() {
	orders := [...]string{`{k!: string, hops!: int, pad!: string, corr!: string}`, `{pad!: string, corr!: string, hops!: int, k!: string}`}
	service := tangle(x, orders[x.revision%2])
	if x.revision%3 == 2 {
		service.Version = quick
	}
	x.revision++
	serve(x, x.shard, service, x.guests)
}

// send brings messages of its own in, one after the other.
func (x *stress) send(by, n int) {
	for i := 0; i < n; {
		f, err := x.shard.Accept(context.Background(), &Request{
			To: "w", Type: "in", Replies: []string{"out"}, Kept: i%4 == 0, Direct: i%5 == 4,
			Data: fmt.Appendf(nil, "%c%d%s", "abcd"[by], i%7, strings.Repeat("k", i%30)),
		})
		if errors.Is(err, ErrFull) {
			runtime.Gosched()
			continue
		}
		if err != nil {
			x.wrong("accept: %v", err)
			return
		}
		i++
		x.accepted.Add(1)
		<-f.Done()
		if a := f.Answer(); a.Outcome == Replied && (a.Reply.Correlation() != f.ID() || string(a.Reply.Data()) != "x") {
			x.wrong("%s was answered with %q of %s", f.ID(), a.Reply.Data(), a.Reply.Correlation())
		}
	}
}

// TestStress has messages of all kinds cross four lanes, with and without the
// table being replaced under them. Every guest, every reply, every counter and
// every entry of the journal must say what the message says of itself.
func TestStress(t *testing.T) {
	for _, swaps := range []int{0, 20} {
		t.Run(fmt.Sprint(swaps, " swaps"), func(t *testing.T) {
			const senders, each = 4, 100
			x := &stress{T: t, journal: openFaulty(t, nil)}
			x.guests = map[string]guest{"front": front}
			for _, name := range []string{"keyed", "held", "plain", "state"} {
				x.guests[name] = x.worker(name)
			}
			s, err := Open(context.Background(), Options{Namespace: "main", Service: "test", Journal: x.journal, Lanes: senders, KeepBytes: 1 << 40})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			x.shard = s
			x.apply()
			var wait sync.WaitGroup
			for by := range senders {
				wait.Go(func() { x.send(by, each) })
			}
			for i := range swaps {
				await(t, "enough for a swap", func() bool { return x.accepted.Load() >= int64(i*senders*each/swaps) })
				x.apply()
			}
			wait.Wait()
			x.settled()
			x.entries()
		})
	}
}

// settled waits for the end of everything: nothing is counted as waiting then.
func (x *stress) settled() {
	await(x.T, "the end", x.shard.idleNow)
	for _, n := range x.shard.nodes {
		if n.depth.Load() != 0 || n.bytes.Load() != 0 || n.waiting.Load() != 0 {
			x.wrong("%s: %d messages of %d bytes, %d waiting", n.path, n.depth.Load(), n.bytes.Load(), n.waiting.Load())
		}
	}
	for _, d := range x.shard.DeadLetters(nil, 0) {
		if d.ID != d.Message.ID() || d.Type != d.Message.Type() {
			x.wrong("dead letter %s %s holds %s %s", d.ID, d.Type, d.Message.ID(), d.Message.Type())
		}
	}
}

// entries holds every entry of the journal against the messages in it.
func (x *stress) entries() {
	handled := 0
	eachEntry(x.T, x.journal, func(e journal.Entry) {
		switch e := e.(type) {
		case *journal.Handled:
			handled++
			x.handled(e)
		case *journal.Dead:
			if m := x.parse(e.Input); m.ID() != e.ID || m.Key() != e.Key {
				x.wrong("dead %s %q holds %s %q", e.ID, e.Key, m.ID(), m.Key())
			}
		}
	})
	if handled == 0 {
		x.Error("nothing was handled")
	}
}

func (x *stress) parse(frame []byte) *abi.Message {
	m, err := abi.ParseMessage(append([]byte(nil), frame...))
	if err != nil {
		x.Fatal(err)
	}
	return m
}

func (x *stress) handled(e *journal.Handled) {
	m := x.parse(e.Input)
	if m.ID() != e.ID || m.Key() != e.Key || m.Attempt() != int(e.Attempt) {
		x.wrong("entry of %s %q attempt %d holds %s %q %d", e.ID, e.Key, e.Attempt, m.ID(), m.Key(), m.Attempt())
	}
	for _, o := range e.Outputs {
		sent := x.parse(o.Frame)
		cause, _ := sent.Attr(abi.Causation)
		short := strings.HasPrefix(cause, "~") // of a long id
		if !strings.HasPrefix(sent.ID(), cause) || !short && cause != e.ID || sent.Key() != o.Key || sent.Correlation() != m.Correlation() || sent.Source() != e.Node {
			x.wrong("output of %s: %s caused by %s, key %q %q", e.ID, sent.ID(), cause, sent.Key(), o.Key)
		}
	}
}

package shard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/fold"
	"github.com/grow-platform/grow/runtime/journal/mem"
	"github.com/grow-platform/grow/specs"
)

// crash is a service that does everything a journal has to bring back, and the
// requests to it. What a guest does follows from the id of its message and the
// number of the attempt, so that every run ends alike however often it is cut.
type crash struct {
	*testing.T
	service  *specs.Service
	guests   map[string]guest
	requests []*Request
	clock    *manual
	options  Options // besides what every run has
	next     string  // id of the next request
}

// crashes makes the service: a front that fans out, keys that hold and that do
// not, state, delays, a nested workflow, replies, refusals, dead letters.
func crashes(t *testing.T, requests int) *crash {
	x := &crash{T: t, clock: newManual()}
	keyed := func(hold bool) func(a *specs.Actor) {
		return func(a *specs.Actor) {
			a.In, a.Out = []string{"work"}, []string{"out", "late", "unwanted", "lost"}
			a.Key, a.State = map[string]string{"": "data.k"}, []specs.State{{}}
			a.Retry = specs.Retry{Max: 2, Backoff: time.Second, Factor: 2, Hold: hold}
		}
	}
	s := project(
		def("front", func(a *specs.Actor) {
			a.Out = []string{"work"}
			a.Retry = specs.Retry{Max: 1, Backoff: time.Second, Factor: 1}
		}),
		def("held", keyed(true)), def("free", keyed(false)),
		def("alone", func(a *specs.Actor) {
			a.In, a.Out, a.State = []string{"late"}, []string{"out"}, []specs.State{{}}
			a.Retry = specs.Retry{Max: 1, Backoff: time.Second, Factor: 1, Hold: true}
		}),
	)
	node := func(name, actor, workflow string) *specs.Node {
		return &specs.Node{Name: name, Actor: actor, Workflow: workflow, Scale: specs.Scale{Max: 4, Mailbox: 1000}}
	}
	s.Workflows["inner"] = &specs.Workflow{
		Name: "inner", In: []string{"work"}, Out: []string{"out", "late"}, Nodes: []*specs.Node{node("held", "held", "")},
		Routes: []*specs.Route{
			{From: specs.Input, To: []string{"held"}}, {From: "held", Type: "unwanted", To: []string{specs.DeadLetter}},
			{From: "held", Type: "out", To: []string{specs.Output}}, {From: "held", Type: "late", To: []string{specs.Output}},
		},
	}
	s.Workflows["w"] = &specs.Workflow{
		Name: "w", In: []string{"in"}, Out: []string{"out"},
		Nodes: []*specs.Node{node("front", "front", ""), node("inner", "", "inner"), node("free", "free", ""), node("alone", "alone", "")},
		Routes: []*specs.Route{
			{From: specs.Input, When: "data.k == 'both'", To: []string{"front", "alone", specs.DeadLetter}}, {From: specs.Input, To: []string{"front"}},
			{From: "front", To: []string{"inner", "free"}},
			{From: "inner", Type: "late", To: []string{"alone"}}, {From: "free", Type: "late", To: []string{"alone", specs.Drop}},
			{From: "inner", Type: "out", To: []string{specs.Output}}, {From: "free", Type: "out", To: []string{specs.Output}},
			{From: "alone", To: []string{specs.Output}},
		},
	}
	s.Actors["alone"].In = append(s.Actors["alone"].In, "in")
	x.service = s
	x.guests = map[string]guest{"front": x.guest("front"), "held": x.guest("held"), "free": x.guest("free"), "alone": x.guest("alone")}
	for i := range requests {
		data := fmt.Sprintf(`{"k":"k%d","n":%d}`, i%3, i)
		if i%5 == 4 {
			data = fmt.Sprintf(`{"k":"both","n":%d}`, i)
		}
		r := &Request{To: "w", Type: "in", Replies: []string{"out"}, Data: []byte(data), Kept: i%2 == 0, Idempotency: &journal.Idempotency{
			Scope: "test", Key: fmt.Sprint(i), Digest: []byte(data),
		}}
		if i%7 == 3 { // leads nowhere
			r.To, r.Type = "inner/held", "work"
			r.Data = []byte(`{"n":1}`)
		}
		x.requests = append(x.requests, r)
	}
	return x
}

// guest does what the number drawn for a message says.
func (x *crash) guest(name string) guest {
	return func(h engine.Host, m *abi.Message) ([]sent, error) {
		n := drawn(m.ID() + name)
		switch {
		case m.Attempt() == 1 && n%3 == 0:
			return []sent{{typ: abi.TypeError, data: "busy", attrs: []string{"code", "busy", "retry", "yes", "after", "1500"}}}, nil
		case n%9 == 0:
			return nil, trap("dead")
		case n%11 == 0:
			return []sent{{typ: abi.TypeError, data: "no", attrs: []string{"code", "no"}}}, nil
		}
		if name != "front" {
			list := append(handledBy(get(h, "")), m.ID())
			text, _ := json.Marshal(list) // strings
			set(h, "", string(text))
			set(h, "last", fmt.Sprintf("%q", m.ID()))
			if n%4 == 0 {
				request(h, "", "type", "state.delete", "name", "last")
			}
		}
		data := string(m.Data())
		switch {
		case name == "front":
			pad := strings.Repeat("p", []int{0, 100, 100, 40_000}[n%4])
			return []sent{{typ: "work", data: data, attrs: []string{"x.pad", pad[:min(len(pad), 1000)]}}, {typ: "work", data: data}}, nil
		case name == "alone" || n%5 == 0:
			return []sent{{typ: "out", data: data}, {typ: "out", data: data}}, nil
		case n%5 == 1:
			return []sent{{typ: "late", data: data, attrs: []string{abi.Delay, "2500"}}}, nil
		case n%5 == 2:
			return []sent{{typ: "unwanted", data: data}, {typ: "lost", data: data}}, nil
		}
		return nil, nil
	}
}

// handledBy is the list of ids that a state holds.
func handledBy(text string) (list []string) {
	if text != "" {
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			panic(err)
		}
	}
	return list
}

// open opens a shard on a journal and puts the service in force.
func (x *crash) open(j journal.Journal) *Shard {
	x.Helper()
	s, err := x.tryOpen(j)
	if err != nil {
		x.Fatal(err)
	}
	serve(x, s, x.service, x.guests)
	return s
}

func (x *crash) tryOpen(j journal.Journal) (*Shard, error) {
	o := x.options
	o.Namespace, o.Service, o.Journal, o.Clock, o.Lanes = "main", "test", j, x.clock, 2
	o.KeepBytes = max(o.KeepBytes, 1)
	if o.Snapshots == (Snapshots{}) {
		o.KeepBytes = 1 << 40
	}
	o.ID = func() string { return x.next }
	return Open(context.Background(), o)
}

// send makes the requests as a client does that does not know which arrived.
func (x *crash) send(s *Shard) (flows []*Flow) {
	for i, r := range x.requests {
		x.next = idOf(i)
		copied := *r
		f, err := s.Accept(context.Background(), &copied)
		for errors.Is(err, ErrJournal) && s.failed.Load() == nil {
			copied = *r
			f, err = s.Accept(context.Background(), &copied)
		}
		if err != nil {
			x.Fatalf("request %d: %v", i, err)
		}
		flows = append(flows, f)
	}
	return flows
}

// drain lets everything happen that will.
func (x *crash) drain(s *Shard) {
	await(x.T, "the end", func() bool {
		if err := s.Settle(context.Background()); err != nil {
			x.Fatal(err)
		}
		for _, n := range s.Status() {
			if n.Mailbox != 0 || n.Waiting != 0 {
				x.clock.pass(500 * time.Millisecond)
				return false
			}
		}
		return s.idleNow()
	})
}

// end closes a shard and says what its run leaves, in words.
func (x *crash) end(s *Shard, j journal.Journal, flows []*Flow) map[string]string {
	x.Helper()
	end := map[string]string{}
	for _, f := range flows {
		a := f.Answer()
		end["answer "+f.ID()] = a.text()
		if a.Outcome == Failed || a.Outcome == Refused { // the first fault is the answer, and branches race
			end["answer "+f.ID()] = "failed"
		}
		if kept, ok := s.Lookup(f.ID()); !ok || kept.text() != a.text() {
			x.Errorf("flow %s: %s, looked up %t %s", f.ID(), a.text(), ok, kept.text())
		}
	}
	for _, d := range s.DeadLetters(nil, 0) {
		end["dead "+d.ID] = fmt.Sprint(d.Node, d.Key, d.Code, d.Attempt, d.Type, string(d.Message.Data()))
	}
	s.Close() // the keeper moves what is read below
	w := folded(x.T, s, j)
	letters, _ := w.Dead()
	if len(letters) != len(s.DeadLetters(nil, 0)) {
		x.Errorf("the journal has %d dead letters, the shard %d", len(letters), len(s.DeadLetters(nil, 0)))
	}
	if n := len(w.Pending()); n > 0 {
		x.Errorf("%d messages wait in the journal at the end", n)
	}
	for c, values := range cellsOf(x.T, w, j) {
		for name, v := range values {
			text := string(v.Data)
			if name == "" {
				list := handledBy(text)
				slices.Sort(list)
				text = strings.Join(list, " ")
				if len(slices.Compact(list)) != len(list) {
					x.Errorf("%v: handled twice: %s", c, text)
				}
			} else if c.Node != "w/inner/held" {
				continue // the last one there depends on the order of two lanes
			}
			end[fmt.Sprint("state ", c.Node, " ", c.Key, " ", name)] = fmt.Sprint(text, " ")
		}
	}
	return end
}

// folded is the world that a journal leaves.
func folded(t *testing.T, s *Shard, j journal.Journal) *fold.World {
	t.Helper()
	w, _, err := readSnapshot(context.Background(), s.opts.Journal)
	if err != nil {
		t.Fatal(err)
	}
	err = j.Read(context.Background(), w.Sequence()+1, func(seq uint64, record []byte) error {
		_, err := w.Record(seq, record, func(p *journal.Packed) (journal.Entry, error) { return journal.Unpack(context.Background(), j, p) })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// cellsOf is the state of every key.
func cellsOf(t *testing.T, w *fold.World, j journal.Journal) fold.Cells {
	t.Helper()
	cells, err := w.Cells(func(digest string) (fold.Cells, error) {
		cells, _, err := readPage(context.Background(), j, digest)
		return cells, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return cells
}

// once checks that no message was handled or given up on twice, and that what
// came to a key from one place was handled in its order, unless it was tried again.
func (x *crash) once(j journal.Journal) {
	if x.options.Snapshots != (Snapshots{}) {
		return // the journal has been trimmed
	}
	ended := map[string]int{}
	eachEntry(x.T, j, func(e journal.Entry) {
		switch e := e.(type) {
		case *journal.Handled:
			ended[strings.Clone(e.ID)]++
		case *journal.Dead:
			ended[strings.Clone(e.ID)]++
		}
	})
	for id, n := range ended {
		if n > 1 {
			x.Errorf("message %s was settled %d times", id, n)
		}
	}
}

// cut is a journal as it was after its nth record.
func cut(t *testing.T, j journal.Journal, n uint64) journal.Journal {
	t.Helper()
	c := openJournal(t)
	err := j.Read(context.Background(), 1, func(seq uint64, record []byte) (err error) {
		if seq > n {
			return errEnough
		}
		c.Append(record, seq-1, func(_ uint64, e error) { err = e })
		return errors.Join(err, blobsOf(j, c, record))
	})
	if err != nil && !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	return c
}

var errEnough = errors.New("enough")

// blobsOf copies the blobs that a record refers to.
func blobsOf(from, to journal.Journal, record []byte) error {
	r, err := journal.Parse(record)
	if err != nil {
		return err
	}
	var c journal.Cursor
	c.Reset(r)
	for e, err := c.Next(); err == nil; e, err = c.Next() {
		if p, ok := e.(*journal.Packed); ok {
			data, err := from.Blob(context.Background(), p.Blob)
			if err != nil {
				return err
			}
			if _, err := to.PutBlob(context.Background(), data); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestCrash cuts a run after every one of its records and goes on from there:
// the end is that of the run that was not cut.
func TestCrash(t *testing.T) {
	x := crashes(t, 40)
	j := openJournal(t)
	s := x.open(j)
	flows := x.send(s)
	x.drain(s)
	want := x.end(s, j, flows)
	x.once(j)
	s.Close()
	_, last, err := j.Bounds(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d records; %s", last, summary(want))
	for n := range last {
		c := cut(t, j, n+1)
		s := x.open(c)
		flows := x.send(s)
		x.drain(s)
		if diff := cmp.Diff(want, x.end(s, c, flows)); diff != "" {
			t.Errorf("cut after record %d of %d (-undisturbed +cut):\n%s", n+1, last, diff)
		}
		x.once(c)
		s.Close()
		if t.Failed() {
			return
		}
	}
}

// summary counts what an end consists of.
func summary(end map[string]string) string {
	kinds := map[string]int{}
	for k, v := range end {
		kind, _, _ := strings.Cut(k, " ")
		if kind == "answer" {
			kind, _, _ = strings.Cut(v, " ")
		}
		kinds[kind]++
	}
	var list []string
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		list = append(list, fmt.Sprint(kinds[k], " ", k))
	}
	return strings.Join(list, ", ")
}

// TestCrashAgain cuts a run a few records after it began, and what goes on from
// there again, until one gets to its end.
func TestCrashAgain(t *testing.T) {
	x := crashes(t, 40)
	j := openJournal(t)
	s := x.open(j)
	flows := x.send(s)
	x.drain(s)
	want := x.end(s, j, flows)
	s.Close()
	for step := range uint64(3) {
		c, lives := openJournal(t), 0
		for {
			_, before, err := c.Bounds(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			s, lives = x.open(c), lives+1
			flows := x.send(s)
			x.drain(s)
			got := x.end(s, c, flows)
			x.once(c)
			s.Close()
			_, last, err := c.Bounds(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if last <= before+2+step { // its epoch, and little more
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("after %d lives (-undisturbed +cut):\n%s", lives, diff)
				}
				break
			}
			c = cut(t, c, before+2+step)
		}
		t.Logf("%d lives", lives)
	}
}

// TestCrashOrder: what was accepted for a key is handled in that order, whatever
// waits for another attempt when the run is cut.
func TestCrashOrder(t *testing.T) {
	a := def("a", func(a *specs.Actor) {
		a.Key, a.State = map[string]string{"": "data.k"}, []specs.State{{}}
		a.Retry = specs.Retry{Max: 3, Backoff: time.Second, Factor: 1, Hold: true}
	})
	x := &crash{T: t, clock: newManual(), service: project(a), guests: map[string]guest{"a": func(h engine.Host, m *abi.Message) ([]sent, error) {
		if m.Attempt() <= drawn(m.ID())%3 {
			return nil, trap("again")
		}
		list := append(handledBy(get(h, "")), m.ID())
		text, _ := json.Marshal(list) // strings
		set(h, "", string(text))
		return nil, nil
	}}}
	for i := range 24 {
		x.requests = append(x.requests, &Request{To: "a", Type: "in", Data: fmt.Appendf(nil, `{"k":%d}`, i%3), Kept: true, Idempotency: &journal.Idempotency{Key: fmt.Sprint(i)}})
	}
	j := openJournal(t)
	s := x.open(j)
	x.send(s)
	x.drain(s)
	s.Close()
	_, last, err := j.Bounds(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for n := range last {
		c := cut(t, j, n+1)
		x.options = Options{}
		if n%2 == 1 { // what waits is read little by little
			x.options.Ahead, x.options.Snapshots = 1, Snapshots{Bytes: 1 << 40, StateBytes: 1 << 20}
		}
		s := x.open(c)
		x.send(s)
		x.drain(s)
		s.Close()
		for cell, values := range cellsOf(t, folded(t, s, c), c) {
			list := handledBy(string(values[""].Data))
			if len(list) != len(x.requests)/3 || !slices.IsSorted(list) {
				t.Fatalf("cut after record %d of %d: key %s handled %v", n+1, last, cell.Key, list)
			}
		}
	}
}

// TestCrashUnsure: over a journal whose appends are lost, late, or there although
// nobody says so, the end is that of a run over one that is quick and sound.
func TestCrashUnsure(t *testing.T) {
	x := crashes(t, 40)
	j := openJournal(t)
	s := x.open(j)
	flows := x.send(s)
	x.drain(s)
	want := x.end(s, j, flows)
	s.Close()
	for seed := range 20 {
		faults := []mem.Fault{mem.None, mem.None, mem.Late, mem.Late, mem.Lost, mem.Unsure}
		j := openFaulty(t, func(n uint64) mem.Fault { return faults[drawn(fmt.Sprint(seed, n))%len(faults)] })
		stop := x.clock.run(pauseMin) // what waits to try again waits for the clock
		s := x.open(j)
		flows := x.send(s)
		x.drain(s)
		stop()
		if diff := cmp.Diff(want, x.end(s, j, flows)); diff != "" {
			t.Errorf("seed %d (-sound +unsound):\n%s", seed, diff)
		}
		x.once(j)
		s.Close()
	}
}

func idOf(request int) string { return fmt.Sprintf("id%02d", request) }

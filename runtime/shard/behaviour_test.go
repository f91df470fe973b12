package shard

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/mem"
	"github.com/grow-platform/grow/specs"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a shard with what a test needs to look at.
type bench struct {
	*Shard
	clock   *manual
	journal journal.Journal
}

func open(t *testing.T, service *specs.Service, guests map[string]guest, fault func(uint64) mem.Fault) *bench {
	t.Helper()
	b := &bench{clock: newManual(), journal: openFaulty(t, fault)}
	s, err := Open(context.Background(), Options{Namespace: "main", Service: "test", Journal: b.journal, Clock: b.clock, Lanes: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	b.Shard = s
	serve(t, s, service, guests)
	return b
}

// await waits until a condition that other goroutines bring about holds.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Microsecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s did not come about", what)
		}
	}
}

func (b *bench) accept(t *testing.T, r *Request) *Flow {
	t.Helper()
	if r.Type == "" {
		r.Type = "in"
	}
	f, err := b.Accept(context.Background(), r)
	if err != nil {
		t.Fatalf("accept: %v", err)
	}
	return f
}

func answered1(t *testing.T, f *Flow) string {
	t.Helper()
	await(t, "the answer", func() bool { return f.Answer().Outcome != Pending })
	return f.Answer().text()
}

func (b *bench) status(t *testing.T, node string) NodeStatus {
	t.Helper()
	for _, n := range b.Status() {
		if n.Node == node {
			return n
		}
	}
	t.Fatalf("no node %s", node)
	return NodeStatus{}
}

// entries reads the whole journal, each entry made into one line.
func (b *bench) entries(t *testing.T) (list []string) {
	t.Helper()
	eachEntry(t, b.journal, func(e journal.Entry) { list = append(list, line(e)) })
	return list
}

// eachEntry visits what a journal holds; an entry is valid until visit returns.
func eachEntry(t *testing.T, j journal.Journal, visit func(journal.Entry)) {
	t.Helper()
	err := j.Read(context.Background(), 1, func(_ uint64, record []byte) error {
		return journal.EachEntry(record, func(e journal.Entry) (err error) {
			if p, ok := e.(*journal.Packed); ok {
				if e, err = journal.Unpack(context.Background(), j, p); err != nil {
					return err
				}
			}
			visit(e)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func line(e journal.Entry) string {
	switch e := e.(type) {
	case *journal.Accepted:
		return strings.Clone("accepted " + e.Node + " " + e.Key)
	case *journal.Handled:
		var to []string
		for _, o := range e.Outputs {
			to = append(to, strings.Clone(o.To))
		}
		return strings.Clone(fmt.Sprintf("handled %s %s outcome=%d attempt=%d to=%v state=%d input=%t", e.Node, e.Key, e.Outcome, e.Attempt, to, len(e.State), len(e.Input) > 0))
	case *journal.Dead:
		return strings.Clone("dead " + e.Node + " " + e.Code)
	case *journal.AttemptMade:
		return strings.Clone(fmt.Sprintf("attempt %s %d %s", e.Node, e.Attempt, e.Code))
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", e), "*journal.")
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// TestRetry: a message is tried again by the policy, its key waits for it, and
// it ends as a dead letter; what came of every attempt is in the journal.
func TestRetry(t *testing.T) {
	for _, c := range []struct {
		name  string
		hold  bool
		fails int    // attempts of the message "bad" that fail
		want  string // order in which messages were handled for good
		bad   string
	}{
		{"holds the key", true, 2, "bad good", "replied out bad"},
		{"lets others pass", false, 2, "good bad", "replied out bad"},
		{"gives up", true, 9, "good", "failed trap unreachable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var mu sync.Mutex
			var order []string
			tries := 0
			g := func(_ engine.Host, m *abi.Message) ([]sent, error) {
				mu.Lock()
				defer mu.Unlock()
				if string(m.Data()) == "bad" {
					if tries++; tries <= c.fails {
						return nil, trap("unreachable")
					}
				}
				order = append(order, string(m.Data()))
				return []sent{{typ: "out", data: string(m.Data())}}, nil
			}
			a := def("a", func(a *specs.Actor) {
				a.Key = map[string]string{"": "type"}
				a.Retry = specs.Retry{Max: 3, Backoff: time.Second, Factor: 2, Hold: c.hold}
			})
			b := open(t, project(a), map[string]guest{"a": g}, nil)
			bad := b.accept(t, &Request{To: "a", AnyReply: true, Data: []byte("bad")})
			await(t, "the first retry", func() bool { now := b.status(t, "a"); return now.Waiting == 1 && now.Failed == 1 })
			good := b.accept(t, &Request{To: "a", AnyReply: true, Data: []byte("good")})
			if !c.hold {
				answered1(t, good)
			}
			for _, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
				before := b.status(t, "a")
				b.clock.pass(pause - time.Millisecond)
				if now := b.status(t, "a"); now.Failed != before.Failed || now.Waiting != before.Waiting {
					t.Fatalf("tried again %v too early", time.Millisecond)
				}
				b.clock.pass(time.Millisecond)
				await(t, "the next attempt", func() bool {
					now := b.status(t, "a")
					return now.Failed > before.Failed && now.Waiting == 1 || now.Handled > before.Handled || now.Dead > 0
				})
				if b.status(t, "a").Waiting == 0 {
					break
				}
			}
			if got := answered1(t, bad); got != c.bad {
				t.Errorf("bad: %s, want %s", got, c.bad)
			}
			answered1(t, good)
			mu.Lock()
			defer mu.Unlock()
			if got := strings.Join(order, " "); got != c.want {
				t.Errorf("handled %s, want %s", got, c.want)
			}
			if c.fails > 3 {
				wantLines(t, b.entries(t), "Epoch", "accepted a in", "attempt a 1 trap", "attempt a 2 trap", "attempt a 3 trap", "dead a trap",
					"handled a in outcome=1 attempt=1 to=[output] state=0 input=true")
				d := b.DeadLetters(nil, 0)
				if len(d) != 1 || d[0].Attempt != 4 || d[0].Code != "trap" || string(d[0].Message.Data()) != "bad" {
					t.Errorf("dead letters: %+v", d)
				}
				if again, ok := b.DeadLetter(d[0].ID); !ok || again != d[0] {
					t.Error("dead letter is not found by its id")
				}
			}
		})
	}
}

// TestLater: an actor says itself when to try again.
func TestLater(t *testing.T) {
	tries := atomic.Int32{}
	g := func(_ engine.Host, m *abi.Message) ([]sent, error) {
		if attempt, _ := m.Attr(abi.Attempt); tries.Add(1) < 3 || attempt != "3" {
			return []sent{{typ: abi.TypeError, data: "busy", attrs: []string{"code", "busy", "retry", "yes", "after", "5000"}}}, nil
		}
		return []sent{{typ: "out", data: "done"}}, nil
	}
	a := def("a", func(a *specs.Actor) { a.Retry = specs.Retry{Max: 5, Backoff: time.Hour, Factor: 2} })
	b := open(t, project(a), map[string]guest{"a": g}, nil)
	f := b.accept(t, &Request{To: "a", AnyReply: true})
	for n := range int32(2) {
		await(t, "the attempt", func() bool { return tries.Load() == n+1 && b.status(t, "a").Waiting == 1 })
		b.clock.pass(5 * time.Second)
	}
	if got := answered1(t, f); got != "replied out done" {
		t.Error(got)
	}
}

// flowService is a workflow in which a first actor fans out, a nested workflow
// answers, and some types go nowhere.
func flowService() (*specs.Service, map[string]guest) {
	first := def("first", func(a *specs.Actor) { a.Out = []string{"work", "lost", "late", "unwanted"} })
	worker := def("worker", func(a *specs.Actor) { a.In = []string{"work", "late"}; a.Out = []string{"out"} })
	audit := def("audit", func(a *specs.Actor) { a.In = []string{"work"}; a.Out = []string{"noted"} })
	s := project(first, worker, audit)
	node := func(name, actor, workflow string) *specs.Node {
		n := &specs.Node{Name: name, Actor: actor, Workflow: workflow, Scale: specs.Scale{Max: 8, Mailbox: 10_000}}
		return n
	}
	s.Workflows["inner"] = &specs.Workflow{
		Name: "inner", In: []string{"work", "late"}, Out: []string{"out"},
		Nodes:  []*specs.Node{node("w", "worker", "")},
		Routes: []*specs.Route{{From: specs.Input, To: []string{"w"}}, {From: "w", To: []string{specs.Output}}},
	}
	s.Workflows["outer"] = &specs.Workflow{
		Name: "outer", In: []string{"in"}, Out: []string{"out"},
		Nodes: []*specs.Node{node("first", "first", ""), node("inner", "", "inner"), node("audit", "audit", "")},
		Routes: []*specs.Route{
			{From: specs.Input, To: []string{"first"}},
			{From: "first", Type: "work", To: []string{"inner", "audit"}},
			{From: "first", Type: "late", To: []string{"inner"}},
			{From: "first", Type: "unwanted", To: []string{specs.DeadLetter}},
			{From: "inner", To: []string{specs.Output}},
			{From: "audit", To: []string{specs.Drop}},
		},
	}
	guests := map[string]guest{
		"first": func(_ engine.Host, m *abi.Message) ([]sent, error) {
			var out []sent
			for word := range strings.FieldsSeq(string(m.Data())) {
				s := sent{typ: word, data: word, attrs: []string{"x.word", word, "subject", "mine"}}
				if word == "late" {
					s.attrs = append(s.attrs, "delay", "1000")
				}
				out = append(out, s)
			}
			return out, nil
		},
		"worker": func(_ engine.Host, m *abi.Message) ([]sent, error) {
			word, _ := m.Attr("x.word")
			cause, _ := m.Attr(abi.Causation)
			return []sent{{typ: "out", data: fmt.Sprintf("%s of %s at %s because of %s", word, m.ID(), m.Source(), cause)}}, nil
		},
		"audit": func(_ engine.Host, m *abi.Message) ([]sent, error) { return []sent{{typ: "noted"}}, nil },
	}
	return s, guests
}

func TestWorkflow(t *testing.T) {
	service, guests := flowService()
	b := open(t, service, guests, nil)
	f := b.accept(t, &Request{To: "outer", Replies: []string{"out"}, Data: []byte("work")})
	id := f.ID()
	want := fmt.Sprintf("replied out work of %s.1 at outer/first because of %s", id, id)
	if got := answered1(t, f); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	await(t, "the copy", func() bool { return b.status(t, "outer/audit").Dropped == 1 })
	if n := b.status(t, "outer/first").Ignored; n != 1 {
		t.Errorf("%d ignored attributes, want 1: subject is the host's", n)
	}
	for _, c := range []struct{ data, want string }{
		{"", "ended"}, // nothing was sent
		{"unwanted", "failed route.deadletter a route from outer/first sends it to the dead letters"},
		{"lost", "failed route.none no route from outer/first fits a message of type lost"},
		{"lost work", ""}, // a reply wins over a fault
	} {
		f := b.accept(t, &Request{To: "outer", Replies: []string{"out"}, Data: []byte(c.data)})
		got := answered1(t, f)
		if c.want == "" && !strings.HasPrefix(got, "replied") || c.want != "" && got != c.want {
			t.Errorf("%q: %s, want %s", c.data, got, c.want)
		}
	}
	if n := len(b.DeadLetters(func(d *DeadLetter) bool { return d.Code == CodeNoRoute }, 0)); n != 2 {
		t.Errorf("%d dead letters of messages without a route, want 2", n)
	}
	// A delayed message is not forgotten, and not early.
	f = b.accept(t, &Request{To: "outer", Replies: []string{"out"}, Data: []byte("late")})
	await(t, "the delay", func() bool { return b.status(t, "outer/inner/w").Waiting == 1 })
	b.clock.pass(999 * time.Millisecond)
	if f.Answer().Outcome != Pending {
		t.Fatal("delayed message came early")
	}
	b.clock.pass(time.Millisecond)
	if got := answered1(t, f); !strings.HasPrefix(got, "replied out late") {
		t.Error(got)
	}
	// A node inside is reached by its path.
	if got := answered1(t, b.accept(t, &Request{To: "outer/inner/w", Type: "work", AnyReply: true, Attrs: []string{"x.word", "direct"}})); !strings.HasPrefix(got, "replied out direct of") {
		t.Error(got)
	}
}

// TestKeys: what has no key goes to the dead letters with the reason.
func TestKeys(t *testing.T) {
	a := def("a", func(a *specs.Actor) { a.Key = map[string]string{"in": "data.customer"}; a.In = []string{"in", "other"} })
	b := open(t, project(a), map[string]guest{"a": func(_ engine.Host, m *abi.Message) ([]sent, error) {
		return []sent{{typ: "out", data: m.Key()}}, nil
	}}, nil)
	for _, c := range []struct{ typ, data, want string }{
		{"in", `{"customer":"c-9"}`, "replied out c-9"},
		{"in", `{"customer":12}`, "replied out 12"},
		{"other", `{}`, "replied out "},
		{"in", `{"customer":null}`, "failed key.missing no key at a"},
		{"in", `{}`, "failed key.missing no key at a"},
		{"in", `{"customer":"` + strings.Repeat("x", 5000) + `"}`, "failed key.missing key at a has 5000 bytes"},
	} {
		if got := answered1(t, b.accept(t, &Request{To: "a", Type: c.typ, AnyReply: true, Data: []byte(c.data)})); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s %.40s: %s, want %s", c.typ, c.data, got, c.want)
		}
	}
}

// TestBackPressure: a full mailbox refuses at the door, and an actor whose
// outputs find no room waits instead of dropping them.
func TestBackPressure(t *testing.T) {
	gate := make(chan struct{})
	first := def("first", func(a *specs.Actor) { a.Out = []string{"in"}; a.Scale.Mailbox = 5 })
	slow := def("slow", func(a *specs.Actor) { a.Scale.Mailbox = 3; a.Scale.Max = 1; a.State = []specs.State{{}} })
	s := project(first, slow)
	s.Workflows["w"] = &specs.Workflow{
		Name: "w", In: []string{"in"}, Out: []string{"out"},
		Nodes: []*specs.Node{
			{Name: "first", Actor: "first", Scale: first.Scale}, {Name: "slow", Actor: "slow", Scale: slow.Scale},
		},
		Routes: []*specs.Route{
			{From: specs.Input, To: []string{"first"}}, {From: "first", To: []string{"slow"}}, {From: "slow", To: []string{specs.Output}},
		},
	}
	var count atomic.Int32
	b := open(t, s, map[string]guest{
		"first": func(_ engine.Host, m *abi.Message) ([]sent, error) { return []sent{{typ: "in"}}, nil },
		"slow": func(h engine.Host, m *abi.Message) ([]sent, error) {
			if err := h.Sleep(1); err != nil { // from here on the lane goes on without it
				return nil, err
			}
			<-gate
			count.Add(1)
			return []sent{{typ: "out"}}, nil
		},
	}, nil)
	accepted, refused := 0, 0
	var flows []*Flow
	for accepted < 200 && refused < 3 {
		f, err := b.Accept(context.Background(), &Request{To: "w", Type: "in", Replies: []string{"out"}})
		switch {
		case err == nil:
			accepted++
			flows = append(flows, f)
		case errors.Is(err, ErrFull):
			refused++
		default:
			t.Fatal(err)
		}
	}
	if accepted > 30 || accepted < 5 {
		t.Errorf("%d messages were accepted; the mailboxes hold 8", accepted)
	}
	if now := b.status(t, "w/slow").Mailbox; now > 5+int64(cellMax) {
		t.Errorf("mailbox of slow holds %d messages; its limit is 3", now)
	}
	close(gate)
	for _, f := range flows {
		answered1(t, f)
	}
	if n := int(count.Load()); n != accepted {
		t.Errorf("%d handled, %d accepted", n, accepted)
	}
	await(t, "empty mailboxes", func() bool { return b.status(t, "w/slow").Mailbox == 0 && b.status(t, "w/first").Mailbox == 0 })
	answered1(t, b.accept(t, &Request{To: "w", Replies: []string{"out"}}))
}

// TestCycle: a cycle that only produces ends in dead letters, not in memory
// without bound.
func TestCycle(t *testing.T) {
	a := def("a", func(a *specs.Actor) { a.Out = []string{"in"}; a.Scale.Mailbox = 10 })
	s := project(a)
	s.Workflows["w"] = &specs.Workflow{
		Name: "w", In: []string{"in"}, Nodes: []*specs.Node{{Name: "a", Actor: "a", Scale: a.Scale}},
		Routes: []*specs.Route{{From: specs.Input, To: []string{"a"}}, {From: "a", To: []string{"a"}}},
	}
	var stop atomic.Bool
	b := open(t, s, map[string]guest{"a": func(engine.Host, *abi.Message) ([]sent, error) {
		if stop.Load() {
			return nil, nil
		}
		return []sent{{typ: "in"}, {typ: "in"}}, nil
	}}, nil)
	b.accept(t, &Request{To: "w"})
	await(t, "the overflow", func() bool { total, _ := b.DeadCount(); return total > 0 })
	stop.Store(true)
	await(t, "the end", func() bool { return b.status(t, "w/a").Mailbox == 0 })
	for _, d := range b.DeadLetters(nil, 3) {
		if d.Code != CodeOverflow {
			t.Errorf("dead letter %s: %s", d.Code, d.Reason)
		}
	}
}

// TestCloseBusy: Close ends even a shard that would never be done.
func TestCloseBusy(t *testing.T) {
	a := def("a", func(a *specs.Actor) { a.Out = []string{"in"} })
	s := project(a)
	s.Workflows["w"] = &specs.Workflow{
		Name: "w", In: []string{"in"}, Nodes: []*specs.Node{{Name: "a", Actor: "a", Scale: a.Scale}},
		Routes: []*specs.Route{{From: specs.Input, To: []string{"a"}}, {From: "a", To: []string{"a"}}},
	}
	b := open(t, s, map[string]guest{"a": func(engine.Host, *abi.Message) ([]sent, error) { return []sent{{typ: "in"}}, nil }}, nil)
	for range 50 {
		b.accept(t, &Request{To: "w"})
	}
	await(t, "traffic", func() bool { return b.status(t, "w/a").Handled > 1000 })
	b.Close()
}

// TestIdempotency: requests of one key are one request, before and after its
// answer; another request under the key is refused.
func TestIdempotency(t *testing.T) {
	var handled atomic.Int32
	gate := make(chan struct{})
	b := open(t, project(def("a", nil)), map[string]guest{"a": func(h engine.Host, m *abi.Message) ([]sent, error) {
		if err := h.Sleep(1); err != nil {
			return nil, err
		}
		<-gate
		return []sent{{typ: "out", data: fmt.Sprint("answer ", handled.Add(1))}}, nil
	}}, nil)
	request := func(digest string) *Request {
		return &Request{To: "a", Type: "in", AnyReply: true, Idempotency: &journal.Idempotency{Scope: "POST /x", Key: "k", Digest: []byte(digest)}}
	}
	first, second := b.accept(t, request("d1")), b.accept(t, request("d1"))
	if first.Repeat() || !second.Repeat() || first.ID() != second.ID() {
		t.Errorf("first %t %s, second %t %s", first.Repeat(), first.ID(), second.Repeat(), second.ID())
	}
	if _, err := b.Accept(context.Background(), request("d2")); !errors.Is(err, ErrReused) {
		t.Errorf("another request of the same key: %v, want ErrReused", err)
	}
	close(gate)
	for _, f := range []*Flow{first, second, b.accept(t, request("d1"))} {
		if got := answered1(t, f); got != "replied out answer 1" {
			t.Error(got)
		}
	}
	b.clock.pass(keyLife)
	if got := answered1(t, b.accept(t, request("d2"))); got != "replied out answer 2" {
		t.Errorf("after a day: %s", got)
	}
	if n := b.status(t, "a").Mailbox; n != 0 {
		t.Errorf("repeats left %d messages in the mailbox's count", n)
	}
}

// TestSwap replaces the code under traffic: every message is handled once, by
// one of the two, in the order of its key, and instances of the old end.
func TestSwap(t *testing.T) {
	count := func(revision string) guest {
		return func(h engine.Host, m *abi.Message) ([]sent, error) {
			n := 0
			fmt.Sscan(get(h, ""), &n)
			set(h, "", fmt.Sprint(n+1))
			return []sent{{typ: "out", data: fmt.Sprint(n+1, " ", revision)}}, nil
		}
	}
	a := def("a", func(a *specs.Actor) { a.Key = map[string]string{"": "data"}; a.State = []specs.State{{}} })
	service := project(a)
	service.Version = quick
	b := open(t, service, map[string]guest{"a": count("r0")}, nil)
	const messages, keys = 3000, 5
	seen := make([]map[string]bool, keys)
	for k := range seen {
		seen[k] = map[string]bool{}
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	for k := range keys {
		wait.Go(func() {
			for range messages / keys {
				got := ask(t, b.Shard, &Request{To: "a", Data: []byte{'"', byte('a' + k), '"'}}).text()
				mu.Lock()
				seen[k][strings.Fields(got)[2]] = true
				mu.Unlock()
			}
		})
	}
	for r := range 20 {
		serve(t, b.Shard, service, map[string]guest{"a": count(fmt.Sprint("r", r+1))})
	}
	wait.Wait()
	for k := range keys {
		if len(seen[k]) != messages/keys {
			t.Errorf("key %d: %d different counts, want %d", k, len(seen[k]), messages/keys)
		}
	}
	if got := ask(t, b.Shard, &Request{To: "a", Data: []byte(`"a"`)}).text(); !strings.HasSuffix(got, " r20") {
		t.Errorf("the last revision does not serve: %s", got)
	}
	// A node that is gone leaves dead letters, and clients are told.
	if err := b.Apply(mustCompile(t, project(def("other", nil))), actorsOf(t, b.Shard, project(def("other", nil)), map[string]guest{"other": echo})); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Accept(context.Background(), &Request{To: "a", Type: "in"}); !errors.Is(err, ErrUnknownTarget) {
		t.Errorf("a node that is gone: %v", err)
	}
}

// TestJournal: one entry settles a message, holds its outputs and its state
// changes, and a large one lies in a blob.
func TestJournal(t *testing.T) {
	a := def("a", func(a *specs.Actor) { a.Key = map[string]string{"": `"k"`}; a.State = []specs.State{{}} })
	b := open(t, project(a), map[string]guest{"a": func(h engine.Host, m *abi.Message) ([]sent, error) {
		if string(m.Data()) == "no" {
			return []sent{{typ: abi.TypeError, data: "no", attrs: []string{"code", "no"}}}, nil
		}
		set(h, "", `"x"`)
		return []sent{{typ: "out", data: string(m.Data())}}, nil
	}}, nil)
	large := strings.Repeat("x", 900<<10)
	for _, data := range []string{"yes", "no", large} {
		answered1(t, b.accept(t, &Request{To: "a", AnyReply: true, Data: []byte(data)}))
	}
	answered1(t, b.accept(t, &Request{To: "a", AnyReply: true, Data: []byte("yes"), Direct: true}))
	answered1(t, b.accept(t, &Request{To: "a", AnyReply: true, Data: []byte(large), Kept: true}))
	wantLines(t, b.entries(t), "Epoch",
		"handled a k outcome=1 attempt=1 to=[output] state=1 input=true",
		"handled a k outcome=2 attempt=1 to=[] state=0 input=true",
		"handled a k outcome=1 attempt=1 to=[output] state=1 input=true",
		"accepted a k",
		"handled a k outcome=1 attempt=1 to=[output] state=1 input=true")
}

// TestJournalLost: once the journal has another owner, what it did not take is
// not promised to anybody, and nothing more is accepted.
func TestJournalLost(t *testing.T) {
	var broken atomic.Bool
	b := open(t, project(def("a", nil)), map[string]guest{"a": echo}, func(uint64) mem.Fault {
		if broken.Load() {
			return mem.Fenced
		}
		return mem.None
	})
	answered1(t, b.accept(t, &Request{To: "a", AnyReply: true, Data: []byte("x")}))
	broken.Store(true)
	if got := answered1(t, b.accept(t, &Request{To: "a", AnyReply: true})); !strings.HasPrefix(got, "failed journal.unavailable") {
		t.Error(got)
	}
	if _, err := b.Accept(context.Background(), &Request{To: "a", Type: "in"}); !errors.Is(err, ErrJournal) || b.Err() == nil {
		t.Errorf("after a failure: %v, want ErrJournal", err)
	}
}

// TestJournalUnsure: while it is not known whether the journal has a record
// nobody is told anything; when it takes no more nothing is accepted; and once
// it does everything goes on, each record being there once.
func TestJournalUnsure(t *testing.T) {
	for _, fault := range []mem.Fault{mem.Lost, mem.Unsure} {
		var broken atomic.Bool
		b := open(t, project(def("a", nil)), map[string]guest{"a": echo}, func(uint64) mem.Fault {
			if broken.Load() {
				return fault
			}
			return mem.None
		})
		answered1(t, b.accept(t, &Request{To: "a", AnyReply: true, Data: []byte("x")}))
		broken.Store(true)
		f := b.accept(t, &Request{To: "a", AnyReply: true, Data: []byte("y")})
		if fault == mem.Lost {
			await(t, "the refusal", func() bool { b.clock.pass(time.Second); return b.Err() != nil })
			if _, err := b.Accept(context.Background(), &Request{To: "a", Type: "in"}); !errors.Is(err, ErrJournal) {
				t.Errorf("accept while the journal takes nothing: %v, want ErrJournal", err)
			}
			if f.Answer().Outcome != Pending {
				t.Errorf("answered although nothing is known: %s", f.Answer().text())
			}
			broken.Store(false)
		}
		await(t, "the answer", func() bool { b.clock.pass(time.Second); return f.Answer().Outcome != Pending })
		broken.Store(false)
		if got := answered1(t, f); got != "replied out y" {
			t.Errorf("%d: %s", fault, got)
		}
		await(t, "health", func() bool { b.clock.pass(time.Second); return b.Err() == nil })
		answered1(t, b.accept(t, &Request{To: "a", AnyReply: true, Data: []byte("z")}))
		wantLines(t, b.entries(t), "Epoch", "handled a  outcome=1 attempt=1 to=[output] state=0 input=true",
			"handled a  outcome=1 attempt=1 to=[output] state=0 input=true", "handled a  outcome=1 attempt=1 to=[output] state=0 input=true")
	}
}

// TestLateJournal runs traffic over a journal whose appends end on other
// goroutines, and checks the sums.
func TestLateJournal(t *testing.T) {
	service, guests := flowService()
	service.Version = quick
	b := open(t, service, guests, func(n uint64) mem.Fault {
		if n%3 == 0 {
			return mem.None
		}
		return mem.Late
	})
	var wait sync.WaitGroup
	for c := range 8 {
		wait.Go(func() {
			for range 100 {
				f, err := b.Accept(context.Background(), &Request{To: "outer", Type: "in", Replies: []string{"out"}, Data: []byte("work"), Kept: c%2 == 0})
				if err != nil {
					t.Error(err)
					return
				}
				<-f.Done()
				if f.Answer().Outcome != Replied {
					t.Error(f.Answer().text())
				}
			}
		})
	}
	wait.Wait()
	handled := 0
	for _, l := range b.entries(t) {
		if strings.HasPrefix(l, "handled outer/first") {
			handled++
		}
	}
	if handled != 800 {
		t.Errorf("the journal holds %d handled messages of 800", handled)
	}
}

// TestStop: what was accepted is handled; what waits for its time is listed.
func TestStop(t *testing.T) {
	service, guests := flowService()
	entered, gate := make(chan struct{}), make(chan struct{})
	guests["worker"] = func(h engine.Host, m *abi.Message) ([]sent, error) {
		if err := h.Sleep(1); err != nil {
			return nil, err
		}
		entered <- struct{}{}
		<-gate
		return []sent{{typ: "out"}}, nil
	}
	b := open(t, service, guests, nil)
	late := b.accept(t, &Request{To: "outer", Replies: []string{"out"}, Data: []byte("late")})
	work := b.accept(t, &Request{To: "outer", Replies: []string{"out"}, Data: []byte("work")})
	<-entered
	short, cancel := context.WithCancel(context.Background())
	cancel()
	await(t, "the copy, and the one that waits", func() bool {
		return b.status(t, "outer/audit").Handled == 1 && b.status(t, "outer/inner/w").Waiting == 1
	})
	lost, err := b.Stop(short)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("stop that may not wait: %v", err)
	}
	if len(lost) != 2 || lost[0].ID != work.ID()+".1" || !lost[0].Due.IsZero() || lost[1].ID != late.ID()+".1" {
		t.Errorf("what a stop that may not wait leaves: %+v", lost)
	}
	if _, err := b.Accept(context.Background(), &Request{To: "outer", Type: "in"}); !errors.Is(err, ErrStopping) {
		t.Errorf("accept while stopping: %v", err)
	}
	close(gate)
	waiting, err := b.Stop(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if work.Answer().Outcome != Replied {
		t.Errorf("what was accepted: %s", work.Answer().text())
	}
	if len(waiting) != 1 || waiting[0].ID != late.ID()+".1" || waiting[0].Node != "outer/inner/w" || !waiting[0].Due.Equal(b.clock.Now().Add(time.Second)) {
		t.Errorf("waiting: %+v", waiting)
	}
	if late.Answer().Outcome != Pending {
		t.Error("a message that waits has no answer")
	}
}

// TestLookup: a flow that was kept is found by its id.
func TestLookup(t *testing.T) {
	b := open(t, project(def("a", nil)), map[string]guest{"a": echo}, nil)
	f := b.accept(t, &Request{To: "a", AnyReply: true, Data: []byte("x"), Kept: true})
	answered1(t, f)
	if a, ok := b.Lookup(f.ID()); !ok || a.text() != "replied out x" {
		t.Errorf("%t %s", ok, a.text())
	}
	if _, ok := b.Lookup("nobody"); ok {
		t.Error("an unknown id was found")
	}
}

// TestBroken: an instance that trapped is never used again, and the actor goes
// on with another.
func TestBroken(t *testing.T) {
	b := open(t, project(def("a", nil)), map[string]guest{"a": func(_ engine.Host, m *abi.Message) ([]sent, error) {
		if string(m.Data()) == "trap" {
			return nil, trap("unreachable")
		}
		return []sent{{typ: "out"}}, nil
	}}, nil)
	for i := range 20 {
		data, want := "x", "replied out "
		if i%2 == 1 {
			data, want = "trap", "failed trap unreachable"
		}
		if got := answered1(t, b.accept(t, &Request{To: "a", AnyReply: true, Data: []byte(data)})); got != want {
			t.Fatalf("message %d: %s, want %s", i, got, want)
		}
	}
}

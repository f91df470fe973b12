package shard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/specs"
)

func start(t testing.TB, service *specs.Service, guests map[string]guest) *Shard {
	t.Helper()
	s, err := Open(context.Background(), Options{Namespace: "main", Service: "test", Journal: openJournal(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	serve(t, s, service, guests)
	return s
}

// ask sends a message and waits for what comes of it.
func ask(t testing.TB, s *Shard, r *Request) Answer {
	t.Helper()
	if r.Type == "" {
		r.Type = "in"
	}
	r.AnyReply = r.Replies == nil
	f, err := s.Accept(context.Background(), r)
	if err != nil {
		t.Fatalf("accept: %v", err)
	}
	<-f.Done()
	return f.Answer()
}

func echo(_ engine.Host, m *abi.Message) ([]sent, error) {
	return []sent{{typ: "out", data: string(m.Data())}}, nil
}

func TestOutcomes(t *testing.T) {
	guests := map[string]guest{
		"echo":   echo,
		"silent": func(engine.Host, *abi.Message) ([]sent, error) { return nil, nil },
		"refuse": func(engine.Host, *abi.Message) ([]sent, error) {
			return []sent{{typ: "out", data: "dropped"}, {typ: abi.TypeError, data: "no thanks", attrs: []string{"code", "order.empty"}}}, nil
		},
		"trap":  func(engine.Host, *abi.Message) ([]sent, error) { return nil, trap("unreachable") },
		"wrong": func(engine.Host, *abi.Message) ([]sent, error) { return []sent{{typ: "surprise"}}, nil },
	}
	service := project()
	for name := range guests {
		service.Actors[name] = def(name, nil)
	}
	s := start(t, service, guests)
	for _, c := range []struct{ to, want string }{
		{"echo", "replied out hello"},
		{"silent", "ended"},
		{"refuse", "refused order.empty no thanks"},
		{"trap", "failed trap unreachable"},
		{"wrong", `failed output.undeclared an output of type "surprise", which the definition's out does not name`},
	} {
		if got := ask(t, s, &Request{To: c.to, Data: []byte("hello")}).text(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.to, got, c.want)
		}
	}
	if n := len(s.DeadLetters(nil, 0)); n != 2 {
		t.Errorf("%d dead letters, want those of trap and wrong", n)
	}
	// Nobody waits for what becomes of this one, so its refusal is kept.
	f, err := s.Accept(context.Background(), &Request{To: "refuse", Type: "in", Kept: true})
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the refusal", func() bool { return f.Answer().Outcome == Refused })
	if d := s.DeadLetters(nil, 1); len(d) != 1 || d[0].ID != f.ID() || d[0].Code != "order.empty" {
		t.Errorf("dead letters of a refusal nobody waited for: %+v", d)
	}
	if _, err := s.Accept(context.Background(), &Request{To: "nobody", Type: "in"}); !errors.Is(err, ErrUnknownTarget) {
		t.Errorf("unknown target: %v", err)
	}
	if _, err := s.Accept(context.Background(), &Request{To: "echo", Type: "other"}); !errors.Is(err, ErrNotTaken) {
		t.Errorf("type not taken: %v", err)
	}
}

// TestRace has many clients use keyed state at the same time and checks the
// sums: nothing is lost, doubled, or handled at the same time as another
// message of its key.
func TestRace(t *testing.T) {
	var inside [7]atomic.Int32
	count := func(h engine.Host, m *abi.Message) ([]sent, error) {
		k := int(m.Data()[1] - 'a')
		if inside[k].Add(1) != 1 {
			return nil, errors.New("two messages of one key at the same time")
		}
		defer inside[k].Add(-1)
		value := ""
		if v := get(h, ""); v != "" {
			value = v
		}
		n := 0
		fmt.Sscan(value, &n)
		set(h, "", fmt.Sprint(n+1))
		return []sent{{typ: "out", data: fmt.Sprint(n + 1)}}, nil
	}
	a := def("count", func(a *specs.Actor) {
		a.Key = map[string]string{"": "data"}
		a.State = []specs.State{{}}
	})
	for _, version := range []string{"", quick} {
		service := project(a)
		service.Version = version
		race(t, start(t, service, map[string]guest{"count": count}))
	}
}

func race(t *testing.T, s *Shard) {
	const clients, each = 8, 200
	var wait sync.WaitGroup
	for c := range clients {
		wait.Go(func() {
			for i := range each {
				a := ask(t, s, &Request{To: "count", Data: []byte{'"', byte('a' + (c+i)%7), '"'}})
				if a.Outcome != Replied {
					t.Errorf("%s", a.text())
				}
			}
		})
	}
	wait.Wait()
	if h := s.Status()[0].Handled; h != clients*each {
		t.Errorf("handled %d, want %d", h, clients*each)
	}
}

// request asks a capability from a guest written in Go.
func request(h engine.Host, data string, attrs ...string) *abi.Message {
	frame := abi.AppendAttrCount(abi.AppendCount(nil, 1), len(attrs)/2)
	for i := 0; i < len(attrs); i += 2 {
		frame = abi.AppendAttr(frame, attrs[i], attrs[i+1])
	}
	answer, err := h.Call(abi.AppendData(frame, []byte(data)))
	if err != nil {
		panic(err)
	}
	m, err := abi.ParseMessage(append([]byte(nil), answer...))
	if err != nil {
		panic(err)
	}
	return m
}

func get(h engine.Host, name string) string {
	return string(request(h, "", "type", "state.get", "name", name).Data())
}

func set(h engine.Host, name, value string) { request(h, value, "type", "state.set", "name", name) }

var _ journal.Journal

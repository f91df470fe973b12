package shard

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/specs"
)

// TestRedrivenIsNoAnswer: what a request came to stays its answer, in every life,
// also when a dead letter of it was sent again before it had one, and that
// replies (the simulation's seed 7785).
func TestRedrivenIsNoAnswer(t *testing.T) {
	service := project(
		def("bad", func(a *specs.Actor) { a.Retry = specs.Retry{Max: 1, Backoff: time.Hour, Factor: 1} }),
		def("slow", func(a *specs.Actor) { a.Retry = specs.Retry{Max: 1, Backoff: time.Minute, Factor: 1} }),
	)
	scale := specs.Scale{Max: 1, Mailbox: 10}
	service.Workflows["w"] = &specs.Workflow{
		Name: "w", In: []string{"in"}, Out: []string{"out"},
		Nodes: []*specs.Node{{Name: "bad", Actor: "bad", Scale: scale}, {Name: "slow", Actor: "slow", Scale: scale}},
		Routes: []*specs.Route{
			{From: specs.Input, To: []string{"bad", "slow"}}, {From: "bad", To: []string{specs.Output}}, {From: "slow", To: []string{specs.Drop}},
		},
	}
	busy := []sent{{typ: abi.TypeError, data: "busy", attrs: []string{"code", "busy", "retry", "yes"}}}
	guests := map[string]guest{
		"bad": func(_ engine.Host, m *abi.Message) ([]sent, error) {
			again, _ := m.Attr(abi.Causation)
			switch {
			case again == "":
				return []sent{{typ: abi.TypeError, data: "no", attrs: []string{"code", "no"}}}, nil
			case m.Attempt() == 1:
				return busy, nil
			}
			return []sent{{typ: "out"}}, nil
		},
		"slow": func(_ engine.Host, m *abi.Message) ([]sent, error) {
			if m.Attempt() == 1 {
				return busy, nil
			}
			return nil, nil
		},
	}
	request := Request{To: "w", Type: "in", Replies: []string{"out"}, Idempotency: &journal.Idempotency{Scope: "s", Key: "k", Digest: []byte("d")}, Kept: true}
	synctest.Test(t, func(t *testing.T) {
		j := openJournal(t)
		life := func(f func(s *Shard)) {
			s, err := Open(t.Context(), Options{Namespace: "main", Service: "test", Journal: j, Lanes: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			serve(t, s, service, guests)
			f(s)
		}
		told := func(s *Shard) string {
			f, err := s.Accept(context.Background(), &request)
			if err != nil {
				t.Fatal(err)
			}
			<-f.Done()
			return f.Answer().text()
		}
		var first string
		life(func(s *Shard) {
			if _, err := s.Accept(context.Background(), &request); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			d := s.DeadLetters(nil, 1)
			if len(d) != 1 {
				t.Fatal("there is no dead letter")
			}
			if _, err := s.Redrive(context.Background(), d[0].ID, "", Act{}); err != nil {
				t.Fatal(err)
			}
			if first = told(s); first != "refused no no" {
				t.Errorf("the request came to %q", first)
			}
		})
		life(func(s *Shard) {
			if again := told(s); again != first {
				t.Errorf("told %q, and in the next life %q", first, again)
			}
			time.Sleep(2 * time.Hour) // the one that was sent again replies
			synctest.Wait()
			if n := s.Status()[0].Handled; n != 1 {
				t.Errorf("%d handled", n)
			}
		})
		life(func(s *Shard) {
			if again := told(s); again != first {
				t.Errorf("told %q, and in the life after the next %q", first, again)
			}
		})
	})
}

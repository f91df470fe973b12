package shard

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/fold"
	"github.com/grow-platform/grow/specs"
)

// ledger notes what was handled, by node and key.
type ledger struct {
	sync.Mutex
	of    map[string][]string
	ahead int64 // the most that was read ahead of one node
	shard *Shard
}

func (l *ledger) guest(node string) guest {
	return func(_ engine.Host, m *abi.Message) ([]sent, error) {
		l.Lock()
		defer l.Unlock()
		l.of[node+" "+m.Key()] = append(l.of[node+" "+m.Key()], string(m.Data()))
		for _, n := range l.shard.plan.Load().nodes {
			l.ahead = max(l.ahead, n.ahead.Load())
		}
		return nil, nil
	}
}

func (l *ledger) count() (n int) {
	l.Lock()
	defer l.Unlock()
	for _, list := range l.of {
		n += len(list)
	}
	return n
}

// waitingJournal is a journal in which n messages wait, of five keys at two
// nodes, and as many again until the clock has passed an hour, the last one first.
func waitingJournal(t *testing.T, n int, now time.Time) (journal.Journal, map[string][]string) {
	t.Helper()
	j, want := openJournal(t), map[string][]string{}
	var w journal.Writer
	last := uint64(0)
	flush := func() {
		done := make(chan error, 1)
		j.Append(w.Bytes(), last, func(_ uint64, err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		last++
		w.Reset(1)
	}
	w.Reset(1)
	w.Add(&journal.Epoch{Number: 1, Format: journal.FormatVersion})
	var late []string
	for i := range n {
		node, key := []string{"a", "b"}[i%2], fmt.Sprintf(`"k%d"`, i%5)
		data := fmt.Sprintf(`{"k":"k%d","n":%d}`, i%5, i)
		frame := func(id, data string) []byte {
			return abi.NewMessage([]byte(data), abi.Type, "in", abi.ID, id, abi.Correlation, id, abi.Subject, strings.Trim(key, `"`)).Frame()
		}
		w.Add(&journal.Accepted{ID: fmt.Sprint("m", i), Node: node, Key: strings.Trim(key, `"`), Input: frame(fmt.Sprint("m", i), data), Time: now.UnixNano()})
		cell := node + " " + strings.Trim(key, `"`)
		want[cell] = append(want[cell], data)
		later := strings.Replace(data, `"n":`, `"late":`, 1)
		late = append(late, cell+"\n"+later)
		w.Add(&journal.Handled{ID: fmt.Sprint("h", i), Node: "a", Attempt: 1, Time: now.UnixNano(), Outcome: journal.OutcomeHandled, Outputs: []journal.Output{{
			To: node, Key: strings.Trim(key, `"`), Due: now.Add(time.Hour - time.Duration(i)*time.Millisecond).UnixNano(), Frame: frame(fmt.Sprint("l", i), later),
		}}})
		if i%7 == 0 {
			flush()
		}
	}
	flush()
	slices.Reverse(late)
	for _, text := range late {
		cell, data, _ := strings.Cut(text, "\n")
		want["late "+cell] = append(want["late "+cell], data)
	}
	return j, want
}

// TestBacklog: of what waits when a shard is opened little is in memory at a
// time, also when snapshots are taken and the journal is trimmed meanwhile. Each
// message is handled once, in the order of its key, and what comes is behind it.
func TestBacklog(t *testing.T) {
	const n = 1000
	keyed := func(a *specs.Actor) { a.Key = map[string]string{"": "data.k"} }
	service := project(def("a", keyed), def("b", keyed))
	for _, entries := range []int{0, 100} {
		t.Run(fmt.Sprint("snapshots after ", entries), func(t *testing.T) {
			clock := newManual()
			j, want := waitingJournal(t, n, clock.Now())
			s, err := Open(context.Background(), Options{
				Namespace: "main", Service: "test", Journal: j, Clock: clock, Lanes: 2, Ahead: 8, KeepBytes: 1,
				Snapshots: Snapshots{Bytes: 1 << 40, Entries: entries, StateBytes: 1 << 20},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			l := &ledger{of: map[string][]string{}, shard: s}
			serve(t, s, service, map[string]guest{"a": l.guest("a"), "b": l.guest("b")})
			for i := range 10 {
				data := fmt.Sprintf(`{"k":"k%d","n":"new %d"}`, i%5, i)
				node := []string{"a", "b"}[i%2]
				if _, err := s.Accept(context.Background(), &Request{To: node, Type: "in", Data: []byte(data), Kept: true}); err != nil {
					t.Fatal(err)
				}
				cell := fmt.Sprintf("%s k%d", node, i%5)
				want[cell] = append(want[cell], data)
			}
			if err := s.Settle(context.Background()); err != nil {
				t.Fatal(err)
			}
			if got := l.count(); got != n+10 {
				t.Fatalf("%d of %d messages were handled", got, n+10)
			}
			clock.pass(2 * time.Hour)
			await(t, "what was delayed", func() bool { return l.count() == 2*n+10 })
			for cell, list := range want {
				if late, ok := strings.CutPrefix(cell, "late "); ok {
					want[late] = append(want[late], list...)
				}
			}
			for cell := range want {
				if strings.HasPrefix(cell, "late ") {
					delete(want, cell)
				}
			}
			if diff := cmp.Diff(want, l.of); diff != "" {
				t.Errorf("handled (-want +got):\n%s", diff)
			}
			if most := int64(starvedTimes*8 + 8); l.ahead > most {
				t.Errorf("%d messages of a node were in memory; at most %d should be", l.ahead, most)
			}
		})
	}
}

// TestBacklogLeft: what has not been read when the shard stops is told of, and
// is there for the next one.
func TestBacklogLeft(t *testing.T) {
	const n = 100
	clock := newManual()
	j, _ := waitingJournal(t, n, clock.Now())
	service := project(def("a", nil), def("b", nil))
	options := Options{Namespace: "main", Service: "test", Journal: j, Clock: clock, Lanes: 2, Ahead: 4, Snapshots: Snapshots{Bytes: 1 << 40, StateBytes: 1 << 20}}
	s, err := Open(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	began, leave := make(chan struct{}, 100), make(chan struct{})
	stuck := func(engine.Host, *abi.Message) ([]sent, error) {
		began <- struct{}{}
		<-leave
		return nil, nil
	}
	serve(t, s, service, map[string]guest{"a": stuck, "b": stuck})
	<-began
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	stopped := make(chan []Waiting)
	go func() {
		left, _ := s.Stop(ctx) // the error is ctx's
		stopped <- left
	}()
	close(leave)
	left := len(<-stopped)
	s.Close()
	if left < n {
		t.Errorf("%d messages are left, and %d are delayed alone", left, n)
	}
	s, err = Open(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if len(s.recovered.waits) > left || len(s.recovered.waits) < n {
		t.Errorf("%d messages wait after %d were left", len(s.recovered.waits), left)
	}
}

// TestUnreadGivesBack: what has been read of a list keeps no memory for long.
func TestUnreadGivesBack(t *testing.T) {
	list := make([]*fold.Wait, 1000)
	for i := range list {
		list[i] = new(fold.Wait)
	}
	q := &unread{list: slices.Clone(list)}
	for n := range 100 {
		q.drop(10)
		if left := list[10*(n+1):]; !slices.Equal(q.list, left) || q.room < len(left) || q.room > 2*len(left)+10 {
			t.Fatalf("%d are left, in memory for %d", len(q.list), q.room)
		}
	}
}

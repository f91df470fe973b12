package replay

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/pace"
	"github.com/grow-platform/grow/runtime/shard"
)

// store is a capability that answers what it is asked.
type store struct{}

func (store) Operations() map[string]capability.Effect { return nil }
func (store) Close() error                             { return nil }
func (store) Do(_ context.Context, r *capability.Request) capability.Answer {
	return capability.Answer{Data: slices.Clone(r.Data)}
}

// TestBundleBytes: all that is large of a message counts for what a worker is handed at a
// time, not only its data.
func TestBundleBytes(t *testing.T) {
	const large = handBytes*2/3 + 1 // two reach the limit
	text := strings.Repeat("x", large)
	first := true
	for name, c := range map[string]struct {
		data  string
		guest guest
		want  []int
	}{
		"small":   {"", func(engine.Host, *abi.Message) (string, error) { return "1", nil }, []int{8}},
		"message": {text, func(engine.Host, *abi.Message) (string, error) { return "1", nil }, []int{2, 2, 2, 2}},
		"output":  {"", func(engine.Host, *abi.Message) (string, error) { return `"` + text + `"`, nil }, []int{2, 2, 2, 2}},
		"answer": {"", func(h engine.Host, _ *abi.Message) (string, error) {
			ask(h, text, "type", "get", "use", "shop")
			return "1", nil
		}, []int{2, 2, 2, 2}},
		"state": {"", func(h engine.Host, _ *abi.Message) (string, error) { // the first writes it, the others have it
			if first {
				ask(h, `"`+text+`"`, "type", "state.set", "name", "n")
				first = false
			}
			return "1", nil
		}, []int{2, 2, 2, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(openMem(t))
			w.broker = capability.Of(map[string]capability.Capability{"shop": store{}}, 1000)
			w.serve(t, c.guest, func(s *shard.Shard) {
				for range 8 {
					w.send(t, s, fmt.Sprintf(`{"key":"k","data":%q}`, c.data))
				}
			})
			o := Options{Journal: w.journal, Node: "facts"}
			o.bound(pace.RestLong)
			chosen, err := o.prepare(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []int
			err = chosen.readMany(t.Context(), &o, func(some []*Case) error {
				got = append(got, len(some))
				return nil
			})
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("bundles of %v messages, want %v; %v", got, c.want, err)
			}
		})
	}
}

// TestBundleMessages: few messages are enough for every worker to have some.
func TestBundleMessages(t *testing.T) {
	const messages = 2*handMax + 8
	w := handled(t, openMem(t), messages)
	for _, c := range []struct{ last, workers, most int }{
		{messages, 1, handMax}, {messages, 2, handMax}, {32, 4, 8}, {10, 4, 2}, {3, 4, 1}, {1, 1, 1},
	} {
		o := Options{Journal: w.journal, Node: "facts", Select: Select{Last: c.last}, Workers: c.workers}
		o.bound(pace.RestLong)
		chosen, err := o.prepare(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		most, all := 0, 0
		err = chosen.readMany(t.Context(), &o, func(some []*Case) error {
			most, all = max(most, len(some)), all+len(some)
			return nil
		})
		if err != nil || most != c.most || all != c.last {
			t.Errorf("%d messages in bundles of %d, want %+v; %v", all, most, c, err)
		}
	}
}

// TestBundleTurns: who waits for a turn does not wait for a bundle of messages that take
// long, but for one that is done soon, and not for one that sleeps.
func TestBundleTurns(t *testing.T) {
	w := handled(t, openMem(t), 3)
	for _, c := range []struct {
		takes  time.Duration
		sleeps bool
		want   string
	}{{2 * handTime, false, "momm"}, {0, false, "mmmo"}, {handTime / 2, true, "ommm"}} {
		synctest.Test(t, func(t *testing.T) {
			o := Options{Journal: w.journal, Node: "facts", Record: &Record{}, Aside: pace.NewAside(&pace.Pacer{Processors: 1})}
			o.bound(pace.RestLong)
			order, over := "", make(chan error)
			other := func() {
				s := o.Aside.Stint(&pace.Share{}, pace.RestLong)
				err := s.Begin(t.Context())
				order += "o"
				s.End()
				over <- err
			}
			o.New = w.actor(func(h engine.Host, _ *abi.Message) (string, error) {
				if order == "" {
					go other()
				}
				var err error
				if c.sleeps {
					err = h.Sleep(int64(c.takes))
				} else {
					time.Sleep(c.takes) // on a clock that goes on once the other waits
				}
				order += "m"
				return "1", err
			}, o.Record.Broker(w.broker), o.Record.Seed)
			cases, err := o.prepare(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			by := o.worker(t.Context(), &tally{options: &o})
			if err := cases.readMany(t.Context(), &o, func(some []*Case) error { o.reading.End(); return by.many(t.Context(), some) }); err != nil {
				t.Error(err)
			}
			if err := <-over; err != nil || order != c.want {
				t.Errorf("messages and another come as %s, want %s; %v", order, c.want, err)
			}
			by.now.Actor().Put(by.now)
			<-o.New.Close()
		})
	}
}

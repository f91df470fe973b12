package triagetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/testdata/webhooks"
	"golang.org/x/sync/errgroup"
)

// senders is how many webhooks are under way at a time.
const senders = 16

// hooks are all real webhooks, each with a delivery id of its own.
func hooks(t *testing.T) []hook {
	t.Helper()
	payloads, err := webhooks.Payloads()
	if err != nil {
		t.Fatal(err) // it says how to get them
	}
	if len(payloads) != webhooks.Count {
		t.Fatalf("%d payloads, want %d", len(payloads), webhooks.Count)
	}
	list := make([]hook, len(payloads))
	for i, p := range payloads {
		list[i] = hook{event: p.Event, delivery: fmt.Sprintf("72d3162e-cc78-11e3-81ab-%012d", i), body: p.Body}
	}
	return list
}

// deliverAll delivers hooks, several at a time, and returns their answers in
// the same order.
func (c *client) deliverAll(t *testing.T, list []hook) []answer {
	t.Helper()
	answers := make([]answer, len(list))
	var group errgroup.Group
	group.SetLimit(senders)
	for i, h := range list {
		group.Go(func() (err error) {
			answers[i], err = c.deliver(h)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return answers
}

// TestPayloads posts every real webhook and compares answers and counts with
// the rule. Then it posts them again: the answers are the first ones, and
// nothing is counted twice.
func TestPayloads(t *testing.T) {
	c, list := start(t, triage), hooks(t)
	answers := c.deliverAll(t, list)

	wanted, numbers, decisions := tally{}, map[string][]int{}, map[string]int{}
	for i, h := range list {
		want, err := rule(h.event, h.delivery, h.body)
		if err != nil {
			t.Fatalf("the rule refuses a real webhook, %s %s: %v", h.event, h.delivery, err)
		}
		wanted.add(want)
		decisions[want.Decision]++
		var got Decided
		if err := json.Unmarshal([]byte(answers[i].body), &got); err != nil || answers[i].status != http.StatusOK {
			t.Errorf("%s %s: %d %s", h.event, h.delivery, answers[i].status, answers[i].body)
			continue
		}
		numbers[got.Repository] = append(numbers[got.Repository], got.Count)
		want.Count = got.Count // which it may be is checked below
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s %s: answer differs from the rule (-rule +answer):\n%s", h.event, h.delivery, diff)
		}
	}
	checkVariety(t, wanted, decisions)
	checkNumbers(t, wanted, numbers)
	c.checkCounts(t, wanted)

	for i, again := range c.deliverAll(t, list) {
		if again.status != answers[i].status || again.body != answers[i].body || again.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s %s, delivered again: %d %s, want %s", list[i].event, list[i].delivery, again.status, again.body, answers[i].body)
		}
	}
	c.checkCounts(t, wanted)
	c.quiet(t)
}

// checkVariety makes sure that the payloads ask for what is tested.
func checkVariety(t *testing.T, wanted tally, decisions map[string]int) {
	t.Helper()
	for name := range desks {
		if decisions[name] == 0 {
			t.Errorf("no payload is for %s", name)
		}
	}
	labelled, accounts := 0, 0
	for name, c := range wanted {
		labelled += len(c.ByLabel)
		if !strings.Contains(name, "/") {
			accounts++
		}
	}
	if labelled == 0 || accounts < 2 || len(wanted)-accounts < 10 {
		t.Errorf("%d labels, %d accounts, %d repositories: too few to tell", labelled, accounts, len(wanted)-accounts)
	}
	t.Logf("%v, %d repositories, %d accounts, %d labels", decisions, len(wanted)-accounts, accounts, labelled)
}

// checkNumbers checks that the events of a repository were numbered without gap
// or repeat, whatever order they came in.
func checkNumbers(t *testing.T, wanted tally, numbers map[string][]int) {
	t.Helper()
	for name, c := range wanted {
		got := slices.Sorted(slices.Values(numbers[name]))
		for i := range max(len(got), c.Total) {
			if i >= len(got) || i >= c.Total || got[i] != i+1 {
				t.Errorf("%s: events are numbered %v, want 1 to %d", name, got, c.Total)
				break
			}
		}
	}
}

// checkCounts reads the counts of every repository.
func (c *client) checkCounts(t *testing.T, wanted tally) {
	t.Helper()
	for name, want := range wanted {
		if !strings.Contains(name, "/") {
			continue // an account: only the numbers in its answers tell
		}
		got, found := c.stats(t, name)
		if !found {
			t.Errorf("%s was not counted", name)
			continue
		}
		if diff := cmp.Diff(*want, got); diff != "" {
			t.Errorf("counts of %s differ from the rule (-rule +service):\n%s", name, diff)
		}
	}
}

// TestStopUnderLoad stops the host while webhooks pour in: each one is answered,
// turned away with a code, or finds nobody; what was answered is what was
// handled, and nothing is left over or given up on.
func TestStopUnderLoad(t *testing.T) {
	c, list := start(t, triage), hooks(t)
	var answered, started atomic.Int64
	warm, stopped := make(chan struct{}), make(chan struct{})
	group, wrong := errgroup.WithContext(t.Context())
	for range senders {
		group.Go(func() error {
			for {
				n := started.Add(1)
				h := list[n%int64(len(list))]
				h.delivery = fmt.Sprintf("load-%d", n)
				a, err := c.deliver(h)
				switch {
				case err == nil && a.status == http.StatusOK:
					if answered.Add(1) == int64(len(list)) {
						close(warm)
					}
				case err == nil && a.problem().Code != "host.stopping":
					return fmt.Errorf("%s %s: %d %s", h.event, h.delivery, a.status, a.body)
				default: // turned away, or nobody is there any more
					<-stopped
					return nil
				}
			}
		})
	}
	select {
	case <-warm:
	case <-wrong.Done():
	}
	left, err := c.host.Stop(t.Context())
	close(stopped)
	if err := errors.Join(err, group.Wait()); err != nil {
		t.Error(err)
	}
	if len(left.Waiting) > 0 {
		t.Errorf("waiting: %v", left.Waiting)
	}
	handled := uint64(0)
	for _, n := range c.host.Shard().Status() {
		if n.Node == "triage/reader" {
			handled = n.Handled
		}
	}
	if handled != uint64(answered.Load()) {
		t.Errorf("%d webhooks were handled, %d answered", handled, answered.Load())
	}
	c.quiet(t)
}

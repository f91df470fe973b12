package triagetest

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/specs"
)

// swaps is how often TestSwap swaps: -swaps 1000 for the long run.
var swaps = flag.Int("swaps", 100, "swaps of TestSwap")

// circle is the order in which the languages of the classifier take over from
// each other.
var circle = []string{"python", "rust", "go"}

// between is how many webhooks are answered from one swap to the next.
const between = 12

// circleOf builds the service in each of its languages, and has each compiled to
// machine code, before any load.
func circleOf(t *testing.T) []built {
	t.Helper()
	var all []built
	for _, language := range circle {
		b, err := classifiers[language]()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	c := start(t, classifiers[circle[0]])
	for _, b := range all {
		if err := c.host.Prepare(t.Context(), b.service, b.modules); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// swap has a service take over, and checks that only the classifier changes.
func (c *client) swap(t *testing.T, b built) error {
	if err := c.host.Prepare(t.Context(), b.service, b.modules); err != nil {
		return err
	}
	changes, err := c.host.Apply(t.Context(), b.service, b.modules)
	if err == nil && (len(changes) != 1 || changes[0].Node != "triage/classify") {
		err = fmt.Errorf("changed: %+v, want triage/classify", changes)
	}
	return err
}

// TestSwap has the classifier's languages take over from each other, in a
// circle, while webhooks pour in: no request fails, nothing is handled twice or
// out of order, and what is remembered in the end is what a host without swaps
// remembers.
func TestSwap(t *testing.T) {
	services, l := circleOf(t), newLoad(t)
	c := start(t, classifiers[circle[0]])
	l.during(t, c, func() {
		for n := range *swaps {
			if !l.await(between) {
				return
			}
			if err := c.swap(t, services[(n+1)%len(services)]); err != nil {
				t.Errorf("swap %d: %v", n, err)
				return
			}
		}
		l.await(loadSenders * (remember + 1)) // enough for each to forget some
	})
	l.check(t, c)
	l.checkLog(t, c)
	t.Logf("%d swaps, %d webhooks", *swaps, l.answered)
}

// TestSwapDurable swaps with the journal on disk. After each round the host is
// abandoned with what it has not handled yet, which another language goes on with.
func TestSwapDurable(t *testing.T) {
	services, l, dir := circleOf(t), newLoad(t), t.TempDir()
	const rounds = 3
	var c *client
	for round := range rounds {
		c = startIn(t, classifiers[circle[round%len(circle)]], dir, app.Journal{})
		l.during(t, c, func() {
			for n := range len(circle) * 2 {
				if !l.await(between) {
					return
				}
				if err := c.swap(t, services[(round+n+1)%len(services)]); err != nil {
					t.Errorf("round %d, swap %d: %v", round, n, err)
					return
				}
			}
			if round == rounds-1 {
				l.await(loadSenders * (remember + 1))
			}
		})
		if round < rounds-1 {
			c.abandon(t)
		}
	}
	l.check(t, c)
	if _, err := c.host.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.checkJournal(t, dir)
}

// abandon ends a host without waiting for what it has accepted.
func (c *client) abandon(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if left, err := c.host.Stop(ctx); err != nil && !errors.Is(err, context.Canceled) || !left.Kept {
		t.Fatalf("%v; kept: %v", err, left.Kept)
	}
}

// TestCanary has a language try a growing share of the keys, under load and for
// a random number of messages each, and then take over or withdraw. While a share
// grows a key that the new revision has handled stays with it.
func TestCanary(t *testing.T) {
	services, l, dir := circleOf(t), newLoad(t), t.TempDir()
	const trials = 12
	random := rand.New(rand.NewPCG(9, 1))
	c := startIn(t, classifiers[circle[0]], dir, app.Journal{})
	live := c.host.Revisions()["triage/classify"]
	phases, both := []string{live}, 0 // revisions, in the order in which keys may have had them
	l.during(t, c, func() {
		for n := range trials {
			tried := distinct(services[(n+1)%len(services)], n)
			if !l.await(1+random.IntN(between)) || !c.grow(t, l, tried, fmt.Sprint("trial ", n), random) {
				return
			}
			arms := c.host.Shard().Trial()
			if len(arms) != 1 || arms[0].Node != "triage/classify" || arms[0].Old.Revision != live || arms[0].New.Failed+arms[0].Old.Failed > 0 {
				t.Errorf("trial %d: %+v", n, arms)
				return
			}
			phases = append(phases, arms[0].New.Revision)
			if arms[0].New.Handled > 0 && arms[0].Old.Handled > 0 {
				both++
			}
			if random.IntN(2) == 0 {
				c.host.Untry()
			} else if _, err := c.host.Apply(t.Context(), tried.service, tried.modules); err != nil {
				t.Errorf("trial %d: %v", n, err)
				return
			}
			live = c.host.Revisions()["triage/classify"]
			phases = append(phases, live)
		}
		l.await(loadSenders * (remember + 1))
	})
	if both < trials/2 {
		t.Errorf("in %d trials of %d both revisions had messages: too few to tell", both, trials)
	}
	l.check(t, c)
	if _, err := c.host.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for key, had := range l.checkJournal(t, dir) {
		checkPhases(t, key, had, phases)
	}
}

// distinct is a service of which the classifier is a revision of its own, though
// the code has run before: its mailbox holds n more.
func distinct(b built, n int) built {
	service := *b.service
	flow := *service.Workflows["triage"]
	flow.Nodes = slices.Clone(flow.Nodes)
	at := slices.IndexFunc(flow.Nodes, func(n *specs.Node) bool { return n.Name == "classify" })
	node := *flow.Nodes[at]
	node.Scale.Mailbox = abi.MailboxDefault + n + 1
	flow.Nodes[at] = &node
	service.Workflows = maps.Clone(service.Workflows)
	service.Workflows["triage"] = &flow
	return built{&service, b.modules}
}

// grow begins a trial and has its share grow, by steps.
func (c *client) grow(t *testing.T, l *load, b built, salt string, random *rand.Rand) bool {
	share := 0.1 + 0.3*random.Float64()
	err := c.host.Prepare(t.Context(), b.service, b.modules)
	if err == nil {
		err = c.host.Try(t.Context(), b.service, b.modules, salt, share)
	}
	for err == nil && share < 1 {
		if !l.await(1 + random.IntN(2*between)) {
			return false
		}
		share += 0.1 + 0.4*random.Float64()
		err = c.host.Shard().Share(share)
	}
	if err != nil {
		t.Errorf("%s: %v", salt, err)
	}
	return err == nil && l.await(1+random.IntN(between))
}

// checkPhases makes sure that a key has had its revisions in the order of the
// phases: none comes again after another of a later phase.
func checkPhases(t *testing.T, key string, had, phases []string) {
	t.Helper()
	rest := phases
	for i, revision := range had {
		at := slices.Index(rest, revision)
		if at < 0 {
			t.Errorf("%s: message %d was handled by %s, which comes too late; it has had %v, of the phases %v", key, i+1, revision, had[:i+1], phases)
			return
		}
		rest = rest[at:]
	}
}

// checkJournal makes sure that the journal of the service in a folder has each thread
// handled once, in the order in which they were sent, numbered without a gap. It
// returns the revisions that did so, by repository. No host may run.
func (l *load) checkJournal(t *testing.T, dir string) map[string][]string {
	t.Helper()
	revisions, got := map[string][]string{}, map[string][]string{}
	ids := map[string]bool{}
	readJournal(t, dir, func(e *journal.Handled) {
		if e.Node != "triage/classify" || len(e.State) == 0 {
			return
		}
		var m memory
		if err := json.Unmarshal(e.State[0].Value, &m); err != nil || ids[e.ID] {
			t.Fatalf("message %s of %s: %v; handled before: %v", e.ID, e.Key, err, ids[e.ID])
		}
		id, key := strings.Clone(e.ID), strings.Clone(e.Key) // the record's bytes are used again
		ids[id] = true
		revisions[key] = append(revisions[key], strings.Clone(e.Revision))
		got[key] = append(got[key], fmt.Sprint(m.Threads[len(m.Threads)-1].Delivery, " ", m.Seen))
	})
	want := map[string][]string{}
	for sender, list := range l.sent {
		for i, th := range list {
			want[loadRepository(sender)] = append(want[loadRepository(sender)], fmt.Sprint(th.Delivery, " ", i+1))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what was handled differs from what was sent (-sent +handled):\n%s", diff)
	}
	return revisions
}

// readJournal visits what was handled, in the journal of the service in a folder.
func readJournal(t *testing.T, dir string, visit func(*journal.Handled)) {
	t.Helper()
	store, err := app.Journal{}.OpenStore(t.Context(), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	j, err := store.Open(t.Context(), journal.Name{Namespace: app.DefaultNamespace, Service: "triage"})
	if err != nil {
		t.Fatal(err)
	}
	first, _, err := j.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = j.Read(t.Context(), first, func(_ uint64, record []byte) error {
		r, err := journal.Parse(record)
		if err != nil {
			return err
		}
		var c journal.Cursor
		c.Reset(r)
		for {
			e, err := c.Next()
			if p, ok := e.(*journal.Packed); ok && err == nil {
				e, err = journal.Unpack(t.Context(), j, p)
			}
			switch {
			case errors.Is(err, io.EOF):
				return nil
			case err != nil:
				return err
			}
			if handled, ok := e.(*journal.Handled); ok {
				visit(handled)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

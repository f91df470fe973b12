package shard

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs"
)

// keyedService has one actor that is keyed by a field of its messages.
func keyedService(change func(*specs.Actor)) *specs.Service {
	return project(def("who", func(a *specs.Actor) {
		a.Key = map[string]string{"in": "data.k"}
		if change != nil {
			change(a)
		}
	}))
}

// says returns guests that answer with a text.
func says(text string) map[string]guest {
	return map[string]guest{"who": func(engine.Host, *abi.Message) ([]sent, error) { return []sent{{typ: "out", data: text}}, nil }}
}

// try begins a trial of guests at the node who.
func (b *bench) try(t *testing.T, service *specs.Service, guests map[string]guest, share float64) error {
	t.Helper()
	return b.Try(&Trial{Table: mustCompile(t, service), Actors: actorsOf(t, b.Shard, service, guests), Salt: "7", Share: share})
}

// served asks who serves each of some keys.
func (b *bench) served(t *testing.T) map[string]string {
	t.Helper()
	by := map[string]string{}
	for i := range 400 {
		key := fmt.Sprintf("customer-%03d", i)
		by[key] = answered1(t, b.accept(t, &Request{To: "who", AnyReply: true, Data: fmt.Appendf(nil, `{"k":%q}`, key)}))
	}
	return by
}

func share(by map[string]string, who string) (n int) {
	for v := range maps.Values(by) {
		if v == "replied out "+who {
			n++
		}
	}
	return n
}

// TestTrial: a share of the keys is served by what is tried, a key that it has stays
// with it while the share grows, and all go back when the trial ends.
func TestTrial(t *testing.T) {
	service := keyedService(nil)
	b := open(t, service, says("old"), nil)
	if err := b.try(t, service, says("new"), 0); err != nil {
		t.Fatal(err)
	}
	before := b.served(t)
	if n := share(before, "new"); n != 0 {
		t.Errorf("with no share %d keys are served by what is tried", n)
	}
	for _, x := range []struct {
		share    float64
		min, max int // of 400
	}{{0.05, 8, 36}, {0.25, 70, 130}, {0.5, 160, 240}, {1, 400, 400}} {
		if err := b.Share(x.share); err != nil {
			t.Fatal(err)
		}
		now := b.served(t)
		if n := share(now, "new"); n < x.min || n > x.max {
			t.Errorf("with a share of %v, %d of 400 keys are served by what is tried", x.share, n)
		}
		for key, who := range before {
			if who == "replied out new" && now[key] != who {
				t.Errorf("%s went back while the share grew to %v", key, x.share)
			}
		}
		if again := b.served(t); !maps.Equal(now, again) {
			t.Errorf("keys flap with a share of %v", x.share)
		}
		before = now
	}
	list := b.Trial()
	if len(list) != 1 || list[0].Node != "who" || list[0].Old.Handled == 0 || list[0].New.Handled == 0 || len(list[0].New.Samples) == 0 {
		t.Errorf("report %+v", list)
	}
	if all := list[0].Old.Handled + list[0].New.Handled; all != 9*400 {
		t.Errorf("%d messages counted, %d handled", all, 9*400)
	}
	if !b.Untry() || b.Untry() || b.Trial() != nil {
		t.Error("the trial does not end once")
	}
	if n := share(b.served(t), "old"); n != 400 {
		t.Errorf("after the trial %d keys are served by the old revision", n)
	}
}

// TestTrialKept: a table that is applied ends the trial, and nothing is lost.
func TestTrialKept(t *testing.T) {
	service := keyedService(nil)
	b := open(t, service, says("old"), nil)
	if err := b.try(t, service, says("new"), 0.5); err != nil {
		t.Fatal(err)
	}
	serve(t, b.Shard, service, says("new"))
	if n := share(b.served(t), "new"); n != 400 || b.Trial() != nil {
		t.Errorf("%d of 400 keys, trial %v", n, b.Trial())
	}
	if err := b.Share(1); !errors.Is(err, ErrTrial) {
		t.Errorf("share without a trial: %v", err)
	}
}

// TestTrialFailures: what is tried fails; that is counted as its own.
func TestTrialFailures(t *testing.T) {
	service := keyedService(nil)
	b := open(t, service, says("old"), nil)
	broken := map[string]guest{"who": func(engine.Host, *abi.Message) ([]sent, error) { return nil, errors.New("boom") }}
	if err := b.try(t, service, broken, 0.5); err != nil {
		t.Fatal(err)
	}
	by := b.served(t)
	n := b.Trial()[0]
	if good := uint64(share(by, "old")); n.Old.Handled != good || n.Old.Failed != 0 || n.New.Failed != 400-good || n.New.Handled != 0 || n.New.Failed == 0 {
		t.Errorf("%d served well; counted %d, %d failed; of what is tried %d, %d failed", good, n.Old.Handled, n.Old.Failed, n.New.Handled, n.New.Failed)
	}
}

// TestTrialPoison: a message that is tried again and again counts once.
func TestTrialPoison(t *testing.T) {
	service := keyedService(func(a *specs.Actor) { a.Retry = specs.Retry{Max: 3, Backoff: 1, Factor: 1, Hold: true} })
	b := open(t, service, says("old"), nil)
	broken := map[string]guest{"who": func(engine.Host, *abi.Message) ([]sent, error) { return nil, errors.New("boom") }}
	if err := b.try(t, service, broken, 1); err != nil {
		t.Fatal(err)
	}
	f := b.accept(t, &Request{To: "who", AnyReply: true, Data: []byte(`{"k":"a"}`)})
	await(t, "the end of all attempts", func() bool {
		b.clock.pass(2)
		return f.Answer().Outcome == Failed
	})
	if n := b.Trial()[0].New; n.Failed != 1 || b.status(t, "who").Failed != 4 {
		t.Errorf("one message counts as %d, of %d attempts", n.Failed, b.status(t, "who").Failed)
	}
}

// TestTrialInFlight: a key is not served by what is tried before what the old revision
// handles of it has ended.
func TestTrialInFlight(t *testing.T) {
	service := keyedService(nil)
	waiting, goOn := make(chan struct{}), make(chan struct{})
	slow := map[string]guest{"who": func(h engine.Host, _ *abi.Message) ([]sent, error) {
		if err := h.Sleep(1); err != nil {
			return nil, err
		}
		close(waiting)
		<-goOn
		return []sent{{typ: "out", data: "old"}}, nil
	}}
	b := open(t, service, slow, nil)
	ask := func() *Flow {
		return b.accept(t, &Request{To: "who", AnyReply: true, Data: []byte(`{"k":"a"}`)})
	}
	first := ask()
	<-waiting
	if err := b.try(t, service, says("new"), 1); err != nil {
		t.Fatal(err)
	}
	second := ask()
	other := b.accept(t, &Request{To: "who", AnyReply: true, Data: []byte(`{"k":"b"}`)})
	if got := answered1(t, other); got != "replied out new" {
		t.Errorf("another key: %s", got)
	}
	if got := second.Answer().Outcome; got != Pending {
		t.Errorf("the second message of the key is %v while the first is handled", got)
	}
	close(goOn)
	if got := answered1(t, first) + ", " + answered1(t, second); got != "replied out old, replied out new" {
		t.Error(got)
	}
}

// TestTrialCannotStart: what is tried cannot start an instance. Its own messages pay for
// that, not those of the old revision that wait for an instance in the same place.
func TestTrialCannotStart(t *testing.T) {
	service := keyedService(func(a *specs.Actor) { a.Scale.Max = 1 })
	waiting, goOn := make(chan struct{}, 1), make(chan struct{})
	slow := map[string]guest{"who": func(h engine.Host, _ *abi.Message) ([]sent, error) {
		if err := h.Sleep(1); err != nil {
			return nil, err
		}
		select {
		case waiting <- struct{}{}:
		default:
		}
		<-goOn
		return []sent{{typ: "out", data: "old"}}, nil
	}}
	b := open(t, service, slow, nil)
	if err := b.try(t, service, map[string]guest{"who": nil}, 0.5); err != nil {
		t.Fatal(err)
	}
	x := b.trial.Load()
	keys := map[bool][]string{} // of one lane, by whether what is tried has them
	for i := range 200 {
		if key := fmt.Sprint("k", i); spread(key, 2) == 0 {
			tried := mix(hash(x.salt, key)) < x.below.Load()
			keys[tried] = append(keys[tried], key)
		}
	}
	ask := func(key string) *Flow {
		return b.accept(t, &Request{To: "who", AnyReply: true, Data: fmt.Appendf(nil, `{"k":%q}`, key)})
	}
	first := ask(keys[false][0])
	<-waiting // the only instance of the old revision is in use
	second := ask(keys[false][1])
	lane := b.lanes[0]
	await(t, "the second waits for an instance", func() bool { return b.nodes["who"].hungry.Load()&(1<<lane.index) != 0 })
	if got := answered1(t, ask(keys[true][0])); !strings.HasPrefix(got, "failed") {
		t.Errorf("what cannot start: %s", got)
	}
	close(goOn)
	if got := answered1(t, first) + ", " + answered1(t, second); got != "replied out old, replied out old" {
		t.Error(got)
	}
	if n := b.Trial()[0]; n.Old.Failed != 0 || n.New.Failed != 1 {
		t.Errorf("%d messages of the old revision failed, %d of what is tried", n.Old.Failed, n.New.Failed)
	}
}

// TestTrialRefused: what cannot be tried beside what runs.
func TestTrialRefused(t *testing.T) {
	service := keyedService(nil)
	b := open(t, service, says("old"), nil)
	other := project(def("who", nil))
	more := project(def("who", nil), def("more", nil))
	stateful := keyedService(func(a *specs.Actor) {
		a.State = []specs.State{{Name: "count", Type: cueType(t, "int")}}
	})
	for name, s := range map[string]*specs.Service{"keys": other, "nodes": more, "state": stateful} {
		guests := says("new")
		guests["more"] = guests["who"]
		if err := b.try(t, s, guests, 0.5); !errors.Is(err, ErrTrial) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := b.Try(&Trial{Table: mustCompile(t, service)}); !errors.Is(err, ErrTrial) {
		t.Errorf("nothing to try: %v", err)
	}
	if err := b.try(t, service, says("new"), 0.5); err != nil {
		t.Fatal(err)
	}
	if err := b.try(t, service, says("new"), 0.5); !errors.Is(err, ErrTrial) {
		t.Errorf("a second trial: %v", err)
	}
}

// handledWith are handlings that used no fuel, and one unit.
var handledWith = [2]actor.Result{{Outcome: actor.Handled}, {Outcome: actor.Handled, Fuel: 1}}

// TestSamples: what an arm keeps is bounded, and any handling may be among it.
func TestSamples(t *testing.T) {
	a := newArm(1)
	for i := range 10 * SamplesMax {
		a.count(&parcel{attempt: 1}, &handledWith[i%2], 0)
	}
	r := a.report("")
	odd := 0
	for _, s := range r.Samples {
		odd += int(s.Fuel)
	}
	if len(r.Samples) != SamplesMax || r.Handled != 10*SamplesMax || math.Abs(float64(odd)-SamplesMax/2) > SamplesMax/8 {
		t.Errorf("%d samples of %d, %d odd ones", len(r.Samples), r.Handled, odd)
	}
}

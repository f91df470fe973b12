package app

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/replay"
	"github.com/grow-platform/grow/specs"
)

// TestReplayHides: nothing of a message that is handled again shows a secret, neither one of
// the service that is tried nor one of what runs, which handled it.
func TestReplayHides(t *testing.T) {
	named := func(secret string) *specs.Service {
		return &specs.Service{Actors: map[string]*specs.Actor{"a": {Uses: []specs.Grant{{Kind: "secret", Params: map[string]any{"names": []any{secret}}}}}}}
	}
	values := map[string]string{"OLD": "s3cr3t", "NEW": "s3cr3t-and-more"}
	h := &Host{discretion: newDiscretion(nil, "", nil)}
	h.opts.Secret = func(name string) (string, bool) { v, ok := values[name]; return v, ok }
	h.service.Store(named("OLD"))
	h.learn(h.service.Load())
	m := h.mask(named("NEW"))
	for _, secret := range values {
		o := &replay.Outcome{
			What: "refused", Code: secret, Text: secret, Outputs: []replay.Output{{Type: "t", Data: []byte(secret), Attrs: map[string]string{"x.a": secret}}},
			State: []capability.Change{{Data: []byte(secret)}}, Unknown: []replay.Asked{{Data: secret}},
		}
		c := &replay.Comparison{Case: &replay.Case{ID: "1", Key: secret, Message: abi.NewMessage([]byte(secret), abi.Type, "t"), Then: *o}, Now: o}
		for what, v := range map[string]any{
			"replay": replayedOf(c, "a", "1", m),
			"record": (&recorder{mask: m}).message(c),
		} {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(b), "s3cr3t") || strings.Contains(string(b), "and-more") || strings.Contains(string(b), "czNjcjN0") {
				t.Errorf("%s shows %s: %s", what, secret, b)
			}
		}
		if o.Outputs[0].Attrs["x.a"] != secret {
			t.Error("what came of it is changed")
		}
	}
}

// TestForksKeyless: whether what is in the journal had keys is for what runs to say, which has
// handled it, and not for what is tried.
func TestForksKeyless(t *testing.T) {
	h := serve(t, "")
	next := *h.service.Load()
	keyed := *next.Actors["hog"]
	keyed.Key = map[string]string{"hog.do": "data"}
	next.Actors = map[string]*specs.Actor{"hog": &keyed}
	now, err := h.wanted(&next, *h.built.Load())
	if err != nil {
		t.Fatal(err)
	}
	o, end, err := h.forks(t.Context(), &again{node: "hog", now: now}, 3)
	if err != nil {
		t.Fatal(err)
	}
	if o.Workers != 3 || o.New.Scale.Max != 3 {
		t.Errorf("%d messages at a time, with %d instances", o.Workers, o.New.Scale.Max)
	}
	if !o.Keyless {
		t.Error("what it has handled is taken to have had keys")
	}
	if seed := o.Record.Live("m"); seed != h.supervisor.Seed("m") {
		t.Error("what drew nothing would draw otherwise than what runs")
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// TestRehearsalWorkers: a rehearsal leaves a processor to what runs, where there are others,
// and takes no more memory on a large machine than for a few instances.
func TestRehearsalWorkers(t *testing.T) {
	for processors, want := range map[int]int{1: 1, 2: 1, 3: 2, 5: 4, 64: 4} {
		if got := rehearsalWorkers(processors); got != want {
			t.Errorf("%d on %d processors, want %d", got, processors, want)
		}
	}
}

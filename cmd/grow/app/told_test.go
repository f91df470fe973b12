package app

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
)

const toldSecret = "topsecret"

// toldKeys is a lister of keys that has them in order.
type toldKeys []string

// ListStates implements lister.
func (k toldKeys) ListStates(_ context.Context, f *shard.StateFilter) (list []shard.KeyState, err error) {
	for _, key := range k {
		if (f.After == nil || key > *f.After) && len(list) < f.Limit {
			list = append(list, shard.KeyState{Key: key, Values: []shard.ValueSize{{Name: key}}})
		}
	}
	return list, nil
}

// TestToldDebugged: what became of a message, and how long it took, does not change when
// somebody looks into it later, and one that nothing else is known of is not told of.
func TestToldDebugged(t *testing.T) {
	at := time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)
	w := tracing{of: map[string]*traced{}}
	for _, h := range []shard.Hop{
		{What: shard.HopHandled, ID: "m", Node: "n", Type: "asked", Time: at, Took: time.Second},
		{What: shard.HopDead, ID: "d", Node: "n", Type: "asked", Time: at, Code: "trap"},
		{What: shard.HopAction, ID: "m", Node: "n", Time: at.Add(time.Hour), Code: journal.ActionDebug, By: "ann"},
		{What: shard.HopAction, ID: "m", Node: "n", Time: at.Add(2 * time.Hour), Code: journal.ActionDebugEnd, By: "ann"},
		{What: shard.HopAction, ID: "d", Node: "n", Time: at.Add(time.Hour), Code: journal.ActionDebug, By: "ann"},
		{What: shard.HopAction, ID: "older", Node: "n", Time: at.Add(time.Hour), Code: journal.ActionDebug, By: "ann"},
		{What: shard.HopAction, ID: "dropped", Node: "n", Time: at, Code: journal.ActionDrop, By: "ann"},
	} {
		w.hop(&h)
	}
	var got []string
	for _, m := range w.list {
		got = append(got, fmt.Sprintf("%s %s %d", m.ID, m.Outcome, len(m.Acts)))
	}
	if want := "m handled 2, d dead 1, dropped dead 1"; strings.Join(got, ", ") != want || !w.last.Equal(at.Add(time.Second)) {
		t.Errorf("%s; want %s; it ended at %s", strings.Join(got, ", "), want, w.last)
	}
}

// TestToldNames: secrets are hidden in codes, keys and names of what is told, too.
func TestToldNames(t *testing.T) {
	const s = toldSecret
	m := newMask([]string{s})
	answer := abi.NewMessage([]byte("no"), abi.Type, abi.TypeError, abi.Code, s).Frame()
	hops := []shard.Hop{
		{
			What: shard.HopRefused, ID: "m", Node: "n", Key: s, Type: "asked", Code: s, Reason: s, State: []journal.StateChange{{Name: s, Value: []byte("1"), Revision: 1}},
			Answers: []journal.Answer{{Call: 1, Operation: s, Frame: answer}}, Outputs: []shard.HopOutput{{ID: "o", To: "deadletter", Key: s, Code: s, Reason: s}},
		},
		{What: shard.HopAction, ID: "m", Code: journal.ActionDrop, Reason: s, Key: s},
	}
	node := &router.Node{Actor: &specs.Actor{}}
	in := toldInspection(node, &shard.Inspection{Keys: []shard.KeyMailbox{{Key: s}}, Flight: []shard.InFlight{{Key: s}}}, m)
	diff, err := diffState(t.Context(), control.DiffRequest{Key: s}, m, func(shard.Span) (*shard.History, error) {
		return &shard.History{Changes: []shard.StateStep{{Reason: s, Names: []string{s}}}, Values: []shard.ValueSpan{{Name: s}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	state, err := stateReply(&specs.Service{}, &control.StateRequest{Key: s}, map[string]capability.Value{s: {Data: []byte("1")}}, m)
	if err != nil {
		t.Fatal(err)
	}
	for what, told := range map[string]any{
		"trace": toldOf(&shard.Traced{Hops: hops}, m), "inspect": in, "diff": diff, "state": state, "attributes": m.attrs(map[string]string{s: s}),
	} {
		if text := fmt.Sprintf("%+v", told); strings.Contains(text, s) || !strings.Contains(text, hidden) {
			t.Errorf("%s tells %s", what, text)
		}
	}
}

// TestStatesPage: all keys are listed by pages whose ends have no secret in them.
func TestStatesPage(t *testing.T) {
	m, keys := newMask([]string{toldSecret}), toldKeys{"a", "b-topsecret-1", "b-topsecret-2", "b-topsecret-3", "c", "d", "e-topsecret"}
	for limit := 1; limit <= len(keys)+1; limit++ {
		var got []string
		for after := (*string)(nil); ; {
			list, next, err := m.page(t.Context(), keys, control.StateFilter{After: after, Limit: limit})
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range list {
				got = append(got, k.Key)
			}
			if next == nil {
				break
			}
			if after = next; strings.Contains(*after, toldSecret) {
				t.Errorf("pages of %d: the next one comes after %s", limit, *after)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint([]string(keys)) {
			t.Errorf("pages of %d list %q", limit, got)
		}
	}
}

// TestDiscreet: attributes of a log line have no secrets, of whatever kind they are; the others
// stay what they are.
func TestDiscreet(t *testing.T) {
	d := newDiscretion(nil, "", nil)
	d.remember(toldSecret)
	var out bytes.Buffer
	type part struct {
		Name string
		In   *part
	}
	log := slog.New(discreet{slog.NewJSONHandler(&out, nil), d.text}).With("first", []string{toldSecret})
	log.Info(toldSecret, "text", toldSecret, "error", fmt.Errorf("x %s", toldSecret), "list", []string{"a", toldSecret}, "inner", &part{In: &part{Name: toldSecret}},
		"bytes", []byte(toldSecret), "map", map[string]any{toldSecret: 1}, slog.Group("g", "list", []any{toldSecret}), "clear", []int{1, 2}, "took", time.Second)
	if text := out.String(); strings.Contains(text, toldSecret) || strings.Contains(text, "dG9wc2VjcmV0") || !strings.Contains(text, `"clear":[1,2]`) {
		t.Error(text)
	}
}

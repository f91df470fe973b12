package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
)

// TestTraced: what a journal says of a request, entry by entry, is put together
// message by message, each behind the one that caused it.
func TestTraced(t *testing.T) {
	begin := time.Unix(1000, 0)
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	answer := abi.NewMessage([]byte(`{"rate":"topsecret"}`), abi.Type, abi.TypeOK).Frame()
	failed := abi.NewMessage([]byte("too slow"), abi.Type, abi.TypeError, abi.Code, "timeout").Frame()
	hops := []shard.Hop{
		{
			What: shard.HopAccepted, ID: "m", Node: "w/a", Key: "k", Type: "asked", Data: []byte(`1`), Time: at(0),
			Outputs: []shard.HopOutput{{ID: "m-2", To: "w/b", Type: "asked", Data: []byte(`1`)}},
		},
		{What: shard.HopAttempt, ID: "m", Node: "w/a", Key: "k", Time: at(1), Attempt: 1, Code: "trap", Reason: "topsecret is wrong", Due: at(5), Fuel: 3},
		{
			What: shard.HopHandled, ID: "m", Node: "w/a", Key: "k", Type: "asked", Data: []byte(`1`), Time: at(5), Took: 2 * time.Millisecond, Attempt: 2, Fuel: 4, Revision: "r1",
			State:   []journal.StateChange{{Value: []byte(`"topsecret"`), Revision: 2}, {Name: "gone", Deleted: true, Revision: 1}},
			Answers: []journal.Answer{{Call: 1, Operation: "http.get", Use: "tax", Frame: answer, Duration: 1e6}, {Call: 2, Operation: "http.get", Frame: failed}, {Call: 3, Frame: []byte("?")}},
			Outputs: []shard.HopOutput{
				{ID: "m.1", To: "output", Type: "done", Data: []byte(`2`)}, {ID: "m.2", To: "w/b", Type: "told", Data: []byte("text"), Due: at(90)},
				{ID: "m.3", To: "drop", Type: "done"}, {ID: "m.4", To: "deadletter", Type: "lost", Code: "route.none", Reason: "no route"},
			},
		},
		{What: shard.HopRefused, ID: "m-2", Node: "w/b", Type: "asked", Data: []byte(`1`), Time: at(6), Attempt: 1, Code: "no", Reason: "never"},
		{What: shard.HopDead, ID: "m.2", Cause: "m", Node: "w/b", Key: "k2", Type: "told", Data: []byte("text"), Time: at(95), Attempt: 1, Code: "trap", Reason: "broken", Fuel: 5},
		{What: shard.HopAction, ID: "m.2", Code: journal.ActionEdit, By: "ann", Reason: "typo", Time: at(99), Data: []byte("other")},
		{What: shard.HopAction, ID: "m.2", Node: "w/c", Key: "other", Code: journal.ActionRedrive, By: "ann", Time: at(100), Outputs: []shard.HopOutput{{ID: "n", To: "w/c", Key: "other", Type: "told", Data: []byte("other")}}},
	}
	hops = append(hops,
		shard.Hop{What: shard.HopAccepted, ID: "q", Node: "w/d", Type: "asked", Time: at(100)},
		shard.Hop{What: shard.HopBegun, ID: "q", Node: "w/d", Time: at(100), Attempt: 1, Answers: []journal.Answer{{Call: 1, Operation: "http.get", Use: "tax", Frame: answer}, {Call: 2, Operation: "http.get", Frame: failed}}},
		shard.Hop{What: shard.HopBegun, ID: "q", Node: "w/d", Time: at(100), Attempt: 1, Answers: []journal.Answer{{Call: 3, Operation: "kv.set", Frame: answer}}},
		shard.Hop{What: shard.HopAttempt, ID: "q", Node: "w/d", Time: at(100), Attempt: 1, Code: "trap", Answers: []journal.Answer{{Call: 1, Operation: "http.get", Use: "tax", Frame: answer}}},
		shard.Hop{What: shard.HopBegun, ID: "q", Node: "w/d", Time: at(100), Attempt: 2},
	)
	secrets := newMask([]string{"topsecret"})
	tr := toldOf(&shard.Traced{ID: "m.2", Flow: "m", Hops: hops}, secrets)
	if tr.ID != "m.2" || tr.Flow != "m" || tr.Fuel != 12 || tr.Took != 100 || !tr.Began.Equal(begin) {
		t.Errorf("%+v", tr)
	}
	var got []string
	for _, m := range tr.Messages {
		line := fmt.Sprintf("%s%s %s %s[%s] %s%s", strings.Repeat("  ", m.Depth), m.ID, m.Type, m.Node, m.Key, m.Data, m.Raw)
		for _, r := range m.Tries {
			line += fmt.Sprintf(" %d:%s", r.Attempt, r.Code)
			for _, a := range r.Told {
				line += fmt.Sprintf(" told %d %s%s%s", a.Call, a.Code, a.Data, a.Raw)
			}
			if r.Open {
				line += " open"
			}
		}
		for _, a := range m.Acts {
			line += fmt.Sprintf(" %s by %s %s", a.Name, a.By, a.Again)
		}
		got = append(got, strings.TrimRight(line+" "+m.Outcome+" "+m.Code, " "))
	}
	want := []string{
		"m asked w/a[k] 1 1:trap 2: handled",
		"  m.1 done [] 2 left",
		"  m.2 told w/b[k2] text 1:trap deadletter.edit by ann  deadletter.redrive by ann n dead trap",
		"    n told w/c[other] other waits",
		"  m.3 done []  dropped",
		"  m.4 lost []  dead route.none",
		"m-2 asked w/b[] 1 1:no refused no",
		`q asked w/d[]  1:trap told 1 {"rate":"***"} told 2 timeouttoo slow told 3 {"rate":"***"} 2: open waits trap`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	first := tr.Messages[0].Tries
	if first[0].Reason != "*** is wrong" || !first[0].Due.Equal(at(5)) || first[1].Took != 2 || first[1].Revision != "r1" {
		t.Errorf("attempts: %+v", first)
	}
	if s := first[1].State; len(s) != 2 || string(s[0].Data) != `"***"` || s[1].Revision != 0 || s[1].Name != "gone" {
		t.Errorf("state: %+v", s)
	}
	if a := first[1].Answers; string(a[0].Data) != `{"rate":"***"}` || a[0].Took != 1 || a[0].Bytes != len(`{"rate":"***"}`) || a[2].Bytes != 1 || a[1].Code != "timeout" || string(a[1].Raw) != "too slow" || string(a[2].Raw) != "?" {
		t.Errorf("answers: %+v", a)
	}
}

// TestSecretsNamed: what a service names as secret is hidden wherever it stands, but
// for what is too short to be told from other text.
func TestSecretsNamed(t *testing.T) {
	s := &specs.Service{
		Endpoints: []*specs.Endpoint{{Webhook: &specs.Webhook{Secret: "HOOK"}}, {}},
		Actors: map[string]*specs.Actor{"a": {Uses: []specs.Grant{
			{Kind: "secret", Params: map[string]any{"names": []any{"TOKEN", "PIN", "MISSING", "SHORT", "LONG", "BOTH"}}}, {Kind: "http", Params: map[string]any{"names": []any{"OTHER"}}},
			{Kind: "http", Params: map[string]any{"headers": map[string]any{"Authorization": "Bearer ${HEADER}:${SECOND}"}}},
		}}},
	}
	values := map[string]string{
		"HOOK": "a\"quoted\"one", "TOKEN": "123456789", "PIN": "1", "OTHER": "not-secret", "SHORT": "key-of-all", "LONG": "key-of-all-doors", "BOTH": `it's "é"`,
		"HEADER": "in-a-header", "SECOND": "second-one",
	}
	h := &Host{discretion: newDiscretion(nil, "", nil)}
	h.opts.Secret = func(name string) (string, bool) { value, ok := values[name]; return value, ok }
	m := h.mask(s)
	for data, want := range map[string]string{
		`{"t":"123456789","n":1}`: `{"t":"***","n":1}`, `"a\"quoted\"one"`: `"***"`, `a"quoted"one`: `***`, `"not-secret"`: `"not-secret"`, "": "",
		"key-of-all-doors, key-of-all": "***, ***", `'it\'s "é"'`: `'***'`, `"it's \"\u00e9\""`: `"***"`, `it's "é"`: "***",
		`Bearer in-a-header:second-one`: `Bearer ***:***`,
	} {
		if got := string(m.hide([]byte(data))); got != want {
			t.Errorf("%s is shown as %s, want %s", data, got, want)
		}
	}
	if data, raw := m.value([]byte("123456789")); data != nil || string(raw) != "***" {
		t.Errorf("a number that is secret: %s %s", data, raw)
	}
}

func TestPoint(t *testing.T) {
	noon := time.Date(2026, 1, 31, 12, 0, 0, 0, time.Local)
	for text, want := range map[string]shard.Point{
		"": {}, "48120": {Sequence: 48120}, "2026-01-31 12:00": {Time: noon}, "2026-01-31T12:00:00": {Time: noon}, "2026-01-31": {Time: noon.Add(-12 * time.Hour)},
		"2026-01-31T12:00:00Z": {Time: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)}, "01JBZ5V6XQ7N8M2K4D3C1B0A9Z.1-2": {ID: "01JBZ5V6XQ7N8M2K4D3C1B0A9Z.1-2"}, "-1": {ID: "-1"},
	} {
		if got := point(text); got.Sequence != want.Sequence || got.ID != want.ID || !got.Time.Equal(want.Time) {
			t.Errorf("%q is %+v, want %+v", text, got, want)
		}
	}
}

// TestTracedTimes: a message that was kept in the midst, as it was about to change something
// outside, began when its attempt did, and a request takes no less than a part of it.
func TestTracedTimes(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(1000, 0).Add(time.Duration(ms) * time.Millisecond) }
	hops := []shard.Hop{
		{What: shard.HopAccepted, ID: "m", Node: "w/a", Type: "asked", Time: at(48)},
		{What: shard.HopBegun, ID: "m", Node: "w/a", Time: at(48), Attempt: 1},
		{
			What: shard.HopHandled, ID: "m", Node: "w/a", Type: "asked", Time: at(0), Took: 70 * time.Millisecond, Attempt: 1,
			Outputs: []shard.HopOutput{{ID: "m.1", To: "output", Type: "done"}},
		},
	}
	tr := toldOf(&shard.Traced{ID: "m", Flow: "m", Hops: hops}, mask{})
	if out := tr.Messages[1]; !tr.Began.Equal(at(0)) || tr.Took != 70 || !tr.Messages[0].Time.Equal(at(0)) || !out.Time.Equal(at(70)) {
		t.Errorf("it began at %s and took %v ms: %s, then %s", tr.Began, tr.Took, tr.Messages[0].Time, out.Time)
	}
}

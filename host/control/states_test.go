package control

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func (f *fake) Inspect(_ context.Context, r InspectRequest) (Inspection, error) {
	return Inspection{Node: r.Node}, f.note(r)
}

func (f *fake) Fork(_ context.Context, r ForkRequest) (Forked, error) {
	return Forked{Node: r.Node}, f.note(r)
}

func (f *fake) OpenREPL(_ context.Context, r REPLRequest, by string) (REPL, error) {
	return REPL{ID: by, Node: r.Node}, f.note(r)
}

func (f *fake) Evaluate(_ context.Context, r REPLInput, _ string) (REPLOutput, error) {
	return REPLOutput{Output: r.Source}, f.note(r)
}

func (f *fake) CloseREPL(_ context.Context, id, _ string) (REPL, error) {
	return REPL{ID: id}, f.note(id)
}

func (f *fake) State(_ context.Context, r StateRequest) (State, error) {
	return State{Node: r.Node, Key: r.Key, Values: []StateValue{{Revision: 2, Bytes: 9, Data: json.RawMessage(`{"a":"<&>"}`)}, {Name: "b", Raw: []byte{0}}}}, f.note(r)
}

func (f *fake) States(_ context.Context, w StateFilter) (StateList, error) {
	return StateList{Keys: []State{{Node: w.Node, Key: "a"}}, Next: w.After}, f.note(w)
}

func (f *fake) SetState(_ context.Context, r StateSet) (StateSetReply, error) {
	return StateSetReply{Node: r.Node, Key: r.Key, Name: r.Name, Revision: 3, Changes: []Difference{{Path: "a", Is: json.RawMessage(`1`)}}}, f.note(r)
}

func (f *fake) StateDiff(_ context.Context, r DiffRequest) (StateDiff, error) {
	return StateDiff{Node: r.Node, Key: r.Key, Count: 1, Steps: []StateStep{}, Values: []ValueDiff{{Is: 1}}}, f.note(r)
}

func (f *fake) Messages(_ context.Context, in MessageFilter) (MessageList, error) {
	return MessageList{Messages: []Message{{ID: "m", Node: in.Node, Outcome: in.Outcome}}, Older: in.Last == 7}, nil
}

func (f *fake) Trace(_ context.Context, id string) (Trace, error) {
	return Trace{ID: id, Messages: []TraceMessage{{ID: id, Tries: []TraceTry{}, Raw: []byte{1}}}}, f.note(id)
}

func (f *fake) Replay(_ context.Context, r ReplayRequest) (Replayed, error) {
	return Replayed{ID: r.ID, Raw: []byte{0}, Then: ReplayOutcome{State: []StateValue{{Name: "a"}}}}, f.note(r)
}

func (f *fake) Record(_ context.Context, r RecordRequest) (Record, error) {
	return Record{Messages: []RecordedMessage{{ID: r.ID, Data: []byte{0}, Config: json.RawMessage(`{"a":1}`)}}}, f.note(r)
}

// TestStates: what is asked of states and of the past comes to the host as it was
// asked, and back as it was answered.
func TestStates(t *testing.T) {
	f, c := served(t)
	revision, after := uint64(0), ""
	key, filter := StateRequest{"n/a", "k <&>", time.Second}, StateFilter{Node: "n", Prefix: "p", After: &after, Limit: 3}
	set, diff := StateSet{Node: "n", Key: "k", Name: "x", Data: []byte("{}"), Revision: &revision, Act: Act{By: "ann", Reason: "why"}, Timeout: time.Minute}, DiffRequest{"n", "k", "1", "a b"}
	deleted := StateSet{Node: "n", Delete: true, Plan: true}
	state, err := c.State(t.Context(), key)
	if err != nil || state.Key != key.Key || string(state.Values[0].Data) != `{"a":"<&>"}` || string(state.Values[1].Raw) != "\x00" {
		t.Errorf("%+v, %v", state, err)
	}
	if list, err := c.States(t.Context(), filter); err != nil || len(list.Keys) != 1 || list.Next == nil || *list.Next != "" {
		t.Errorf("%+v, %v", list, err)
	}
	if reply, err := c.SetState(t.Context(), set); err != nil || reply.Revision != 3 || string(reply.Changes[0].Is) != "1" || reply.Changes[0].Was != nil {
		t.Errorf("%+v, %v", reply, err)
	}
	if _, err := c.SetState(t.Context(), deleted); err != nil {
		t.Error(err)
	}
	if d, err := c.StateDiff(t.Context(), diff); err != nil || d.Count != 1 || d.Values[0].Is != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	if traced, err := c.Trace(t.Context(), "a/b c"); err != nil || traced.ID != "a/b c" || len(traced.Messages) != 1 {
		t.Errorf("%+v, %v", traced, err)
	}
	again := ReplayRequest{ID: "a", On: "/m.wasm", With: []ReplayAnswer{{Call: 1, Data: []byte(`{"a":"<&>"}`), Attrs: map[string]string{"status": "200"}}}}
	if r, err := c.Replay(t.Context(), again); err != nil || r.ID != "a" || string(r.Raw) != "\x00" || r.Then.State[0].Name != "a" {
		t.Errorf("%+v, %v", r, err)
	}
	record := RecordRequest{Actor: "n", ID: "a", Last: 3, Distinct: true}
	if r, err := c.Record(t.Context(), record); err != nil || len(r.Messages) != 1 || string(r.Messages[0].Data) != "\x00" || string(r.Messages[0].Config) != `{"a":1}` {
		t.Errorf("%+v, %v", r, err)
	}
	if diff := cmp.Diff([]any{key, filter, set, deleted, diff, "a/b c", again, record}, f.asked); diff != "" {
		t.Errorf("the host was asked\n%s", diff)
	}
	f.err = &Error{Code: CodeConflict, Message: "moved", Next: "look"}
	if _, err := c.SetState(t.Context(), set); err == nil || cmp.Diff(f.err, err) != "" {
		t.Errorf("an error comes back as %v", err)
	}
}

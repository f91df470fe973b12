package shard

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/mem"
)

// story is how a key came to what it is: three messages of which the second is
// another key's, then a person.
func story(t *testing.T) (b *bench, ids []string) {
	t.Helper()
	service, guests := counter()
	b = open(t, service, guests, nil)
	for _, key := range []string{"k", "other", "k"} {
		f := b.accept(t, &Request{To: "count", AnyReply: true, Data: fmt.Appendf(nil, "%q", key), Kept: true})
		answered1(t, f)
		ids = append(ids, f.ID())
	}
	if _, err := b.set(context.Background(), "k", "note", `"x"`, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := b.set(context.Background(), "k", "", "", AnyRevision); err != nil {
		t.Fatal(err)
	}
	return b, ids
}

// telling is a history in one line.
func telling(h *History) string {
	var list []string
	for _, c := range h.Changes {
		list = append(list, c.By+c.Reason+strings.Join(c.Names, "+"))
	}
	line := fmt.Sprintf("%d %q", h.Count, list)
	for _, v := range h.Values {
		line += fmt.Sprintf(" %s:%d %s>%d %s", v.Name, v.Was.Revision, v.Was.Data, v.Is.Revision, v.Is.Data)
		if v.Unknown {
			line += "?"
		}
	}
	return line
}

// TestStateHistory: a state's changes between two points, whichever way these
// are named, and what they come to.
func TestStateHistory(t *testing.T) {
	b, ids := story(t)
	all, err := b.StateHistory(context.Background(), "count", "k", Span{})
	if err != nil || all.First != 1 || all.Since.IsZero() || len(all.Changes) != 4 || all.Changes[0].ID != ids[0] || all.Changes[2].By != "ann" {
		t.Fatalf("%+v, %v", all, err)
	}
	second := all.Changes[1].Sequence
	for _, c := range []struct {
		name string
		span Span
		want string
	}{
		{"all", Span{}, `4 ["" "" "anna slipnote" "anna slip"] :0 >0  note:0 >1 "x"`},
		{"a message", Span{Point{ID: ids[2]}, Point{ID: ids[2]}}, `1 [""] :1 1>2 2`},
		{"from another key's message", Span{Point{ID: ids[1]}, Point{ID: ids[2]}}, `1 [""] :1 1>2 2`},
		{"to a message", Span{Point{}, Point{ID: ids[0]}}, `1 [""] :0 >1 1`},
		{"from a record", Span{From: Point{Sequence: second}}, `3 ["" "anna slipnote" "anna slip"] :1 1>0  note:0 >1 "x"`},
		{"to a record", Span{To: Point{Sequence: second}}, `2 ["" ""] :0 >2 2`},
		{"one record", Span{Point{Sequence: second}, Point{Sequence: second}}, `1 [""] :1 1>2 2`},
		{"all of the time", Span{Point{Time: all.Changes[0].Time}, Point{Time: all.Changes[3].Time}}, `4 ["" "" "anna slipnote" "anna slip"] :0 >0  note:0 >1 "x"`},
		{"later", Span{From: Point{Time: all.Changes[3].Time.Add(time.Hour)}}, `0 []`},
		{"earlier", Span{To: Point{Time: all.Changes[0].Time.Add(-time.Hour)}}, `0 []`},
		{"behind the end", Span{From: Point{Sequence: 1 << 40}}, `0 []`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, err := b.StateHistory(context.Background(), "count", "k", c.span)
			if err != nil {
				t.Fatal(err)
			}
			if got := telling(h); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	for name, span := range map[string]Span{
		"records": {Point{Sequence: 3}, Point{Sequence: 2}}, "messages": {Point{ID: ids[2]}, Point{ID: ids[0]}},
		"times": {Point{Time: all.Changes[3].Time.Add(1)}, Point{Time: all.Changes[3].Time}},
	} {
		if _, err := b.StateHistory(context.Background(), "count", "k", span); !errors.Is(err, ErrSpan) {
			t.Errorf("%s the wrong way round: %v", name, err)
		}
	}
	var none *AbsentError
	for _, span := range []Span{{From: Point{ID: "nobody"}}, {To: Point{ID: "nobody"}}} {
		if _, err := b.StateHistory(context.Background(), "count", "k", span); !errors.As(err, &none) || none.ID != "nobody" || none.First != 1 || none.Since.IsZero() {
			t.Errorf("of a message that is not there: %v", err)
		}
	}
}

// TestStateHistoryTrimmed: what the journal does not hold any more is not known,
// unless it says itself that there was nothing.
func TestStateHistoryTrimmed(t *testing.T) {
	b, _ := story(t)
	all, err := b.StateHistory(context.Background(), "count", "k", Span{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.journal.Trim(context.Background(), all.Changes[1].Sequence); err != nil {
		t.Fatal(err)
	}
	h, err := b.StateHistory(context.Background(), "count", "k", Span{})
	if want := `3 ["" "anna slipnote" "anna slip"] :0 >0 ? note:0 >1 "x"`; err != nil || telling(h) != want || h.First != all.Changes[1].Sequence {
		t.Errorf("%s, %v, first %d", telling(h), err, h.First)
	}
}

// TestTraceNames: a request is found by any of its messages and by the beginning
// of an id that no other has.
func TestTraceNames(t *testing.T) {
	b, ids := story(t)
	ctx := context.Background()
	own := 0 // letters that the first two have in common
	for ids[0][own] == ids[1][own] {
		own++
	}
	for _, id := range []string{ids[0], ids[0] + ".1", ids[0][:len(ids[0])-1]} {
		tr, err := b.Trace(ctx, id)
		if err != nil || tr.Flow != ids[0] || len(tr.Hops) == 0 || !strings.HasPrefix(tr.ID, id) || tr.More {
			t.Errorf("%s: %+v, %v", id, tr, err)
		}
	}
	var many *AmbiguousError
	if _, err := b.Trace(ctx, ids[0][:own]); !errors.As(err, &many) || len(many.IDs) < 2 || !strings.HasPrefix(many.IDs[0], ids[0][:own]) {
		t.Errorf("the beginning of several: %v", err)
	}
	var none *AbsentError
	if _, err := b.Trace(ctx, "nobody"); !errors.As(err, &none) || none.First != 1 || none.Since.IsZero() || !errors.Is(err, ErrNoTrace) {
		t.Errorf("nobody's: %v", err)
	}
	empty, err := mem.New(mem.Options{}).Open(ctx, journal.Name{Namespace: "main", Service: "empty"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Trace(ctx, empty, "nobody"); !errors.As(err, &none) || !none.Since.IsZero() {
		t.Errorf("in an empty journal: %v", err)
	}
}

// TestReadStates: a journal tells the same of states without a shard as with one.
func TestReadStates(t *testing.T) {
	b, _ := story(t)
	ctx := context.Background()
	k, err := ReadStates(ctx, b.journal)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"k", "other", "nothing"} {
		want, err := b.GetState(ctx, "count", key)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := k.GetState(ctx, "count", key); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, %v, want %v", key, got, err, want)
		}
	}
	after := "k"
	for _, f := range []*StateFilter{{Node: "count", Limit: 9}, {Node: "count", Limit: 1}, {Node: "count", Prefix: "o", Limit: 9}, {Node: "count", After: &after, Limit: 9}, {Node: "none", Limit: 9}} {
		got, err := k.ListStates(ctx, f)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := b.ListStates(ctx, f); f.Node == "count" && (err != nil || len(want) == 0 || fmt.Sprint(got) != fmt.Sprint(want)) || f.Node != "count" && len(got) != 0 {
			t.Errorf("%+v: %v, want %v, %v", f, got, want, err)
		}
	}
}

// TestKeyListBound: of very many keys the first are listed, and only a few times
// as many remembered.
func TestKeyListBound(t *testing.T) {
	list := keyList{filter: &StateFilter{Limit: 2}}
	most := 0
	for i := range 10_000 {
		list.add(&KeyState{fmt.Sprintf("%05d", (i*7919)%10_000), []ValueSize{{Bytes: 1}}})
		most = max(most, len(list.keys))
	}
	if got := list.first(); len(got) != 2 || got[0].Key != "00000" || got[1].Key != "00001" || most > 2000 {
		t.Errorf("%v, of %d at most", got, most)
	}
}

// TestSetStatePlan: what would be is told, and nothing changes.
func TestSetStatePlan(t *testing.T) {
	b, _ := story(t)
	set := StateSet{Node: "count", Key: "k", Name: "note", Data: []byte(`"y"`), Revision: AnyRevision, Plan: true}
	was, revision, err := b.SetState(context.Background(), &set, Act{})
	if err != nil || revision != 2 || string(was.Data) != `"x"` {
		t.Errorf("%s %d %v", was.Data, revision, err)
	}
	if v, err := b.GetState(context.Background(), "count", "k"); err != nil || string(v["note"].Data) != `"x"` {
		t.Errorf("%v %v", v, err)
	}
}

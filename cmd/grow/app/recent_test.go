package app

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/shard"
)

// TestMessages: as much of a journal's end is read as it takes, at most twice
// what is needed, and never beyond the limit.
func TestMessages(t *testing.T) {
	const kept = 1000_000 // records, of one message each
	for _, c := range []struct {
		filter control.MessageFilter
		reads  []uint64
		found  int
		older  bool
	}{
		{control.MessageFilter{}, []uint64{256}, control.MessagesLast, true},
		{control.MessageFilter{Last: 600}, []uint64{256, 512, 1024}, 600, true},
		{control.MessageFilter{Key: "k999000", Last: 1}, []uint64{256, 512, 1024}, 1, true},
		{control.MessageFilter{Node: "w"}, []uint64{256}, control.MessagesLast, true},
		{control.MessageFilter{Node: "other", Last: 1}, []uint64{256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536}, 0, true},
	} {
		var reads []uint64
		list, err := messagesOf(c.filter, mask{}, func(records uint64, visit func(*shard.Hop) error) (bool, error) {
			reads = append(reads, records)
			for i := kept - int(records); i < kept; i++ {
				h := shard.Hop{What: shard.HopHandled, ID: fmt.Sprint("m", i), Node: "w/a", Key: fmt.Sprint("k", i), Type: "asked", Time: time.Unix(int64(i), 0)}
				if err := visit(&h); err != nil {
					return false, err
				}
			}
			return true, nil
		})
		if err != nil || fmt.Sprint(reads) != fmt.Sprint(c.reads) || len(list.Messages) != c.found || list.Older != c.older || list.Since.Unix() != int64(kept-reads[len(reads)-1]) {
			t.Errorf("%+v: read %v, found %d since %v, %v", c.filter, reads, len(list.Messages), list.Since, err)
		}
		if c.found > 1 && (list.Messages[0].ID != "m999999" || list.Messages[1].ID != "m999998") {
			t.Errorf("%+v: begins with %+v", c.filter, list.Messages[:2])
		}
	}
}

// TestMessagesTold: of what has happened to a message the last counts, also where
// the journal's end has only that, and no secret is told.
func TestMessagesTold(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	hops := []shard.Hop{
		{What: shard.HopAttempt, ID: "a", Node: "w/x", Key: "k", Time: at(1), Attempt: 1, Code: "trap", Reason: "topsecret is wrong"},
		{
			What: shard.HopHandled, ID: "b", Node: "w/x", Type: "asked", Time: at(2), Took: time.Second,
			Outputs: []shard.HopOutput{{ID: "b.1", To: "output", Type: "done"}, {ID: "b.2", To: "w/y", Type: "told"}},
		},
		{What: shard.HopAttempt, ID: "b.2", Node: "w/y", Time: at(4), Attempt: 1, Code: "trap", Took: time.Second},
		{What: shard.HopHandled, ID: "b.2", Node: "w/y", Type: "told", Time: at(6), Attempt: 2, Took: time.Second},
		{What: shard.HopAction, ID: "c", Node: "w/x", Key: "k", Code: "deadletter.drop", By: "ann", Time: at(7)},
	}
	list, err := messagesOf(control.MessageFilter{}, newMask([]string{"topsecret"}), func(_ uint64, visit func(*shard.Hop) error) (bool, error) {
		for i := range hops {
			if err := visit(&hops[i]); err != nil {
				return false, err
			}
		}
		return false, nil
	})
	if err != nil || list.Older {
		t.Fatalf("%+v, %v", list, err)
	}
	var got []string
	for _, m := range list.Messages {
		got = append(got, fmt.Sprintf("%d %s %s %s[%s] %s %v %s %s", m.Time.Unix(), m.ID, m.Type, m.Node, m.Key, m.Outcome, m.Took, m.Code, m.Reason))
	}
	want := []string{
		"7 c  w/x[k] dead 0  ",
		"3 b.2 told w/y[] handled 3000  ",
		"3 b.1 done [] left 0  ",
		"2 b asked w/x[] handled 1000  ",
		"1 a  w/x[k] waits 0 trap *** is wrong",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	broken := errors.New("broken")
	if _, err := messagesOf(control.MessageFilter{}, mask{}, func(uint64, func(*shard.Hop) error) (bool, error) { return false, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}

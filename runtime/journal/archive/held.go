package archive

import (
	"strings"

	"github.com/grow-platform/grow/runtime/journal"
)

// Held tells what a record holds, or seems to hold when it is damaged: what can be
// read of it is told as it stands there.
func Held(seq uint64, record []byte) []Touched {
	var list []Touched
	journal.Glean(record, func(e journal.Entry) {
		if t, ok := touched(seq, e); ok {
			list = append(list, t)
		}
	})
	return list
}

// touched is what an entry is about; false: nothing that anybody would miss.
func touched(seq uint64, e journal.Entry) (t Touched, ok bool) {
	t.Record = seq
	switch e := e.(type) {
	case *journal.Accepted:
		t.What, t.ID, t.Node, t.Key = "accepted", e.ID, e.Node, e.Key
	case *journal.Handled:
		t.What, t.ID, t.Node, t.Key, t.State = "handled", e.ID, e.Node, e.Key, len(e.State) > 0
	case *journal.AttemptMade:
		t.What, t.ID, t.Node, t.Key = "attempt", e.ID, e.Node, e.Key
	case *journal.Begun:
		t.What, t.ID, t.Node, t.Key = "begun", e.ID, e.Node, e.Key
	case *journal.Dead:
		t.What, t.ID, t.Node, t.Key = "dead", e.ID, e.Node, e.Key
	case *journal.Action:
		t.What, t.ID, t.Node, t.Key, t.State = "action", e.ID, e.Node, e.Key, len(e.State) > 0
	default:
		return t, false
	}
	for _, text := range []*string{&t.ID, &t.Node, &t.Key} {
		*text = strings.ToValidUTF8(strings.Clone(*text), "\uFFFD")
	}
	return t, true
}

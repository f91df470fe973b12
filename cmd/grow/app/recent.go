package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/shard"
)

// How much of a journal's end is looked at for messages: first a little, then
// twice as much until it is enough.
const (
	recentFirst    = 256     // records
	recentRecords  = 1 << 16 // at most
	recentMessages = 50_000  // that need no more records to be looked at, whether they are listed or not
)

// Messages implements control.Backend.
func (b backend) Messages(ctx context.Context, f control.MessageFilter) (control.MessageList, error) {
	read := func(records uint64, visit func(*shard.Hop) error) (bool, error) {
		return b.shard.Recent(ctx, records, visit)
	}
	return messagesOf(f, b.mask(b.service.Load()), read)
}

// messagesOf lists messages from what read finds at a journal's end.
func messagesOf(f control.MessageFilter, m mask, read func(records uint64, visit func(*shard.Hop) error) (older bool, err error)) (control.MessageList, error) {
	switch outcomes := []string{control.TraceWaits, control.TraceHandled, control.TraceRefused, control.TraceDead, control.TraceLeft, control.TraceDropped}; {
	case f.Last < 0 || f.Last > control.MessagesMax:
		return control.MessageList{}, &control.Error{Code: control.CodeInvalid, Message: fmt.Sprintf("%d messages cannot be listed", f.Last), Next: fmt.Sprintf("ask for 1 to %d", control.MessagesMax)}
	case f.Outcome != "" && !slices.Contains(outcomes, f.Outcome):
		return control.MessageList{}, &control.Error{Code: control.CodeInvalid, Message: fmt.Sprintf("%q is no outcome of a message", f.Outcome), Next: "give one of " + strings.Join(outcomes, ", ")}
	case f.Last == 0:
		f.Last = control.MessagesLast
	}
	for records := uint64(recentFirst); ; records *= 2 {
		w, list := tracing{mask: m, of: map[string]*traced{}}, control.MessageList{Messages: []control.Message{}}
		older, err := read(records, func(h *shard.Hop) error {
			if list.Since.IsZero() {
				list.Since = h.Time
			}
			w.hop(h)
			return nil
		})
		if err != nil {
			return list, traceError(err)
		}
		picked := w.picked(&f)
		if older && len(picked) < f.Last && records < recentRecords && len(w.list) < recentMessages {
			continue
		}
		list.Older = older
		for _, t := range picked[:min(f.Last, len(picked))] {
			list.Messages = append(list.Messages, t.short())
		}
		return list, nil
	}
}

// picked are the messages that a filter picks, the newest first.
func (w *tracing) picked(f *control.MessageFilter) []*traced {
	var list []*traced
	for _, t := range w.list {
		in := f.Node == "" || t.Node == f.Node || strings.HasPrefix(t.Node, f.Node+"/")
		if in && (f.Key == "" || t.Key == f.Key) && (f.Outcome == "" || t.Outcome == f.Outcome) {
			list = append(list, t)
		}
	}
	slices.SortFunc(list, func(a, b *traced) int {
		if c := b.Time.Compare(a.Time); c != 0 {
			return c
		}
		return b.order - a.order
	})
	return list
}

// short is a message as a list has it.
func (t *traced) short() control.Message {
	m := control.Message{ID: t.ID, Type: t.Type, Node: t.Node, Key: t.Key, Time: t.Time, Outcome: t.Outcome, Code: t.Code, Reason: t.Reason}
	if n := len(t.Tries); n > 0 {
		last := &t.Tries[n-1]
		m.Took = last.Took + milliseconds(last.Time.Sub(t.Tries[0].Time))
	}
	return m
}

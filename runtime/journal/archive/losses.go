package archive

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/journal"
)

// Loss is an entry that a plan goes on without, with all that somebody needs to see
// what is missing, and to send it again.
type Loss struct {
	Touched
	LostData
	Values []LostValue   `json:"values,omitempty"` // as the key's state was changed
	Sent   []LostMessage `json:"sent,omitempty"`   // to nodes or the dead letters
}

// LostData is what a message or a value holds.
type LostData struct {
	Type string          `json:"type,omitempty"` // of a message
	Data json.RawMessage `json:"data,omitempty"` // when it is JSON
	Raw  []byte          `json:"raw,omitempty"`  // when it is not; base64
}

// LostValue is a value of a state as it was left.
type LostValue struct {
	Name     string `json:"name"`
	Revision uint64 `json:"revision"`
	Deleted  bool   `json:"deleted,omitempty"`
	LostData
}

// LostMessage is one that was sent on. Node is deadletter where a route sent it there.
type LostMessage struct {
	ID   string `json:"id"`
	Node string `json:"node"`
	Key  string `json:"key,omitempty"`
	LostData
}

// Losses visits what the sound records from one on hold, each loss valid during its
// visit only, until visit returns an error, which is returned. Records that are
// damaged are left out: see [Held].
func Losses(ctx context.Context, src Source, from uint64, visit func(*Loss) error) error {
	_, last, err := src.Bounds(ctx)
	if err != nil {
		return err
	}
	for next := from; next <= last; next++ {
		err := readUntil(ctx, src, next, last, func(seq uint64, record []byte) error {
			next = seq
			return journal.EachEntry(record, func(e journal.Entry) error {
				if p, ok := e.(*journal.Packed); ok {
					var err error
					if e, err = unpack(func(digest string) ([]byte, error) { return src.Blob(ctx, digest) }, p); isDamage(err) {
						return nil // the report names the blob
					} else if err != nil {
						return err
					}
				}
				if l := lossOf(seq, e); l != nil {
					return visit(l)
				}
				return nil
			})
		})
		if err == nil {
			return nil
		}
		if !isDamage(err) {
			return err
		}
	}
	return nil
}

// lossOf is what an entry holds; nil: nothing that anybody would miss.
func lossOf(seq uint64, e journal.Entry) *Loss {
	t, ok := touched(seq, e)
	if !ok {
		return nil
	}
	l := &Loss{Touched: t}
	switch e := e.(type) {
	case *journal.Accepted:
		l.LostData = messageData(e.Input)
		l.Sent = sent(e.Copies)
	case *journal.Handled:
		l.LostData = messageData(e.Input)
		l.Values, l.Sent = values(e.State), sent(e.Outputs)
	case *journal.Dead:
		l.LostData = messageData(e.Input)
	case *journal.Action:
		l.Values = values(e.State)
		if len(e.Input) > 0 {
			l.LostData = messageData(e.Input)
		}
	}
	return l
}

func values(list []journal.StateChange) (out []LostValue) {
	for i := range list {
		c := &list[i]
		out = append(out, LostValue{Name: c.Name, Revision: c.Revision, Deleted: c.Deleted, LostData: dataOf("", c.Value)})
	}
	return out
}

func sent(list []journal.Output) (out []LostMessage) {
	for i := range list {
		o := &list[i]
		m, err := abi.ParseMessage(o.Frame)
		if err != nil || o.To == "output" || o.To == "drop" {
			continue
		}
		out = append(out, LostMessage{ID: m.ID(), Node: o.To, Key: o.Key, LostData: dataOf(m.Type(), m.Data())})
	}
	return out
}

// messageData is what a message holds that a record has.
func messageData(frame []byte) LostData {
	m, err := abi.ParseMessage(frame)
	if err != nil {
		return LostData{Raw: frame}
	}
	return dataOf(m.Type(), m.Data())
}

func dataOf(typ string, data []byte) LostData {
	d := LostData{Type: strings.ToValidUTF8(typ, "\uFFFD")}
	if json.Valid(data) {
		d.Data = data
	} else {
		d.Raw = data
	}
	return d
}

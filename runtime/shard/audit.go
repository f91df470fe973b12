package shard

import (
	"context"

	"github.com/grow-platform/grow/runtime/journal"
)

// Looked says that somebody begins, or ends, to look into what a node does.
type Looked struct {
	Ends bool
	Node string
	Key  string
	ID   string // of the message that is looked at; "": those to come
}

// Look writes that somebody looks, and returns once it is in the journal.
func (s *Shard) Look(ctx context.Context, l Looked, by Act) error {
	a := &journal.Action{Name: journal.ActionDebug, ID: l.ID, Node: l.Node, Key: l.Key, By: by.By, Reason: by.Reason}
	if l.Ends {
		a.Name = journal.ActionDebugEnd
	}
	return s.act(ctx, s.lanes[0], a, nil)
}

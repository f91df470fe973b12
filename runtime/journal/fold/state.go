package fold

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grow-platform/grow/runtime/journal"
)

// states are the values of every cell that has some.
type states map[Cell]map[string]Value

// change makes the changes of one entry. Revisions count the sets of a name, so
// that a change applied twice, or left out, is noticed.
func (s states) change(c Cell, list []journal.StateChange) error {
	if len(list) == 0 {
		return nil
	}
	values := s[c]
	if values == nil {
		values = map[string]Value{}
		s[Cell{strings.Clone(c.Node), strings.Clone(c.Key)}] = values
	}
	for i := range list {
		ch := &list[i]
		if before := values[ch.Name].Revision; ch.Revision != before+1 {
			return fmt.Errorf("%w: state %q of %q at %s changes to revision %d; it has %d", ErrContradicts, ch.Name, c.Key, c.Node, ch.Revision, before)
		}
		if ch.Deleted {
			delete(values, ch.Name)
			continue
		}
		values[strings.Clone(ch.Name)] = Value{slices.Clone(ch.Value), ch.Revision}
	}
	if len(values) == 0 {
		delete(s, c)
	}
	return nil
}

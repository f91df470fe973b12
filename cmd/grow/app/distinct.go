package app

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/supervisor"
	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/runtime/wasm/cover"
)

// recorded is a message, and the blocks of its module that it ran, a bit each; nil: they
// are not known.
type recorded struct {
	control.RecordedMessage
	blocks []uint32
}

// cover has the messages be handled by a module, too, that notes the blocks it runs. What
// a module of a language runtime runs is the runtime: its blocks say little, and are not
// counted; nor are those of a module that is too large.
func (r *recorder) cover(q *again) {
	binary, err := q.now.Modules[r.actor.Name].Bytes()
	if err != nil {
		return // whoever runs it says so
	}
	m, err := wasm.Decode(binary)
	if err != nil {
		return // whoever runs it says so
	}
	c, err := cover.Rewrite(m)
	if err != nil || c.Blocks == 0 || r.actor.Isolated {
		return
	}
	old := q.now
	old.Modules = map[string]supervisor.Binary{r.actor.Name: supervisor.BinaryOf(c.Binary)}
	q.old, q.words, r.blocks = &old, c.Words, c.Blocks
}

// shape is what can be told apart of a message from outside: its type, and what came of it.
func (m *recorded) shape() string {
	parts := []string{m.Type, m.Outcome, m.Code}
	for i := range m.Given {
		parts = append(parts, "given", m.Given[i].Use, m.Given[i].Operation, m.Given[i].Answer.Code)
	}
	for i := range m.Outputs {
		parts = append(parts, "sent", m.Outputs[i].Type)
	}
	for i := range m.After {
		parts = append(parts, "kept", m.After[i].Name)
	}
	return strings.Join(slices.Compact(parts), "\x00")
}

// distinct picks messages that together run all blocks that any of them runs, and have all
// shapes that any of them has, greedily: whichever adds most comes next, of equal ones the
// first. It tells how many blocks there are. The order stays.
func distinct(list []recorded) (picked []recorded, blocks int) {
	left := map[string]bool{}
	var open []uint32 // blocks that none of those picked runs
	for i := range list {
		left[list[i].shape()] = true
		open = append(open, make([]uint32, max(0, len(list[i].blocks)-len(open)))...)
		for k, w := range list[i].blocks {
			open[k] |= w
		}
	}
	for _, w := range open {
		blocks += bits.OnesCount32(w)
	}
	take := make([]bool, len(list))
	for {
		best, most := -1, 0
		for i := range list {
			adds := 0
			if !take[i] && left[list[i].shape()] {
				adds++
			}
			for k, w := range list[i].blocks {
				adds += bits.OnesCount32(w & open[k])
			}
			if adds > most {
				best, most = i, adds
			}
		}
		if best < 0 {
			break
		}
		take[best] = true
		delete(left, list[best].shape())
		for k, w := range list[best].blocks {
			open[k] &^= w
		}
	}
	for i := range list {
		if take[i] {
			picked = append(picked, list[i])
		}
	}
	return picked, blocks
}

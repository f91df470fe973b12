package app

import (
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/control"
)

// TestDistinct holds which messages are picked: few, that run all blocks and have all shapes.
func TestDistinct(t *testing.T) {
	message := func(id, typ, code string, blocks ...uint32) recorded {
		return recorded{control.RecordedMessage{ID: id, Type: typ, Code: code}, blocks}
	}
	for _, c := range []struct {
		name   string
		list   []recorded
		want   string
		blocks int
	}{
		{"none", nil, "", 0},
		{"equal ones", []recorded{message("a", "t", "", 1), message("b", "t", "", 1)}, "a", 1},
		{"one holds another", []recorded{message("a", "t", "", 0b001), message("b", "t", "", 0b111), message("c", "t", "", 0b011)}, "b", 3},
		{"parts of a whole", []recorded{message("a", "t", "", 0b0111), message("b", "t", "", 0b1000), message("c", "t", "", 0b0110)}, "a b", 4},
		{"in further words", []recorded{message("a", "t", "", 1), message("b", "t", "", 1, 0, 1<<31)}, "b", 2},
		{"another outcome by the same code", []recorded{message("a", "t", "", 1), message("b", "t", "full", 1), message("c", "t", "full", 1)}, "a b", 1},
		{"no blocks are known", []recorded{message("a", "t", ""), message("b", "u", ""), message("c", "t", "")}, "a b", 0},
	} {
		picked, blocks := distinct(c.list)
		var ids []string
		for _, m := range picked {
			ids = append(ids, m.ID)
		}
		if got := strings.Join(ids, " "); got != c.want || blocks != c.blocks {
			t.Errorf("%s: %q of %d blocks, want %q of %d", c.name, got, blocks, c.want, c.blocks)
		}
	}
}

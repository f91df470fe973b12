package command

import (
	"testing"

	"github.com/grow-platform/grow/specs"
)

// TestStateLine: what a definition says of its state is written again as it was read, and
// nothing else of the definition changes.
func TestStateLine(t *testing.T) {
	for _, c := range []struct{ state, want string }{
		{"state: count.v1\n", "state: count.v1\n"},
		{"state: {type: count.v1}\n", "state: count.v1\n"},
		{"state:\n  type: b\n  from: # older\n    a: ab\n  back: ba\n", "state: {type: b, from: {a: ab}, back: ba}\n"},
		{"state: {\"x-*\": b, total: {type: b, from: {z: zb, a: ab}}}\n", "state: {\"x-*\": b, total: {type: b, from: {a: ab, z: zb}}}\n"},
		{"state: {type: b, other: c}\n", "state: {type: b, other: c}\n"},
	} {
		const before, after = "actor: count # it counts\n", "\n# Who may ask.\nin: [up]\n"
		text := []byte(before + c.state + after)
		states := specs.DeclaredState(definitionTree("actor.yaml", text))
		got, err := withField("actor.yaml", text, "state", stateLine(states))
		if err != nil || string(got) != before+c.want+after {
			t.Errorf("%q becomes %q, %v", c.state, got, err)
		}
	}
	if got := specs.DeclaredState(definitionTree("actor.yaml", []byte("actor: count\n"))); got != nil {
		t.Errorf("without state: %v", got)
	}
}

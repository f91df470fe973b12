package replay

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/shard"
)

// store is a capability that answers what it is asked.
type store struct{}

func (store) Operations() map[string]capability.Effect { return nil }
func (store) Close() error                             { return nil }
func (store) Do(_ context.Context, r *capability.Request) capability.Answer {
	return capability.Answer{Data: slices.Clone(r.Data)}
}

// TestBundleBytes: all that is large of a message counts for what a worker is handed at a
// time, not only its data.
func TestBundleBytes(t *testing.T) {
	const large = handBytes*2/3 + 1 // two reach the limit
	text := strings.Repeat("x", large)
	first := true
	for name, c := range map[string]struct {
		data  string
		guest guest
		want  []int
	}{
		"small":   {"", func(engine.Host, *abi.Message) (string, error) { return "1", nil }, []int{8}},
		"message": {text, func(engine.Host, *abi.Message) (string, error) { return "1", nil }, []int{2, 2, 2, 2}},
		"output":  {"", func(engine.Host, *abi.Message) (string, error) { return `"` + text + `"`, nil }, []int{2, 2, 2, 2}},
		"answer": {"", func(h engine.Host, _ *abi.Message) (string, error) {
			ask(h, text, "type", "get", "use", "shop")
			return "1", nil
		}, []int{2, 2, 2, 2}},
		"state": {"", func(h engine.Host, _ *abi.Message) (string, error) { // the first writes it, the others have it
			if first {
				ask(h, `"`+text+`"`, "type", "state.set", "name", "n")
				first = false
			}
			return "1", nil
		}, []int{2, 2, 2, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(openMem(t))
			w.broker = capability.Of(map[string]capability.Capability{"shop": store{}}, 1000)
			w.serve(t, c.guest, func(s *shard.Shard) {
				for range 8 {
					w.send(t, s, fmt.Sprintf(`{"key":"k","data":%q}`, c.data))
				}
			})
			o := Options{Journal: w.journal, Node: "facts"}
			o.bound()
			chosen, err := o.prepare(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []int
			err = chosen.readMany(t.Context(), &o, func(some []*Case) error {
				got = append(got, len(some))
				return nil
			})
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("bundles of %v messages, want %v; %v", got, c.want, err)
			}
		})
	}
}

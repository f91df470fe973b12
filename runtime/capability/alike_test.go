package capability

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/grow-platform/grow/testdata/property"
	"pgregory.net/rapid"
)

// telling is a capability that tells how long it may take.
type telling struct{ name string }

func (telling) Operations() map[string]Effect {
	return map[string]Effect{"tell.a": Reads, "tell.b": Reads}
}

func (c telling) Do(ctx context.Context, r *Request) Answer {
	until := ctx.(*deadline)
	extra, _ := r.Attr("x.n")
	return Answer{Data: fmt.Appendf(nil, "%s %s %s %v", c.name, r.Operation, extra, until.after > CallTimeMax/2)}
}

func (telling) Close() error { return nil }

// TestAlike: whatever was asked before, a request is answered as by a ledger that has seen
// none, also when it has the attributes of the one before.
func TestAlike(t *testing.T) {
	grants := map[string]Capability{"one": telling{"one"}, "two": telling{"two"}}
	brokers := [2]*Broker{Of(grants, 1<<30), Of(map[string]Capability{"two": telling{"the other two"}}, 1<<30)}
	property.Check(t, func(rt *rapid.T) {
		request := rapid.Custom(func(rt *rapid.T) []string {
			r := []string{rapid.SampledFrom([]string{"", "data"}).Draw(rt, "data"), "type", rapid.SampledFrom([]string{"tell.a", "tell.a", "tell.a", "tell.b", "tell.c", "config.get"}).Draw(rt, "type")}
			if use := rapid.SampledFrom([]string{"one", "one", "one", "two", "three", ""}).Draw(rt, "use"); use != "" {
				r = append(r, "use", use)
			}
			if ms := rapid.SampledFrom([]string{"", "5", "-5", "900000", "x"}).Draw(rt, "timeout"); ms != "" {
				r = append(r, "timeout", ms)
			}
			if rapid.IntRange(0, 3).Draw(rt, "n") == 0 {
				r = append(r, "x.n", "1")
			}
			return r
		})
		list := rapid.SliceOfN(request, 2, 4).Draw(rt, "requests") // few, so that they repeat
		used := ledger(t)
		for range rapid.IntRange(2, 20).Draw(rt, "frames") {
			b := brokers[rapid.IntRange(0, 5).Draw(rt, "broker")/5]
			var frame [][]string
			for range rapid.SampledFrom([]int{1, 1, 1, 2, 3}).Draw(rt, "size") {
				frame = append(frame, rapid.SampledFrom(list).Draw(rt, "request"))
			}
			if rapid.IntRange(0, 9).Draw(rt, "reset") == 0 {
				used.Reset()
			}
			if got, want := ask(t, b, used, frame...), ask(t, b, ledger(t), frame...); !slices.Equal(got, want) {
				rt.Fatalf("%q: %q, want %q", frame, got, want)
			}
		}
	})
}

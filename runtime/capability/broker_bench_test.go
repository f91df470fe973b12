package capability

import (
	"context"
	"testing"

	"github.com/grow-platform/grow/abi"
)

// atOnce is a capability that answers without I/O.
type atOnce struct{}

func (atOnce) Operations() map[string]Effect           { return map[string]Effect{"none.do": Reads} }
func (atOnce) Do(context.Context, *Request) (a Answer) { return a }
func (atOnce) Close() error                            { return nil }

// BenchmarkServe is a message of 900 requests to a capability that answers at once, one a call.
func BenchmarkServe(b *testing.B) {
	broker := Of(map[string]Capability{"g": atOnce{}}, 1000)
	l := &Ledger{Context: b.Context(), ID: "bench"}
	frame := abi.AppendData(abi.AppendAttr(abi.AppendAttr(abi.AppendAttrCount(abi.AppendCount(nil, 1), 2), abi.Type, "none.do"), "use", "g"), nil)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%900 == 0 {
			l.Reset()
		}
		if _, err := broker.Serve(l, frame); err != nil {
			b.Fatal(err)
		}
	}
}

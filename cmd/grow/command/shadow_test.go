package command

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/tidwall/gjson"
)

// posting has the ledger handle messages, each third of them one to close an account, until
// it is ended.
func (h *hosted) posting() (end func()) {
	stop := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if i%3 == 2 {
				h.call("/close", `{"account":"live"}`)
				continue
			}
			if got := h.call("/post", fmt.Sprintf(`{"account":"b%d","id":"e%d","amount":%d}`, i%100, i, i)); !strings.HasPrefix(got, "200") {
				h.t.Error(got)
				return
			}
		}
	})
	return func() {
		close(stop)
		done.Wait()
	}
}

// TestSwapShadow: a new revision handles what the old one is sent, beside it; what differs is
// told and kept, and nothing is swapped.
func TestSwapShadow(t *testing.T) {
	h := newHosted(t)
	t.Chdir(ledgerFolder(t))
	h.booked(30)
	end := h.posting()
	defer end()
	same := wasmFile(t, "ledger", "same")
	got := h.run(exitDone, "swap ledger "+same+" --shadow 2s")
	holds(t, got, "ok       shadow of ledger", " messages came out the same; p50 ", "deployment 2 is recorded, and not live")

	wrong := otherLedger(t, "wrong.wasm", "ledger.closed", "ledger.clozed")
	got = h.run(exitNo, "swap ledger "+wrong+" --shadow 2s")
	holds(t, got, "FAILED   shadow of ledger", "outcome.refused.ledger.clozed differs in ", `of the key "live"`, "+refused ledger.clozed: a ledger is never closed",
		"mend what the checks say; a difference that is meant passes by its name: --accept NAME")
	kept := h.run(exitDone, "history --deployment 3 -o json")
	if r := gjson.Get(kept, `checks.#(name=="shadow of ledger").report.0`); r.Get("ran").Int() == 0 || r.Get("groups.0.example.type").String() != "ledger.close" || r.Get("old.fuel").Int() == 0 {
		t.Error(kept)
	}
	if got := h.call("/close", `{"account":"live"}`); !strings.Contains(got, "ledger.closed") {
		t.Errorf("the new revision was swapped in: %s", got)
	}
	holds(t, h.run(exitDone, "swap ledger "+wrong+" --shadow 2s --accept outcome.refused.ledger.clozed"), "accepted: outcome.refused.ledger.clozed", "deployment 4 is recorded, and not live")
	if got := h.run(exitDone, "history ledger"); strings.Contains(got, "came out the same") {
		t.Errorf("a shadow is no test:\n%s", got)
	}
	for _, line := range []string{"swap ledger --shadow 2s", "swap ledger 1 --shadow 10ms", "swap ledger 1 --shadow 25h", "swap ledger " + same + " --shadow 1s --canary 5%"} {
		holds(t, h.run(exitUsage, line), "--shadow")
	}
}

package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grow-platform/grow/testdata/wat"
	"github.com/tidwall/gjson"
)

// recordedFiles are the tests that messages have become, by their names.
func recordedFiles(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.FromSlash("actors/ledger/tests/recorded-*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestRecord: a message that was handled becomes a test, which passes; of many those that
// run different code are picked; what the code in the folder does otherwise is no test.
func TestRecord(t *testing.T) {
	h := newHosted(t)
	t.Chdir(ledgerFolder(t))
	h.booked(30)
	module := filepath.FromSlash("actors/ledger/module.wasm")
	if err := os.WriteFile(module, wat.Module("ledger"), 0o600); err != nil {
		t.Fatal(err)
	}
	plan := h.run(exitDone, "record ledger --last 100 --plan -o json")
	if n := gjson.Get(plan, `tests.#(state=="planned")#.id`).Array(); len(n) != 30 || len(recordedFiles(t)) > 0 {
		t.Fatal(plan)
	}
	id := gjson.Get(plan, `tests.#(outcome=="refused").id`).String()
	holds(t, h.run(exitDone, "record --to-test ledger "+id[:25]), "written  ledger.close  refused ledger.closed  actors/ledger/tests/recorded-"+strings.ToLower(id)+".yaml", "1 test written, and passed")
	text, err := os.ReadFile(recordedFiles(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	holds(t, string(text), "- test: ledger.close "+id+" is refused as it was\n", "  state:\n    entries:\n      - {account: a1, id: e1, amount: 1}\n", "  when: {ledger.close: {account: a1}, _: {http.method: POST, http.path: /close}}\n",
		"  refused: {code: ledger.closed, text: a ledger is never closed}\n")
	holds(t, h.run(exitDone, "record --to-test ledger "+id), "there  ledger.close", "nothing was written")

	got := h.run(exitDone, "record --last 100 --distinct ledger -o json")
	if n := len(recordedFiles(t)); n < 2 || n > 5 || gjson.Get(got, "looked").Int() != 30 || gjson.Get(got, "paths.blocks").Int() < 5 || gjson.Get(got, "paths.module").Int() <= gjson.Get(got, "paths.blocks").Int() {
		t.Errorf("%d tests: %s", n, got)
	}
	holds(t, h.run(exitDone, "test"), "passed")

	otherLedger(t, module, `,"entry":`, `,"Entry":`)
	before := len(recordedFiles(t))
	other := gjson.Get(plan, `tests.20.id`).String()
	holds(t, h.run(exitNo, "record --to-test ledger "+other), "message "+other+" is no test: as a test of the code in this folder it does not pass: then[0]", "grow replay "+other)
	holds(t, h.run(exitDone, "record --last 2 ledger"), "left out: ")
	if n := len(recordedFiles(t)); n != before {
		t.Errorf("%d tests that do not pass stay", n-before)
	}
	holds(t, h.run(exitNotFound, "record --to-test ledger nobody"), "there is no message nobody")
	holds(t, h.run(exitNotFound, "record --last 3 leger"), "books has no actor leger", "did you mean ledger?")
	for _, line := range []string{"record ledger", "record ledger " + id, "record --to-test ledger", "record --to-test --last 3 ledger " + id, "record --last 10001 ledger"} {
		h.run(exitUsage, line)
	}
}

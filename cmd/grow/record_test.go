package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/grow-platform/grow/testdata/wat"
	"github.com/tidwall/gjson"
)

// TestRecord: messages that were handled become tests, which pass.
func TestRecord(t *testing.T) {
	h := newHosted(t)
	t.Chdir(ledgerFolder(t))
	h.booked(6)
	if err := os.WriteFile(filepath.FromSlash("actors/ledger/module.wasm"), wat.Module("ledger"), 0o600); err != nil {
		t.Fatal(err)
	}
	plan := h.run(exitDone, "record ledger --last 100 --plan -o json")
	t.Log(plan)
	id := gjson.Get(plan, `tests.#(outcome=="refused").id`).String()
	got := h.run(exitDone, "record --to-test ledger "+id)
	t.Log(got)
	t.Log(h.run(exitDone, "record --last 100 ledger"))
	t.Log(h.run(exitDone, "test"))
}

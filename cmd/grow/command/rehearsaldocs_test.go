package command

import (
	"regexp"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// exampleID stands for the id of a message in docs/rehearsal.md.
const exampleID = "01JBZ5V6XQ7N8M2K4D3C1B0A9Z"

var (
	spentTimes  = regexp.MustCompile(`p50 \S+ \(was \S+\), p99 \S+ \(\S+\),`)
	handledTime = regexp.MustCompile(`handled \d{4}-\S+Z`)
)

// TestRehearsalDocs does what docs/rehearsal.md says.
func TestRehearsalDocs(t *testing.T) {
	blocks := blocksOf(readGuide(t, "docs/rehearsal.md"))
	h := newHosted(t)
	dir := ledgerFolder(t)
	t.Chdir(dir)
	h.booked(1000)
	otherLedger(t, "rewrite.wasm", "ledger.closed", "ledger.clozed")
	port := h.URL()[strings.LastIndex(h.URL(), ":"):]
	id := ""
	follow(t, blocks, dir, func(t *testing.T, command string) string {
		t.Helper()
		out, _ := ranGrow(t, strings.ReplaceAll(command, exampleID, id), exitDone, exitNo)
		if id == "" {
			id = gjson.Get(h.run(exitDone, "history --deployment 2 -o json"), "checks.#(name==\"rehearsal of ledger\").report.0.groups.0.example.id").String()
		}
		out = strings.NewReplacer(port, ":8080", id, exampleID).Replace(out)
		out = spentTimes.ReplaceAllString(out, "p50 4µs (was 4µs), p99 9µs (9µs),")
		out = strings.TrimRight(out, "\n") + "\n"
		return handledTime.ReplaceAllString(out, "handled 2026-11-29T09:15:32Z")
	})
}

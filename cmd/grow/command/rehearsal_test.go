package command

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/testdata/wat"
	"github.com/tidwall/gjson"
)

// ledgerFolder makes a folder with a service of one actor that keeps state.
func ledgerFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"grow.yaml": "service: books\nhttp:\n  POST /post: {send: ledger.post, to: ledger, reply: {ledger.posted: 200}, timeout: 20s}\n" +
			"  POST /close: {send: ledger.close, to: ledger, reply: {ledger.posted: 200}, timeout: 20s}\n",
		"types/ledger.cue": "\"ledger.post\": {account!: string, id!: string, amount!: number}\n\"ledger.close\": {account!: string}\n\"ledger.posted\": {...}\n\"ledger.kept\": {entries!: [...]}\n",
		"actors/ledger/actor.yaml": "actor: ledger\nabout: Keeps accounts.\ncode: {language: wasm, source: module.wasm}\nin: [ledger.post, ledger.close]\nout: [ledger.posted]\n" +
			"key: data.account\nstate: ledger.kept\n",
		".gitignore": ".grow/\n*.wasm\n",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// otherLedger writes a ledger that says something else where it said was, and returns the
// file's name.
func otherLedger(t *testing.T, file, was, is string) string {
	t.Helper()
	b := wat.Module("ledger")
	if bytes.Count(b, []byte(was)) != 1 || len(was) != len(is) {
		t.Fatalf("%q is not in the ledger once, or not as long as %q", was, is)
	}
	if err := os.WriteFile(file, bytes.Replace(b, []byte(was), []byte(is), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// booked makes the ledger live, and has it handle messages: the one before the last is
// one to close an account.
func (h *hosted) booked(n int) {
	h.t.Helper()
	h.golive(map[string]string{"ledger": "ledger"})
	for i := range n {
		if i == n-2 {
			if got := h.call("/close", `{"account":"a1"}`); !strings.HasPrefix(got, "4") {
				h.t.Fatal(got)
			}
			continue
		}
		if got := h.call("/post", fmt.Sprintf(`{"account":"a%d","id":"e%d","amount":%d}`, i%3, i, i)); !strings.HasPrefix(got, "200") {
			h.t.Fatal(got)
		}
	}
}

// TestRehearsal: a module with one wrong branch is refused, with the one message shown
// that takes it; what is accepted by name goes live, which the deployment remembers.
func TestRehearsal(t *testing.T) {
	h := newHosted(t)
	t.Chdir(ledgerFolder(t))
	h.booked(30)
	same := wasmFile(t, "ledger", "same")
	got := h.run(exitDone, "swap ledger "+same+" --rehearse 1000")
	holds(t, got, "ok       rehearsal of ledger", "30 messages came out the same; p50 ", "deployment 2 is live")

	wrong := otherLedger(t, "wrong.wasm", "ledger.closed", "ledger.clozed")
	got = h.run(exitNo, "swap ledger "+wrong+" --rehearse 1000")
	holds(t, got, "FAILED   rehearsal of ledger", "29 of 30 messages came out the same",
		"outcome.refused.ledger.clozed differs in 1 message; the first is 0", `of the key "a1"`, "--accept outcome.refused.ledger.clozed",
		`ledger.close {"account":"a1"}`, "-refused ledger.closed: a ledger is never closed", "+refused ledger.clozed: a ledger is never closed")
	holds(t, h.run(exitDone, "history --deployment 3"), "refused", "rehearsal of ledger", "+refused ledger.clozed")
	if got := gjson.Get(h.run(exitDone, "history --deployment 3 -o json"), `checks.#(name=="rehearsal of ledger").report.0.groups.0.example.type`).String(); got != "ledger.close" {
		t.Errorf("the report of the deployment has the example %q", got)
	}

	holds(t, h.run(exitDone, "swap ledger "+wrong), "deployment 4 is live") // nobody has asked for a rehearsal
	h.run(exitDone, "swap ledger 1")
	got = h.run(exitDone, "swap ledger "+wrong+" --rehearse 1000 --accept outcome.refused.ledger.clozed")
	holds(t, got, "29 of 30 messages came out the same", "; accepted: outcome.refused.ledger.clozed", "deployment 6 is live")
	holds(t, h.run(exitDone, "history --deployment 6"), "accepted: outcome.refused.ledger.clozed")
	holds(t, h.run(exitUsage, "swap ledger 1 --rehearse 0"), "from 1 to 1000000")
	holds(t, h.run(exitDone, "rollback ledger --to 1 --rehearse 1 --plan"), "1 message came out the same")
}

// TestRehearsalMask: what a definition says may differ passes; it says how many messages
// are handled again, and a target that they miss is missed.
func TestRehearsalMask(t *testing.T) {
	h := newHosted(t)
	t.Chdir(ledgerFolder(t))
	h.booked(30)
	define := func(more string) {
		t.Helper()
		file := filepath.FromSlash("actors/ledger/actor.yaml")
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text, _, _ := strings.Cut(string(b), "rehearse:")
		if err := os.WriteFile(file, []byte(text+more), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	otherLedger(t, filepath.FromSlash("actors/ledger/module.wasm"), `,"entry":`, `,"Entry":`)
	define("rehearse: {last: 20}\n")
	got := h.run(exitNo, "deploy")
	holds(t, got, "1 of 20 messages came out the same", "output.ledger.posted.data.Entry differs in 19 messages", "output.ledger.posted.data.entry differs in 19 messages",
		"@@ ledger.posted[0].Entry @@", `+{"account":"a1"`)
	define("rehearse: {last: 20, ignore: [data.entry, data.Entry]}\ntargets: {rate: 1000000000/s}\n")
	holds(t, h.run(exitNo, "deploy"), "20 messages came out the same", "targets.rate: 1e+09/s is wanted")
	define("rehearse: {last: 20, ignore: [data.entry, data.Entry]}\n")
	holds(t, h.run(exitDone, "deploy"), "ok       rehearsal of ledger", "20 messages came out the same", "deployment 4 is live")
	holds(t, h.run(exitDone, "rollback ledger --rehearse 5"), "rehearsal of ledger")
}

// TestReplay: a message is handled again by what runs, by an old revision and by a module
// in a file; nothing comes of it outside.
func TestReplay(t *testing.T) {
	h := newHosted(t)
	t.Chdir(ledgerFolder(t))
	h.booked(5)
	wrong := otherLedger(t, "wrong.wasm", `,"entry":`, `,"Entry":`)
	h.run(exitNo, "swap ledger "+wrong+" --rehearse 10 -o json")
	list := h.run(exitDone, "history --deployment 2 -o json")
	id := gjson.Get(list, `checks.#(name=="rehearsal of ledger").report.0.groups.0.example.id`).String()
	holds(t, h.run(exitDone, "replay "+id), id+` of ledger, key "a0": ledger.post {"account":"a0","id":"e0","amount":0}`, "then  sent  ledger.posted {", "now   sent  ledger.posted {",
		`now   state {"entries":[{"account":"a0"`, "it came out the same")
	before := h.run(exitDone, "state get ledger a0 -o json")
	got := h.run(exitDone, "replay "+id+" --on wrong.wasm")
	holds(t, got, `"Entry":{`, "ledger.posted[0].Entry\n  +{")
	h.run(exitDone, "swap ledger "+wrong)
	holds(t, h.run(exitDone, "replay "+id), "ledger.posted[0].entry\n  -{")
	got = h.run(exitDone, "replay "+id+" --on 1 -o json")
	if gjson.Get(got, "differences.#").Int() != 0 || gjson.Get(got, "then.revision").String() != gjson.Get(got, "now.revision").String() || gjson.Get(got, "now.outputs.0.type").String() != "ledger.posted" {
		t.Error(got)
	}
	if after := h.run(exitDone, "state get ledger a0 -o json"); after != before {
		t.Errorf("the state was\n%sand is\n%s", before, after)
	}
	holds(t, h.run(exitNotFound, "replay "+id+" --on 9"), "ledger has no revision 9", "grow history ledger")
	holds(t, h.run(exitNotFound, "replay nobody"), "there is no message nobody in the journal")
	if err := os.WriteFile("answers.json", []byte(`{"use": "shop"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	holds(t, h.run(exitFailed, "replay "+id+" --with answers.json"), "read answers", "write a list such as")
	if err := os.WriteFile("answers.json", []byte(`[{"use": "shop"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	holds(t, h.run(exitDone, "replay "+id+" --with answers.json"), "answer 1 of those given was told to nobody")
}

// TestReadAnswers: answers are read as they stand in the file.
func TestReadAnswers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "answers.json")
	if err := os.WriteFile(file, []byte(`[{"use": "shop", "operation": "http.fetch", "call": 2, "data": {"a": "<&>"}, "attrs": {"status": "200"}}, {"code": "timeout", "text": "late"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := readAnswers(file)
	want := []control.ReplayAnswer{
		{Call: 2, Use: "shop", Operation: "http.fetch", Data: []byte(`{"a": "<&>"}`), Attrs: map[string]string{"status": "200"}},
		{Code: "timeout", Text: "late"},
	}
	if diff := cmp.Diff(want, list); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for text, want := range map[string]string{
		"":                           "there is no JSON in it",
		`{"use": "shop"}`:            "what it holds is of the kind object, and must be of the kind list",
		`[{"call": "1"}]`:            "call is of the kind string, and must be of the kind whole number",
		`[{"attrs": {"status": 1}}]`: "attrs is of the kind number, and must be of the kind string",
		`[{"uze": "shop"}]`:          `unknown field "uze"`,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readAnswers(file); err == nil || err.Error() != "read answers: "+want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestRehearsalMended: messages that were given up on are rehearsed, too; that a revision
// handles them is told, and no reason to refuse it.
func TestRehearsalMended(t *testing.T) {
	h := newHosted(t)
	t.Chdir(echoFolder(t))
	file := filepath.FromSlash("actors/echo/actor.yaml")
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, append(text, "retry: {max: 0}\n"...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	h.golive(map[string]string{"echo": "trap"})
	for range 3 {
		h.call("/", `"a"`)
	}
	holds(t, h.run(exitDone, "swap echo "+wasmFile(t, "trap", "same")+" --rehearse 10 --plan"), "3 messages came out the same")
	got := h.run(exitDone, "swap echo "+wasmFile(t, "echo", "")+" --rehearse 10 -o json")
	k := gjson.Get(got, `deployment.checks.#(name=="rehearsal of echo")`)
	if r := k.Get("report.0"); r.Get("ran").Int() != 3 || r.Get("mended").Int() != 3 || r.Get("dead").Int() != 3 || r.Get("groups").Exists() || !strings.Contains(k.Get("text").String(), "3 that had failed for good are handled") {
		t.Error(k.Raw)
	}
}

// TestRehearsalTrimmed: a journal that has let go of its beginning still proves a revision
// by what it holds.
func TestRehearsalTrimmed(t *testing.T) {
	h := newHosted(t)
	h.stop()
	h.options.Journal = app.Journal{At: app.Memory} // which keeps least
	h.start()
	t.Chdir(ledgerFolder(t))
	h.golive(map[string]string{"ledger": "ledger"})
	const large, messages = 150 << 10, 120
	for i := range messages {
		if got := h.call("/post", fmt.Sprintf(`{"account":"a%d","id":%q,"amount":1}`, i*2/3, strings.Repeat("x", large))); !strings.HasPrefix(got, "200") {
			t.Fatal(got)
		}
	}
	got := h.run(exitDone, "swap ledger "+wasmFile(t, "ledger", "same")+" --rehearse 1000 -o json")
	k := gjson.Get(got, `deployment.checks.#(name=="rehearsal of ledger")`)
	r := k.Get("report.0")
	if n := r.Get("selected").Int(); n == messages || r.Get("ran").Int() == 0 || r.Get("equal").Int() != r.Get("ran").Int() || r.Get("ran").Int()+r.Get("skipped").Int() != n {
		t.Errorf("%s: %s", k.Get("text"), r.Raw)
	}
}

package command

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/grow-platform/grow/testdata/wat"
	"github.com/tidwall/gjson"
)

// envDie has a host kill itself before the nth step of its deployments.
const envDie = "GROW_TEST_DIE"

// dying is what does that; nil: nothing does.
func dying() func(step string) {
	left, err := strconv.Atoi(os.Getenv(envDie))
	if err != nil {
		return nil
	}
	var n atomic.Int64
	return func(step string) {
		if n.Add(1) != int64(left) {
			return
		}
		fmt.Fprintln(os.Stderr, "dies before:", step)
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Kill()
		}
		if err != nil {
			panic(err)
		}
		select {} // until it has happened
	}
}

// killable is a host in a process of its own.
type killable struct {
	t       *testing.T
	data    string
	process *exec.Cmd
	url     string
	rounds  int          // in which each key was asked
	errs    bytes.Buffer // to be read once it has ended
}

// start starts it on what is in its folder, to die before a step; 0: before none.
func (k *killable) start(die int) {
	k.t.Helper()
	path, err := os.Executable()
	if err != nil {
		k.t.Fatal(err)
	}
	k.errs.Reset()
	k.process = exec.Command(path, "serve", "--data", k.data, "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "-o", "json")
	k.process.Args[0], k.process.Stderr = "grow", &k.errs
	k.process.Env = append(os.Environ(), fmt.Sprint(envDie, "=", die))
	out, err := k.process.StdoutPipe()
	if err == nil {
		err = k.process.Start()
	}
	if err != nil {
		k.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := gjson.Parse(lines.Text())
		if line.Get("event").String() != "serving" {
			continue
		}
		k.url = line.Get("url").String()
		k.t.Setenv(envHost, line.Get("control").String())
		if token := line.Get("token").String(); token != "" {
			k.t.Setenv(envToken, token)
		}
		return
	}
	k.t.Fatalf("it does not serve: %v\n%s", k.process.Wait(), k.errs.String())
}

// end kills it, unless it is dead, and returns the step that it died before, "" for none.
func (k *killable) end() string {
	_ = k.process.Process.Kill() // it may be dead
	_ = k.process.Wait()         // and says so
	_, step, _ := strings.Cut(k.errs.String(), "dies before: ")
	step, _, _ = strings.Cut(step, "\n")
	return step
}

// tries runs a command, whatever becomes of it.
func tries(line string) string {
	var out bytes.Buffer
	execute(strings.Fields(line), strings.NewReader(""), &out, &out)
	return out.String()
}

// book has an entry be made in the books of a key.
func (k *killable) book(i int) {
	k.t.Helper()
	if got := post(k.t, k.url+"/post", fmt.Sprintf(`{"account":"a%d","id":"e%d","amount":1}`, i, k.rounds)); !strings.HasPrefix(got, "200") {
		k.t.Fatal(got)
	}
}

// sides asks which revision serves each key: the code of its refusal says so.
func (k *killable) sides() (list []string) {
	k.t.Helper()
	k.rounds++
	for i := range 12 {
		k.book(i)
		answer := post(k.t, k.url+"/close", fmt.Sprintf(`{"account":"a%d"}`, i))
		side := ""
		for name, code := range map[string]string{"old": "ledger.closed", "new": "ledger.clozed"} {
			if strings.Contains(answer, code) {
				side = name
			}
		}
		if side == "" {
			k.t.Errorf("a%d is served by nobody: %s", i, answer)
		}
		list = append(list, side)
	}
	return list
}

// forked has the books be kept by a node of a workflow, and then, where other is, by a new
// one, of a ledger that says something else.
func forked(t *testing.T, other bool) {
	t.Helper()
	way, routes := "ledger", ""
	if other {
		way, routes = "other", "  - {from: other, to: output}\n"
		if err := os.CopyFS("actors/other", os.DirFS("actors/ledger")); err != nil {
			t.Fatal(err)
		}
		otherLedger(t, "actors/other/module.wasm", "ledger.closed", "ledger.clozed")
		rewrite(t, "actors/other/actor.yaml", "actor: ledger", "actor: other")
	} else {
		rewrite(t, "grow.yaml", "to: ledger", "to: way")
		if err := os.Mkdir("workflows", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("actors/ledger/module.wasm", wat.Module("ledger"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := "workflow: way\nin: [ledger.post, ledger.close]\nout: [ledger.posted]\nnodes: {ledger: ledger"
	if other {
		text += ", other: other"
	}
	text += "}\nroutes:\n  - {from: input, to: " + way + "}\n  - {from: ledger, to: output}\n" + routes
	if err := os.WriteFile("workflows/way.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// rewrite puts a text in place of another in a file, wherever it is.
func rewrite(t *testing.T, file, was, is string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, bytes.ReplaceAll(b, []byte(was), []byte(is)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestSwapKilled: a host is killed before each step of a swap, of a rollback, and of a canary's
// beginning, growth, success and withdrawal, of another ledger or of routes to a new node that has one. The next one serves each key by one revision,
// goes on with the canary or has ended it, and has lost nothing.
func TestSwapKilled(t *testing.T) {
	const swap = "swap ledger other.wasm --accept outcome.refused.ledger.clozed"
	live := []string{"record deployment", "prepare", "move live ref", "switch", "record that it is live"}
	for name, c := range map[string]struct {
		begun  string // before
		act    string
		steps  []string
		routes bool
	}{
		"swap":             {"", swap, live, false},
		"rollback":         {swap, "rollback ledger --accept outcome.refused.ledger.closed", live, false},
		"grows":            {"", swap + " --canary 50% --wait 1ms --slower 1000", []string{"record trial", "try", "record share", "move live ref", "switch", "record that it is live", "remove trial"}, false},
		"withdrawn":        {swap + " --canary 50% --wait 1h", "swap --abort", []string{"record that it is withdrawn", "remove trial", "untry"}, false},
		"routes grow":      {"", "deploy --canary 50% --wait 1ms --slower 1000", []string{"record trial", "try", "record share", "move live ref", "switch", "record that it is live", "remove trial"}, true},
		"routes withdrawn": {"deploy --canary 50% --wait 1h", "swap --abort", []string{"record that it is withdrawn", "remove trial", "untry"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			var at []string
			for die := 1; ; die++ {
				step := killed(t, die, c.begun, c.act, c.routes)
				if step == "" {
					break
				}
				at = append(at, step)
			}
			for _, step := range c.steps {
				if !slices.Contains(at, step) {
					t.Errorf("nobody died before: %s; but before %q", step, at)
				}
			}
		})
	}
}

// killed has a host die before a step of what is done to it, and looks at the next one. It
// returns the step; "" when there are not so many.
func killed(t *testing.T, die int, begun, act string, routes bool) (step string) {
	k := &killable{t: t, data: t.TempDir()}
	t.Chdir(ledgerFolder(t))
	otherLedger(t, "other.wasm", "ledger.closed", "ledger.clozed")
	wasmFile(t, "ledger", "third")
	k.start(0)
	defer func() { k.end() }()
	h := &hosted{t: t}
	if routes {
		forked(t, false)
		h.run(exitDone, "deploy")
		forked(t, true)
	} else {
		h.golive(map[string]string{"ledger": "ledger"})
	}
	for i := range 12 {
		k.book(i)
	}
	if begun != "" {
		h.run(exitDone, begun)
	}
	k.end()
	k.start(die)
	told := tries(act)
	ended := k.follow(told)
	if step = k.end(); step == "" {
		if !ended {
			t.Errorf("the canary does not end: %s", told)
		}
		return ""
	}
	k.start(0)
	before, withdrawn := k.sides(), strings.Contains(begun, "--canary")
	for range 3 { // a key that the new revision has stays with it, until it is withdrawn
		now := k.sides()
		for i, side := range now {
			if before[i] == "new" && side == "old" {
				t.Errorf("died before %q: a%d has gone back", step, i)
			}
		}
		before = now
	}
	trial := tries("swap -o json")
	if withdrawn && gjson.Get(trial, "deployment").Exists() { // the withdrawal was not recorded
		if !slices.Contains(before, "new") || !slices.Contains(before, "old") {
			t.Errorf("died before %q: the canary goes on with %q", step, before)
		}
		h.run(exitDone, "swap --abort")
	} else if !withdrawn && !k.follow(trial) {
		t.Errorf("died before %q: the canary does not go on: %s", step, trial)
	}
	live := gjson.Get(h.run(exitDone, "history -o json"), `#(state=="live").number`).Int()
	want := map[int64]string{1: "old", 2: "new", 3: "old"}[live]
	if last := slices.Compact(k.sides()); len(last) != 1 || last[0] != want || withdrawn && want != "old" {
		t.Errorf("died before %q: deployment %d is live, and keys are served by %q", step, live, last)
	}
	for i := range 12 {
		nodes := []string{"ledger"}
		switch {
		case routes && withdrawn:
			continue // what a node has that is gone cannot be asked for
		case routes:
			nodes = []string{"way/ledger", "way/other"}
		}
		entries, kept := int64(0), ""
		for _, node := range nodes {
			text := tries(fmt.Sprintf("state get %s a%d -o json", node, i))
			entries += gjson.Get(text, "values.0.data.entries.#").Int()
			kept += text
		}
		if entries != int64(k.rounds)+1 {
			t.Errorf("died before %q: a%d keeps %s", step, i, kept)
		}
	}
	return step
}

// follow waits until there is no canary any more; false: it goes on, or the host has died.
func (k *killable) follow(last string) bool {
	for range 10_000 {
		trial := tries("swap -o json")
		if strings.Contains(trial, "is being tried") {
			tries("swap ledger ledgerthird.wasm --plan") // which waits its turn, until the end is recorded
			return true
		}
		if !gjson.Get(trial, "deployment").Exists() {
			return false
		}
	}
	k.t.Logf("it began so: %s", last)
	return false
}

package command

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/runtime/canary"
	"github.com/grow-platform/grow/testdata/wat"
	"github.com/tidwall/gjson"
)

func init() {
	elsewhere["swap"] = "asks a host: TestSwap"
}

// wasmFile writes a module of testdata/wat, with a custom section that makes it another
// one, and returns the file's name.
func wasmFile(t *testing.T, name, mark string) string {
	t.Helper()
	file := name + mark + ".wasm"
	b := wat.Module(name)
	if mark != "" {
		b = withSection(b, mark, nil)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// traffic asks an endpoint again and again until it is ended, and then returns how many
// requests were answered otherwise than they should be.
func (h *hosted) traffic(path, word, want string) (end func() []string) {
	stop := make(chan struct{})
	var wrong []string
	var done sync.WaitGroup
	done.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if got := h.call(path, strconv.Quote(word)); !strings.HasPrefix(got, want) && len(wrong) < 5 {
				wrong = append(wrong, fmt.Sprintf("request %d: %s", i, got))
			}
		}
	})
	return func() []string {
		close(stop)
		done.Wait()
		return wrong
	}
}

// decided waits for the end of a trial, and tells what is kept of the deployment.
func (h *hosted) decided(deployment int) string {
	h.t.Helper()
	for execute([]string{"swap"}, strings.NewReader(""), io.Discard, io.Discard) == exitDone {
	}
	return h.run(exitDone, fmt.Sprint("history --deployment ", deployment))
}

// TestSwap: another module takes over under traffic, and an old revision does.
func TestSwap(t *testing.T) {
	h := newHosted(t)
	t.Chdir(echoFolder(t))
	h.golive(map[string]string{"echo": "echo"})
	end := h.traffic("/", "a", `200 "a"`)
	holds(t, h.run(exitNotFound, "swap"), "no deployment of main/echoes is being tried", "grow swap ACTOR FILE.wasm --canary 5%")
	holds(t, h.run(exitDone, "swap echo "+wasmFile(t, "echo", "two")), "deployment 2 is live")
	holds(t, h.run(exitDone, "swap echo 1"), "deployment 3 is live")
	holds(t, h.run(exitUsage, "swap echo 0"), "grow history echo")
	holds(t, h.run(exitUsage, "swap --abort --watch"), "--abort")
	holds(t, h.run(exitUsage, "swap echo 1 --canary 120%"), "5%")
	got := h.run(exitDone, "swap echo "+wasmFile(t, "echo", "three")+" --canary 50% --wait 1ms --slower 1000 --watch")
	holds(t, got, "deployment 4 has the first share of the keys", "ok       canary", "is no worse than the old one", "main/echoes: deployment 4 is live")
	if wrong := end(); len(wrong) > 0 {
		t.Errorf("requests that were answered otherwise: %q", wrong)
	}
}

// TestTrialSteps: who watches a canary line by line is told of each of its steps, once.
func TestTrialSteps(t *testing.T) {
	var out strings.Builder
	s, shown := &shell{stdout: &out}, ""
	for _, step := range []int{0, 0, 1} {
		trial := api.Trial{Deployment: 4, Plan: canary.Plan{Steps: canary.Grow(0.5, time.Minute)}, Step: step, Share: []float64{0.5, 1}[step], Left: time.Minute}
		if err := s.trialStep(&trial, trialLine(&trial), &shown); err != nil {
			t.Fatal(err)
		}
	}
	const counts = "(step %d of 2, 1 min 0 s left): new 0 handled, 0 not; old 0 handled, 0 not\n"
	if want := fmt.Sprintf("deployment 4 has 50 %% of the keys "+counts+"deployment 4 has 100 %% of the keys "+counts, 1, 2); out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
}

// TestTrialOfNothing: what handled no message has neither a time nor fuel.
func TestTrialOfNothing(t *testing.T) {
	var out strings.Builder
	handled := api.Arm{Revision: "b", Handled: 1, Median: time.Second, Slow: time.Second, Fuel: 7}
	if err := writeTrial(&out, &api.Trial{Nodes: []api.TrialNode{{Node: "echo", Old: api.Arm{Revision: "a"}, New: handled}}}); err != nil {
		t.Fatal(err)
	}
	_, rows, _ := strings.Cut(out.String(), "FUEL\n")
	const want = "echo old a 0 0 0 - - -\necho new b 1 0 0 1.0 s 1.0 s 7"
	var got []string
	for line := range strings.Lines(rows) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

// TestCanaryWithdrawn: a revision that traps has its share of the messages until that is
// found out; then it is withdrawn, and the old one handles what it left.
func TestCanaryWithdrawn(t *testing.T) {
	h := newHosted(t)
	t.Chdir(echoFolder(t))
	h.golive(map[string]string{"echo": "echo"})
	for range 200 {
		h.call("/later", `"a"`)
	}
	end := h.traffic("/later", "b", "202")
	got := h.run(exitNo, "swap echo "+wasmFile(t, "trap", "")+" --canary 50% --wait 1h --watch")
	if wrong := end(); len(wrong) > 0 {
		t.Errorf("requests that were answered otherwise: %q", wrong)
	}
	holds(t, got, "FAILED   canary", "errors: ", "deployment 2 was withdrawn: echo: ", "deployment 1 has all keys", "grow history --deployment 2")
	if got := h.call("/", `"c"`); got != `200 "c"` {
		t.Error(got)
	}
	holds(t, h.run(exitDone, "history --deployment 2"), "withdrawn", "canary")
	holds(t, h.run(exitNotFound, "swap"), "is being tried")
	if n := gjson.Get(h.run(exitDone, "deadletters list -o json"), "#").Int(); n != 0 {
		t.Errorf("%d messages were given up on", n)
	}
}

// TestCanaryAborted: while a deployment is tried no other one is made; the trial goes on
// when the host is started again, and is ended by a command.
func TestCanaryAborted(t *testing.T) {
	h := newHosted(t)
	t.Chdir(echoFolder(t))
	h.golive(map[string]string{"echo": "echo"})
	file := wasmFile(t, "echo", "two")
	h.run(exitDone, "swap echo "+file+" --canary 5% --wait 1h")
	holds(t, h.run(exitConflict, "swap echo "+wasmFile(t, "echo", "three")), "deployment 2 of main/echoes by first is being tried", "grow swap --abort")
	h.stop()
	h.start()
	got := h.run(exitDone, "swap -o json")
	if gjson.Get(got, "deployment").Int() != 2 || gjson.Get(got, "share").Float() != 0.05 || gjson.Get(got, "nodes.0.node").String() != "echo" {
		t.Errorf("after another start of the host: %s", got)
	}
	holds(t, h.run(exitDone, "swap"), "deployment 2 has 5 % of the keys (step 1 of 4", "NODE", "old", "new")
	holds(t, h.run(exitDone, "history"), "tried")
	holds(t, h.run(exitDone, "swap --abort -m slow"), "deployment 2 is withdrawn; deployment 1 has all keys")
	holds(t, h.run(exitDone, "history --deployment 2"), "ended by first: slow")
	h.run(exitDone, "swap echo "+file)
	if got := h.call("/", `"c"`); got != `200 "c"` {
		t.Error(got)
	}
}

// echoing makes an empty folder that of a service with a workflow, and returns what writes its
// files: the actor of a module that echoes, or traps, and the workflow of some of them.
func echoing(t *testing.T) (actor func(name, module string), way func(to string, nodes ...string)) {
	write := emptyFolder(t)
	write("grow.yaml", "service: echoes\nhttp:\n  POST /: {send: echo.done, to: way, reply: {echo.done: 200}, timeout: 20s}\n  POST /later: {send: echo.done, to: way, reply: 202}\n")
	write("types/echo.cue", "\"echo.done\": string\n")
	actor = func(name, module string) {
		t.Helper()
		write("actors/"+name+"/module.wasm", string(wat.Module(module)))
		write("actors/"+name+"/actor.yaml", "actor: "+name+"\nabout: Says what it hears.\ncode: {language: wasm, source: module.wasm}\nin: [echo.done]\nout: [echo.done]\nretry: {max: 0}\n")
	}
	way = func(to string, nodes ...string) {
		t.Helper()
		list, routes := "", ""
		for _, n := range nodes {
			list += n + ": " + n + ", "
			routes += "  - {from: " + n + ", to: output}\n"
		}
		write("workflows/way.yaml", "workflow: way\nin: [echo.done]\nout: [echo.done]\nnodes: {"+list+"}\nroutes:\n  - {from: input, to: "+to+"}\n"+routes)
	}
	return actor, way
}

// tried has routes to left be live, tries some to wrong, which are withdrawn, and some to right,
// which go on after a restart; those to right that last writes go live.
func tried(t *testing.T, to func(name string), last func()) {
	t.Helper()
	h := newHosted(t)
	to("left")
	h.run(exitDone, "deploy")
	to("wrong")
	end := h.traffic("/later", "b", "202")
	h.run(exitDone, "deploy --canary 50% --wait 1h")
	got := h.decided(2)
	if wrong := end(); len(wrong) > 0 {
		t.Errorf("requests that were answered otherwise: %q", wrong)
	}
	holds(t, got, "withdrawn", "FAILED   canary", "routes of way/input: ", "by the old revision")
	if got := h.call("/", `"c"`); got != `200 "c"` {
		t.Error(got)
	}
	to("right")
	h.run(exitDone, "deploy --canary 50% --wait 1h")
	holds(t, h.run(exitDone, "swap"), "routes of way/input", "50 % of the keys")
	h.stop()
	h.start()
	holds(t, h.run(exitDone, "swap"), "routes of way/input", "50 % of the keys")
	holds(t, h.run(exitDone, "swap --abort"), "deployment 3 is withdrawn; deployment 1 has all keys")
	end = h.traffic("/", "a", `200 "a"`)
	last()
	h.run(exitDone, "deploy --canary 50% --wait 1ms --slower 1000") // how fast they are does not decide
	holds(t, h.decided(4), "deployment 4 of main/echoes: live")
	if wrong := end(); len(wrong) > 0 {
		t.Errorf("requests that were answered otherwise: %q", wrong)
	}
	if got := gjson.Get(h.run(exitDone, "status -o json"), `nodes.#(node=="way/right").handled`).Int(); got == 0 {
		t.Error("nothing goes the way that was tried")
	}
}

// TestCanaryRoutes: other routes are tried as another revision of an actor is. Where they lead
// to what traps they are withdrawn; where they do as well as before they go live. A node may be
// gone, and be left as an actor that nobody sends anything.
func TestCanaryRoutes(t *testing.T) {
	actor, way := echoing(t)
	for name, module := range map[string]string{"left": "echo", "right": "echo", "wrong": "trap"} {
		actor(name, module)
	}
	tried(t, func(name string) { way(name, "left", "right", "wrong") }, func() { way("right", "left", "right") })
}

// TestCanaryNew: routes to nodes that are new are tried with them, as others are: they are
// withdrawn where those trap, go on after a restart, and go live.
func TestCanaryNew(t *testing.T) {
	actor, way := echoing(t)
	tried(t, func(name string) {
		actor(name, map[string]string{"left": "echo", "right": "echo", "wrong": "trap"}[name])
		way(name, name)
	}, func() {})
}

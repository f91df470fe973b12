package python_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
)

// ticking is a host that does something at a slice of a message.
type ticking struct {
	enginetest.Host
	n, at int
	do    func()
}

// loopFuel ends a loop that nobody stops, in units of fuel.
const loopFuel = 4_000_000_000

// Slice implements engine.Host.
func (h *ticking) Slice(used uint64) (uint64, error) {
	if h.n++; h.n == h.at {
		h.do()
	}
	return h.Host.Slice(used)
}

// plain makes an instance that nobody debugs.
func plain(t testing.TB, binary []byte) (engine.Module, actor) {
	t.Helper()
	m, err := running(t).Compile(t.Context(), binary, engine.Config{MemoryMax: 64 << 20, Name: "test", Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(t.Context()) })
	return m, fresh(t, m)
}

// attach has an instance report to r.
func attach(t testing.TB, p debug.Program, i actor, r debug.Reporter) (detach func()) {
	t.Helper()
	detach, err := p.(debug.Attacher).Attach(i.Instance, r)
	if err != nil {
		t.Fatal(err)
	}
	return detach
}

// leaveLoop has the guest leave the loop that it is in.
func leaveLoop(t *testing.T, h debug.Halt) {
	t.Helper()
	if v, err := h.Evaluate(0, "n > 1000 and order"); err != nil || v.Value != "{}" {
		t.Error(v, err)
	}
	if _, err := h.Evaluate(0, "order['stop'] = True"); err != nil {
		t.Error(err)
	}
}

// clean is what order.state says of an instance that nobody debugs.
const clean = `[[null,null,null,null,null,null],0,"grow._runtime"]`

// patience is how many slices may pass until a guest stands still: 10 ms.
const patience = 100

// TestAttachToLoop: an instance that is in a loop without end is attached to as it is,
// and told to leave it; once it is detached from, nothing is left.
func TestAttachToLoop(t *testing.T) {
	binary := pack(t, "main.py")
	p := open(t, binary)
	m, i := plain(t, binary)
	neighbour := fresh(t, m)
	detach := func() {}
	r := &reporter{enter: func(g debug.Guest) error { g.Watch(&debug.Watch{Every: true}); return nil }}
	h := &ticking{at: 50, Host: enginetest.Host{Fuel: loopFuel}}
	h.do = func() { detach = attach(t, p, i, r) }
	r.arrive = func(_ debug.Guest, halt debug.Halt) error {
		if at := halt.Position(); at.File != "app/main.py" || at.Line < 60 || at.Line > 61 || h.n > h.at+patience {
			t.Errorf("at %v after %d slices", at, h.n-h.at)
		}
		leaveLoop(t, halt)
		detach()
		return nil
	}
	if got, err := i.sendFrom(h, "order.forever", "{}"); err != nil || !strings.Contains(got, `{"stop":true}`) {
		t.Error(got, err)
	}
	for name, i := range map[string]actor{"detached": i, "its neighbour": neighbour} {
		if got := must(t, i, "order.state", "{}"); !strings.HasSuffix(got, clean) {
			t.Errorf("%s: %s", name, got)
		}
	}
	if want := []string{"enter", "arrive", "leave"}; !slices.Equal(r.log, want) {
		t.Errorf("%v; want %v", r.log, want)
	}
	// The next session finds the instance as the first did.
	r.log = nil
	r.enter = func(g debug.Guest) error { g.Watch(&debug.Watch{Lines: []debug.Position{bound(t, p, 26)}}); return nil }
	r.arrive = func(g debug.Guest, _ debug.Halt) error { g.Watch(&debug.Watch{}); return nil }
	attach(t, p, i, r)
	must(t, i, "order.placed", orders)
	if want := []string{"enter", "arrive", "leave"}; !slices.Equal(r.log, want) {
		t.Errorf("%v; want %v", r.log, want)
	}
}

// TestWatchInLoop: what is to be reported changes while the guest is in a loop: a pause,
// or a breakpoint in it.
func TestWatchInLoop(t *testing.T) {
	p := open(t, pack(t, "main.py"))
	for name, w := range map[string]*debug.Watch{"pause": {Every: true}, "breakpoint": {Lines: []debug.Position{bound(t, p, 61)}}} {
		var guest debug.Guest
		h := &ticking{at: 50, Host: enginetest.Host{Fuel: loopFuel}}
		h.do = func() { guest.Watch(w) }
		r := &reporter{enter: func(g debug.Guest) error { guest = g; return nil }}
		r.arrive = func(g debug.Guest, halt debug.Halt) error {
			if h.n > h.at+patience {
				t.Errorf("%s: after %d slices", name, h.n-h.at)
			}
			leaveLoop(t, halt)
			g.Watch(&debug.Watch{})
			return nil
		}
		if _, err := instance(t, p, r).sendFrom(h, "order.forever", "{}"); err != nil {
			t.Error(name, err)
		}
		if want := []string{"enter", "arrive", "leave"}; !slices.Equal(r.log, want) {
			t.Errorf("%s: %v; want %v", name, r.log, want)
		}
	}
}

// TestCost: a breakpoint elsewhere or behind it costs a loop nothing, in fuel, nor does it a
// message once the guest knows of it, and without a session nothing is asked of the host. The
// loop makes no objects: where those come to lie changes what a loop costs by some percent,
// from one message to the next, and without a debugger too.
func TestCost(t *testing.T) {
	binary := pack(t, "main.py")
	p := open(t, binary)
	_, i := plain(t, binary)
	h := &enginetest.Host{}
	fuel := func(i actor, n int) uint64 {
		var a engine.Answer
		for range 3 { // the first one is told what to watch, and code is made faster as it runs
			var err error
			if a, err = i.Handle(h, abi.NewMessage(fmt.Appendf(nil, `{"n": %d}`, n), abi.Type, "order.small")); err != nil {
				t.Fatal(err)
			}
		}
		return a.Fuel
	}
	plain := map[int]uint64{0: fuel(i, 0), 2000: fuel(i, 2000)}
	if len(h.Requests) > 0 {
		t.Errorf("it asks the host: %q", h.Requests)
	}
	const most = 1.01
	for _, c := range []struct{ line, n int }{{26, 0}, {26, 2000}, {136, 2000}} {
		watched := fuel(instance(t, p, at(t, p, []int{c.line}, func(debug.Guest, debug.Halt) error { return nil })), c.n)
		if float64(watched) > most*float64(plain[c.n]) {
			t.Errorf("%d units, with a breakpoint on line %d %d", plain[c.n], c.line, watched)
		}
	}
}

// TestInit: the start of an instance is debugged, too.
func TestInit(t *testing.T) {
	p := open(t, pack(t, "main.py"))
	where, err := p.Function("start")
	if err != nil {
		t.Fatal(err)
	}
	r := at(t, p, []int{where[0].Line}, func(_ debug.Guest, h debug.Halt) error {
		if f, err := h.Frames(0, 0); err != nil || len(f) != 1 || f[0].Function != "main.start" {
			t.Error(f, err)
		}
		return nil
	})
	i := instance(t, p, r)
	if err := i.Init(&enginetest.Host{}, abi.NewMessage([]byte("{}"), abi.Type, abi.TypeInit).Frame()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"enter", "arrive", "leave"}; !slices.Equal(r.log, want) {
		t.Errorf("%v; want %v", r.log, want)
	}
}

// TestReporterFails: what a reporter returns is what the message fails with.
func TestReporterFails(t *testing.T) {
	want := errors.New("no more of this")
	p := open(t, pack(t, "main.py"))
	r := at(t, p, []int{26}, func(debug.Guest, debug.Halt) error { return want })
	if _, err := instance(t, p, r).send("order.placed", orders); !errors.Is(err, want) {
		t.Error(err)
	}
	r.enter = func(debug.Guest) error { return want }
	if _, err := instance(t, p, r).send("order.placed", orders); !errors.Is(err, want) {
		t.Error(err)
	}
}

// TestLies: an actor that plays its own debug support ends its message, or is told no,
// and the host is as it was.
func TestLies(t *testing.T) {
	p := open(t, pack(t, "main.py"))
	arrived := 0
	r := &reporter{arrive: func(_ debug.Guest, h debug.Halt) error {
		arrived++
		_, err := h.Frames(0, 0)
		return err
	}}
	for _, c := range []struct{ data, want string }{
		{`{"op": "debug.result", "data": "{}"}`, "was not asked"},
		{`{"op": "debug.stop", "data": "[]"}`, "read where a guest stands"},
		{`{"op": "debug.stop", "data": "{}"}`, ""}, // it leaves the command unanswered
		{`{"op": "debug.failed", "data": "\u0000"}`, `debug: "\x00"`},
		{`{"op": "debug.other", "data": ""}`, "there is no such operation"},
		{`{"op": "debug.watch", "data": ""}`, ""},
	} {
		_, err := instance(t, p, r).send("order.lies", c.data)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v; want %q", c.data, err, c.want)
		}
	}
	if arrived != 1 {
		t.Errorf("%d arrivals", arrived)
	}
}

// TestNoTool: an actor that uses all of sys.monitoring itself cannot be debugged, and
// that is said.
func TestNoTool(t *testing.T) {
	p := open(t, pack(t, "main.py"))
	r := &reporter{}
	i := instance(t, p, r)
	must(t, i, "order.tools", "{}")
	r.enter = func(g debug.Guest) error { g.Watch(&debug.Watch{Every: true}); return nil }
	if _, err := i.send("order.sum", `{"n": 1}`); err == nil || !strings.Contains(err.Error(), "sys.monitoring") {
		t.Error(err)
	}
}

// TestNotHere: what runs elsewhere cannot be attached to.
func TestNotHere(t *testing.T) {
	elsewhere := struct{ engine.Instance }{}
	if _, err := open(t, pack(t, "main.py")).(debug.Attacher).Attach(elsewhere, &reporter{}); !errors.Is(err, debug.ErrUnsupported) {
		t.Error(err)
	}
}

// TestModuleCode: the code of a module runs once, into the image that instances begin with:
// who wants to stop there is told so. What is made there and runs later can be stopped.
func TestModuleCode(t *testing.T) {
	p := open(t, pack(t, "main.py"))
	for _, line := range []int{1, 6, 9, 11} {
		if at, err := p.Bind("app/main.py", line); !errors.Is(err, debug.ErrNoCode) || !strings.Contains(err.Error(), "as the actor is loaded") {
			t.Errorf("line %d is bound at %v: %v", line, at, err)
		}
	}
	for line, want := range map[int]int{22: 25, 24: 25, 36: 38, 37: 38} {
		if at, err := p.Bind("app/main.py", line); err != nil || at.Line != want {
			t.Errorf("line %d is bound at %v, want %d: %v", line, at, want, err)
		}
	}
}

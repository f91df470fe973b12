package native

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/runtime/wasm/probe"
	"github.com/grow-platform/grow/testdata/order"
	"github.com/grow-platform/grow/testdata/wat"
)

// The modules of testdata/c are made of order.c with clang and lld 14:
//
//	clang --target=wasm32 -OX -g -gdwarf-Y -nostdlib -fno-builtin -Wall -fdebug-prefix-map=$PWD=/src
//	  -fuse-ld=lld -Wl,--no-entry -o order.OX.wasm order.c
const cSource = "order.c"

// lineOf is the line of order.c that has a text.
func lineOf(t testing.TB, text string) int {
	t.Helper()
	return lineIn(t, cSource, text)
}

// lineIn is the line of a source in C that has a text.
func lineIn(t testing.TB, file, text string) int {
	t.Helper()
	before, _, ok := strings.Cut(string(read(t, "testdata/c/"+file)), text)
	if !ok {
		t.Fatalf("no line has %s", text)
	}
	return strings.Count(before, "\n") + 1
}

// TestC: a guest stops two calls below its handler; its caller's variables are there.
func TestC(t *testing.T) {
	binary := read(t, "testdata/c/order.O0.wasm")
	p := opened(t, binary, os.DirFS("testdata/c"))
	if p.Language() != "c" || !slices.Equal(p.Files(), []string{cSource}) || len(p.Notes()) > 0 {
		t.Errorf("%s, %v, %v", p.Language(), p.Files(), p.Notes())
	}
	r := &script{t: t, first: watching(t, p, cSource, lineOf(t, "double net"))}
	stops := 0
	r.stop = func(_ debug.Guest, h debug.Halt) error {
		if stops++; stops > 1 {
			return nil
		}
		if got := stackOf(t, h); got != "weigh:15 < sum:22 < grow_handle:46" {
			t.Error(got)
		}
		says(t, h, 0, map[string]string{"item.qty": "2", "item->name": `0x40c "bolt"`, "factor": "1.5", "gross": "2.5",
			"*item": `{qty: 2, price: 1.25, name: 0x40c "bolt"}`, "item.qty * 2 + 1": "5", "handled": "7"})
		says(t, h, 1, map[string]string{"due": "0.0", "i": "0", "n": "3", "o.id": "77", "o->items[1].qty": "3", "order.rest.whole": "0",
			"matrix": "[[1, 2, 3], [4, 5, 6]]", "matrix[1][2]": "6", "matrix[2]": "error: there is no [2]: it has 2",
			"order.items[2]": `{qty: 1, price: 0.5, name: 0x204b0 "abc"}`, "net": "error: net: not known here", "o.none": "error: none: not known here",
			"block": "[121, 0, 0, 0, 0, 0, 0, 0, …]", "(": "error: (: it is no expression"})
		says(t, h, 2, map[string]string{"text": `"abc"`, "order.size": "LARGE", "length": "1", "&order == 66640": "true"})
		conditions(t, h, 1, map[string]bool{"order.size == LARGE": true, "order.size != SMALL && n == 3": true, "i > 0 || due < 0": false,
			"!(i == 0)": false, "o.items[0].price >= 1.25": true, "handled": true})
		for _, wrong := range []string{"order", "n == LARGE", "n && text", `n == "x"`, "n / 0"} {
			if yes, err := h.Truth(1, wrong); err == nil {
				t.Errorf("%s is %v", wrong, yes)
			}
		}
		return nil
	}
	if _, err := started(t, p, binary, r).Handle(&enginetest.Host{}, engine.Frame("y")); err != nil {
		t.Fatal(err)
	}
	if stops != 3 || r.entered != 1 || r.left != 1 {
		t.Errorf("%d stops, entered %d times, left %d times", stops, r.entered, r.left)
	}
}

// TestSteps: over a call, into one, out of it, with the lines that come by. Where a function
// begins, its arguments are not yet in place: nobody is stopped there.
func TestSteps(t *testing.T) {
	binary := read(t, "testdata/c/order.O0.wasm")
	p := opened(t, binary, os.DirFS("testdata/c"))
	r := &script{t: t, first: watching(t, p, cSource, lineOf(t, "due +="))}
	var lines []string
	depth := 0
	r.stop = func(g debug.Guest, h debug.Halt) error {
		lines = append(lines, fmt.Sprintf("%d:%d", h.Depth(), h.Position().Line))
		if depth == 0 {
			depth = h.Depth()
			g.Watch(&debug.Watch{Every: true})
		} else if h.Depth() < depth { // out of sum
			g.Watch(nil)
		}
		return nil
	}
	if _, err := started(t, p, binary, r).Handle(&enginetest.Host{}, engine.Frame("y")); err != nil {
		t.Fatal(err)
	}
	turn := "2:22 3:14 3:15 3:16 2:23 2:21 2:21 "
	if got := strings.Join(lines, " "); got != turn+turn+turn+"2:25 2:26 1:47" {
		t.Error(got)
	}
}

// TestSet: a variable and a part of one are set, and what is computed follows; what is
// no value of their type is refused.
func TestSet(t *testing.T) {
	binary := read(t, "testdata/c/order.O0.wasm")
	p := opened(t, binary, os.DirFS("testdata/c"))
	r := &script{t: t, first: watching(t, p, cSource, lineOf(t, "double net"))}
	r.stop = func(g debug.Guest, h debug.Halt) error {
		g.Watch(watching(t, p, cSource, lineOf(t, "return net")))
		if strings.HasPrefix(stackOf(t, h), "weigh:16") {
			says(t, h, 0, map[string]string{"net": "6.0"})
			says(t, h, 1, map[string]string{"order.size": "MEDIUM", "handled": "-5"})
			g.Watch(nil)
			return nil
		}
		scopes, err := h.Scopes(0)
		if err != nil || len(scopes) != 2 {
			t.Fatalf("%v, %v", scopes, err)
		}
		order, err := h.Evaluate(0, "order")
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range []struct {
			in           debug.Reference
			name, to, is string
		}{
			{scopes[0].Children, "gross", "4", "4.0"},
			{scopes[1].Children, "handled", "-5", "-5"},
			{order.Children, "size", "MEDIUM", "MEDIUM"},
			{scopes[0].Children, "gross", `"x"`, ""},
			{scopes[1].Children, "handled", "1 << 40", ""},
			{scopes[1].Children, "handled", "3000000000", ""},
			{order.Children, "items", "1", ""},
			{order.Children, "id", "1", ""}, // a bit field
			{order.Children, "none", "1", ""},
		} {
			v, err := h.Set(0, x.in, x.name, x.to)
			if v.Value != x.is || (err == nil) != (x.is != "") {
				t.Errorf("%s = %s is %q: %v", x.name, x.to, v.Value, err)
			}
		}
		return nil
	}
	if _, err := started(t, p, binary, r).Handle(&enginetest.Host{}, engine.Frame("y")); err != nil {
		t.Fatal(err)
	}
}

// TestOptimised: of optimised code, by both versions of DWARF, what is said is true, or
// that the variable is optimised out.
func TestOptimised(t *testing.T) {
	for _, name := range []string{"order.O2.wasm", "order.dwarf5.wasm"} {
		binary := read(t, "testdata/c/"+name)
		p := opened(t, binary, os.DirFS("testdata/c"))
		if len(p.Notes()) != 1 {
			t.Errorf("%s: notes %q", name, p.Notes())
		}
		r := &script{t: t, first: &debug.Watch{Every: true}}
		seen, inlined := map[string]bool{}, false
		r.stop = func(_ debug.Guest, h debug.Halt) error {
			frames, err := h.Frames(0, 10)
			if err != nil {
				return err
			}
			for i, f := range frames {
				inlined = inlined || f.Inlined
				for _, v := range locals(t, h, i) {
					known := map[string]string{"factor": "1.5", "n": "", "length": "1", "i": "", "at": ""}
					if want := known[v.Name]; v.Fault == "" && want != "" && v.Value != want {
						t.Errorf("%s: %s in %s is %s", name, v.Name, f.Function, v.Value)
					}
					seen[v.Name+v.Fault] = true
				}
			}
			return nil
		}
		if _, err := started(t, p, binary, r).Handle(&enginetest.Host{}, engine.Frame("y")); err != nil {
			t.Fatal(err)
		}
		if !inlined || !seen["factor"] && !seen["length"] {
			t.Errorf("%s: inlined %v, seen %v", name, inlined, seen)
		}
	}
}

// TestBind: a breakpoint on a line without code moves within its function, or is refused.
func TestBind(t *testing.T) {
	p := opened(t, read(t, "testdata/c/order.O0.wasm"), os.DirFS("testdata/c"))
	for line, want := range map[int]int{lineOf(t, "double gross"): 14, lineOf(t, "handled++"): 23, lineOf(t, "handled++") + 1: 25, 11: 0, 1: 0, 9: 0, 1000: 0} {
		at, err := p.Bind(cSource, line)
		if at.Line != want && (want > 0 || !errors.Is(err, debug.ErrNoCode)) {
			t.Errorf("line %d is bound to %d, %v; want %d", line, at.Line, err, want)
		}
	}
	if _, err := p.Bind("other.c", 1); !errors.Is(err, debug.ErrUnknown) {
		t.Error(err)
	}
	if at, err := p.Function("weigh"); err != nil || len(at) != 1 || at[0].Line != 14 {
		t.Errorf("%v, %v", at, err)
	}
	if _, err := p.Function("none"); !errors.Is(err, debug.ErrUnknown) {
		t.Error(err)
	}
	if text, err := p.Source(cSource); err != nil || !bytes.Equal(text, read(t, "testdata/c/order.c")) {
		t.Error(err)
	}
}

// TestEndless: what takes too long to look at is given up, and what leads to itself is not
// followed for ever; the guest goes on.
func TestEndless(t *testing.T) {
	binary := read(t, "testdata/c/order.O0.wasm")
	p := opened(t, binary, os.DirFS("testdata/c"))
	r := &script{t: t, first: watching(t, p, cSource, lineOf(t, "double net"))}
	stops := 0
	r.stop = func(g debug.Guest, h debug.Halt) error {
		stops++
		g.Watch(nil)
		block, err := h.Evaluate(1, "block")
		if err != nil {
			t.Fatal(err)
		}
		x := h.(*halt)
		v, err := (&evaluator{h: x, f: &x.all()[1]}).named("block")
		if err != nil {
			t.Fatal(err)
		}
		v.t.bare().count = lengthMax
		if _, err := h.Evaluate(1, `block["y"]`); !errors.Is(err, debug.ErrEndless) {
			t.Error(err)
		}
		if _, err := h.Truth(1, `block["y"] == 1`); !errors.Is(err, debug.ErrEndless) {
			t.Error(err)
		}
		if _, err := h.Set(1, block.Children, "[0]", `block["y"]`); !errors.Is(err, debug.ErrEndless) {
			t.Error(err)
		}
		says(t, h, 1, map[string]string{"n": "3"}) // the next one has time of its own

		at := uint32(v.at)
		if err := h.WriteMemory(v.at, []byte{byte(at), byte(at >> 8), byte(at >> 16), byte(at >> 24)}); err != nil {
			t.Fatal(err)
		}
		ring := &typ{s: v.t.s, kind: kindPointer, size: 4, name: "&ring", elem: 1}
		v.t.s.types[1] = ring
		v.t = ring
		if got := v.line(); got != "…" {
			t.Error(got)
		}
		if _, err := v.constant(); err == nil {
			t.Error("it is a number")
		}
		if _, err := v.form(); err == nil {
			t.Error("it has a form")
		}
		return nil
	}
	if _, err := started(t, p, binary, r).Handle(&enginetest.Host{}, engine.Frame("y")); err != nil || stops != 1 {
		t.Fatal(stops, err)
	}
}

// TestOtherSource: a source that is not the one that the compiler has read is told by its
// digest.
func TestOtherSource(t *testing.T) {
	binary, text := read(t, "testdata/c/order.dwarf5.wasm"), read(t, "testdata/c/order.c")
	for _, more := range []string{"", "// more"} {
		notes := opened(t, binary, fstest.MapFS{cSource: {Data: append(bytes.Clone(text), more...)}}).Notes()
		told := slices.ContainsFunc(notes, func(n string) bool { return strings.HasPrefix(n, cSource+" is not as it was") })
		if told != (more != "") {
			t.Errorf("with %q: notes %q", more, notes)
		}
	}
}

// TestAddress: a guest is stopped before an instruction; one where nobody can be stopped
// leads to the next of its function, or is refused.
func TestAddress(t *testing.T) {
	binary := read(t, "testdata/c/order.O0.wasm")
	p := opened(t, binary, os.DirFS("testdata/c"))
	x := p.(*program)
	net := x.byLine[spot{0, int32(lineOf(t, "double net"))}]
	want := uint64(x.probes[net[0]].at)
	at, err := p.(debug.Addressed).Address(want - 1)
	if err != nil || at != want {
		t.Errorf("%#x, %v; want %#x", at, err, want)
	}
	end := uint64(x.m.Bodies[x.probes[net[0]].body].End)
	for _, none := range []uint64{0, end - 1, uint64(len(binary)), 1 << 40} {
		if at, err := p.(debug.Addressed).Address(none); !errors.Is(err, debug.ErrNoCode) {
			t.Errorf("%#x leads to %#x, %v", none, at, err)
		}
	}
	stops := 0
	r := &script{t: t, first: &debug.Watch{Addresses: []uint64{at, 1}}}
	r.stop = func(_ debug.Guest, h debug.Halt) error {
		stops++
		if frames, err := h.Frames(0, 1); err != nil || frames[0].Address != at || frames[0].Line != lineOf(t, "double net") {
			t.Errorf("%+v, %v", frames, err)
		}
		return nil
	}
	if _, err := started(t, p, binary, r).Handle(&enginetest.Host{}, engine.Frame("y")); err != nil || stops != 3 {
		t.Errorf("%d stops, %v", stops, err)
	}
}

// TestData: a session stops a guest behind the statement that changes memory, and not for
// what its client has set.
func TestData(t *testing.T) {
	binary := read(t, "testdata/c/order.O0.wasm")
	p := opened(t, binary, os.DirFS("testdata/c"))
	s := debug.NewSession(p, debug.Options{})
	defer s.Close()
	i := started(t, p, binary, s)
	s.SetBreakpoints(cSource, []debug.Breakpoint{{Line: lineOf(t, "double net")}})
	handled := make(chan error, 1)
	go func() { // ends with the message
		_, err := i.Handle(&enginetest.Host{}, engine.Frame("y"))
		handled <- err
	}()
	stopped := func() debug.Event {
		for e := range s.Events() {
			if e.Kind == debug.Stopped {
				return e
			}
		}
		return debug.Event{}
	}
	e := stopped()
	var at debug.Variable
	err := s.With(t.Context(), e.Thread, func(h debug.Halt) (err error) {
		if at, err = h.Evaluate(0, "handled"); err == nil {
			err = h.WriteMemory(at.Memory, []byte{20})
		}
		return err
	})
	if err != nil || at.Bytes != 4 {
		t.Fatal(at, err)
	}
	s.SetBreakpoints(cSource, nil)
	if b := s.SetData([]debug.DataBreakpoint{{Thread: e.Thread, Address: at.Memory, Bytes: at.Bytes, When: debug.When{Condition: "handled > 21"}}, {Thread: e.Thread, Address: at.Memory}}); b[0].Err != nil || b[1].Err == nil {
		t.Error(b)
	}
	if err := s.Resume(e.Thread, debug.Continue); err != nil {
		t.Fatal(err)
	}
	if e = stopped(); e.Reason != debug.ReasonData || e.Position.Line != lineOf(t, "for (i32 i") {
		t.Errorf("%+v", e)
	}
	err = s.With(t.Context(), e.Thread, func(h debug.Halt) error {
		says(t, h, 0, map[string]string{"handled": "22"})
		return nil
	})
	mine := debug.DataBreakpoint{Thread: e.Thread, Address: at.Memory, Bytes: at.Bytes, When: debug.When{Condition: "handled > 1000"}}
	s.SetData([]debug.DataBreakpoint{mine})
	if err = errors.Join(err, s.Resume(e.Thread, debug.Continue), <-handled); err != nil {
		t.Error(err)
	}

	// The breakpoint stays with the instance, which has other messages later. Another one
	// writes to the same address, and is not stopped.
	mine.Condition = ""
	if b := s.SetData([]debug.DataBreakpoint{mine, {Thread: 77, Address: at.Memory, Bytes: 4}}); b[0].Err != nil || !errors.Is(b[1].Err, debug.ErrThread) {
		t.Error(b)
	}
	if _, err := started(t, p, binary, s).Handle(&enginetest.Host{}, engine.Frame("y")); err != nil {
		t.Error(err)
	}
	go func() { // ends with the message
		_, err := i.Handle(&enginetest.Host{}, engine.Frame("y"))
		handled <- err
	}()
	again := stopped()
	if again.Reason != debug.ReasonData || again.Thread == e.Thread {
		t.Errorf("%+v", again)
	}
	s.SetData(nil)
	if err := errors.Join(s.Resume(again.Thread, debug.Continue), <-handled); err != nil {
		t.Error(err)
	}
}

// TestListing: a module that says nothing of its source is debugged by instruction.
func TestListing(t *testing.T) {
	binary := order.Module()
	p := opened(t, binary, nil)
	if p.Language() != "wasm" || !slices.Equal(p.Files(), []string{listingFile}) {
		t.Fatalf("%s, %v", p.Language(), p.Files())
	}
	text, err := p.Source(listingFile)
	if err != nil {
		t.Fatal(err)
	}
	at, err := p.Function("grow_handle")
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Split(string(text), "\n")[at[0].Line-2]
	if !strings.Contains(line, "(func $grow_handle") {
		t.Errorf("line %q", line)
	}
	stops := 0
	r := &script{t: t, first: &debug.Watch{Lines: at}}
	r.stop = func(_ debug.Guest, h debug.Halt) error {
		stops++
		all, err := h.Instructions(0, 0, 3)
		if err != nil || len(all) != 3 || all[0].Line != at[0].Line {
			t.Errorf("%v, %v", all, err)
		}
		if padded, err := h.Instructions(0, -2, 3); err != nil || len(padded) != 3 || padded[1].Text != "" || padded[2] != all[0] {
			t.Errorf("%v, %v", padded, err)
		}
		if padded, err := h.Instructions(0, -9, 3); err != nil || len(padded) != 3 || padded[2].Text != "" {
			t.Errorf("%v, %v", padded, err)
		}
		vars := locals(t, h, 0)
		if len(vars) < 2 || vars[1].Value != "0x4" {
			t.Errorf("%+v", vars)
		}
		return nil
	}
	_, _ = started(t, p, binary, r).Handle(&enginetest.Host{}, engine.Frame("none")) // it refuses what is no frame
	if stops != 1 {
		t.Errorf("%d stops", stops)
	}
}

// TestTrap: a guest is stopped before it traps, if that is wanted, and not otherwise.
func TestTrap(t *testing.T) {
	binary := wat.Module("trap")
	p := opened(t, binary, nil)
	for _, wanted := range []bool{true, false} {
		stops := 0
		r := &script{t: t, first: &debug.Watch{Uncaught: wanted}}
		r.stop = func(_ debug.Guest, h debug.Halt) error {
			if stops++; h.Cause() != debug.CauseUncaught || h.Text() == "" || h.Depth() < 1 {
				t.Errorf("%s: %q, depth %d", h.Cause(), h.Text(), h.Depth())
			}
			return nil
		}
		_, err := started(t, p, binary, r).Handle(&enginetest.Host{}, engine.Frame("x"))
		var trap *engine.Error
		if !errors.As(err, &trap) || trap.Code != engine.CodeTrap || (stops == 1) != wanted || r.left != 1 {
			t.Errorf("%v after %d stops", err, stops)
		}
	}
}

// TestCheck: what is no expression is told without a guest.
func TestCheck(t *testing.T) {
	p := opened(t, wat.Module("trap"), nil).(debug.Checked)
	for expression, bad := range map[string]string{
		"n > 3 && order.items[0].name == 'b'": "", "*at->next.0": "", "Size::Small == size": "", "-1": "", "unknown": "",
		"n >": "it is no expression", "(n": "it is no expression", "": "it is no expression", "f(n)": "an expression is a path",
		"n > len(items)": "an expression is a path", "n = 3": "it is no expression", strings.Repeat("n", expressionMax+1): "at most",
	} {
		err := p.Check(expression, true)
		if (err == nil) != (bad == "") || err != nil && !strings.Contains(err.Error(), bad) {
			t.Errorf("%.100q: %v, want %q", expression, err, bad)
		}
	}
}

// FuzzOpen: whatever a module says of its source is read within limits, or refused.
func FuzzOpen(f *testing.F) {
	for _, name := range []string{"order.O0.wasm", "order.O2.wasm", "order.dwarf5.wasm"} {
		f.Add(read(f, "testdata/c/"+name), uint16(0), byte(0))
	}
	f.Fuzz(func(t *testing.T, b []byte, at uint16, v byte) {
		if len(b) > 0 {
			b = bytes.Clone(b)
			b[int(at)%len(b)] ^= v
		}
		opened, err := New().Open(t.Context(), b, nil)
		if err != nil || opened == nil {
			return
		}
		p := opened.(*program)
		h := &halt{program: p, guest: &guest{program: p, traced: stub(make([]byte, 1<<17))}}
		for body := range p.m.Bodies {
			h.place = &place{body: body, at: uint32(p.m.Bodies[body].Code), row: row{file: -1}}
			h.arrival = arrivalAt(body, h.place.at)
			h.frames, h.based, h.refs = nil, nil, nil
			groups, err := h.Scopes(0)
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range groups {
				if _, err := h.Children(g.Children, 0, 20); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// arrivalAt is an arrival in a function that nobody has called.
func arrivalAt(body int, at uint32) *engine.Arrival {
	return engine.NewArrival(0, make([]uint64, probe.LocalsMax), func() []engine.Call { return []engine.Call{{Body: body, At: at}} })
}

// stub is a guest of which there is only memory.
type stub []byte

func (stub) Arm([]int, []int)          {}
func (stub) ArmAll()                   {}
func (s stub) Memory() engine.Memory   { return engine.Bytes(s) }
func (stub) Global(int) (uint64, bool) { return 1 << 16, true }

// TestDataOfFunction: a data breakpoint on a local ends with its function, whose memory is
// another's afterwards.
func TestDataOfFunction(t *testing.T) {
	binary := read(t, "testdata/c/order.O0.wasm")
	p := opened(t, binary, os.DirFS("testdata/c"))
	s := debug.NewSession(p, debug.Options{})
	defer s.Close()
	i := started(t, p, binary, s)
	s.SetBreakpoints(cSource, []debug.Breakpoint{{Line: lineOf(t, "double net")}})
	handled := make(chan error, 1)
	go func() { // ends with the message
		_, err := i.Handle(&enginetest.Host{}, engine.Frame("y"))
		handled <- err
	}()
	next := func(kind debug.EventKind) debug.Event {
		for e := range s.Events() {
			if e.Kind == debug.Stopped && kind != debug.Stopped {
				t.Errorf("%+v", e)
			}
			if e.Kind == kind {
				return e
			}
		}
		return debug.Event{}
	}
	e := next(debug.Stopped)
	var local, global, caller debug.Variable
	err := s.With(t.Context(), e.Thread, func(h debug.Halt) (err error) {
		local, err = h.Evaluate(0, "factor")
		if err == nil {
			global, err = h.Evaluate(0, "handled")
		}
		if err == nil {
			caller, err = h.Evaluate(1, "n")
		}
		return err
	})
	if err != nil || !local.Stack || global.Stack || !caller.Stack {
		t.Fatalf("%+v\n%+v\n%+v\n%v", local, global, caller, err)
	}
	s.SetBreakpoints(cSource, nil)
	for _, b := range s.SetData([]debug.DataBreakpoint{{Thread: e.Thread, Address: local.Memory, Bytes: local.Bytes, Stack: true}}) {
		if b.Err != nil {
			t.Error(b.Err)
		}
	}
	if err := s.Resume(e.Thread, debug.Continue); err != nil {
		t.Fatal(err)
	}
	if told := next(debug.Output); !strings.Contains(told.Text, "has returned") || told.Position.Line != lineOf(t, "handled++") {
		t.Errorf("%+v", told)
	}
	next(debug.Ended)
	if err := <-handled; err != nil {
		t.Error(err)
	}
}

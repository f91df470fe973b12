package native

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/rust"
	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
)

const (
	rustSource = "lib.rs"
	order1     = `{"id":"o-1","items":[{"name":"bolt","qty":2,"price":1.25},{"name":"nut","qty":3,"price":4.5}],"size":"Large",
		"way":{"Post":{"street":"Elm","number":7}},"note":null,"limit":5,"gift":{"name":"ribbon","qty":1,"price":0.1}}`
)

// built is the actor of testdata/rust, as grow build --debug makes it.
func built(t *testing.T) []byte {
	t.Helper()
	if orderOnce != nil {
		return orderOnce
	}
	dir, err := filepath.Abs("testdata/rust")
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "order.wasm")
	_, err = rust.New().Build(t.Context(), compiler.Source{Dir: dir, Actor: "order", Language: "rust", Path: dir, Out: out, Debug: true})
	if err != nil {
		t.Fatal(err)
	}
	orderOnce = read(t, out)
	return orderOnce
}

// orderOnce is what was built: it takes long.
var orderOnce []byte

func rustLine(t *testing.T, text string) int {
	t.Helper()
	before, _, ok := strings.Cut(string(read(t, "testdata/rust/lib.rs")), text)
	if !ok {
		t.Fatalf("no line has %s", text)
	}
	return strings.Count(before, "\n") + 1
}

// TestRust: an actor stops two calls below its handler. Values are what a programmer of
// Rust expects, also those of the library's types; then steps lead over a line and out,
// a variable is set, and the message ends with what follows from it.
func TestRust(t *testing.T) {
	binary := built(t)
	p := opened(t, binary, os.DirFS("testdata/rust"))
	if p.Language() != "rust" || len(p.Notes()) > 0 {
		t.Errorf("%s: %q", p.Language(), p.Notes())
	}
	changed := fstest.MapFS{rustSource: {Data: append(read(t, "testdata/rust/lib.rs"), "// more"...)}}
	if notes := opened(t, binary, changed).Notes(); len(notes) != 1 || !strings.HasPrefix(notes[0], rustSource+" is not as it was") {
		t.Errorf("notes %q", notes)
	}
	stops := 0
	r := &script{t: t, first: watching(t, p, rustSource, rustLine(t, "let gross"))}
	r.stop = func(g debug.Guest, h debug.Halt) error {
		stops++
		switch {
		case stops == 1:
			inspect(t, h)
			g.Watch(&debug.Watch{Every: true})
		case stops == 2: // over the line
			if got := stackOf(t, h); !strings.HasPrefix(got, "weigh:61 < sum:69") {
				t.Error(got)
			}
			says(t, h, 0, map[string]string{"gross": "2.5"})
			setEnums(t, h)
			v, err := h.Set(1, localsOfFrame(t, h, 1), "count", "98")
			if err != nil || v.Value != "98" {
				t.Errorf("%+v, %v", v, err)
			}
		case strings.HasPrefix(stackOf(t, h), "sum:70"): // out
			says(t, h, 0, map[string]string{"due": "3.75", "count": "98"})
			g.Watch(nil)
		}
		return nil
	}
	h := &enginetest.Host{Reply: answer}
	m := abi.NewMessage([]byte(order1), abi.Type, "order.placed", abi.ID, "1", abi.ContentType, abi.ContentJSON)
	a, err := started(t, p, binary, r).Handle(h, engine.Frame(m.Frame()))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(a.Frame), `"due":-1.0`) {
		t.Errorf("answer %q", a.Frame)
	}
}

// TestPanic: a guest that panics is stopped where it does, with all that its functions have,
// once the panic's hook has said why; and the message fails as it did.
func TestPanic(t *testing.T) {
	binary := built(t)
	p := opened(t, binary, os.DirFS("testdata/rust"))
	line, stops := rustLine(t, "panic!("), 0
	r := &hearing{script: script{t: t, first: &debug.Watch{Uncaught: true}}}
	r.stop = func(_ debug.Guest, h debug.Halt) error {
		stops++
		if want := fmt.Sprintf("lib.rs:%d:9: o-2 has 0 items\nand no more", line); h.Cause() != debug.CauseUncaught || !strings.HasPrefix(h.Text(), panicMark) || !strings.HasSuffix(h.Text(), want) {
			t.Errorf("%s: %q, want %q", h.Cause(), h.Text(), want)
		}
		frames, err := h.Frames(0, 100)
		if err != nil {
			return err
		}
		for i, f := range frames {
			if f.File == rustSource && strings.HasSuffix(f.Function, "::placed") {
				if f.Line != line {
					t.Errorf("%+v, want line %d", f, line)
				}
				says(t, h, i, map[string]string{"due": "0.0", "order.id": `"o-2"`, "totals.weights[1]": "-2"})
				return nil
			}
		}
		t.Errorf("no frame of placed in %+v", frames)
		return nil
	}
	h := &enginetest.Host{Reply: r.answer}
	m := abi.NewMessage([]byte(`{"id":"o-2","items":[],"size":"Small","way":"Pickup"}`), abi.Type, "order.placed", abi.ID, "2", abi.ContentType, abi.ContentJSON)
	_, err := started(t, p, binary, r).Handle(h, engine.Frame(m.Frame()))
	var trap *engine.Error
	if !errors.As(err, &trap) || trap.Code != engine.CodeTrap || stops != 1 {
		t.Errorf("%v after %d stops", err, stops)
	}
}

// hearing has its guest hear the lines that it logs.
type hearing struct {
	script
	guest debug.Guest
}

func (r *hearing) Enter(g debug.Guest) error {
	r.guest = g
	return r.script.Enter(g)
}

func (r *hearing) answer(request []byte) ([]byte, error) {
	in, err := abi.NewReader(request)
	var v abi.View
	if err == nil {
		_, err = in.Next(&v)
	}
	if err != nil {
		return nil, err
	}
	r.guest.(debug.Hearer).Heard(v.Data)
	return answer(request)
}

// TestPanicText: what is told of a panic is what its hook wrote, from its place on.
func TestPanicText(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "nothing of it": "",
		"panicked at src/lib.rs:3:5:\nover": "panicked at src/lib.rs:3:5: over",
		"\nthread 'main' (1) panicked at a.rs:1:2:\nno\nway\nnote: run with `RUST_BACKTRACE=1` environment variable": "panicked at a.rs:1:2: no\nway",
		"panicked at a.rs:1:2": "panicked at a.rs:1:2",
		"panicked at \xff":     "panicked at \ufffd",
	} {
		g := &guest{panics: &panicking{}}
		for i := range len(text) { // in pieces
			g.Heard([]byte(text[i : i+1]))
		}
		if got := g.panics.reason(); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	g := &guest{panics: &panicking{}}
	for range 100 {
		g.Heard(make([]byte, 1000))
	}
	if len(g.panics.text) != panicMax {
		t.Errorf("%d bytes are kept", len(g.panics.text))
	}
	(&guest{}).Heard([]byte("nobody panics"))
}

// TestDerived: what #[derive] has made is on the lines of the actor's author, and not what
// they wrote.
func TestDerived(t *testing.T) {
	binary := built(t)
	p := opened(t, binary, os.DirFS("testdata/rust"))
	derived := 0
	r := &script{t: t, first: &debug.Watch{Every: true}}
	r.stop = func(g debug.Guest, h debug.Halt) error {
		frames, err := h.Frames(0, 1)
		if err != nil {
			return err
		}
		if strings.Contains(frames[0].Function, "::_::") && frames[0].File == rustSource {
			derived++
		} else if !frames[0].Own {
			return nil
		}
		if made := strings.Contains(frames[0].Function, "serialize"); made == frames[0].Own {
			t.Errorf("%+v", frames[0])
		}
		return nil
	}
	h := &enginetest.Host{Reply: answer}
	m := abi.NewMessage([]byte(order1), abi.Type, "order.placed", abi.ID, "1", abi.ContentType, abi.ContentJSON)
	if _, err := started(t, p, binary, r).Handle(h, engine.Frame(m.Frame())); err != nil || derived == 0 {
		t.Error(derived, err)
	}
}

// setEnums sets enums, which have no other values than those that they name.
func setEnums(t *testing.T, h debug.Halt) {
	t.Helper()
	order, err := h.Evaluate(2, "order")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range [][3]string{
		{"size", "Size::Small", "Small"}, {"size", "7", "error: set size: 7 is no Size"}, {"size", "1", "Large"},
		{"limit", "None", "None"}, {"limit", "Some", "error: set limit: cannot be set: Some has fields"},
	} {
		v, err := h.Set(2, order.Children, x[0], x[1])
		if got := v.Value; got != x[2] && (err == nil || "error: "+err.Error() != x[2]) {
			t.Errorf("%s = %s: %q, %v; want %s", x[0], x[1], got, err, x[2])
		}
	}
	says(t, h, 2, map[string]string{"order.limit": "None", "order.size": "Large"})
	if v, err := h.Evaluate(1, "totals.weights"); err != nil || v.Type != "[i16; 4]" {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := h.Evaluate(1, "totals.by_name"); err != nil || v.Type != "HashMap<String, u32>" {
		t.Errorf("%+v, %v", v, err)
	}
}

// localsOfFrame is the reference of a frame's variables.
func localsOfFrame(t *testing.T, h debug.Halt, frame int) debug.Reference {
	t.Helper()
	groups, err := h.Scopes(frame)
	if err != nil || len(groups) == 0 {
		t.Fatal(err)
	}
	return groups[0].Children
}

// inspect looks at all frames of the actor's author.
func inspect(t *testing.T, h debug.Halt) {
	t.Helper()
	if got := stackOf(t, h); got != "weigh:60 < sum:69 < placed:96" {
		t.Error(got)
	}
	frames, err := h.Frames(0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range frames {
		if f.Own != (i < 3) || f.Own != (f.File == rustSource) { // what grow::actor! makes is of the SDK's lib.rs
			t.Errorf("%+v", f)
		}
	}
	says(t, h, 0, map[string]string{"item": `Item {name: "bolt", qty: 2, price: 1.25}`, "amount": "2.0", "RATE": "1.5"})
	says(t, h, 1, map[string]string{
		"names": `["first", "second"]`, "count": "2", "totals.weights": "[1, -2, 3, -4]", "totals.flags": "(true, 'ü', -7)", "totals.flags.1": "'ü'",
		"totals.checked": "Ok(7)", "totals.failed": `Err("no stock")`, "totals.by_name[\"nut\"]": "3", "totals.sorted": `{2: "bolt", 3: "nut"}`,
		"totals.sorted[3]": `"nut"`, "totals.shared": "RefCell([4, 2])", "totals.shared.value[1]": "2", "totals.order.items[1].qty": "3", "totals.order.id": `"o-1"`,
	})
	says(t, h, 2, map[string]string{
		"order.id": `"o-1"`, "order.items[0].qty": "2", "order.size": "Large", "order.way": `Post {street: "Elm", number: 7}`,
		"order.note": "None", "order.limit": "Some(5)", "order.limit.0": "5", "order.gift": `Some(Item {name: "ribbon", qty: 1, price: 0.1})`,
	})
	conditions(t, h, 2, map[string]bool{
		`order.id == "o-1"`: true, "order.size == Large": true, "order.way == Way::Pickup": false, "order.note == None && order.limit.0 > 4": true,
		`order.items[1].name == "bolt" || order.items[0].price < 1`: false,
	})
	items, err := h.Evaluate(2, "order.items")
	if err != nil || items.Indexed != 2 {
		t.Fatalf("%+v, %v", items, err)
	}
	second, err := h.Children(items.Children, 1, 5)
	if err != nil || len(second) != 1 || second[0].Path != "order.items[1]" {
		t.Errorf("%+v, %v", second, err)
	}
}

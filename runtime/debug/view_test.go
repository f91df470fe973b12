package debug_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/debug"
)

// TestReadOnly refuses what could change a guest.
func TestReadOnly(t *testing.T) {
	r := start(t, shop, debug.Options{ReadOnly: true})
	line := r.program.Line("# body")
	for _, when := range []debug.When{{Condition: "add(1, 2) == 3"}, {Log: "{add(1, 2)}"}, {Condition: "i = 2"}, {Condition: "i <<= 2"}, {Condition: "del i"}, {Log: "{import os}"}, {Condition: "i;j"}} {
		if b := r.SetBreakpoints("shop.toy", []debug.Breakpoint{{Line: line, When: when}}); !errors.Is(b[0].Err, debug.ErrReadOnly) {
			t.Errorf("%v: %v", when, b[0].Err)
		}
	}
	if b := r.SetBreakpoints("shop.toy", []debug.Breakpoint{{Line: line, When: debug.When{Condition: "order.items[0] == 10"}}}); b[0].Err != nil {
		t.Fatal(b[0].Err)
	}
	done := r.run(1)
	thread, _ := r.stopped()
	if got := r.value(thread, "order.items[1]"); got != "20" {
		t.Error(got)
	}
	for name, do := range map[string]func(h debug.Halt) error{
		"set":   func(h debug.Halt) error { _, err := h.Set(0, 1, "i", "2"); return err },
		"write": func(h debug.Halt) error { return h.WriteMemory(0, []byte{1}) },
		"call":  func(h debug.Halt) error { _, err := h.Evaluate(0, "add(1, 2)"); return err },
		"truth": func(h debug.Halt) error { _, err := h.Truth(0, "add(1, 2)"); return err },
	} {
		if err := r.With(t.Context(), thread, do); !errors.Is(err, debug.ErrReadOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.resume(thread, debug.Continue)
	<-done
}

// TestMask looks for a secret wherever values are shown.
func TestMask(t *testing.T) {
	const secret = "hunter2"
	source := `func handle
  word = "hunter2"
  all = list{word}
  emit login.done word
  raise word # here
end
`
	r := start(t, source, debug.Options{Secrets: []string{secret}})
	r.SetEvents([]string{"login.done"}, nil)
	r.SetExceptions(true, false)
	r.SetBreakpoints("shop.toy", []debug.Breakpoint{{Line: 4, When: debug.When{Log: "it is {word}"}}})
	g := r.program.Guest(r)
	copy(g.Memory()[0x1000:], "password hunter2 here")
	done := make(chan struct{})
	go func() { // ends with the message
		defer close(done)
		_, _ = g.Run()
	}()
	if e := r.event(debug.Output); e.Text != `it is "*******"` {
		t.Errorf("the log point wrote %q", e.Text)
	}
	if e := r.event(debug.Stopped); e.Text != `output login.done "*******"` {
		t.Errorf("the output is %q", e.Text)
	} else {
		r.resume(e.Thread, debug.Continue)
	}
	e := r.event(debug.Stopped)
	if e.Text != "*******" {
		t.Errorf("the exception is %q", e.Text)
	}
	err := r.With(t.Context(), e.Thread, func(h debug.Halt) error {
		shown := []string{h.Text()}
		add := func(list []debug.Variable, err error) {
			for _, v := range list {
				shown = append(shown, v.Value)
			}
			if err != nil {
				t.Error(err)
			}
		}
		scopes, err := h.Scopes(0)
		add(scopes, err)
		add(h.Children(scopes[0].Children, 0, 0))
		v, err := h.Evaluate(0, "all")
		add([]debug.Variable{v}, err)
		for at := uint64(0x1000 + 5); at < 0x1000+20; at++ { // parts of it, too
			p, err := h.Memory(at, 8)
			shown = append(shown, string(p))
			if err != nil || len(p) != 8 {
				t.Error(p, err)
			}
		}
		for _, s := range shown {
			for i := range len(secret) - 2 {
				if strings.Contains(s, secret[i:i+3]) {
					t.Errorf("%q shows a secret", s)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	r.resume(e.Thread, debug.Continue)
	<-done
}

// TestMaskForms: errors, names and paths have no secrets either, a value is masked before
// it is shortened, and of a secret that begins with another all is hidden.
func TestMaskForms(t *testing.T) {
	const short, long = "hunter2", "hunter2-and-more"
	source := `func handle
  order = record{"hunter2": 1}
  note = "hunter2-and-more"
  emit login.done note
  cut = "` + strings.Repeat("x", debug.ValueMax-5) + `hunter2" # here
  raise note
end
`
	r := start(t, source, debug.Options{Secrets: []string{short, long}, Name: func(debug.Guest) string { return "of " + short }})
	r.at("raise note")
	done := r.run()
	thread, _ := r.stopped()
	if got := r.Threads()[0].Name; got != "of *******" {
		t.Errorf("the thread's name is %q", got)
	}
	err := r.With(t.Context(), thread, func(h debug.Halt) error {
		shown := []string{}
		add := func(v debug.Variable) { shown = append(shown, v.Name, v.Value, v.Fault, v.Path) }
		scopes, _ := h.Scopes(0)
		locals, _ := h.Children(scopes[0].Children, 0, 0)
		for _, v := range locals {
			add(v)
			if v.Children != 0 {
				parts, _ := h.Children(v.Children, 0, 0)
				for _, v := range parts {
					add(v)
				}
			}
		}
		note, _ := h.Evaluate(0, "note")
		if note.Value != `"****************"` {
			t.Errorf("note is %s", note.Value)
		}
		_, err := h.Evaluate(0, "order.hunter2.there")
		_, unset := h.Set(0, scopes[0].Children, "hunter2", "1")
		_, untrue := h.Truth(0, "note")
		shown = append(shown, err.Error(), unset.Error(), untrue.Error())
		if !errors.Is(unset, debug.ErrUnknown) {
			t.Errorf("masked, the error is another: %v", unset)
		}
		for _, s := range shown {
			if strings.Contains(s, "hun") || strings.Contains(s, "more") {
				t.Errorf("%q shows a secret", s)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if got := r.Excerpt([]byte("is hunter2-and-more."), 12); got != "is *********… (20 bytes)" {
		t.Errorf("an excerpt is %q", got)
	}
	r.resume(thread, debug.Continue)
	<-done
}

// TestIsPath: what is shown of what lies under a pointer.
func TestIsPath(t *testing.T) {
	for expression, want := range map[string]bool{
		"order": true, "order.items[0].qty": true, "order['a b'].c": true, "p->next": true, "shop::RATES[2]": true, "*it": true, "pair.0": true, "größe": true, " it ": true, "a[i]": true,
		"": false, "f()": false, "a = 1": false, "del a": false, "a[f()]": false, "a; b": false, "import os": false, "await x": false, "a[b := 1]": false, "a b": false, "[x for x in y]": false, "1": false, "yield": false, "a\nb": false,
	} {
		if got := debug.IsPath(expression); got != want {
			t.Errorf("%q: %v", expression, got)
		}
	}
}

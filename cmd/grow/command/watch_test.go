package command

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/cmd/grow/live"
	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs"
)

// TestSentence: what came of an edit is one line that ends in done.
func TestSentence(t *testing.T) {
	changed := func(node, actor, from, to string) app.Change {
		return app.Change{Node: node, Actor: actor, From: from, To: to}
	}
	for _, c := range []struct {
		e    live.Event
		want string
	}{
		{live.Event{
			Kind: live.Swapped, Changes: []app.Change{changed("checkout/pricing", "pricing", "3fa1c2d4e5f6", "9bc012345678")},
			Built: 1100 * time.Millisecond, Passed: 12, Total: 12, Swap: 42 * time.Millisecond, Live: 1300 * time.Millisecond,
		}, "↻ pricing  revision 3fa1c2…→9bc012…  built 1.1 s, 12/12 tests, swapped in 42 ms, live after 1.3 s, state kept: done"},
		{live.Event{
			Kind: live.Swapped, Changes: []app.Change{changed("a", "a", "", "111111111111"), changed("w/b", "b", "222222222222", "")}, Files: []string{"grow.yaml"},
		}, "↻ a  revision 111111… is new, w/b is gone  swapped in 1 ms, live after 1 ms, state kept: done"},
		{live.Event{
			Kind: live.Swapped, Changes: []app.Change{changed("v/a", "a", "1", "2"), changed("w/a", "a", "1", "2"), changed("b", "b", "1", "2"), changed("c", "c", "1", "2"), changed("d", "d", "1", "2")},
		}, "↻ a at 2 nodes, b  revision 1…→2…, c  revision 1…→2… and 1 more  swapped in 1 ms, live after 1 ms, state kept: done"},
		{live.Event{Kind: live.Swapped, Files: []string{"grow.yaml", "workflows/w.yaml"}}, "↻ grow.yaml, workflows/w.yaml  swapped in 1 ms, live after 1 ms, state kept: done"},
		{live.Event{Kind: live.Tested, Passed: 1, Total: 1}, "↻ tests  1/1 test passed, nothing to swap: done"},
		{live.Event{Kind: live.Same, Built: time.Second, Passed: 3, Total: 3}, "↻ built 1.0 s, 3/3 tests, the same as what is served, nothing to swap: done"},
		{live.Event{Kind: live.Back}, "↻ the files are what is served again, nothing to swap: done"},
	} {
		if got := sentence(c.e); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	if got := arrows("↻ a  revision 1…→2…: done", false); got != "-> a  revision 1..->2..: done" {
		t.Errorf("in ASCII: %s", got)
	}
}

func TestServing(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("LC_ALL", "C.UTF-8")
	for _, c := range []struct {
		revisions map[string]string
		want      string
	}{
		{nil, "what was there before"},
		{map[string]string{"b": "1234567", "a": "7654321"}, "revision 765432… of a, 123456… of b"},
		{map[string]string{"a": "1", "b": "1", "c": "1", "d": "1"}, "revision 1… of a, 1… of b, 1… of c and 1 more"},
	} {
		if got := serving(c.revisions); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestUTF8Locale(t *testing.T) {
	for _, c := range []struct {
		term, all, ctype, lang string
		want                   bool
	}{
		{"xterm", "", "", "de_DE.UTF-8", true},
		{"xterm", "", "en_US.utf8", "C", true},
		{"xterm", "C", "en_US.utf8", "en_US.utf8", false},
		{"xterm", "", "", "", false},
		{"dumb", "C.UTF-8", "", "", false},
	} {
		t.Setenv("TERM", c.term)
		t.Setenv("LC_ALL", c.all)
		t.Setenv("LC_CTYPE", c.ctype)
		t.Setenv("LANG", c.lang)
		if got := utf8Locale(); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
}

// TestMendable: which errors at the start an edit can end.
func TestMendable(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{specs.Problems{{Message: "m"}}, true},
		{errors.Join(&compiler.Error{Code: compiler.CodeFailed}, nil), true},
		{fmt.Errorf("actor a: %w", &engine.Error{Code: engine.CodeInit}), true},
		{&app.Error{Code: codePort, Err: errors.New("taken")}, false},
		{&control.Error{Code: control.CodeRunning}, false},
		{errors.New("other"), false},
	} {
		if got := mendable(c.err); got != c.want {
			t.Errorf("%v: %t", c.err, got)
		}
	}
}

package python

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestCheck: what is no Python by its form is told; what may be some is left to the guest.
func TestCheck(t *testing.T) {
	for _, x := range []struct {
		expression string
		condition  bool
		bad        string
	}{
		{"times > 3", true, ""},
		{"a[b] == {'c': (1, 2)}", true, ""},
		{"not done and (x := f(y)) in {1, 2}", true, ""},
		{"(lambda n=1: n)() == 1", true, ""},
		{"lambda n=1: n", true, ""},
		{"f(a=1)", true, ""},
		{"x != 1. or .5 < y", true, ""},
		{"'a' \"it's\" '''b\nc'''", true, ""},
		{`'\'' == x`, true, ""},
		{`f"{d["a"]}" == x`, true, ""},
		{"...", true, ""},
		{"-x", true, ""},
		{"*a, b", false, ""},
		{"x = 1", false, ""},
		{"x_in", true, ""},
		{"in_stock", true, ""},
		{"größe_not", true, ""},
		{"x = 1", true, "compare with =="},
		{"x += 1", true, "compare with =="},
		{"times >", true, "must follow"},
		{"a and", true, "must follow"},
		{"a or not", true, "must follow"},
		{"== 3", true, "begins with"},
		{"or a", true, "begins with"},
		{"(a", true, "( is not closed"},
		{"a)", true, ") closes nothing"},
		{"(a]", true, "] closes nothing"},
		{"'a", true, "a string has no end"},
		{"'a\nb'", true, "a string has no end"},
		{"'''a'", true, "a string has no end"},
		{" # nothing", true, "nothing to evaluate"},
	} {
		err := (*program)(nil).Check(x.expression, x.condition)
		if (err == nil) != (x.bad == "") || err != nil && !strings.Contains(err.Error(), x.bad) {
			t.Errorf("%q: %v, want %q", x.expression, err, x.bad)
		}
	}
}

// FuzzCheck: whatever somebody types, it is looked at.
func FuzzCheck(f *testing.F) {
	f.Add("f(a=1)")
	f.Add("'''\\")
	f.Fuzz(func(_ *testing.T, text string) { _ = (*program)(nil).Check(text, true) })
}

// TestTook: what a guest is asked for takes so long at most by the host's clock, whatever it
// says of its fuel; as it goes its way, its time is its message's.
func TestTook(t *testing.T) {
	g := &guest{}
	for range 3 {
		if err := g.Took(time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	g.halt = &halt{next: func() (command, bool) { return command{Do: "frames"}, true }}
	for range 3 { // each is another thing
		if _, err := g.goOn(); err != nil {
			t.Fatal(err)
		}
		if err := g.Took(answerTime); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 { // whatever it asks meanwhile
		if _, _, err := g.Slice(); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Took(1); !errors.Is(err, ErrEndless) {
		t.Error(err)
	}
}

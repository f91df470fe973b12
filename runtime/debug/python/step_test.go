package python_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/debug"
)

// step is what a guest that stands still is to report next.
func step(how string, h debug.Halt) *debug.Watch {
	switch how {
	case "in":
		return &debug.Watch{Every: true}
	case "over":
		return &debug.Watch{Every: true, Depth: h.Depth(), Return: h.Depth()}
	case "out":
		return &debug.Watch{Every: true, Depth: h.Depth() - 1, Return: h.Depth()}
	}
	return &debug.Watch{}
}

// steps goes from the line first step by step, and says where it came by: lines of
// main.py, and files and functions elsewhere.
func steps(t *testing.T, typ, data string, first int, how ...string) string {
	t.Helper()
	p := open(t, pack(t, "main.py"))
	var came []string
	r := at(t, p, []int{first}, func(g debug.Guest, h debug.Halt) error {
		frames, err := h.Frames(0, 1)
		if err != nil {
			return err
		}
		f, where := frames[0], ""
		if f.Own {
			where = fmt.Sprint(h.Position().Line)
		} else {
			where = h.Position().File + " " + f.Function
		}
		came = append(came, where)
		next := ""
		if len(how) > 0 {
			next, how = how[0], how[1:]
		}
		g.Watch(step(next, h))
		return nil
	})
	must(t, instance(t, p, r), typ, data)
	if len(how) > 0 {
		t.Errorf("%v are left", how)
	}
	return strings.Join(came, ", ")
}

// TestSteps: statements one by one, over calls, into them and out of them.
func TestSteps(t *testing.T) {
	for _, c := range []struct {
		name, typ, data string
		first           int
		how             []string
		want            string
	}{
		{"over", "order.placed", orders, 30, []string{"over", "over", "over", "over", "over", "over", ""}, "30, 31, 32, 31, 32, 31, 33"},
		{"in", "order.placed", orders, 32, []string{"in", "in", "in", ""}, "32, 25, 26, 31"},
		{"out", "order.placed", orders, 25, []string{"out", "out", ""}, "25, 32, 38"},
		{"into a coroutine", "order.later", orders, 75, []string{"in", "in", "over", ""}, "75, 80, 81, 75"},
		{"a statement of several lines", "order.wide", orders, 123, []string{"over", "over", ""}, "123, 125, 127"},
		{"over the end of a function", "order.placed", orders, 26, []string{"over", "over", ""}, "26, 32, 31"},
		{"beyond the handler", "order.placed", orders, 39, []string{"over"}, "39"},
	} {
		if got := steps(t, c.typ, c.data, c.first, c.how...); got != c.want {
			t.Errorf("%s: %s; want %s", c.name, got, c.want)
		}
	}
}

// TestStepIntoLibrary: into CPython's json package, through it, and back.
func TestStepIntoLibrary(t *testing.T) {
	got := steps(t, "order.text", "{}", 44, "in", "in", "out", "")
	if got != "44, lib/json/__init__.py json.loads, lib/json/__init__.py json.loads, 44" {
		t.Error(got)
	}
	all := strings.Split(steps(t, "order.text", "{}", 44, slices.Repeat([]string{"in"}, 15)...), ", ")
	for _, want := range []string{"lib/json/decoder.py json.decoder.JSONDecoder.decode", "lib/json/decoder.py json.decoder.JSONDecoder.raw_decode", "45"} {
		if !slices.Contains(all, want) {
			t.Errorf("%q; want %s", all, want)
		}
	}
}

// TestExceptions: those that are raised, and those that nobody catches, with the frames
// that are gone by then.
func TestExceptions(t *testing.T) {
	for _, c := range []struct {
		name, typ string
		watch     debug.Watch
		want      string
	}{
		{"raised", "order.failed", debug.Watch{Raised: true}, "" +
			"exception ValueError: invalid literal for int() with base 10: 'o-1' at main.failed:51 of 1\n" +
			"exception AttributeError: 'NoneType' object has no attribute 'qty' at main.cost:25 of 2"},
		{"uncaught", "order.failed", debug.Watch{Uncaught: true}, "uncaught AttributeError: 'NoneType' object has no attribute 'qty' at main.cost:25 of 2"},
		{"a refusal is an outcome", "order.refused", debug.Watch{Uncaught: true}, ""},
		{"in a library", "order.unread", debug.Watch{Raised: true}, "exception JSONDecodeError: Expecting value: line 1 column 1 (char 0) at json.decoder.JSONDecoder.raw_decode:363 of 4"},
	} {
		p := open(t, pack(t, "main.py"))
		var came []string
		r := &reporter{enter: func(g debug.Guest) error { g.Watch(&c.watch); return nil }}
		r.arrive = func(_ debug.Guest, h debug.Halt) error {
			frames, err := h.Frames(0, 0)
			if err != nil {
				return err
			}
			came = append(came, fmt.Sprintf("%s %s at %s:%d of %d", h.Cause(), h.Text(), frames[0].Function, frames[0].Line, len(frames)))
			if v, err := h.Evaluate(len(frames)-1, "order.id"); err != nil || v.Value != "'o-1'" {
				t.Error(v, err)
			}
			return nil
		}
		_, _ = instance(t, p, r).send(c.typ, orders) // it fails, or not
		if got := strings.Join(came, "\n"); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
	}
}

package actor

import (
	"fmt"
	"strings"
	"testing"

	"cuelang.org/go/cue/cuecontext"
	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs/shape"
)

// TestOutputBounds: what fails a message follows the bound of outputs and of the
// bytes of one of them, each at two values, whether its type is checked or not.
func TestOutputBounds(t *testing.T) {
	text, err := shape.FromCUE(cuecontext.New().CompileString("string"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		set    func(b *bounds, n int)
		answer func(n int) []byte
	}{
		"outputs": {func(b *bounds, n int) { b.outputs = n }, func(n int) []byte {
			var list [][]string
			for range n {
				list = append(list, []string{`"x"`, "type", "out"})
			}
			return frame(list...)
		}},
		"data": {func(b *bounds, n int) { b.data = n }, func(n int) []byte {
			return frame([]string{`"` + strings.Repeat("x", n-2) + `"`, "type", "out"})
		}},
	} {
		for _, types := range [][]*shape.Type{{nil, nil}, {text, nil}} {
			for _, limit := range []int{5, 60} {
				for n, code := range map[int]string{limit: "", limit + 1: CodeOutputs} {
					a := newActor(t, script(func(engine.Host, []byte) ([]byte, error) { return c.answer(n), nil }), func(o *Options) { o.Types = types })
					c.set(&a.most, limit)
					i := take(t, a)
					if r := handle(i, "x"); r.Code != code {
						t.Errorf("%s of %d where %d may be, typed %t: %q %s", name, n, limit, types[0] != nil, r.Code, r.Text)
					}
					a.Discard(i)
				}
			}
		}
	}
}

// TestLogBounds: what is kept of a log follows the bounds of lines, of bytes, of one
// line and of its fields, each at two values.
func TestLogBounds(t *testing.T) {
	logs := func(text string, fields int) []byte {
		line := []string{text, "type", "log.info"}
		for n := range fields {
			line = append(line, fmt.Sprint("x.f", n), "v")
		}
		return frame(line)
	}
	for _, limit := range []int{4, 30} {
		for name, c := range map[string]struct {
			set     func(b *bounds)
			request []byte
			kept    func(all []Line) int // what the bound counts, of twice as many lines as may be
		}{
			"lines": {func(b *bounds) { b.lines = limit }, logs("a", 0), func(all []Line) int { return len(all) - 1 }},
			"bytes": {func(b *bounds) { b.logged = limit }, logs("a", 0), func(all []Line) int { return len(all) - 1 }},
			"text": {func(b *bounds) { b.text = limit }, logs(strings.Repeat("a", 100), 0), func(all []Line) int {
				return strings.Count(all[0].Text, "a") - strings.Count("… and 0 bytes more", "a")
			}},
			"fields": {func(b *bounds) { b.fields = limit }, logs("a", abi.AttrsMax-1), func(all []Line) int { return len(all[0].Fields) }},
		} {
			var lines []Line
			broker, err := capability.Open(t.Context(), nil, 1000, capability.Environment{})
			if err != nil {
				t.Fatal(err)
			}
			a := newActor(t, script(func(h engine.Host, _ []byte) ([]byte, error) {
				for range 2 * limit {
					if _, err := h.Call(c.request); err != nil {
						return nil, err
					}
				}
				return nil, nil
			}), func(o *Options) { o.Log, o.Broker = func(l Line) { lines = append(lines, l) }, broker })
			c.set(&a.most)
			i := take(t, a)
			if r := handle(i, "x"); r.Outcome != Handled || c.kept(lines) != limit {
				t.Errorf("%s: %d of %d were kept, %s", name, c.kept(lines), limit, r.Text)
			}
			a.Discard(i)
		}
	}
}

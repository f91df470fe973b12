package actor

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/testdata/property"
	"pgregory.net/rapid"
)

// TestFloods: however much a guest prints in whatever pieces, what is kept has a
// bound, and what is not is counted.
func TestFloods(t *testing.T) {
	big := []byte(strings.Repeat("x", 1<<20))
	empty := []byte(strings.Repeat("\n", 1<<20))
	log := func(h engine.Host, times int, text string) error {
		request := frame([]string{text, "type", "log.info"})
		for range times {
			if _, err := h.Call(request); err != nil {
				return err
			}
		}
		return nil
	}
	for _, c := range []struct {
		name  string
		says  func(h engine.Host) error
		lines int    // kept, the last one included
		last  string // level, text and fields
	}{
		{"nothing", func(engine.Host) error { return nil }, 0, ""},
		{"a line", func(h engine.Host) error { h.Output(1, []byte("a\n")); return nil }, 1, "info a map[]"},
		{"an endless line", func(h engine.Host) error {
			for range 1000 {
				h.Output(2, big)
			}
			return nil
		}, 1, fmt.Sprintf("warn %s… and %d bytes more map[]", big[:LogTextMax], 1000<<20-LogTextMax)},
		{"an endless line that ends, and another", func(h engine.Host) error {
			h.Output(1, big)
			h.Output(1, []byte("\nb"))
			return nil
		}, 2, "info b map[]"},
		{"a million empty lines", func(h engine.Host) error { h.Output(1, empty); return nil }, 1 + LogLinesMax,
			fmt.Sprintf("warn log lines dropped: more than one message may write map[bytes:%d dropped:%d]", 1<<20-LogLinesMax, 1<<20-LogLinesMax)},
		{"a terabyte", func(h engine.Host) error {
			for range 1 << 20 {
				h.Output(1, empty)
			}
			return nil
		}, 1 + LogLinesMax, fmt.Sprintf("warn log lines dropped: more than one message may write map[bytes:%d dropped:at least %d]", 1<<40-LogLinesMax, 65<<20-LogLinesMax)},
		{"long lines", func(h engine.Host) error {
			h.Output(1, []byte(strings.Repeat(strings.Repeat("x", LogTextMax)+"\n", 100)))
			return nil
		}, 1 + LogBytesMax/LogTextMax, fmt.Sprintf("warn log lines dropped: more than one message may write map[bytes:%d dropped:%d]", 36*(LogTextMax+1), 36)},
		{"as many as may be", func(h engine.Host) error { return log(h, LogLinesMax, "a") }, LogLinesMax, "info a map[]"},
		{"one more", func(h engine.Host) error { return log(h, LogLinesMax+1, "ab") }, 1 + LogLinesMax,
			"warn log lines dropped: more than one message may write map[bytes:2 dropped:1]"},
		{"a long text", func(h engine.Host) error { return log(h, 1, strings.Repeat("é", 20_000)) }, 1,
			fmt.Sprintf("info %s… and %d bytes more map[]", strings.Repeat("é", LogTextMax/2), 40_000-LogTextMax)},
		{"no UTF-8", func(h engine.Host) error { h.Output(1, []byte("a\xff\xc3")); return nil }, 1, "info a\uFFFD map[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			broker, err := capability.Open(t.Context(), nil, 0, capability.Environment{})
			if err != nil {
				t.Fatal(err)
			}
			var lines []Line
			a := newActor(t, script(func(h engine.Host, data []byte) ([]byte, error) {
				if strings.Contains(string(data), "quiet") {
					return frame(), nil
				}
				return frame(), c.says(h)
			}), func(o *Options) { o.Log, o.Broker = func(l Line) { lines = append(lines, l) }, broker })
			i := take(t, a)
			defer a.Discard(i)
			if r := handle(i, "x"); r.Outcome != Handled {
				t.Fatalf("%+v", r)
			}
			last := ""
			if len(lines) > 0 {
				l := lines[len(lines)-1]
				last = fmt.Sprint(l.Level, " ", l.Text, " ", l.Fields)
			}
			if len(lines) != c.lines || last != c.last {
				t.Errorf("%d lines, the last %.300q\nwant %d, %.300q", len(lines), last, c.lines, c.last)
			}
			if handle(i, "quiet"); len(lines) != c.lines {
				t.Errorf("the next message logs %.200q", fmt.Sprint(lines[c.lines:]))
			}
		})
	}
}

// TestOutputPieces: lines are the same in whatever pieces they are written.
func TestOutputPieces(t *testing.T) {
	property.Check(t, func(rt *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "é", "\n", "\xff", strings.Repeat("long", 5000), "\r"}), 0, 12).Draw(rt, "parts"), "")
		cuts := rapid.SliceOfN(rapid.IntRange(0, len(text)), 0, 5).Draw(rt, "cuts")
		said := func(pieces ...string) []string {
			var lines []string
			a := newActor(t, script(func(h engine.Host, _ []byte) ([]byte, error) {
				for _, p := range pieces {
					h.Output(1, []byte(p))
				}
				return frame(), nil
			}), func(o *Options) { o.Log = func(l Line) { lines = append(lines, l.Text) } })
			i := take(t, a)
			defer a.Discard(i)
			i.Handle(&Task{Message: abi.NewMessage(nil, abi.Type, "in"), ID: "m"})
			return lines
		}
		var pieces []string
		rest := text
		for _, c := range cuts {
			c = min(c, len(rest))
			pieces, rest = append(pieces, rest[:c]), rest[c:]
		}
		whole, inPieces := said(text), said(append(pieces, rest)...)
		if fmt.Sprintf("%q", whole) != fmt.Sprintf("%q", inPieces) {
			rt.Fatalf("%.200q\n%.200q", whole, inPieces)
		}
		for _, l := range whole {
			if !utf8.ValidString(l) || strings.Contains(l, "\n") || len(l) > 3*LogTextMax+40 {
				rt.Fatalf("%.200q of %d bytes", l, len(l))
			}
		}
	})
}

// TestInitSays: what is printed while an instance starts is logged, with no
// message's id, though it does not start.
func TestInitSays(t *testing.T) {
	var lines []Line
	i := &Instance{actor: &Actor{most: standard, Options: Options{Log: func(l Line) { lines = append(lines, l) }, RealTime: func() int64 { return 1 }}}}
	i.begin("", 1)
	i.Output(2, []byte("Traceback"))
	i.flush()
	if len(lines) != 1 || lines[0].Text != "Traceback" || lines[0].Message != "" {
		t.Errorf("%+v", lines)
	}
}

// TestGivesUp: a guest that gives up tells the log why before it traps or exits, and that is
// in why its message failed; what it has told of another message, or beside a limit, is not.
func TestGivesUp(t *testing.T) {
	says := func(h engine.Host, level, text string) {
		if _, err := h.Call(frame([]string{text, "type", "log." + level})); err != nil {
			t.Error(err)
		}
	}
	exit := &engine.Error{Code: engine.CodeExit, Reason: "the actor called proc_exit(1)"}
	a := newActor(t, script(func(h engine.Host, data []byte) ([]byte, error) {
		switch text := string(data); {
		case strings.Contains(text, "trap"):
			says(h, "error", "beside it")
			says(h, "error", "no rate for DE")
			says(h, "warn", "not this")
			return nil, &engine.Error{Code: engine.CodeTrap, Reason: "unreachable", Stack: "f()"}
		case strings.Contains(text, "silent"):
			return nil, exit
		case strings.Contains(text, "limit"):
			says(h, "error", "beside it")
			return nil, errFuel
		}
		says(h, "error", "no rate for FR")
		return nil, exit
	}), nil)
	i := take(t, a)
	defer a.Discard(i)
	for _, c := range []struct{ data, want string }{
		{"exit", "the actor called proc_exit(1); it has logged: no rate for FR"},
		{"silent", "the actor called proc_exit(1)"},
		{"trap", "unreachable; it has logged: no rate for DE\nf()"},
		{"limit", errFuel.Error()},
	} {
		if r := handle(i, c.data); r.Outcome != Failed || r.Text != c.want {
			t.Errorf("%s: outcome %d, %q; want %q", c.data, r.Outcome, r.Text, c.want)
		}
	}
}

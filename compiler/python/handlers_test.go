package python

import (
	"errors"
	"strings"
	"testing"

	"github.com/grow-platform/grow/compiler"
)

// TestHandlers holds handlers against the types that an actor takes.
func TestHandlers(t *testing.T) {
	c := newCompiler(t)
	def := "\ndef f(ctx, m): ...\n"
	for _, k := range []struct {
		name, main string
		in         string
		faults     []string
		warnings   []string
	}{
		{"all", "import grow\n@grow.on('a.b', 'c')" + def, "a.b c", nil, nil},
		{"beginnings", "import grow\n@grow.on('a.*')" + def + "@grow.on('*')" + def, "a.b.c c", nil, nil},
		{"one is missing", "import grow\n@grow.on('a.b')" + def, "a.b order.placed", []string{"main.py: no handler takes order.placed, which actor.yaml has under in"}, nil},
		{"a slip", "import grow\n\n@grow.on('a.b')\n@grow.on('order.plcaed')" + def, "a.b order.placed", []string{`main.py:4:10: no handler takes order.placed, which actor.yaml has under in; is this "order.plcaed" it?`}, nil},
		{"one too many", "import grow\n@grow.on('a.b', 'x.y')" + def, "a.b", nil, []string{"main.py:2:17: warning: x.y is not under in in actor.yaml: no message comes to this handler"}},
		{"too many and near", "import grow\n@grow.on('order.placed', 'order.plced')" + def, "order.placed", nil, []string{"main.py:2:26: warning: order.plced is not under in in actor.yaml: no message comes to this handler; did you mean order.placed?"}},
		{"a beginning of nothing", "import grow\n@grow.on('a', 'b.*')" + def, "a", nil, []string{"main.py:2:15: warning: b.* is not under in"}},
		{"by another name", "import grow as g\nfrom grow import on as take\n@g.on('a')\n@take('b')" + def, "a b", nil, nil},
		{"another on", "import grow\nbus = {}\n@grow.on('a')" + def + "bus.on('b')\n", "a b", []string{"main.py: no handler takes b,"}, nil},
		{"not a text", "import grow\nTYPES = ['b']\n@grow.on('a', *TYPES)" + def, "a b", nil, nil},
		{"passed on", "import grow\n@grow.on('a')" + def + "for t in 'b':\n    register = grow.on\n", "a b", nil, nil},
		{"elsewhere", "import grow\nfrom more import *\n@grow.on('a')" + def, "a b", nil, nil},
		{"in another file", "import grow\nimport more\n@grow.on('a')" + def, "a more.done", nil, nil},
		{"types are not known", "import grow\n@grow.on('a')" + def, "", nil, nil},
	} {
		t.Run(k.name, func(t *testing.T) {
			files := map[string]string{"main.py": k.main}
			if strings.Contains(k.main, "more") {
				files["more.py"] = "import grow\n@grow.on('more.done')" + def
			}
			s := sourceOf(t, files)
			if k.in != "" {
				s.In = strings.Fields(k.in)
			}
			var got []string
			log := ""
			if len(k.faults) > 0 {
				e := mustFail(t, c, s)
				for _, d := range e.Diagnostics {
					got = append(got, d.String())
				}
				log = e.Log
				if !strings.Contains(e.Hint, "@grow.on(") {
					t.Errorf("hint %q", e.Hint)
				}
			} else {
				log = mustBuild(t, c, s).Log
			}
			begin(t, got, k.faults)
			if len(k.faults) == 0 && k.name != "elsewhere" {
				begin(t, strings.Split(strings.TrimSpace(log), "\n"), k.warnings)
			}
		})
	}
}

// begin holds lines by their beginnings, without the folder.
func begin(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) == 1 && got[0] == "" {
		got = nil
	}
	if len(got) != len(want) {
		t.Fatalf("%q; want %q", got, want)
	}
	for i := range want {
		if line := strings.TrimPrefix(got[i], "actors/price/src/python/"); !strings.HasPrefix(line, want[i]) {
			t.Errorf("%q; want %q", line, want[i])
		}
	}
}

// TestDefinitionChanges: another definition is another check.
func TestDefinitionChanges(t *testing.T) {
	c := newCompiler(t)
	s := sourceOf(t, map[string]string{"main.py": handler})
	s.In = []string{"a"}
	mustBuild(t, c, s)
	if again := mustBuild(t, c, s); !again.Cached {
		t.Error("built again without a reason")
	}
	s.In = []string{"a", "b"}
	_, err := c.Build(t.Context(), s)
	if e, ok := errors.AsType[*compiler.Error](err); !ok || len(e.Diagnostics) != 1 || !strings.Contains(e.Diagnostics[0].Text, "no handler takes b") {
		t.Errorf("%v", err)
	}
}

package app

import (
	"context"
	"strings"
	"testing"

	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/shard"
)

const isolatedPython = `import os
import time
import tracemalloc

import grow

handled = 0


@grow.on("do")
def do(ctx: grow.Context, what: str):
    global handled
    handled += 1
    match what:
        case "raise":
            raise ValueError("told to")
        case "loop":
            while True:
                pass
        case "deaf":
            while True:
                try:
                    while True:
                        pass
                except BaseException:
                    pass
        case "memory":
            kept = []
            while True:
                kept.append(bytearray(1 << 20))
        case "exit":
            os._exit(3)
        case "sleep":
            time.sleep(0.001)
        case "state":
            ctx.state.set({"n": ctx.state.get(default={"n": 0})["n"] + 1})
            return grow.Output("done", ctx.state.get()["n"])
        case "file":
            return grow.Output("done", open("table.txt").read())
        case "trace":
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            objects = [object() for _ in range(1000)]
            with_them = tracemalloc.get_traced_memory()[0]
            del objects
            without = tracemalloc.get_traced_memory()[0]
            tracemalloc.stop()
            return grow.Output("done", [with_them - before >= 8000, without - before < 4000])
    print("did", what)
    return grow.Output("done", f"{what} {handled}")
`

// servePython serves an actor in Python, whose messages may use so much fuel.
func servePython(t *testing.T, place, fuel string) *Host {
	t.Helper()
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"grow.yaml":                         "service: snakes\nabout: Runs Python.\n",
		"types/snake.cue":                   "do: string\ndone: _\n\"snake.state\": n: int\n",
		"actors/snake/src/python/main.py":   isolatedPython,
		"actors/snake/src/python/table.txt": "a table",
		"actors/snake/actor.yaml": "actor: snake\nabout: Does what it is told.\ncode: {language: python, source: src/python}\nin: [do]\nout: [done]\nstate: snake.state\n" +
			"key: '\"k\"'\nretry: {max: 0}\nscale: {instances: {max: 1}}\nlimits: {memory: 32MiB, time: 5m, fuel: " + fuel + "}\nisolation: " + place + "\n",
	})
	service, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	built, err := project.Build(t.Context(), service, project.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := Start(t.Context(), Options{Dir: dir, Service: service, Listen: "127.0.0.1:0", CacheDir: t.TempDir(),
		Modules: map[string]string{"snake": built["snake"].Module}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := h.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h
}

// TestPythonApart: a Python actor does the same wherever it runs, whole instances and
// broken ones.
func TestPythonApart(t *testing.T) {
	if _, err := pythonRuntime(); err != nil {
		t.Skip(err)
	}
	for _, place := range places() {
		t.Run(place, func(t *testing.T) {
			h := servePython(t, place, "300M")
			for _, c := range []struct {
				what, code string
				says       []string // the text of a failure, or the output
			}{
				{"a", "", []string{`"a 1"`}},
				{"b", "", []string{`"b 2"`}},
				{"file", "", []string{`"a table"`}},
				{"state", "", []string{"1"}},
				{"state", "", []string{"2"}},
				{"sleep", "", []string{`"sleep 6"`}},
				{"loop", actor.CodeFuel, []string{"used all the fuel it may: 300000000 units", `File "/app/main.py", line 18`, "grow.Deadline: the message used all the fuel it may"}},
				{"a", "", []string{`"a 8"`}}, // the instance has gone on
				{"raise", engine.CodeException, []string{"ValueError: told to", `File "/app/main.py", line 16`}},
				{"a", "", []string{`"a 1"`}}, // it is another one
				{"memory", engine.CodeException, []string{"MemoryError"}},
				{"deaf", actor.CodeFuel, []string{"used all the fuel it may"}},
				{"a", "", []string{`"a 1"`}},
				{"exit", engine.CodeExit, []string{"proc_exit(3)"}},
				{"a", "", []string{`"a 1"`}},
				{"trace", "", []string{"[true,true]"}},
				{"a", "", []string{`"a 3"`}},
			} {
				f, err := h.Shard().Accept(t.Context(), &shard.Request{To: "snake", Source: "test", Type: "do", Data: []byte(`"` + c.what + `"`), AnyReply: true})
				if err != nil {
					t.Fatal(err)
				}
				<-f.Done()
				a := f.Answer()
				text := a.Text
				if a.Reply != nil {
					text += string(a.Reply.Data())
				}
				for _, want := range c.says {
					if a.Code != c.code || !strings.Contains(text, want) {
						t.Errorf("%s: %q: %s; want %q and %q", c.what, a.Code, text, c.code, want)
					}
				}
			}
		})
	}
}

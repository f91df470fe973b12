package sdk_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/testdata/wat"
)

// badFuel is what a message may use in these tests: about half a second.
const badFuel = 1_000_000_000

// badCases are what the actor in python/testdata/bad is told to do.
var badCases = []struct {
	name string
	data string
	code string // of an *engine.Error; stopped: it goes on; "": the message is handled
	want string // in the reason, or the first output
	line string // in the traceback
}{
	{"memory", "", engine.CodeException, "MemoryError", "in memory"},
	{"memory.caught", "", "", "caught", ""},
	{"recursion", "", engine.CodeException, "RecursionError: maximum recursion depth exceeded", "in recursion"},
	{"recursion.limit", "", engine.CodeException, "RecursionError: maximum recursion depth exceeded", "in recursion"},
	{"recursion.memory", "", engine.CodeException, "MemoryError", "in large"},
	{"recursion.caught", "", "", `"RecursionError RecursionError"`, ""},
	{"recursion.json", "", engine.CodeException, "RecursionError: maximum recursion depth exceeded while encoding", "json.dumps(nested)"},
	{"recursion.send", "", engine.CodeException, "RecursionError: deep: maximum recursion depth", ""},
	{"recursion.repr", "", engine.CodeException, "RecursionError", "repr(nested)"},
	{"recursion.method", "", engine.CodeException, "RecursionError", "in __repr__"},
	{"recursion.sort", "", engine.CodeException, "RecursionError", "in key"},
	{"recursion.python", "getattr", engine.CodeException, "RecursionError", "in __getattr__"},
	{"recursion.python", "add", engine.CodeException, "RecursionError", "in __add__"},
	{"recursion.python", "enter", engine.CodeException, "RecursionError", "in __enter__"},
	{"recursion.python", "format", engine.CodeException, "RecursionError", "in __format__"},
	{"recursion.python", "iter", engine.CodeException, "RecursionError", "in __iter__"},
	{"recursion.python", "map", engine.CodeException, "RecursionError", "in again"},
	{"recursion.python", "cache", engine.CodeException, "RecursionError", "in cached"},
	// CPython itself does not count these, and ends with the process elsewhere.
	{"recursion.c", "hash", engine.CodeStack, "calls went deeper than the stack", ""},
	{"recursion.c", "chain", engine.CodeStack, "calls went deeper than the stack", ""},
	{"recursion.compare", "", engine.CodeException, "RecursionError", "nested == other"},
	{"recursion.compile", "", engine.CodeException, "RecursionError: maximum recursion depth exceeded during compilation", "compile("},
	{"recursion.parse", "", engine.CodeException, "MemoryError: Parser stack overflowed", "compile("},
	{"recursion.re", "", engine.CodeException, "RecursionError", "re.compile("},
	{"recursion.data", strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "", "decode recursion.data as JSON: maximum recursion depth", ""},
	{"exit", "", engine.CodeException, "the actor called sys.exit(3)", "sys.exit(3)"},
	{"exit.os", "", engine.CodeExit, "proc_exit(3)", ""},
	{"abort", "", engine.CodeExit, "proc_exit(134)", ""},
	{"thread", "", engine.CodeException, "RuntimeError: can't start new thread: an actor has no threads; make the handler async def, and await requests together with asyncio.gather", ".start()"},
	{"thread.timer", "", engine.CodeException, "RuntimeError: can't start new thread", "Timer("},
	{"executor", "", engine.CodeException, "RuntimeError: can't start new thread", ".submit("},
	{"executor.async", "", "", `[1,2]`, ""},
	{"wait", "lock", engine.CodeException, "RuntimeError: nothing will ever end this wait: an actor has no threads", "lock.acquire()"},
	{"wait", "event", engine.CodeException, "RuntimeError: nothing will ever end this wait", "threading.Event().wait()"},
	{"wait", "queue", engine.CodeException, "RuntimeError: nothing will ever end this wait", "queue.Queue().get()"},
	{"wait", "simple", engine.CodeException, "RuntimeError: nothing will ever end this wait", "queue.SimpleQueue().get()"},
	{"wait", "future", engine.CodeException, "RuntimeError: nothing will ever end this wait", ".result()"},
	{"wait", "seconds", "", "[false,false]", ""},
	{"write", "open new", engine.CodeException, "OSError: [Errno 69] Read-only file system: 'new'", ""},
	{"write", "open /tmp/new", engine.CodeException, "OSError: [Errno 69] Read-only file system: '/tmp/new'", ""},
	{"write", "append main.py", engine.CodeException, "OSError: [Errno 69] Read-only file system: 'main.py'", ""},
	{"write", "mkdir new", engine.CodeException, "OSError: [Errno 69] Read-only file system: 'new'", ""},
	{"write", "mkdir /new", engine.CodeException, "OSError: [Errno 69] Read-only file system: '/new'", ""},
	{"write", "unlink main.py", engine.CodeException, "OSError: [Errno 69] Read-only file system: 'main.py'", ""},
	{"write", "unlink new", engine.CodeException, "FileNotFoundError: [Errno 44] No such file or directory: 'new'", ""},
	{"write", "rename main.py", engine.CodeException, "OSError: [Errno 69] Read-only file system: 'main.py' -> 'other'", ""},
	{"subprocess", "", engine.CodeException, "processes are not in an actor; send a message", "subprocess.run("},
	{"socket", "", engine.CodeException, "sockets are not in an actor; use ctx.http", "socket.socket()"},
	{"url", "", engine.CodeException, "sockets are not in an actor", "urlopen("},
	{"import", "ssl", engine.CodeException, "ModuleNotFoundError: ssl is not in an actor; use ctx.http", "import_module"},
	{"import", "sqlite3", engine.CodeException, "ModuleNotFoundError: sqlite3 is not in an actor; use ctx.state", ""},
	{"import", "multiprocessing", engine.CodeException, "multiprocessing is not in an actor; send a message", ""},
	{"import", "ctypes", engine.CodeException, "ctypes is not in an actor; use a package in pure Python", ""},
	{"import", "tkinter", engine.CodeException, "tkinter is not in an actor; answer with data", ""},
	{"import", "nothing", engine.CodeException, "ModuleNotFoundError: No module named 'nothing'", ""},
	{"digits", "", engine.CodeException, "ValueError: Exceeds the limit (4300 digits)", "str("},
	{"huge", "", "stopped", "", "10 ** (10**8)"},
	{"regex", "", "stopped", "", "re.match("},
	{"endless", "", "stopped", "", "grow.Deadline: the message takes more fuel than it may"},
	{"endless.generator", "", "stopped", "", "in numbers"},
	{"endless.outputs", "", engine.CodeException, "1000 messages have been sent", ""},
	{"endless.async", "", "stopped", "", ""},
	{"endless.once", "", "stopped", "", ""},
	{"endless.thrice", "", "stopped", "", ""},
	{"endless.bare", "", "broken", "", ""},
	{"endless.sum", "", "broken", "", ""},
	{"sleep", "", "", "slept", ""},
	{"wrong", "", engine.CodeException, "wrong (main.py:", ""},
	{"wrong.none", "", engine.CodeException, "no handler for messages of type wrong.none", ""},
	{"monkey", "", engine.CodeException, "TypeError: 'NoneType' object is not callable", ""},
	{"closed", "", "", "still", ""},
}

// TestPythonBad has an actor do what it should not.
func TestPythonBad(t *testing.T) {
	files := readPython(t, "python/testdata/bad")
	m := compilePython(t, packPython(t, files), 1)
	for _, c := range badCases {
		t.Run(c.name+"/"+c.data[:min(len(c.data), 20)], func(t *testing.T) {
			s := pythonOf(t, m, []byte("{}"))
			if c.code == "stopped" || c.code == "broken" {
				s.fuel = badFuel
			}
			outputs, err := s.send(c.name, "k", []byte(data(c.data)))
			var fault *engine.Error
			var stopped *engine.Stopped
			switch {
			case c.code == "stopped" || c.code == "broken":
				if !errors.Is(err, errSlow) || errors.As(err, &stopped) != (c.code == "stopped") {
					t.Fatalf("ended with %v%s", err, stack(err))
				}
			case c.code == "":
				if err != nil || len(outputs) != 1 || !strings.Contains(outputs[0].data, c.want) {
					t.Fatalf("answered %.200v, %v%s", outputs, err, stack(err))
				}
			case !errors.As(err, &fault) || fault.Code != c.code || !strings.Contains(fault.Reason, c.want):
				t.Fatalf("ended with %v, not %s %s%s", err, c.code, c.want, stack(err))
			}
			if !strings.Contains(stack(err), c.line) || strings.Contains(stack(err), "grow/_") {
				t.Errorf("traceback without %q:%s", c.line, stack(err))
			}
			if c.code == "" || c.code == "stopped" {
				if outputs, err := s.send("fine", "k", []byte("1")); err != nil || len(outputs) != 1 {
					t.Errorf("the next message: %v, %v%s", outputs, err, stack(err))
				}
			}
		})
	}
}

// data is JSON: what is none is a text.
func data(s string) string {
	if strings.HasPrefix(s, "[") {
		return s
	}
	return `"` + s + `"`
}

// TestPythonMonkey: who changes the package harms nobody but that instance.
func TestPythonMonkey(t *testing.T) {
	m := compilePython(t, packPython(t, readPython(t, "python/testdata/bad")), 1)
	first, second := pythonOf(t, m, []byte("{}")), pythonOf(t, m, []byte("{}"))
	if _, err := first.send("monkey", "k", []byte("1")); err == nil {
		t.Error("the package can do without a function of its own")
	}
	for _, s := range []*snake{second, pythonOf(t, m, []byte("{}"))} {
		if _, err := s.send("fine", "k", []byte("1")); err != nil {
			t.Errorf("another instance: %v%s", err, stack(err))
		}
	}
}

// TestPythonLoads: what keeps an actor from being loaded.
func TestPythonLoads(t *testing.T) {
	handler := "import grow\n@grow.on('a')\ndef a(ctx, data): return None\n"
	for name, c := range map[string]struct {
		files        map[string]string
		want, within string
	}{
		"syntax":     {map[string]string{"main.py": "import grow\ndef f(:\n"}, "main.py:2:7: SyntaxError: invalid syntax", `File "/app/main.py", line 2`},
		"encoding":   {map[string]string{"main.py": handler + "x = '\xff'\n"}, "SyntaxError: (unicode error) 'utf-8' codec can't decode byte 0xff", "main.py"},
		"raises":     {map[string]string{"main.py": handler + "x = 1 / 0\n"}, "ZeroDivisionError: division by zero", "x = 1 / 0"},
		"module":     {map[string]string{"main.py": "import rates\n", "rates.py": "\n\nRATES = {}['x']\n"}, "KeyError: 'x'", `File "/app/rates.py", line 3`},
		"import":     {map[string]string{"main.py": "import sqlite3\n"}, "sqlite3 is not in an actor", ""},
		"main":       {map[string]string{"other.py": ""}, "FileNotFoundError: the actor has no main.py", ""},
		"no handler": {map[string]string{"main.py": "x = 1\n"}, "TypeError: main.py has no handler", ""},
		"annotation": {map[string]string{"main.py": "import grow\n@grow.on('a')\ndef a(ctx, data: 'Nothing'): pass\n"}, "NameError: a (main.py:2): annotation: name 'Nothing' is not defined", ""},
		"no JSON":    {map[string]string{"main.py": "import grow\n@grow.on('a')\ndef a(ctx, data: complex): pass\n"}, "TypeError: a (main.py:2): data: JSON has no complex", ""},
		"two":        {map[string]string{"main.py": handler + handler}, "ValueError: grow.on: two handlers for 'a'", ""},
		"exits":      {map[string]string{"main.py": "import sys\nsys.exit('bye')\n"}, "the actor called sys.exit('bye')", "sys.exit('bye')"},
		"calls":      {map[string]string{"main.py": "import grow\ngrow.Context(None).state.get()\n"}, "grow.CallError: state.get: denied", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &snake{guest: guest{t: t}}
			i, err := compilePython(t, packPython(t, c.files), 1).Instantiate(t.Context(), s)
			if err == nil {
				i.Close()
			}
			var fault *engine.Error
			if !errors.As(err, &fault) || fault.Code != engine.CodeException || !strings.Contains(fault.Reason, c.want) || !strings.Contains(fault.Stack, c.within) {
				t.Errorf("loaded: %v%s", err, stack(err))
			}
		})
	}
}

// TestPythonLoadLines: what a module prints while it is loaded is logged once, by who
// loads it: all other instances begin with what came of that.
func TestPythonLoadLines(t *testing.T) {
	binary := packPython(t, map[string]string{"main.py": `import logging
import grow

print("loading")
logging.warning("odd")

@grow.on("a")
def a(ctx, data):
    print("handled")
`})
	count := func(m engine.Module) int {
		s := &snake{guest: guest{t: t}}
		i, err := m.Instantiate(t.Context(), s)
		if err != nil {
			t.Fatal(err, stack(err))
		}
		defer i.Close()
		if n := len(s.logs); n > 0 && (n != 2 || s.logs[0].Text != "loading" || s.logs[1].Level != "warn" || s.logs[1].Text != "odd") {
			t.Errorf("logged %v", s.logs)
		}
		return len(s.logs)
	}
	m := compilePython(t, binary, 99)
	if first, second, again := count(m), count(m), count(compilePython(t, binary, 99)); first != 2 || second != 0 || again != 0 {
		t.Errorf("the first instance logs %d lines, the second %d, one of the module compiled again %d", first, second, again)
	}
}

// TestPythonLines: what print writes are log lines, and so are those of module logging.
func TestPythonLines(t *testing.T) {
	s := python(t, `import logging, sys
import grow

@grow.on("a")
def a(ctx, data):
    print("one", 1, "é")
    print("two\nthree", end="")
    print("four", file=sys.stderr)
    logging.getLogger("shop").warning("odd", extra={"by": "me"})
    logging.debug("not kept")
    ctx.log.debug("kept")
`)
	for range 2 {
		if _, err := s.send("a", "k", []byte("1")); err != nil {
			t.Fatal(err, stack(err))
		}
		want := []wat.Line{
			{Level: "info", Text: "one 1 é"},
			{Level: "info", Text: "two"},
			{Level: "info", Text: "three"},
			{Level: "warn", Text: "four"},
			{Level: "warn", Text: "odd", Fields: map[string]string{"by": "me", "logger": "shop"}},
			{Level: "debug", Text: "kept"},
		}
		if len(s.logs) != len(want) {
			t.Fatalf("logged %v", s.logs)
		}
		for i := range want {
			if s.logs[i].Level != want[i].Level || s.logs[i].Text != want[i].Text || len(s.logs[i].Fields) != len(want[i].Fields) {
				t.Errorf("logged %v, not %v", s.logs[i], want[i])
			}
		}
	}
}

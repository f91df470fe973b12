package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/compiler/python/interpreter"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/engine"
)

const (
	pythonMemory = 64 << 20
	pythonLive   = 300  // instances that are alive together
	pythonCalls  = 4000 // messages in a round
	pythonTurns  = 400_000
	pythonTimes  = 5 // that a message, or the loop, is measured in a round
)

// pythonActor answers a message as the Rust actor does, and runs a loop when it
// is told how long. Run by a Python of the machine's own it prints the nanoseconds
// of processor time of a message, of the loop, and of compiling a file.
const pythonActor = `import json


def loop(turns):
    total = 0
    for i in range(turns):
        total += i * i % 7
    return total


def answer(order):
    return {"id": order["id"], "customer": order["customer"], "total": order["total"]}


if __name__ == "__main__":
    import sys
    import time

    data, turns, calls, times, path = sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5]

    def took(what):
        all = []
        for _ in range(times):
            begin = time.process_time_ns()
            what()
            all.append(time.process_time_ns() - begin)
        return sorted(all)[times // 2]

    with open(path, encoding="utf-8") as f:
        source = f.read()

    def messages():
        for _ in range(calls):
            json.dumps(answer(json.loads(data)))

    print(took(messages) // calls, took(lambda: loop(turns)), took(lambda: compile(source, path, "exec")))
else:
    import grow

    @grow.on("echo.done")
    def handle(ctx, order):
        if "turns" in order:
            return grow.Output("echo.done", {"total": loop(order["turns"])})
        return grow.Output("echo.done", answer(order))
`

// python builds the actor once and returns its module.
func (w *workspace) python(ctx context.Context) ([]byte, error) {
	return w.built(ctx, "python", "main.py", pythonActor)
}

// native is what a native CPython of the same version takes for the same, in
// nanoseconds of processor time.
type native struct{ message, loop, compile float64 }

// native runs the actor's code in the Python that the runtime was made with.
func (w *workspace) native(ctx context.Context, path string) (n native, err error) {
	python, err := interpreter.Native()
	if err != nil {
		return n, err
	}
	main := filepath.Join(w.dir, "python/actors/order/src/python/main.py")
	out, err := exec.CommandContext(ctx, python, "-I", "-S", "-B", main, string(order), strconv.Itoa(pythonTurns), strconv.Itoa(pythonCalls), strconv.Itoa(pythonTimes), path).Output()
	if err != nil {
		return n, fmt.Errorf("run native Python: %w", err)
	}
	_, err = fmt.Sscan(string(out), &n.message, &n.loop, &n.compile)
	return n, err
}

// pythonHost is a Python actor whose runtime is loaded.
type pythonHost struct {
	engine engine.Engine
	module engine.Module
	actor  *actor.Actor
}

func (w *workspace) live(ctx context.Context, binary []byte) (*pythonHost, error) {
	e, err := app.NewEngine(ctx, filepath.Join(w.dir, "cache"), nil)
	if err != nil {
		return nil, err
	}
	m, err := e.Compile(ctx, binary, engine.Config{MemoryMax: pythonMemory})
	if err != nil {
		return nil, errors.Join(err, e.Close(ctx))
	}
	a, err := newActor(ctx, m)
	if err != nil {
		return nil, errors.Join(err, m.Close(ctx), e.Close(ctx))
	}
	l := &pythonHost{e, m, a}
	i, err := first(ctx, a) // makes what instances begin with
	if err != nil {
		return nil, errors.Join(err, l.close(ctx))
	}
	a.Discard(i)
	return l, nil
}

func (l *pythonHost) close(ctx context.Context) error {
	<-l.actor.Close()
	return errors.Join(l.module.Close(ctx), l.engine.Close(ctx))
}

// onPython is a measure that needs an actor alive; what it measures is given
// beside what native has of the same.
func onPython(measure func(ctx context.Context, l *pythonHost) (float64, error), of func(native) float64) func(context.Context, *workspace) (rounder, error) {
	return func(ctx context.Context, w *workspace) (rounder, error) {
		binary, err := w.python(ctx)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) (value, reference float64, err error) {
			l, err := w.live(ctx, binary)
			if err != nil {
				return 0, 0, err
			}
			defer func() { err = errors.Join(err, l.close(ctx)) }()
			if value, err = measure(ctx, l); err != nil {
				return 0, 0, err
			}
			n, err := w.native(ctx, filepath.Join(w.dir, "python/actors/order/src/python/main.py"))
			return value, of(n), err
		}, nil
	}
}

// startPython is a new instance to its first answer, in microseconds.
func startPython(ctx context.Context, l *pythonHost) (float64, error) {
	var took []float64
	for range starts {
		begin := time.Now()
		i, err := first(ctx, l.actor)
		if err != nil {
			return 0, err
		}
		took = append(took, micros(time.Since(begin)))
		l.actor.Discard(i)
	}
	return median(took), nil
}

// pythonJSON is the processor time of a message, in microseconds.
func pythonJSON(ctx context.Context, l *pythonHost) (float64, error) {
	return l.handled(ctx, order, pythonCalls)
}

// pythonLoop is that of a loop in Python, in milliseconds.
func pythonLoop(ctx context.Context, l *pythonHost) (float64, error) {
	us, err := l.handled(ctx, fmt.Appendf(nil, `{"turns":%d}`, pythonTurns), 1)
	return us / 1000, err
}

// handled is the processor time of a message with that data, in microseconds: n of them
// are handled, and that is done pythonTimes, of which it is the median.
func (l *pythonHost) handled(ctx context.Context, data []byte, n int) (float64, error) {
	i, err := first(ctx, l.actor)
	if err != nil {
		return 0, err
	}
	defer l.actor.Discard(i)
	m := abi.NewMessage(data, abi.Type, "echo.done", abi.ID, "bench", abi.ContentType, abi.ContentJSON)
	var took []float64
	for range pythonTimes {
		used := cpu()
		for range n {
			if r := i.Handle(&actor.Task{Message: m, ID: "bench", Now: time.Now().UnixNano()}); r.Outcome != actor.Handled {
				return 0, fmt.Errorf("the actor did not answer: %s %s", r.Code, r.Text)
			}
		}
		took = append(took, micros(cpu()-used)/float64(n))
	}
	return median(took), nil
}

// pythonDensity is how many instances, each of which has handled a message, fit a
// GiB of memory that is not shared; the reference, how many would if nothing was.
func pythonDensity(ctx context.Context, w *workspace) (rounder, error) {
	binary, err := w.python(ctx)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		l, err := w.live(ctx, binary)
		if err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, l.close(ctx)) }()
		before := private()
		var all []*actor.Instance
		for range pythonLive {
			i, err := first(ctx, l.actor)
			if err != nil {
				return 0, 0, err
			}
			all = append(all, i)
		}
		value = float64(pythonLive) * (1 << 30) / float64(max(1, private()-before))
		reference = float64(pythonLive) * (1 << 30) / float64(l.actor.Memory())
		for _, i := range all {
			l.actor.Discard(i)
		}
		return value, reference, nil
	}, nil
}

// private is the resident memory of this process that nobody shares, in bytes.
func private() int64 {
	resident()
	b, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		panic("bench: private memory is read from /proc: " + err.Error())
	}
	total := int64(0)
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "Private_Dirty:" && f[0] != "Private_Clean:" {
			continue
		}
		kib, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			panic("bench: " + err.Error())
		}
		total += kib << 10
	}
	return total
}

// sourceLines is how long the actor is that is packed.
const sourceLines = 1000

// pythonBuild packs an actor of a thousand lines, of which one has changed, in
// milliseconds; the reference is what native Python takes to compile it.
func pythonBuild(ctx context.Context, w *workspace) (rounder, error) {
	if _, err := w.python(ctx); err != nil {
		return nil, err
	}
	dir := filepath.Join(w.dir, "long")
	err := writeAll(dir, map[string]string{
		"grow.yaml":                       "service: bench\nabout: Measures.\n",
		"types/bench.cue":                 "\"echo.done\": _\n",
		"actors/order/actor.yaml":         "actor: order\nabout: Answers.\ncode: {language: python, source: src/python}\nin: [echo.done]\nout: [echo.done]\n",
		"actors/order/src/python/main.py": longActor(0),
	})
	if err != nil {
		return nil, err
	}
	service, err := app.Load(dir)
	if err != nil {
		return nil, err
	}
	main := filepath.Join(dir, "actors/order/src/python/main.py")
	edit := 0
	build := func(ctx context.Context) (time.Duration, error) {
		edit++
		if err := writeAll(dir, map[string]string{"actors/order/src/python/main.py": longActor(edit)}); err != nil {
			return 0, err
		}
		begin := time.Now()
		_, err := project.Build(ctx, service, project.Options{})
		return time.Since(begin), err
	}
	if _, err := build(ctx); err != nil { // loads the interpreter
		return nil, err
	}
	return func(ctx context.Context) (float64, float64, error) {
		var took []float64
		for range 9 {
			d, err := build(ctx)
			if err != nil {
				return 0, 0, err
			}
			took = append(took, millis(d))
		}
		n, err := w.native(ctx, main)
		return median(took), n.compile / 1e6, err
	}, nil
}

// longActor is an actor of sourceLines lines; edit makes it another one.
func longActor(edit int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "import grow\n\nEDIT = %d\n\n", edit)
	lines := 4
	for n := 0; lines < sourceLines-8; n++ {
		text := fmt.Sprintf("def step_%d(order, rate=0.19):\n    net = sum(item[\"qty\"] * item[\"price\"] for item in order.get(\"items\", []))\n"+
			"    if net > %d:\n        net -= net * 0.1\n    for name, value in order.items():\n        if isinstance(value, str) and not value.strip():\n"+
			"            raise grow.Refuse(\"order.empty\", f\"{name} is empty\")\n    return {**order, \"net\": net, \"gross\": net * (1 + rate)}\n\n\n", n, n)
		b.WriteString(text)
		lines += strings.Count(text, "\n")
	}
	b.WriteString("@grow.on(\"echo.done\")\ndef handle(ctx, order):\n    return grow.Output(\"echo.done\", step_0(order))\n")
	return b.String()
}

package toy

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"sync/atomic"

	"github.com/grow-platform/grow/runtime/debug"
)

// Reporter is who guests report to: a [debug.Session].
type Reporter interface {
	debug.Reporter
	Output(g debug.Guest, typ string, data []byte) error
	Request(g debug.Guest, operation string, data []byte) error
}

// Limits of a guest.
const (
	depthMax  = 200       // frames
	memoryLen = 64 << 10  // bytes
	truthMax  = 1_000_000 // statements of one expression a debugger evaluates
)

// Guest is an instance of a Program. Run belongs to one goroutine at a time.
type Guest struct {
	program  *Program
	reporter Reporter
	watch    atomic.Pointer[debug.Watch]
	globals  map[string]any
	memory   []byte
	frames   []*frame // innermost last
	budget   int      // statements left for a debugger's expression; 0: it is not one
	quiet    bool     // a debugger's expression reports nothing
}

type frame struct {
	function *function
	vars     map[string]any
	names    []string // in the order they were assigned
	at       int
}

// Raised is an exception that nobody caught.
type Raised struct{ Value any }

// Error implements error.
func (r *Raised) Error() string { return fmt.Sprint(r.Value) }

// Guest returns a new instance that reports to r.
func (p *Program) Guest(r Reporter) *Guest {
	g := &Guest{program: p, reporter: r, globals: map[string]any{"handled": int64(0)}, memory: make([]byte, memoryLen)}
	g.watch.Store(&debug.Watch{})
	return g
}

// Memory is the guest's memory, to be filled before it runs.
func (g *Guest) Memory() []byte { return g.memory }

// Watch implements [debug.Guest].
func (g *Guest) Watch(w *debug.Watch) { g.watch.Store(w) }

// Run calls the function handle, and returns what it does.
func (g *Guest) Run(args ...any) (any, error) {
	if err := g.reporter.Enter(g); err != nil {
		return nil, err
	}
	defer g.reporter.Leave(g)
	g.frames = nil
	for i, a := range args {
		if n, ok := a.(int); ok {
			args[i] = int64(n)
		}
	}
	v, err := g.call("handle", args)
	g.globals["handled"] = g.globals["handled"].(int64) + 1
	return v, err
}

func (g *Guest) call(name string, args []any) (any, error) {
	f := g.program.funcs[name]
	switch {
	case f == nil:
		return nil, g.raise("no function " + name)
	case len(args) != len(f.params):
		return nil, g.raise("wrong arguments of " + name)
	case len(g.frames) >= depthMax:
		return nil, g.raise("the stack is exhausted")
	}
	top := &frame{function: f, vars: map[string]any{}, at: f.first}
	for i, p := range f.params {
		top.set(p, args[i])
	}
	g.frames = append(g.frames, top)
	defer func() { g.frames = g.frames[:len(g.frames)-1] }()
	for {
		s := g.program.code[top.at]
		if err := g.arrive(s); err != nil {
			return nil, err
		}
		if s.kind == "return" || s.kind == "end" && s.opens == "func" {
			if s.expr == nil {
				return nil, nil
			}
			return g.eval(top, s.expr)
		}
		next, err := g.step(top, s)
		var raised *Raised
		if errors.As(err, &raised) {
			if handler := g.handler(top); handler >= 0 {
				top.set(g.program.code[handler].name, raised.Value)
				next, err = handler+1, nil
			}
		}
		if err != nil {
			return nil, err
		}
		top.at = next
	}
}

// step executes a statement and returns the next.
func (g *Guest) step(f *frame, s *statement) (next int, err error) {
	var v any
	if s.expr != nil {
		if v, err = g.eval(f, s.expr); err != nil {
			return 0, err
		}
	}
	next = f.at + 1
	switch s.kind {
	case "assign":
		return next, g.assign(f, s.target, v)
	case "while", "if":
		if v != true {
			next = s.jump + 1
		}
	case "catch":
		next = s.jump + 1
	case "end":
		if s.opens == "while" {
			next = s.jump
		}
	case "raise":
		return 0, g.raise(v)
	case "emit", "ask":
		data, _ := json.Marshal(v)
		if s.kind == "emit" {
			return next, g.reporter.Output(g, s.name, data)
		}
		return next, g.reporter.Request(g, s.name, data)
	}
	return next, nil
}

// handler is the catch of the innermost try that a frame is in; -1: there is none.
func (g *Guest) handler(f *frame) int {
	for i := f.at; i >= f.function.first; i-- {
		if s := g.program.code[i]; s.kind == "try" && f.at < s.jump {
			return s.jump
		}
	}
	return -1
}

// arrive reports a statement, if somebody wants that.
func (g *Guest) arrive(s *statement) error {
	if g.budget > 0 {
		if g.budget--; g.budget == 0 {
			return debug.ErrEndless
		}
	}
	w := g.watch.Load()
	if g.quiet || !(w.Every && (w.Depth == 0 || len(g.frames) <= w.Depth)) && !g.watched(w, s) {
		return nil
	}
	return g.reporter.Arrive(g, &halt{guest: g, cause: debug.CauseLine})
}

func (g *Guest) watched(w *debug.Watch, s *statement) bool {
	for _, at := range w.Lines {
		if at.Line == s.line && (at.Column == 0 || at.Column == s.column) {
			return true
		}
	}
	return false
}

// raise reports an exception and returns it.
func (g *Guest) raise(v any) error {
	w := g.watch.Load()
	causes := []debug.Cause{debug.CauseException}
	if w.Uncaught {
		caught := false
		for _, f := range g.frames {
			caught = caught || g.handler(f) >= 0
		}
		if !caught {
			causes = append(causes, debug.CauseUncaught)
		}
	}
	if !w.Raised {
		causes = causes[1:]
	}
	for _, cause := range causes {
		if g.quiet || len(g.frames) == 0 {
			break
		}
		if err := g.reporter.Arrive(g, &halt{guest: g, cause: cause, text: fmt.Sprint(v)}); err != nil {
			return err
		}
	}
	return &Raised{v}
}

func (f *frame) set(name string, v any) {
	if _, there := f.vars[name]; !there {
		f.names = append(f.names, name)
	}
	f.vars[name] = v
}

func (g *Guest) assign(f *frame, target ast.Expr, v any) error {
	switch t := target.(type) {
	case *ast.Ident:
		if _, global := g.globals[t.Name]; global {
			g.globals[t.Name] = v
		} else {
			f.set(t.Name, v)
		}
		return nil
	case *ast.SelectorExpr:
		of, err := g.eval(f, t.X)
		if r, ok := of.(map[string]any); ok && err == nil {
			r[t.Sel.Name] = v
			return nil
		}
	case *ast.IndexExpr:
		of, err := g.eval(f, t.X)
		i, fault := g.eval(f, t.Index)
		if l, ok := of.([]any); ok && err == nil && fault == nil {
			if n, ok := i.(int64); ok && n >= 0 && n < int64(len(l)) {
				l[n] = v
				return nil
			}
		}
	}
	return g.raise("nothing that can be assigned to")
}

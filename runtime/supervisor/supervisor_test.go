package supervisor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/wazero"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/mem"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
	"github.com/grow-platform/grow/testdata/wat"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wanted is a service of one actor.
func wanted(module string, change func(*specs.Actor)) Wanted {
	a := &specs.Actor{
		Name: "a", In: []string{"in"}, Out: []string{"echo.done"}, Scale: specs.Scale{Max: 2, Mailbox: 100},
		Limits: specs.Limits{Memory: 1 << 20, Output: abi.OutputBytesMax, Calls: 10},
	}
	if change != nil {
		change(a)
	}
	return Wanted{Service: &specs.Service{Name: "t", Actors: map[string]*specs.Actor{"a": a}}, Modules: map[string]Binary{"a": BinaryOf(wat.Module(module))}}
}

// TestApply: what cannot run changes nothing, what can takes over, and what was
// replaced is closed.
func TestApply(t *testing.T) {
	ctx := context.Background()
	e, err := wazero.New(ctx, wazero.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store := mem.New(mem.Options{})
	j, err := store.Open(ctx, journal.Name{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := shard.Open(ctx, shard.Options{Service: "t", Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	v := New(Options{Engine: e, Shard: s, Secret: []byte("secret")})
	ask := func() string {
		f, err := s.Accept(ctx, &shard.Request{To: "a", Type: "in", AnyReply: true, Data: []byte(`"x"`)})
		if err != nil {
			return err.Error()
		}
		<-f.Done()
		a := f.Answer()
		return a.Outcome.String() + " " + a.Code
	}
	if err := v.Apply(ctx, wanted("echo", nil)); err != nil {
		t.Fatal(err)
	}
	first := s.Status()[0].Revision
	if got := ask(); got != "replied " {
		t.Errorf("the first: %s", got)
	}
	for _, c := range []struct {
		name string
		w    Wanted
		code string
		says string
	}{
		{"does not start", wanted("initfail", nil), engine.CodeInit, "grow_init returned 1"},
		{"lacks an export", wanted("noexport", nil), engine.CodeExport, "grow_handle"},
		{"imports what it may not", wanted("badimport", nil), engine.CodeImport, "env.system"},
		{"has no module", Wanted{Service: wanted("echo", nil).Service}, "", "no module"},
		{"has a grant nobody serves", wanted("echo", func(a *specs.Actor) { a.Uses = []specs.Grant{{Name: "x", Kind: "none"}} }), "", `"none"`},
	} {
		err := v.Apply(ctx, c.w)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
		var fault *engine.Error
		if c.code != "" && (!errors.As(err, &fault) || fault.Code != c.code) {
			t.Errorf("%s: %v, want code %s", c.name, err, c.code)
		}
		if got := ask(); got != "replied " || s.Status()[0].Revision != first {
			t.Errorf("after what %s: %s, revision %s", c.name, got, s.Status()[0].Revision)
		}
	}
	if err := v.Apply(ctx, wanted("trap", nil)); err != nil {
		t.Fatal(err)
	}
	if got := ask(); got != "failed trap" || s.Status()[0].Revision == first {
		t.Errorf("the second: %s, revision %s", got, s.Status()[0].Revision)
	}
	s.Close()
	if err := errors.Join(v.Close(), store.Close(), e.Close(ctx)); err != nil {
		t.Error(err)
	}
}

// counted counts the modules of an engine that are open.
type counted struct {
	engine.Engine
	open, compiled atomic.Int64
	last           atomic.Pointer[engine.Config] // that was compiled with
}

type countedModule struct {
	engine.Module
	of *counted
}

func (e *counted) Compile(ctx context.Context, binary []byte, c engine.Config) (engine.Module, error) {
	m, err := e.Engine.Compile(ctx, binary, c)
	if err != nil {
		return nil, err
	}
	e.open.Add(1)
	e.compiled.Add(1)
	e.last.Store(&c)
	return countedModule{m, e}, nil
}

func (m countedModule) Close(ctx context.Context) error {
	m.of.open.Add(-1)
	return m.Module.Close(ctx)
}

// left waits until no more modules are open than so many, and returns how many are. What runs at a
// node that is gone ends when a lane that is still at work is at rest: at once, or at the next look.
func (e *counted) left(v *Supervisor, most int64) int64 {
	v.retired.Wait()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for e.open.Load() > most {
		select {
		case <-tick.C:
		case <-limit.C:
			return e.open.Load()
		}
	}
	return e.open.Load()
}

// pair is a service of a node of actor a and two of actor b.
func pair(change func(s *specs.Service)) Wanted {
	w := wanted("stdout", nil)
	b := *w.Service.Actors["a"]
	b.Name = "b"
	w.Service.Actors["b"], w.Modules["b"] = &b, BinaryOf(wat.Module("echo"))
	w.Service.Workflows = map[string]*specs.Workflow{"w": {
		Name: "w", In: []string{"in"}, Out: []string{"echo.done"},
		Nodes:  []*specs.Node{{Name: "one", Actor: "b", Scale: b.Scale}, {Name: "two", Actor: "b", Scale: b.Scale}},
		Routes: []*specs.Route{{From: specs.Input, To: []string{"one"}}, {From: "one", To: []string{specs.Output}}, {From: "two", To: []string{specs.Output}}},
	}}
	w.Service.Types = map[string]*shape.Type{}
	if change != nil {
		change(w.Service)
	}
	return w
}

func kind(t *testing.T, def string) *shape.Type {
	t.Helper()
	k, err := shape.FromCUE(cuecontext.New().CompileString("m: " + def).LookupPath(cue.ParsePath("m")))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestApplyKeeps: what has not changed keeps its actor, and with it its
// instances and its module; the rest is closed.
func TestApplyKeeps(t *testing.T) {
	ctx := context.Background()
	real, err := wazero.New(ctx, wazero.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e := &counted{Engine: real}
	store := mem.New(mem.Options{})
	j, err := store.Open(ctx, journal.Name{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := shard.Open(ctx, shard.Options{Service: "t", Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	v := New(Options{Engine: e, Shard: s, Secret: []byte("secret")})
	trap := pair(nil)
	trap.Modules["a"] = BinaryOf(wat.Module("trap"))
	broken := pair(nil)
	broken.Modules["b"] = BinaryOf(wat.Module("initfail"))
	for _, c := range []struct {
		name    string
		w       Wanted
		fails   bool
		renewed []string // nodes with another actor than before
		open    int64    // modules, once what was replaced is closed
	}{
		{"the first", pair(nil), false, []string{"a", "w/one", "w/two"}, 2},
		{"the same", pair(nil), false, nil, 2},
		{"words", pair(func(s *specs.Service) { s.Actors["a"].About, s.About = "another", "another" }), false, nil, 2},
		{"a route", pair(func(s *specs.Service) { s.Workflows["w"].Routes[1].To = []string{"two"} }), false, nil, 2},
		{"the config of a node", pair(func(s *specs.Service) { s.Workflows["w"].Nodes[1].Config = []byte("{}") }), false, []string{"w/two"}, 2},
		{"a type that all take", pair(func(s *specs.Service) { s.Types["in"] = kind(t, "int") }), false, []string{"a", "w/one", "w/two"}, 2},
		{"the same type, read again", pair(func(s *specs.Service) { s.Types["in"] = kind(t, "int") }), false, nil, 2},
		{"a type nobody takes", pair(func(s *specs.Service) { s.Types["in"], s.Types["x"] = kind(t, "int"), kind(t, "int") }), false, nil, 2},
		{"back", pair(nil), false, []string{"a", "w/one", "w/two"}, 2},
		{"fuel", pair(func(s *specs.Service) { s.Actors["a"].Limits.Fuel++ }), false, []string{"a"}, 2},
		{"time", pair(func(s *specs.Service) { s.Actors["a"].Limits.Time = time.Second }), false, []string{"a"}, 2},
		{"isolation", pair(func(s *specs.Service) { s.Actors["a"].Isolated = true }), false, []string{"a"}, 2},
		{"a module that does not start", broken, true, nil, 2},
		{"a module", trap, false, []string{"a"}, 2},
		{"memory", pair(func(s *specs.Service) { s.Actors["a"].Limits.Memory *= 2 }), false, []string{"a"}, 2},
		{"a workflow less", wanted("trap", nil), false, []string{"a"}, 1},
	} {
		before := map[string]*actor.Actor{}
		for path, p := range v.current {
			before[path] = p.actor
		}
		if err := v.Apply(ctx, c.w); (err != nil) != c.fails {
			t.Fatalf("%s: %v", c.name, err)
		}
		open := e.left(v, c.open)
		var renewed []string
		for path, p := range v.current {
			if before[path] != p.actor {
				renewed = append(renewed, path)
			}
		}
		slices.Sort(renewed)
		if !slices.Equal(renewed, c.renewed) || open != c.open {
			t.Errorf("%s: renewed are %q, want %q; %d modules are open, want %d", c.name, renewed, c.renewed, open, c.open)
		}
	}
	if n := e.compiled.Load(); n != 8 { // of a twice more: isolated, and not again
		t.Errorf("%d modules were compiled", n)
	}
	// What was prepared is compiled once, is open until an Apply or another
	// Prepare, and changes nothing before.
	now := s.Status()[0].Revision
	for _, prepare := range []Wanted{pair(nil), trap, wanted("echo", nil)} {
		if err := v.Prepare(ctx, prepare); err != nil || s.Status()[0].Revision != now {
			t.Fatalf("prepare: %v, revision %s", err, s.Status()[0].Revision)
		}
	}
	compiled := e.compiled.Load()
	if err := v.Apply(ctx, wanted("echo", nil)); err != nil || e.compiled.Load() != compiled {
		t.Errorf("apply: %v, %d modules more", err, e.compiled.Load()-compiled)
	}
	if n := e.left(v, 1); n != 1 {
		t.Errorf("%d modules are open", n)
	}
	if err := v.Prepare(ctx, pair(nil)); err != nil {
		t.Error(err)
	}
	if err := v.Prepare(ctx, wanted("noexport", nil)); err == nil {
		t.Error("a module without exports was prepared")
	}
	s.Close()
	if err := errors.Join(v.Close(), store.Close(), e.Close(ctx)); err != nil || e.open.Load() != 0 {
		t.Error(err, e.open.Load())
	}
}

// TestSeed: a message's random stream is its own, the same again, and another under another secret.
func TestSeed(t *testing.T) {
	one, two := New(Options{Secret: []byte("one")}), New(Options{Secret: []byte("two")})
	first, again := one.seed("m"), one.seed("m")
	if first != again || first == one.seed("n") || first == two.seed("m") {
		t.Error("seeds do not follow message and secret")
	}
}

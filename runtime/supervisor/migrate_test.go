package supervisor

import (
	"context"
	"errors"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine/wazero"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/mem"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/testdata/wat"
)

// ledgers is a ledger that keeps state of one type, or, later, of another, into which an
// actor makes it that runs a module of its own.
func ledgers(t *testing.T, by string) Wanted {
	old := specs.State{Name: "kept.v1", Type: kind(t, "{entries!: [...]}")}
	old.Print = old.Type.Print()
	def := func(name, in, out string) *specs.Actor {
		return &specs.Actor{
			Name: name, In: []string{in}, Out: []string{out}, Scale: specs.Scale{Max: 2, Mailbox: 100},
			Limits: specs.Limits{Memory: 1 << 20, Output: abi.OutputBytesMax, Calls: 10},
		}
	}
	a := def("a", "ledger.post", "ledger.posted")
	a.Key, a.State = map[string]string{"": "data.k"}, []specs.State{old}
	w := Wanted{Service: &specs.Service{Name: "t", Actors: map[string]*specs.Actor{"a": a}}, Modules: map[string]Binary{"a": BinaryOf(wat.Module("ledger"))}}
	if by == "" {
		return w
	}
	forth := def("forth", "kept.v1", "echo.done")
	w.Service.Actors["forth"], w.Modules["forth"] = forth, BinaryOf(wat.Module(by))
	now := specs.State{Name: "echo.done", Type: kind(t, "{entries!: [...], note?: string}")}
	now.Print, now.From = now.Type.Print(), []specs.Migration{{Name: old.Name, Type: old.Type, Print: old.Print, Actor: forth}}
	a.State = []specs.State{now}
	return w
}

// migrating is a supervisor of an empty shard, what it compiles with, and what ends all of it.
func migrating(t *testing.T) (v *Supervisor, e *counted, s *shard.Shard, end func()) {
	t.Helper()
	ctx := context.Background()
	real, err := wazero.New(ctx, wazero.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e = &counted{Engine: real}
	store := mem.New(mem.Options{})
	j, err := store.Open(ctx, journal.Name{})
	if err != nil {
		t.Fatal(err)
	}
	if s, err = shard.Open(ctx, shard.Options{Service: "t", Journal: j}); err != nil {
		t.Fatal(err)
	}
	v = New(Options{Engine: e, Shard: s, Secret: []byte("secret")})
	return v, e, s, func() {
		t.Helper()
		s.Close()
		if err := errors.Join(v.Close(), store.Close(), e.Close(ctx)); err != nil || e.open.Load() != 0 {
			t.Error(err, e.open.Load())
		}
	}
}

// TestMigrators: what migrates a node's values runs with it and ends with it, is part of
// its revision, and is there in a fork.
func TestMigrators(t *testing.T) {
	ctx := context.Background()
	v, e, s, end := migrating(t)
	apply := func(w Wanted, open int64) {
		t.Helper()
		if err := v.Apply(ctx, w); err != nil {
			t.Fatal(err)
		}
		if n := e.left(v, open); n != open {
			t.Errorf("%d modules are open, want %d", n, open)
		}
	}
	post := func() string {
		f, err := s.Accept(ctx, &shard.Request{To: "a", Type: "ledger.post", AnyReply: true, Data: []byte(`{"k":"x"}`)})
		if err != nil {
			t.Fatal(err)
		}
		<-f.Done()
		a := f.Answer()
		return a.Outcome.String() + " " + a.Code
	}
	kept := func() capability.Value {
		values, err := s.GetState(ctx, "a", "x")
		if err != nil {
			t.Fatal(err)
		}
		return values[""]
	}
	apply(ledgers(t, ""), 1)
	if got := post(); got != "replied " {
		t.Fatal(got)
	}
	old, next := kept(), ledgers(t, "echo")
	apply(next, 2)
	revision := s.Status()[0].Revision
	if list, err := Revisions(next); err != nil || list["a"] != revision {
		t.Errorf("it would be revision %v, and is %s: %v", list, revision, err)
	}
	world := &still{}
	f, err := v.Fork(ctx, next, "a", 1, world)
	if err != nil {
		t.Fatal(err)
	}
	found, err := f.Migrated(map[string]capability.Value{"": old})
	if err != nil || string(found[""].Data) != string(old.Data) || found[""].Type != next.Service.Actors["a"].State[0].Print {
		t.Errorf("a fork finds %v, %v", found, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if got, now := post(), kept(); got != "replied " || now.Type != next.Service.Actors["a"].State[0].Print || now.Revision != 2 {
		t.Errorf("%s; kept is %+v", got, now)
	}
	if list, err := Revisions(ledgers(t, "trap")); err != nil || list["a"] == revision {
		t.Errorf("another migration is revision %v, %v", list, err)
	}
	apply(ledgers(t, ""), 1)
	end()
}

// TestMigratorsChange: limits and isolation of what migrates take effect as its module does.
func TestMigratorsChange(t *testing.T) {
	revision := func(change func(forth *specs.Actor)) string {
		w := ledgers(t, "echo")
		change(w.Service.Actors["forth"])
		list, err := Revisions(w)
		if err != nil {
			t.Fatal(err)
		}
		return list["a"]
	}
	same := revision(func(*specs.Actor) {})
	for name, change := range map[string]func(*specs.Actor){
		"fuel":      func(a *specs.Actor) { a.Limits.Fuel++ },
		"memory":    func(a *specs.Actor) { a.Limits.Memory *= 2 },
		"isolation": func(a *specs.Actor) { a.Isolated = true },
		"config":    func(a *specs.Actor) { a.ConfigDefault = []byte("{}") },
	} {
		if revision(change) == same {
			t.Errorf("%s: the revision stays %s", name, same)
		}
	}
	if got := revision(func(a *specs.Actor) { a.About = "other" }); got != same {
		t.Errorf("words: it is revision %s, and was %s", got, same)
	}
}

// TestMigratorsLines: all instances of a node can migrate while one of what migrates is
// being closed, and in a process of its own both sides of a canary can.
func TestMigratorsLines(t *testing.T) {
	ctx := context.Background()
	w := ledgers(t, "echo")
	table, err := router.Compile(w.Service)
	if err != nil {
		t.Fatal(err)
	}
	n, _ := table.Node("a")
	forth := w.Service.Actors["forth"]
	forth.Isolated = true
	v, e, _, end := migrating(t)
	if got := v.config(w.Service, forth, table).Instances; got != 2+2*(2+1) {
		t.Errorf("its process has room for %d: its own two, and for each side of a canary the node's two and one that is closing", got)
	}
	forth.Isolated = false
	list, err := v.migrators(ctx, w.Service, n, 2, silent, func(def *specs.Actor) (*module, error) {
		return v.module(ctx, w.Modules[def.Name], v.config(w.Service, def, table))
	})
	if err != nil {
		t.Fatal(err)
	}
	a := list["forth"].actor
	for i := range 2 + 1 {
		if _, more, err := a.Take(); !errors.Is(err, actor.ErrBusy) || !more {
			t.Errorf("the %d. is not to be started: %v", i+1, err)
		}
	}
	if _, more, _ := a.Take(); more {
		t.Error("there is no end to them")
	}
	for range 2 + 1 {
		a.Decline()
	}
	forth.Isolated = true
	f, err := v.Fork(ctx, w, "a", 1, &still{})
	if err != nil {
		t.Fatal(err)
	}
	if c := e.last.Load(); c.Name != "forth apart" || c.Instances != 2 {
		t.Errorf("in a fork of one instance: %+v", c)
	}
	if err := errors.Join(f.Close(), list.close()); err != nil {
		t.Error(err)
	}
	end()
}

// still is a world without anything in it.
type still struct{}

func (still) Broker(live *capability.Broker) *capability.Broker { return live }
func (still) Seed(string) [32]byte                              { return [32]byte{} }

// printed is a kind whose grants reach documents: what is in the folder stands for them.
type printed struct{ capability.Kind }

func init() { capability.Register(printed{}) }

func (printed) Name() string                                    { return "printed" }
func (printed) Print(_ map[string]any, documents string) string { return documents }

// TestProvidersChange: who asks an actor is another revision when that has other limits,
// isolation, grants, or other documents that its grants reach.
func TestProvidersChange(t *testing.T) {
	revision := func(change func(w Wanted, geo *specs.Actor)) string {
		w := ledgers(t, "")
		geo := &specs.Actor{Name: "geo", In: []string{"find"}, Uses: []specs.Grant{{Name: "texts", Kind: "printed"}}, Scale: specs.Scale{Max: 2}}
		w.Service.Actors["geo"], w.Modules["geo"] = geo, BinaryOf(wat.Module("echo"))
		a := w.Service.Actors["a"]
		a.Uses = []specs.Grant{{Name: "geo", Kind: specs.KindActor, Params: map[string]any{"actor": "geo"}}}
		change(w, geo)
		list, err := Revisions(w)
		if err != nil {
			t.Fatal(err)
		}
		return list["a"]
	}
	same := revision(func(Wanted, *specs.Actor) {})
	for name, change := range map[string]func(Wanted, *specs.Actor){
		"module":    func(w Wanted, _ *specs.Actor) { w.Modules["geo"] = BinaryOf(wat.Module("trap")) },
		"fuel":      func(_ Wanted, geo *specs.Actor) { geo.Limits.Fuel++ },
		"isolation": func(_ Wanted, geo *specs.Actor) { geo.Isolated = true },
		"grants":    func(_ Wanted, geo *specs.Actor) { geo.Uses = nil },
		"documents": func(w Wanted, _ *specs.Actor) { w.Service.Dir = "other" },
	} {
		if revision(change) == same {
			t.Errorf("%s: the revision stays %s", name, same)
		}
	}
	if got := revision(func(_ Wanted, geo *specs.Actor) { geo.About = "other" }); got != same {
		t.Errorf("words: it is revision %s, and was %s", got, same)
	}
}

package supervisor

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/wazero"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/mem"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
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
	return Wanted{Service: &specs.Service{Name: "t", Actors: map[string]*specs.Actor{"a": a}}, Modules: map[string][]byte{"a": wat.Module(module)}}
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

// TestSeed: a message's random stream is its own, the same again, and another under another secret.
func TestSeed(t *testing.T) {
	one, two := New(Options{Secret: []byte("one")}), New(Options{Secret: []byte("two")})
	first, again := one.seed("m"), one.seed("m")
	if first != again || first == one.seed("n") || first == two.seed("m") {
		t.Error("seeds do not follow message and secret")
	}
}

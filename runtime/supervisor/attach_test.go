package supervisor

import (
	"context"
	"errors"
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/wazero"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/mem"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/testdata/wat"
)

// instead compiles another module than the one it is given.
type instead string

func (m instead) Compile(ctx context.Context, e engine.Engine, _ []byte, c engine.Config) (engine.Module, error) {
	return e.Compile(ctx, wat.Module(string(m)), c)
}

// TestAttach: another build handles messages until somebody leaves or something takes
// its place, and leaves nothing open.
func TestAttach(t *testing.T) {
	ctx := context.Background()
	e, err := wazero.New(ctx, wazero.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := &counted{Engine: e}
	store := mem.New(mem.Options{})
	j, err := store.Open(ctx, journal.Name{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := shard.Open(ctx, shard.Options{Service: "t", Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	v := New(Options{Engine: c, Shard: s, Secret: []byte("secret")})
	expect := func(when, outcome string, open int64) {
		t.Helper()
		f, err := s.Accept(ctx, &shard.Request{To: "a", Type: "in", AnyReply: true, Data: []byte(`"x"`)})
		if err != nil {
			t.Fatal(err)
		}
		<-f.Done()
		if got := f.Answer().Outcome.String(); got != outcome {
			t.Errorf("%s: %s, want %s", when, got, outcome)
		}
		if got := c.left(v, open); got != open {
			t.Errorf("%s: %d modules are open, want %d", when, got, open)
		}
	}
	if err := v.Apply(ctx, wanted("echo", nil)); err != nil {
		t.Fatal(err)
	}
	expect("before", "replied", 1)
	told := ""
	attach := func(w Wanted, node string, key *string, by instead) (*Attachment, error) {
		return v.Attach(ctx, w, node, key, by, func(why string) { told = why })
	}
	for name, try := range map[string]func() (*Attachment, error){
		"no such node":        func() (*Attachment, error) { return attach(wanted("echo", nil), "none", nil, "trap") },
		"another revision":    func() (*Attachment, error) { return attach(wanted("trap", nil), "a", nil, "trap") },
		"a key where none is": func() (*Attachment, error) { return attach(wanted("echo", nil), "a", new("k"), "trap") },
	} {
		if _, err := try(); !errors.Is(err, shard.ErrAttached) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, module := range []instead{"initfail", "noexport"} {
		if _, err := attach(wanted("echo", nil), "a", nil, module); err == nil {
			t.Errorf("%s is attached", module)
		}
	}
	expect("after what cannot be attached", "replied", 1)
	other := func(digest, bytes string) Wanted { // its bytes are another module's by now
		w := wanted(digest, nil)
		w.Modules["a"] = Binary{w.Modules["a"].Digest, BinaryOf(wat.Module(bytes)).Read}
		return w
	}
	if _, err := attach(other("echo", "trap"), "a", nil, "trap"); !errors.Is(err, ErrChanged) {
		t.Errorf("attach what was written to: %v", err)
	}
	if err := v.Apply(ctx, other("trap", "echo")); !errors.Is(err, ErrChanged) {
		t.Errorf("apply what was written to: %v", err)
	}
	expect("after what was written to", "replied", 1)
	a, err := attach(wanted("echo", nil), "a", nil, "trap")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := attach(wanted("echo", nil), "a", nil, "trap"); !errors.Is(err, shard.ErrAttached) {
		t.Errorf("twice: %v", err)
	}
	expect("attached", "failed", 2)
	a.Detach()
	a.Detach()
	expect("detached", "replied", 1)
	for _, end := range []struct {
		why  string
		do   func() error
		open int64
	}{
		{"another revision of the service is tried", func() error { return v.Try(ctx, wanted("stdout", nil), "1", 0) }, 2},
		{"another revision of the service has taken over", func() error { return v.Apply(ctx, wanted("echo", nil)) }, 1},
	} {
		v.Untry()
		if a, err = attach(wanted("echo", nil), "a", nil, "trap"); err != nil {
			t.Fatal(err)
		}
		if err := end.do(); err != nil || told != end.why {
			t.Errorf("%v; told %q, want %q", err, told, end.why)
		}
		a.Detach()
		expect(end.why, "replied", end.open)
	}
	if _, err = attach(wanted("echo", nil), "a", nil, "trap"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := errors.Join(v.Close(), store.Close(), e.Close(ctx)); err != nil || told != "the service stops" {
		t.Error(err, told)
	}
	if n := c.open.Load(); n != 0 {
		t.Errorf("%d modules are open at the end", n)
	}
}

package supervisor

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/runtime/engine/wazero"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/mem"
	"github.com/grow-platform/grow/runtime/shard"
)

// TestThin: an actor on a language runtime starts before it gets messages, so that
// what keeps it from being loaded is told at once, with where that is.
func TestThin(t *testing.T) {
	ctx := context.Background()
	e, err := wazero.New(ctx, wazero.Options{Languages: []engine.Language{enginetest.Toy(nil)}})
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
	of := func(program string) Wanted {
		w := wanted("echo", nil)
		w.Modules["a"] = BinaryOf(enginetest.Thin(t, program))
		return w
	}
	if err := v.Apply(ctx, of("well")); err != nil {
		t.Error(err)
	}
	first := s.Status()[0].Revision
	err = v.Apply(ctx, of("!ImportError: no module named x\n  line 1 of main.txt"))
	var fault *engine.Error
	if !errors.As(err, &fault) || fault.Code != engine.CodeException || !strings.Contains(err.Error(), "ImportError: no module named x\n  line 1 of main.txt") {
		t.Errorf("%v", err)
	}
	if got := s.Status()[0].Revision; got != first {
		t.Errorf("revision %s, was %s", got, first)
	}
	s.Close()
	if err := errors.Join(v.Close(), store.Close(), e.Close(ctx)); err != nil {
		t.Error(err)
	}
}

// TestHashes: a revision has the same hashes at every start, and others than another
// revision or service has.
func TestHashes(t *testing.T) {
	seen := map[uint32]string{}
	for _, c := range []string{"secret/sha256:aa", "secret/sha256:ab", "other/sha256:aa"} {
		secret, digest, _ := strings.Cut(c, "/")
		v, again := New(Options{Secret: []byte(secret)}), New(Options{Secret: []byte(secret)})
		seed := v.hashes(digest)
		if seed != again.hashes(digest) {
			t.Errorf("%s: another seed at the next start", c)
		}
		if before, ok := seen[seed]; ok {
			t.Errorf("%s has the seed of %s", c, before)
		}
		seen[seed] = c
	}
}

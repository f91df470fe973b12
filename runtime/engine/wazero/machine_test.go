package wazero

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/testdata/wat"
)

// kept is a Cache in memory that counts.
type kept struct {
	mu               sync.Mutex
	code             map[Key][]byte
	hits, asked, put int
}

func (k *kept) Get(key Key) ([]byte, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	b, ok := k.code[key]
	k.asked++
	if ok {
		k.hits++
	}
	return b, ok
}

func (k *kept) Put(key Key, machine []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.code == nil {
		k.code = map[Key][]byte{}
	}
	k.code[key] = machine
	k.put++
}

// use compiles the probe and has it answer.
func use(t *testing.T, o Options) {
	t.Helper()
	i := answered(t, load(t, start(t, o), enginetest.Probe(), engine.Config{MemoryMax: 1 << 20}), &enginetest.Host{}, idle)
	if err := i.Close(); err != nil {
		t.Error(err)
	}
}

// TestCache: what was compiled is kept and found again. It also holds that this
// release of wazero has the field that open sets.
func TestCache(t *testing.T) {
	c := &kept{}
	use(t, Options{Cache: c})
	if c.put != 1 || c.hits != 0 {
		t.Fatalf("%d entries were kept, %d found", c.put, c.hits)
	}
	use(t, Options{Cache: c})
	if c.put != 1 || c.hits != 1 {
		t.Errorf("%d entries were kept, %d found", c.put, c.hits)
	}
	code, err := admission.Admit(enginetest.Probe())
	if err != nil {
		t.Fatal(err)
	}
	a, err := decode(c.code[sha256.Sum256(enginetest.Probe())])
	if err != nil || string(a.code) != string(code) {
		t.Fatalf("another module was kept: %v", err)
	}
	made, b, err := Build(t.Context(), code)
	if err != nil || made != a.key || string(b) != string(a.machine) {
		t.Errorf("Build made something else: %d bytes, %v", len(b), err)
	}
}

// TestCacheOfAnother: an entry that is of no use here, or no entry, is made anew.
func TestCacheOfAnother(t *testing.T) {
	c := &kept{}
	use(t, Options{Cache: c})
	k := Key(sha256.Sum256(enginetest.Probe()))
	good := c.code[k]
	other := bytes.Clone(good)
	other[0]++ // of another processor
	bare := &admitted{}
	if a, err := decode(good); err == nil {
		bare.code = a.code // where there was no compiler
	}
	for name, entry := range map[string][]byte{
		"empty": nil, "cut": good[:entryHead+10], "another processor": other, "no machine code": bare.encode(),
	} {
		c.code[k], c.put = entry, 0
		use(t, Options{Cache: c})
		if c.put != 1 || !bytes.Equal(c.code[k], good) {
			t.Errorf("%s: %d entries were kept", name, c.put)
		}
	}
}

// TestAdmitted: an engine that takes entries runs them as they are, and nothing else.
func TestAdmitted(t *testing.T) {
	c := &kept{}
	use(t, Options{Cache: c})
	e := start(t, Options{Admitted: true, Compile: func(context.Context, []byte) (Key, []byte, error) {
		return Key{}, nil, errors.New("it was compiled")
	}})
	for _, entry := range c.code {
		i := answered(t, load(t, e, entry, engine.Config{MemoryMax: 1 << 20}), &enginetest.Host{}, idle)
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, b := range [][]byte{nil, enginetest.Probe()} {
		if _, err := e.Compile(t.Context(), b, engine.Config{MemoryMax: 1 << 20}); err == nil {
			t.Errorf("%d bytes that are no entry were accepted", len(b))
		}
	}
}

// TestCompileElsewhere: with a compiler given, nothing is compiled here, and what it made is kept.
func TestCompileElsewhere(t *testing.T) {
	c, calls := &kept{}, 0
	elsewhere := func(ctx context.Context, code []byte) (Key, []byte, error) {
		calls++
		return Build(ctx, code)
	}
	use(t, Options{Cache: c, Compile: elsewhere})
	use(t, Options{Cache: c, Compile: elsewhere})
	if calls != 1 || c.put != 1 || c.hits != 1 {
		t.Errorf("%d calls, %d entries, %d found", calls, c.put, c.hits)
	}
	use(t, Options{Compile: elsewhere})
	if calls != 2 {
		t.Errorf("%d calls without a cache", calls)
	}
}

// TestCompileFails: what the compiler says is what Compile fails with, and the next one asks again.
func TestCompileFails(t *testing.T) {
	fault := error(&engine.Error{Code: engine.CodeCompile, Reason: "too dear"})
	key := Key{}
	e := start(t, Options{Compile: func(context.Context, []byte) (Key, []byte, error) { return key, nil, fault }})
	for range 2 {
		if _, err := e.Compile(t.Context(), enginetest.Probe(), engine.Config{MemoryMax: 1 << 20}); !errors.Is(err, fault) {
			t.Errorf("%v; want %v", err, fault)
		}
	}
	fault = nil
	_, err := e.Compile(t.Context(), enginetest.Probe(), engine.Config{MemoryMax: 1 << 20})
	var known *engine.Error
	if !errors.As(err, &known) || known.Code != engine.CodeCompile {
		t.Errorf("machine code of another module was taken: %v", err)
	}
}

// TestCompileCancelled: who waits for somebody else's compilation need not wait for its end.
func TestCompileCancelled(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	e := start(t, Options{Compile: func(ctx context.Context, code []byte) (Key, []byte, error) {
		close(begun)
		<-end
		return Build(ctx, code)
	}})
	first := make(chan error, 1)
	go func() {
		m, err := e.Compile(context.Background(), wat.Module("echo"), engine.Config{MemoryMax: 1 << 20})
		if err == nil {
			err = m.Close(context.Background())
		}
		first <- err
	}()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Compile(ctx, wat.Module("echo"), engine.Config{MemoryMax: 1 << 20}); !errors.Is(err, context.Canceled) {
		t.Errorf("the second one: %v", err)
	}
	close(end)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

func TestRecipe(t *testing.T) {
	if r := Recipe(); !strings.HasPrefix(r, "wazero ") || !strings.Contains(r, "/") || !strings.HasSuffix(r, ", "+admission.Recipe()) {
		t.Error(r)
	}
}

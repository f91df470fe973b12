package wazero

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

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
	admitted, err := admit(enginetest.Probe())
	if err != nil {
		t.Fatal(err)
	}
	for key, code := range c.code {
		made, b, err := Build(t.Context(), admitted)
		if err != nil || made != key || string(b) != string(code) {
			t.Errorf("Build made something else: %d bytes, %v", len(b), err)
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
	if r := Recipe(); !strings.HasPrefix(r, "wazero ") || !strings.Contains(r, "/") {
		t.Error(r)
	}
}

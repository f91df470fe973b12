package wazero

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm/thin"
)

// Prepare makes of a module what an engine with [Options.Admitted] compiles in its
// place: the module as it was admitted, with its machine code. Of a thin module it is
// all that it needs of its language runtime too, which has been started but has not
// loaded the actor: that is left to who runs it. Prepare fails as Compile does.
func Prepare(ctx context.Context, o Options, wasm []byte, c engine.Config) ([]byte, error) {
	t := &tap{under: o.Cache, entries: map[Key][]byte{}}
	o.Cache = t
	e, err := New(ctx, o)
	if err != nil {
		return nil, err
	}
	r := e.(*machine)
	a, err := r.thin(wasm)
	if err != nil {
		return nil, err
	}
	if a != nil {
		return r.prepareThin(ctx, t, wasm, a, c)
	}
	m, err := r.Compile(ctx, wasm, c)
	if err != nil {
		return nil, err
	}
	return t.entries[m.(*module).image.digest], m.Close(ctx)
}

// tap is a cache that notes what passes.
type tap struct {
	under   Cache // nil: there is none
	entries map[Key][]byte
}

// Get implements Cache.
func (t *tap) Get(k Key) ([]byte, bool) {
	if b, ok := t.entries[k]; ok {
		return b, true
	}
	if t.under == nil {
		return nil, false
	}
	b, ok := t.under.Get(k)
	if ok {
		t.entries[k] = b
	}
	return b, ok
}

// Put implements Cache.
func (t *tap) Put(k Key, b []byte) {
	t.entries[k] = b
	if t.under != nil {
		t.under.Put(k, b)
	}
}

// bundleMark is what a bundle begins with. An entry of a cache begins with a digest.
const bundleMark = "grow thin module, with its runtime\n"

// prepareThin makes a bundle: behind the mark the thin module, the admitted reactor,
// the image of it started, and the files it sees, each behind its length: of each tree
// its place and the number of its files, of each file its path and what is in it.
func (r *machine) prepareThin(ctx context.Context, t *tap, wasm []byte, a *thin.Actor, c engine.Config) ([]byte, error) {
	l, err := r.options.language(a)
	if err != nil {
		return nil, err
	}
	runtime, err := r.reactor(ctx, l, nil)
	if err != nil {
		return nil, err
	}
	started, err := runtime.boot(ctx, c.Seed)
	if err == nil {
		err = fits(started.image.Size, c.MemoryMax)
	}
	if err = errors.Join(err, runtime.close(ctx)); err != nil {
		return nil, err
	}
	b := append([]byte(bundleMark), 0)
	for _, part := range [][]byte{wasm, t.entries[runtime.image.digest], started.encode()} {
		b = appendPart(b, part)
	}
	for _, t := range runtime.trees {
		b = binary.AppendUvarint(appendPart(b, []byte(t.at)), uint64(t.files()))
		b = t.root.append(b, "")
	}
	return b, nil
}

func appendPart(b, part []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

// files is how many files the tree has.
func (t *tree) files() int {
	n := 0
	var count func(*node)
	count = func(at *node) {
		if at.folder == nil {
			n++
		}
		for _, below := range at.sorted {
			count(below)
		}
	}
	count(t.root)
	return n
}

// append appends the files of a node.
func (n *node) append(b []byte, path string) []byte {
	if n.folder == nil {
		return appendPart(appendPart(b, []byte(path)), n.data)
	}
	for _, below := range n.sorted {
		at := below.name
		if path != "" {
			at = path + "/" + at
		}
		b = below.append(b, at)
	}
	return b
}

// bundle is what prepareThin has made.
type bundle struct {
	wasm, reactor []byte
	started       *frozen
	trees         []*tree
}

// errBundle is what decodeBundle says of something else.
var errBundle = &engine.Error{Code: engine.CodeInvalid, Reason: "what was handed over is not a thin module with its runtime"}

// decodeBundle reads a bundle, which it does not copy.
func decodeBundle(b []byte) (*bundle, error) {
	r := parts{b: b[len(bundleMark)+1:]}
	d := &bundle{wasm: r.next(), reactor: r.next()}
	var err error
	if d.started, err = thaw(r.next()); err != nil || r.failed {
		return nil, errBundle
	}
	for len(r.b) > 0 && !r.failed {
		t := newTree(string(r.next()))
		for range r.number() {
			path := string(r.next())
			if data := r.next(); !r.failed {
				err = errors.Join(err, t.add(path, data))
			}
		}
		d.trees = append(d.trees, t)
	}
	if r.failed || err != nil {
		return nil, errBundle
	}
	return d, nil
}

// parts reads a list of parts.
type parts struct {
	b      []byte
	failed bool
}

// number reads how many parts there are, of which each takes at least a byte.
func (p *parts) number() int {
	v, n := binary.Uvarint(p.b)
	if n <= 0 || v > uint64(len(p.b)-n) {
		p.failed, p.b = true, nil
		return 0
	}
	p.b = p.b[n:]
	return int(v)
}

func (p *parts) next() []byte {
	n := p.number()
	part := p.b[:n:n]
	p.b = p.b[n:]
	return part
}

// compileBundle is Compile of a bundle.
func (r *machine) compileBundle(ctx context.Context, b []byte, c engine.Config) (engine.Module, error) {
	d, err := decodeBundle(b)
	if err != nil {
		return nil, err
	}
	a, err := admission.Thin(d.wasm)
	if err == nil && a == nil {
		err = errBundle
	}
	if err != nil {
		return nil, err
	}
	l := &engine.Language{Name: a.Language, Digest: a.Digest, Module: func() ([]byte, error) {
		return nil, fmt.Errorf("the reactor of %s is to be handed over", a.Language)
	}}
	runtime, err := r.reactor(ctx, l, bytes.Clone(d.reactor))
	if err != nil {
		return nil, err
	}
	runtime.trees = d.trees
	return runtime.module(ctx, d.wasm, a, c, d.started)
}

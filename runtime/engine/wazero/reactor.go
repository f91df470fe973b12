package wazero

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm/snapshot"
	"github.com/grow-platform/grow/runtime/wasm/thin"
	"github.com/tetratelabs/wazero/experimental"
)

// reactor is a language runtime that thin modules use: compiled once for all.
type reactor struct {
	machine  *machine
	language engine.Language
	image    *image
	linked   *linked
	trees    []*tree
	initial  *snapshot.Image // nil: it was not needed
}

// language is the language runtime that a thin module was built for.
func (o *Options) language(a *thin.Actor) (*engine.Language, error) {
	have := ""
	for k := range o.Languages {
		l := &o.Languages[k]
		if l.Name == a.Language && l.Digest == a.Digest {
			return l, nil
		}
		if l.Name == a.Language {
			have = l.Name + "/" + l.Digest[:min(12, len(l.Digest))]
		}
	}
	wants := a.Language + "/" + a.Digest[:12]
	if have == "" {
		return nil, &engine.Error{Code: engine.CodeRuntime, Reason: fmt.Sprintf("the module was built for %s; this host has no runtime of %s", wants, a.Language)}
	}
	return nil, &engine.Error{Code: engine.CodeRuntime, Reason: fmt.Sprintf("the module was built for %s; this host has %s: build it again", wants, have)}
}

// keyOf is the key of something that is made of a language runtime.
func keyOf(what string, l *engine.Language, parts ...[]byte) Key {
	h := sha256.New()
	fmt.Fprintf(h, "grow language %s %s/%s", what, l.Name, l.Digest)
	for _, p := range parts {
		_ = binary.Write(h, binary.LittleEndian, uint64(len(p))) // a hash takes everything
		h.Write(p)
	}
	return Key(h.Sum(nil))
}

// reactor returns a language runtime, which is one user more of its compiled code.
// entry is an admitted one, where the engine takes only those.
func (r *machine) reactor(ctx context.Context, l *engine.Language, entry []byte) (*reactor, error) {
	t := &reactor{machine: r, language: *l}
	var err error
	if t.trees, err = plant(l.Files); err != nil {
		return nil, err
	}
	t.image = r.use(keyOf("reactor", l), true)
	t.linked, err = t.image.link(ctx, entry, func([]byte) ([]byte, error) { return t.admit() })
	if err != nil {
		_ = r.release(ctx, t.image) // the fault is what matters
		return nil, fmt.Errorf("prepare the runtime of %s: %w", l.Name, err)
	}
	return t, nil
}

func (t *reactor) close(ctx context.Context) error { return t.machine.release(ctx, t.image) }

// admit makes what is compiled of the reactor, and keeps the memory it begins with.
func (t *reactor) admit() ([]byte, error) {
	binary, err := t.language.Module()
	if err != nil {
		return nil, fmt.Errorf("read it: %w", err)
	}
	code, initial, err := admission.Reactor(binary)
	if err != nil {
		return nil, err
	}
	t.initial = initial
	if c := t.machine.options.Cache; c != nil {
		c.Put(keyOf("memory", &t.language), (&frozen{image: initial}).encode())
	}
	return code, nil
}

// cold is the reactor before anything has run in it.
func (t *reactor) cold() (*frozen, error) {
	if t.initial == nil {
		if f := t.kept(keyOf("memory", &t.language)); f != nil {
			return f, nil
		}
		if _, err := t.admit(); err != nil {
			return nil, err
		}
	}
	return &frozen{image: t.initial}, nil
}

// kept is an image that the cache has; nil: it has not.
func (t *reactor) kept(k Key) *frozen {
	if t.machine.options.Cache == nil {
		return nil
	}
	b, ok := t.machine.options.Cache.Get(k)
	if !ok {
		return nil
	}
	f, err := thaw(b)
	if err != nil {
		return nil // it is made again, and kept in its place
	}
	return f
}

func (t *reactor) keep(k Key, f *frozen) {
	if t.machine.options.Cache != nil {
		t.machine.options.Cache.Put(k, f.encode())
	}
}

// bootMemory bounds the memory of a runtime that starts, in bytes.
const bootMemory = 512 << 20

// boot returns the runtime as it is once it has started with a seed.
func (t *reactor) boot(ctx context.Context, seed uint32) (*frozen, error) {
	seeded := binary.LittleEndian.AppendUint32(nil, seed)
	k := keyOf("started", &t.language, seeded)
	if f := t.kept(k); f != nil {
		return f, nil
	}
	from, err := t.cold()
	if err != nil {
		return nil, err
	}
	h := &booting{world: newWorld([]byte(t.language.Digest), seeded), ctx: ctx}
	i, err := t.spawn(ctx, h, from, t.shown(nil), &budget{}, bootMemory)
	if err == nil {
		err = i.boot(h, seed)
	}
	if err != nil {
		return nil, t.unbooted(i, h, err)
	}
	f, err := i.freeze()
	if err = errors.Join(err, i.Close()); err != nil {
		return nil, err
	}
	t.keep(k, f)
	return f, nil
}

// unbooted says why the runtime did not start: it may have written why.
func (t *reactor) unbooted(i *instance, h *booting, err error) error {
	if i != nil {
		_ = i.Close() // the fault is what matters
	}
	if h.ctx.Err() != nil {
		return fmt.Errorf("start the runtime of %s: %w", t.language.Name, h.ctx.Err())
	}
	e := &engine.Error{Code: engine.CodeRuntime, Reason: fmt.Sprintf("the runtime of %s did not start: %v", t.language.Name, err), Stack: h.outputs.String(), Cause: err}
	var known *engine.Error
	if errors.As(err, &known) && known.Stack != "" {
		e.Stack += known.Stack
	}
	return e
}

// actorTrees is how many trees are the actor's own, with the one above all.
const actorTrees = 3

// shown is all that a guest sees of files: the runtime's, the actor's own, and what is
// above them; nil: there is no actor yet, and its folders are empty.
func (t *reactor) shown(actor []*tree) []*tree {
	if actor == nil {
		actor, _ = own(nil) // no file, no fault
	}
	all := make([]*tree, 0, len(t.trees)+actorTrees)
	all = append(append(all, t.trees...), actor...)
	return append(all, above(all))
}

// spawn makes an instance that begins with an image, and may have so many bytes of
// memory besides what the runtime has.
func (t *reactor) spawn(ctx context.Context, h engine.Host, from *frozen, trees []*tree, b *budget, memoryMax int64) (*instance, error) {
	l := t.linked
	i := &instance{host: h, size: -1, own: l.own, added: l.added(), memoryMax: uint64(min(from.runtime+memoryMax, pagesMax*pageSize)), budget: b, has: uint64(from.image.Size)}
	i.speech = &speech{from: from, interrupt: from.interrupt, files: files{trees: trees}}
	i.owes = from.private(b)
	if !i.budget.join(i.owes) {
		return nil, &engine.Error{Code: engine.CodeMemory, Reason: fmt.Sprintf(
			"the memory that the host has for all actors is used up: another instance begins with %d bytes of its own", i.owes)}
	}
	i.base = experimental.WithMemoryAllocator(context.WithoutCancel(ctx), experimental.MemoryAllocatorFunc(i.allocate))
	running, err := l.runtime.InstantiateModule(i, l.compiled, i.world())
	if err != nil {
		i.free()
		return nil, fault(err, l.own, l.added())
	}
	i.base, i.running, i.handle = nil, running, lending(running.ExportedFunction(admission.ExportHandle))
	i.take(running, &l.fuel)
	if err := from.begin(running); err != nil {
		return nil, errors.Join(err, i.Close())
	}
	i.host = nil
	i.listens()
	return i, nil
}

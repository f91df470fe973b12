package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/replay"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/runtime/supervisor"
)

// CodeStates is the code of messages whose keys keep too much to handle them again.
const CodeStates = "replay.states"

// Replay implements control.Backend.
func (b backend) Replay(ctx context.Context, r control.ReplayRequest) (control.Replayed, error) {
	id, node, err := b.handledAt(ctx, r.ID)
	if err != nil {
		return control.Replayed{}, err
	}
	release, err := b.copying()
	if err != nil {
		return control.Replayed{}, err
	}
	defer release()
	service := b.service.Load()
	now, err := b.wanted(service, *b.built.Load())
	if err != nil {
		return control.Replayed{}, err
	}
	if r.On != "" {
		actor := ""
		for _, n := range b.shard.Status() {
			if n.Node == node {
				actor = n.Actor
			}
		}
		binary, err := b.moduleOn(ctx, actor, r.On)
		if err != nil {
			return control.Replayed{}, err
		}
		now.Modules[actor] = supervisor.BinaryOf(binary)
	}
	var found *replay.Comparison
	_, err = b.replayed(ctx, &again{
		node: node, now: now, of: replay.Select{ID: id}, with: overrides(r.With), each: func(c *replay.Comparison) { found = c },
	})
	switch {
	case errors.Is(err, replay.ErrNone):
		return control.Replayed{}, unhandled(id)
	case errors.Is(err, replay.ErrStates):
		return control.Replayed{}, &control.Error{Code: CodeStates, Message: err.Error(), At: node, Next: "see what its keys keep: grow state list " + node}
	case err != nil:
		return control.Replayed{}, &control.Error{Code: control.CodeInvalid, Message: err.Error(), At: node, Next: "see what it takes to run: grow vet FILE.wasm"}
	case found == nil:
		return control.Replayed{}, forgotten(id)
	}
	revisions, err := supervisor.Revisions(now)
	if err != nil {
		return control.Replayed{}, err
	}
	return replayedOf(found, node, revisions[node], b.mask(service)), nil
}

// handledAt is the whole id of a message that was handled, and the node that did it.
func (b backend) handledAt(ctx context.Context, id string) (whole, node string, err error) {
	t, err := b.shard.Trace(ctx, id)
	if err != nil {
		return "", "", traceError(err)
	}
	for i := range t.Hops {
		if h := &t.Hops[i]; h.ID == t.ID && (h.What == shard.HopHandled || h.What == shard.HopRefused) {
			return t.ID, h.Node, nil
		}
	}
	return "", "", unhandled(t.ID)
}

func unhandled(id string) error {
	return &control.Error{Code: control.CodeNotFound, Message: "message " + id + " has not been handled, so it cannot be handled again", At: id, Next: "see what has become of it, and which message caused it: grow trace " + id}
}

func forgotten(id string) error {
	return &control.Error{Code: control.CodeNotFound, Message: "what the key of " + id + " kept before it is not known any more", At: id, Next: "take a later message: the journal keeps what has happened since its first record"}
}

// moduleOn is the module that is asked for to handle a message again.
func (h *Host) moduleOn(ctx context.Context, actor, on string) ([]byte, error) {
	if h.opts.Module != nil {
		return h.opts.Module(ctx, actor, on)
	}
	if !filepath.IsAbs(on) {
		return nil, &control.Error{Code: control.CodeInvalid, Message: "a service that runs in its folder has no revision " + on, At: on, Next: "name a module: --on FILE.wasm"}
	}
	return readModule(on)
}

// moduleOf reads the module of an actor's revision, or that of a digest.
func (p *Platform) moduleOf(s documents.Service) func(ctx context.Context, actor, on string) ([]byte, error) {
	return func(ctx context.Context, actor, on string) ([]byte, error) {
		d := store.Digest(on)
		if n, err := strconv.Atoi(on); err == nil && len(on) < 10 {
			r, err := p.Deployer.Revision(ctx, s, actor, n)
			if errors.Is(err, store.ErrNotFound) {
				return nil, &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("%s has no revision %d", actor, n), At: actor, Next: "see those there are: grow history " + actor}
			}
			if err != nil {
				return nil, err
			}
			d = r.Artifact.Digest
		}
		r, _, err := p.store.Get(ctx, d)
		if err != nil {
			return nil, fmt.Errorf("read module %s: %w", d, err)
		}
		defer func() { _ = r.Close() }() // it was only read
		return io.ReadAll(store.Bounded(r, ModuleMax))
	}
}

// overrides are the answers that are given in place of the recorded ones.
func overrides(list []control.ReplayAnswer) []replay.Override {
	var out []replay.Override
	for _, a := range list {
		o := replay.Override{Call: a.Call, Use: a.Use, Operation: a.Operation, Answer: capability.Answer{Data: a.Data, Code: a.Code, Text: a.Text}}
		for _, name := range slices.Sorted(maps.Keys(a.Attrs)) {
			o.Answer.Attrs = append(o.Answer.Attrs, name, a.Attrs[name])
		}
		out = append(out, o)
	}
	return out
}

// replayedOf is what a person is told of a message that was handled again.
func replayedOf(c *replay.Comparison, node, revision string, m mask) control.Replayed {
	out := control.Replayed{ID: c.ID, Node: node, Key: m.text(c.Key), Type: c.Message.Type(), Differences: []control.ReplayDifference{}}
	out.Data, out.Raw = m.value(c.Message.Data())
	out.Then, out.Now = m.outcome(&c.Then), m.outcome(c.Now)
	out.Then.Revision, out.Now.Revision = c.Revision, revision
	for _, i := range c.Now.Ungiven {
		out.Ungiven = append(out.Ungiven, i+1)
	}
	for _, d := range c.Differences {
		out.Differences = append(out.Differences, control.ReplayDifference(d))
	}
	return out
}

// attrs hides secrets in the names and values of attributes.
func (m mask) attrs(list map[string]string) map[string]string {
	if list == nil {
		return nil
	}
	out := make(map[string]string, len(list))
	for name, value := range list {
		out[m.text(name)] = m.text(value)
	}
	return out
}

func (m mask) outcome(o *replay.Outcome) control.ReplayOutcome {
	out := control.ReplayOutcome{
		Outcome: o.What, Code: m.text(o.Code), Reason: m.text(o.Text), Fuel: o.Fuel, Took: milliseconds(o.Took.Round(time.Microsecond)),
		Outputs: []control.ReplayOutput{}, State: []control.StateValue{},
	}
	for i := range o.Outputs {
		one := control.ReplayOutput{Type: o.Outputs[i].Type, Attrs: m.attrs(o.Outputs[i].Attrs)}
		one.Data, one.Raw = m.value(o.Outputs[i].Data)
		out.Outputs = append(out.Outputs, one)
	}
	for _, c := range o.State {
		if c.Data == nil {
			out.State = append(out.State, control.StateValue{Name: m.text(c.Name)})
			continue
		}
		one := control.StateValue{Name: m.text(c.Name), Revision: c.Revision, Bytes: len(c.Data)}
		one.Data, one.Raw = m.value(c.Data)
		out.State = append(out.State, one)
	}
	for _, a := range o.Unknown {
		out.Unknown = append(out.Unknown, control.ReplayAsked{Call: a.Call, Use: a.Use, Operation: m.text(a.Operation), Data: m.text(a.Data)})
	}
	return out
}

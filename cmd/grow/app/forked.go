package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/replay"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/runtime/shard"
)

// forkID is the id of messages that only a copy handles. It is no ULID, so no other has it.
const forkID = "fork"

// copiesMax is how many copies of a service's actors handle messages for people at a time.
const copiesMax = 8

// copying books a copy, until release is called.
func (h *Host) copying() (release func(), err error) {
	if h.copies.Add(1) > copiesMax {
		h.copies.Add(-1)
		return nil, &control.Error{Code: control.CodeDebugBusy, Message: fmt.Sprintf("%d copies handle messages, and no more may at a time", copiesMax), Next: "try again when one of them is done"}
	}
	return func() { h.copies.Add(-1) }, nil
}

// Fork implements control.Backend.
func (b backend) Fork(ctx context.Context, r control.ForkRequest) (_ control.Forked, err error) {
	release, err := b.copying()
	if err != nil {
		return control.Forked{}, err
	}
	defer release()
	service := b.service.Load()
	n, err := inspected(service, r.Node)
	if err != nil {
		return control.Forked{}, err
	}
	if !n.Takes(r.Type) {
		return control.Forked{}, &control.Error{
			Code: control.CodeInvalid, Message: fmt.Sprintf("%s takes no messages of the type %q", n.Path, r.Type), At: n.Path, Next: "it takes " + strings.Join(n.Actor.In, ", "),
		}
	}
	if err := checkedAs(service, r.Type, r.Data); err != nil {
		return control.Forked{}, err
	}
	c := &replay.Case{ID: forkID, Clock: time.Now().UnixNano()}
	if err := addMessage(c, n, &r); err != nil {
		return control.Forked{}, err
	}
	if c.State, err = b.stateOf(ctx, n.Path, c.Key); err != nil {
		return control.Forked{}, err
	}
	now, err := b.wanted(service, *b.built.Load())
	if err != nil {
		return control.Forked{}, err
	}
	record := &replay.Record{}
	f, err := b.supervisor.Fork(ctx, now, n.Path, 1, record)
	if err != nil {
		return control.Forked{}, &control.Error{Code: control.CodeInvalid, Message: err.Error(), At: n.Path, Next: "see what it takes to run: grow vet FILE.wasm"}
	}
	m := b.mask(service)
	out, err := replay.Again(ctx, c, f.Actor, record, m.hide)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return control.Forked{}, err
	}
	told := control.Forked{Node: n.Path, Key: m.text(c.Key), Type: r.Type, Now: m.outcome(out)}
	told.Data, _ = m.value(r.Data)
	told.Now.Revision = f.Revision
	return told, nil
}

// addMessage makes the message that is asked for, with the key that it has.
func addMessage(c *replay.Case, n *router.Node, r *control.ForkRequest) error {
	attrs := []string{abi.Type, r.Type, abi.Source, "grow shell", abi.ID, c.ID, abi.ContentType, abi.ContentJSON, abi.Time, time.Unix(0, c.Clock).UTC().Format(time.RFC3339Nano)}
	var own []string
	for _, name := range slices.Sorted(maps.Keys(r.Attrs)) {
		if at := slices.Index(attrs, name); at >= 0 && at%2 == 0 || name == abi.Subject {
			return &control.Error{Code: control.CodeInvalid, Message: fmt.Sprintf("the attribute %s is the host's to set", name), At: n.Path}
		}
		own = append(own, name, r.Attrs[name])
	}
	if err := shard.Fits(&shard.Request{Data: r.Data, Attrs: own}); err != nil {
		return &control.Error{Code: control.CodeInvalid, Message: err.Error(), At: n.Path}
	}
	attrs = append(attrs, own...)
	c.Message = abi.NewMessage(r.Data, attrs...)
	k := n.Key(r.Type)
	if k == nil {
		return nil
	}
	key, err := k.Append(nil, c.Message)
	if err != nil {
		return &control.Error{Code: control.CodeInvalid, Message: fmt.Sprintf("the message has no key for %s: %v", n.Path, err), At: n.Path, Next: "see `key:` in its definition"}
	}
	c.Key = string(key)
	c.Message = abi.NewMessage(r.Data, append(attrs, abi.Subject, c.Key)...)
	return nil
}

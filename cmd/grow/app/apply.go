package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/grow-platform/grow/host/gateway"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
)

// Change is a node that runs another revision than before.
type Change struct {
	Node  string `json:"node"`
	Actor string `json:"actor"`
	From  string `json:"from,omitempty"` // revision; "": the node is new
	To    string `json:"to,omitempty"`   // revision; "": the node is gone
}

// Apply has the host run another revision of its service; modules gives the
// path of each actor's module. Everything is compiled and started first, so
// that after an error the old revision goes on as if nothing had been. Nodes
// that stay the same keep their instances, and every node its state; the next
// message is handled by the new revision, what is being handled ends by the
// old one. It returns the nodes that changed.
//
// What another revision cannot change while the host runs is an *Error of code
// run.restart; a secret it needs and the host lacks one of code secret.missing.
func (h *Host) Apply(ctx context.Context, service *specs.Service, modules map[string]string) ([]Change, error) {
	h.applying.Lock()
	defer h.applying.Unlock()
	if was := h.service.Load().Name; service.Name != was {
		return nil, &Error{Code: "run.restart", Err: fmt.Errorf("the service is called %s now, and runs as %s, which its messages and state belong to", service.Name, was),
			Hint: "call it " + was + " again, or end grow run and start it anew"}
	}
	if err := h.checkSources(service); err != nil {
		return nil, err
	}
	wanted, err := h.wanted(service, modules)
	if err != nil {
		return nil, err
	}
	if err := h.openSources(ctx, service); err != nil {
		return nil, err
	}
	h.learn(service)
	before := h.shard.Status()
	// Meanwhile nothing is taken for the old revision that only the new one has a place for.
	h.sources.pause(false)
	err = h.gateway.Swap(service, func() error {
		return h.supervisor.Apply(ctx, wanted)
	})
	if err != nil {
		h.resumeSources(h.service.Load())
		return nil, secretError(err)
	}
	h.service.Store(service)
	h.built.Store(&modules)
	h.resumeSources(service)
	from := map[string]string{}
	for _, n := range before {
		from[n.Node] = n.Revision
	}
	var changes []Change
	for _, n := range h.shard.Status() {
		if from[n.Node] != n.Revision {
			changes = append(changes, Change{n.Node, n.Actor, from[n.Node], n.Revision})
		}
		delete(from, n.Node)
	}
	for _, n := range before {
		if from[n.Node] != "" {
			changes = append(changes, Change{n.Node, n.Actor, n.Revision, ""})
		}
	}
	return changes, nil
}

// Prepare compiles to machine code what Apply of the same would, and keeps it
// until then. What runs does not change.
func (h *Host) Prepare(ctx context.Context, service *specs.Service, modules map[string]string) error {
	wanted, err := h.wanted(service, modules)
	if err != nil {
		return err
	}
	return bucketFault(h.supervisor.Prepare(ctx, wanted))
}

// Fault has every HTTP response say what is wrong with the last edit of the
// service's files; "" for nothing. It takes effect with Options.Watched only.
func (h *Host) Fault(text string) { h.gateway.Fault(text) }

// Revisions are the revisions that run, by node path.
func (h *Host) Revisions() map[string]string {
	list := map[string]string{}
	for _, n := range h.shard.Status() {
		list[n.Node] = n.Revision
	}
	return list
}

// secretError says of a missing secret, of an endpoint, a grant or a subscription, where secrets
// come from.
func secretError(err error) error {
	var name string
	var endpoint *gateway.SecretError
	var grant *capability.SecretError
	switch {
	case errors.As(err, &endpoint):
		name = endpoint.Name
	case errors.As(err, &grant):
		name = grant.Name
	default:
		return err
	}
	return &Error{Code: "secret.missing", Err: err, Hint: "give it: export " + name + "=... and start grow run; or on a host that runs: grow secret set " + name}
}

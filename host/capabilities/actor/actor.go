// Package actor is the capability of kind actor: operations that another actor of the
// service provides.
//
//	uses:
//	  geo: {kind: actor, actor: geo}
//
// An operation is a type of message that the other actor takes, and its answer the data of
// the message that it sends for it.
package actor

import (
	"context"
	_ "embed"
	"fmt"
	"slices"

	"github.com/grow-platform/grow/host/capabilities/grants"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
)

func init() { capability.Register(kind{form}) }

type kind struct{ *grants.Form[grant] }

// grant is what grant.cue describes.
type grant struct {
	Actor      string   `json:"actor"`
	Operations []string `json:"operations"`
}

//go:embed grant.cue
var definition string

var form = grants.New[grant](specs.KindActor, definition, nil)

// Open implements capability.Kind.
func (kind) Open(_ context.Context, g specs.Grant, env capability.Environment) (capability.Capability, error) {
	read, err := form.Read(g.Params)
	if err != nil {
		return nil, err
	}
	p := env.Actors[read.Actor]
	if p == nil {
		return nil, fmt.Errorf("the actor %s does not run here", read.Actor)
	}
	return &opened{grant: read, Provider: p}, nil
}

// opened serves one grant.
type opened struct {
	*grant
	capability.Provider
}

// Operations implements capability.Capability.
func (o *opened) Operations() map[string]capability.Effect { return o.Provider.Operations() }

// Close implements capability.Capability. The provider is closed by whoever opened it.
func (*opened) Close() error { return nil }

// Do implements capability.Capability.
func (o *opened) Do(ctx context.Context, r *capability.Request) capability.Answer {
	if o.grant.Operations != nil && !slices.Contains(o.grant.Operations, r.Operation) {
		return capability.Fail(capability.Denied, "the grant does not allow %s of the actor %s", r.Operation, o.Actor)
	}
	return o.Provider.Do(ctx, r)
}

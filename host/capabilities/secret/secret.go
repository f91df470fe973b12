// Package secret is the capability of kind secret: it gives an actor the
// secrets that its grant names, and no others.
//
//	uses:
//	  token: {kind: secret, names: [TAX_TOKEN]}
//
// The one operation, secret.get with the attribute name, answers ok with the
// secret as data.
package secret

import (
	"context"
	"fmt"
	"slices"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
)

func init() { capability.Register(kind{}) }

type kind struct{}

func (kind) Name() string { return "secret" }

// Check implements capability.Kind.
func (kind) Check(params map[string]any) error {
	_, err := names(params)
	return err
}

func names(params map[string]any) ([]string, error) {
	for key := range params {
		if key != "names" {
			return nil, fmt.Errorf("a secret grant has no field %q; it has names", key)
		}
	}
	list, ok := params["names"].([]any)
	if !ok || len(list) == 0 {
		return nil, fmt.Errorf("a secret grant needs names: a list of the secrets it gives")
	}
	var out []string
	for _, v := range list {
		name, ok := v.(string)
		if !ok || name == "" {
			return nil, fmt.Errorf("names holds %v, which is not the name of a secret", v)
		}
		if capability.HostSecret(name) {
			return nil, fmt.Errorf("secret %s is the host's own, as all that begin with GROW_: give the actor one of another name", name)
		}
		out = append(out, name)
	}
	return out, nil
}

// Open implements capability.Kind: a secret that is missing is an error at start.
func (kind) Open(_ context.Context, g specs.Grant, env capability.Environment) (capability.Capability, error) {
	list, err := names(g.Params)
	if err != nil {
		return nil, err
	}
	for _, name := range list {
		if _, ok := env.Secret(name); !ok {
			return nil, &capability.SecretError{Name: name}
		}
	}
	given := env.Given
	if given == nil {
		given = func(string, string) {}
	}
	return &secrets{list, env.Secret, func(name string) { given(env.Node, name) }}, nil
}

type secrets struct {
	names []string
	look  func(string) (string, bool)
	given func(name string) // notes it
}

// Operations implements capability.Capability.
func (*secrets) Operations() map[string]capability.Effect {
	return map[string]capability.Effect{"secret.get": capability.Hides}
}

// Do implements capability.Capability.
func (s *secrets) Do(_ context.Context, r *capability.Request) capability.Answer {
	name, _ := r.Attr("name")
	if !slices.Contains(s.names, name) {
		return capability.Fail(capability.Denied, "the grant does not name the secret %q", name)
	}
	value, ok := s.look(name)
	if !ok {
		return capability.Fail(capability.NotFound, "secret %s is not set", name)
	}
	s.given(name)
	return capability.Answer{Data: []byte(value)}
}

// Close implements capability.Capability.
func (*secrets) Close() error { return nil }

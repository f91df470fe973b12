package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/signing"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/host/token"
)

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// NewToken is a token to be made.
type NewToken struct {
	Name       string        `json:"name" minLength:"1" maxLength:"100" doc:"what it is for"`
	Scopes     []token.Scope `json:"scopes" minItems:"1" maxItems:"4" nullable:"false" enum:"read,deploy,debug,admin"`
	Namespaces []string      `json:"namespaces" minItems:"1" maxItems:"20" nullable:"false" doc:"* for all"`
	Expires    *time.Time    `json:"expires,omitempty" doc:"none: never"`
}

// MadeToken is a token that was made. Its text is shown this once.
type MadeToken struct {
	Text  string      `json:"text" doc:"what its owner shows; it cannot be had again"`
	Token token.Token `json:"token"`
}

func (a *API) tokenRoutes() {
	huma.Register(a.huma, operation("list-tokens", token.Admin, http.MethodGet, "/v1/tokens", "List the tokens of the host, without their texts"), a.tokens)
	huma.Register(a.huma, operation("create-token", token.Admin, http.MethodPost, "/v1/tokens", "Make a token"), a.createToken)
	huma.Register(a.huma, operation("delete-token", token.Admin, http.MethodDelete, "/v1/tokens/{id}", "Revoke a token"), a.revokeToken)
	huma.Register(a.huma, operation("list-signkeys", token.Read, http.MethodGet, "/v1/signkeys", "List the keys that the host trusts"), a.keys)
	huma.Register(a.huma, operation("trust-signkey", token.Admin, http.MethodPost, "/v1/signkeys", "Trust a public key"), a.trust)
	huma.Register(a.huma, operation("delete-signkey", token.Admin, http.MethodDelete, "/v1/signkeys/{id}", "Trust a key no longer"), a.distrust)
}

func (a *API) tokens(ctx context.Context, _ *struct{}) (*body[[]token.Token], error) {
	list, err := a.o.Tokens.List(ctx)
	list = slices.DeleteFunc(list, func(t token.Token) bool { return !governs(ctx, t.Namespaces) })
	return &body[[]token.Token]{list}, a.fault(err)
}

// governs reports whether the caller is admin of all of some namespaces.
func governs(ctx context.Context, namespaces []string) bool {
	own := caller(ctx)
	return !slices.ContainsFunc(namespaces, func(n string) bool { return !own.Allows(token.Admin, n) })
}

// governsHost refuses who is not admin of all namespaces what concerns all of them.
func governsHost(ctx context.Context) error {
	if governs(ctx, []string{token.AnyNamespace}) {
		return nil
	}
	return &control.Error{Code: control.CodePermission, Message: "this concerns all namespaces, and the token " + caller(ctx).Name + " is not admin of all", At: caller(ctx).ID, Next: "take another token"}
}

func (a *API) createToken(ctx context.Context, q *struct{ Body NewToken }) (*body[MadeToken], error) {
	want := token.Token{Name: q.Body.Name, Scopes: q.Body.Scopes, Namespaces: q.Body.Namespaces, By: caller(ctx).Name}
	if q.Body.Expires != nil {
		want.Expires = *q.Body.Expires
	}
	if !governs(ctx, want.Namespaces) {
		return nil, a.fault(&control.Error{Code: control.CodePermission, Message: "a token cannot make one for a namespace that it is not admin of", At: strings.Join(want.Namespaces, ", ")})
	}
	text, made, err := a.o.Tokens.Create(ctx, want)
	if err = store.NoRoom(err); errors.Is(err, store.ErrFull) {
		return nil, a.fault(err)
	}
	if err != nil {
		return nil, a.fault(&control.Error{Code: control.CodeInvalid, Message: err.Error()})
	}
	return &body[MadeToken]{MadeToken{text, made}}, nil
}

type idInput struct {
	ID string `path:"id" pattern:"^[a-z0-9]{1,64}$"`
}

func (a *API) revokeToken(ctx context.Context, q *idInput) (*struct{}, error) {
	list, err := a.o.Tokens.List(ctx)
	if err != nil {
		return nil, a.fault(err)
	}
	if !slices.ContainsFunc(list, func(t token.Token) bool { return t.ID == q.ID && governs(ctx, t.Namespaces) }) {
		return nil, a.fault(fmt.Errorf("token %s: %w", q.ID, store.ErrNotFound))
	}
	return nil, a.fault(a.o.Tokens.Revoke(ctx, q.ID))
}

func (a *API) keys(ctx context.Context, _ *struct{}) (*body[[]signing.Key], error) {
	list, err := a.o.Keys.List(ctx)
	return &body[[]signing.Key]{list}, a.fault(err)
}

// NewKey is a public key to trust.
type NewKey struct {
	Name string `json:"name" minLength:"1" maxLength:"100" doc:"whose it is"`
	PEM  string `json:"pem" maxLength:"4096" doc:"the public key"`
}

func (a *API) trust(ctx context.Context, q *struct{ Body NewKey }) (*body[signing.Key], error) {
	if err := governsHost(ctx); err != nil {
		return nil, a.fault(err)
	}
	k, err := a.o.Keys.Trust(ctx, q.Body.Name, caller(ctx).Name, []byte(q.Body.PEM))
	return &body[signing.Key]{k}, a.fault(err)
}

func (a *API) distrust(ctx context.Context, q *idInput) (*struct{}, error) {
	if err := governsHost(ctx); err != nil {
		return nil, a.fault(err)
	}
	return nil, a.fault(a.o.Keys.Distrust(ctx, q.ID))
}

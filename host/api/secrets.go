package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/grow-platform/grow/host/audit"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/secrets"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/host/token"
)

// secretsPath is where the sealed secrets of a namespace and its services are.
const secretsPath = "/v1/namespaces/{namespace}/secrets"

// Codes of the sealed store.
const (
	CodeSealed    = "secret.sealed"    // a secret cannot be opened or the key not be had
	CodeSecretKey = "secret.given-key" // the key is not the host's to replace
	// CodeSecretActs: it cannot be kept who does what with secrets, so nobody does.
	CodeSecretActs = "secret.unnoted"
)

// Secret is what is told of a sealed secret: never its value.
type Secret struct {
	secrets.Info
	From string `json:"from" doc:"where the service takes it from" enum:"sealed,environment,file,kept"`
}

// SecretValue is a value to seal.
type SecretValue struct {
	Value []byte `json:"value" doc:"the value, in base64; at most 65536 bytes"`
}

// Rekeyed says what was sealed with a new key.
type Rekeyed struct {
	Secrets int            `json:"secrets" doc:"how many there are"`
	Left    []secrets.Info `json:"left,omitempty" doc:"what is only kept to be masked, and no key opens: it stays as it is"`
}

// SecretsPlace is a namespace's secrets, or those of one of its services.
type SecretsPlace struct {
	Namespace string `path:"namespace" pattern:"^[a-z][a-z0-9-]*$" maxLength:"63"`
	Service   string `query:"service" pattern:"^([a-z][a-z0-9-]*)?$" maxLength:"63" doc:"the service that has it; none: all of the namespace"`
}

func (p SecretsPlace) place() secrets.Place {
	return secrets.Place{Namespace: p.Namespace, Service: p.Service}
}

// SecretPlace is one secret.
type SecretPlace struct {
	SecretsPlace
	Name string `path:"name" pattern:"^[A-Za-z_][A-Za-z0-9_.-]*$" maxLength:"100"`
}

func (a *API) secretRoutes() {
	huma.Register(a.huma, operation("list-secrets", token.Deploy, http.MethodGet, secretsPath, "List sealed secrets, without their values"), a.secrets)
	huma.Register(a.huma, operation("set-secret", token.Deploy, http.MethodPut, secretsPath+"/{name}", "Give a secret a value"), a.setSecret)
	huma.Register(a.huma, operation("delete-secret", token.Deploy, http.MethodDelete, secretsPath+"/{name}", "Delete a secret"), a.deleteSecret)
	huma.Register(a.huma, operation("list-secretacts", token.Deploy, http.MethodGet, "/v1/namespaces/{namespace}/secretacts", "List who did what with sealed secrets, and which actors were given secrets"), a.secretActs)
	huma.Register(a.huma, operation("rekey-secrets", token.Admin, http.MethodPost, "/v1/rekey", "Seal all secrets of the host with a new key"), a.rekey)
}

// listedEvery is how often it is noted that the same one lists secrets.
const listedEvery = time.Hour

// noted keeps who does what, does it, and keeps that it failed. What cannot be noted is not done.
func (a *API) noted(ctx context.Context, e audit.Entry, do func() error) error {
	e.By = caller(ctx).Name
	if err := a.o.Acts.Append(e); err != nil {
		return a.unnoted(err)
	}
	err := do()
	if err == nil {
		return nil
	}
	e.Failed = true
	if err := a.o.Acts.Append(e); err != nil {
		a.o.Log.Warn("that it failed is not kept", "act", e.Act, "name", e.Name, "error", err)
	}
	return a.sealedFault(err)
}

func (a *API) unnoted(err error) error {
	return &failure{http.StatusServiceUnavailable, &control.Error{Code: CodeSecretActs, Message: "nobody works with secrets unless it is kept who did, and that cannot be written: " + err.Error(), Next: "see to the disk with the host's folder; nothing was done"}}
}

func act(what string, at secrets.Place, name string) audit.Entry {
	return audit.Entry{Act: what, Namespace: at.Namespace, Service: at.Service, Name: name}
}

func (a *API) secrets(ctx context.Context, q *struct {
	SecretsPlace
	Hidden bool `query:"hidden" doc:"those that no service has, and that are kept to be masked"`
}) (*body[[]Secret], error) {
	e := act(audit.List, q.place(), "")
	e.By = caller(ctx).Name
	if err := a.o.Acts.Once(e, listedEvery); err != nil {
		return nil, a.unnoted(err)
	}
	look, from := a.o.Sealed.List, a.o.SecretFrom
	if q.Hidden {
		look, from = a.o.Sealed.Kept, func(string) string { return "kept" }
	}
	list, err := look(q.Namespace)
	all := make([]Secret, 0, len(list))
	for _, i := range list {
		if q.Service == "" || i.Service == "" || i.Service == q.Service {
			all = append(all, Secret{i, from(i.Name)})
		}
	}
	return &body[[]Secret]{all}, a.sealedFault(err)
}

// secretActs lists who did what, the last first.
func (a *API) secretActs(_ context.Context, q *struct {
	SecretsPlace
	Name  string `query:"name" maxLength:"100" doc:"of the secret; none: of all"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}) (*body[[]audit.Entry], error) {
	list, err := a.o.Acts.List(audit.Filter{Namespace: q.Namespace, Service: q.Service, Name: q.Name, Limit: q.Limit})
	return &body[[]audit.Entry]{list}, a.fault(err)
}

func (a *API) setSecret(ctx context.Context, q *struct {
	SecretPlace
	Body SecretValue
}) (*body[Secret], error) {
	by := caller(ctx).Name
	var i secrets.Info
	err := a.noted(ctx, act(audit.Set, q.place(), q.Name), func() (err error) {
		i, err = a.o.Sealed.Set(q.place(), q.Name, q.Body.Value, by)
		return err
	})
	if err != nil {
		return nil, err
	}
	a.o.Log.Info("a secret was set", "namespace", q.Namespace, "service", q.Service, "name", q.Name, "by", by)
	return &body[Secret]{Secret{i, a.o.SecretFrom(q.Name)}}, nil
}

func (a *API) deleteSecret(ctx context.Context, q *struct {
	SecretPlace
	Forget bool `query:"forget" doc:"its values go, too: what an actor wrote of them is masked no longer"`
}) (*struct{}, error) {
	remove, what := a.o.Sealed.Delete, audit.Delete
	if q.Forget {
		remove, what = a.o.Sealed.Forget, audit.Forget
	}
	if err := a.o.Sealed.Has(q.place(), q.Name, q.Forget); err != nil { // nothing is done, and nothing noted
		return nil, a.sealedFault(fmt.Errorf("secret %s: %w", q.Name, err))
	}
	err := a.noted(ctx, act(what, q.place(), q.Name), func() error {
		if err := remove(q.place(), q.Name); err != nil {
			return fmt.Errorf("secret %s: %w", q.Name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	a.o.Log.Info("a secret was deleted", "namespace", q.Namespace, "service", q.Service, "name", q.Name, "forgotten", q.Forget, "by", caller(ctx).Name)
	return nil, nil
}

func (a *API) rekey(ctx context.Context, _ *struct{}) (*body[Rekeyed], error) {
	if err := governsHost(ctx); err != nil {
		return nil, a.fault(err)
	}
	var r Rekeyed
	err := a.noted(ctx, audit.Entry{Act: audit.Rekey}, func() (err error) {
		r.Secrets, r.Left, err = a.o.Sealed.Rekey()
		return err
	})
	if err != nil {
		return nil, err
	}
	a.o.Log.Info("all secrets were sealed with a new key", "secrets", r.Secrets, "left", len(r.Left), "by", caller(ctx).Name)
	return &body[Rekeyed]{r}, nil
}

// sealedFault says of what the sealed store refuses what to do.
func (a *API) sealedFault(err error) error {
	is := func(targets ...error) bool {
		return slices.ContainsFunc(targets, func(t error) bool { return errors.Is(err, t) })
	}
	switch {
	case is(secrets.ErrNotFound):
		return a.fault(fmt.Errorf("%w: %w", err, store.ErrNotFound))
	case is(secrets.ErrName, secrets.ErrReserved, secrets.ErrEmpty, secrets.ErrTooLarge, secrets.ErrTooMany):
		return a.fault(&control.Error{Code: control.CodeInvalid, Message: err.Error()})
	case is(secrets.ErrGivenKey):
		return &failure{http.StatusConflict, &control.Error{Code: CodeSecretKey, Message: err.Error(), Next: "start the host with the new key, a comma and the old key in " + secrets.KeyVariable + ", and rekey then"}}
	case is(secrets.ErrTampered, secrets.ErrFormat, secrets.ErrForeign):
		return &failure{http.StatusConflict, &control.Error{Code: CodeSealed, Message: err.Error(), Next: "give the host the key that sealed it, or delete the secret and set it again: grow secret delete"}}
	case is(secrets.ErrKey, secrets.ErrNoKey, secrets.ErrPermission):
		return &failure{http.StatusConflict, &control.Error{Code: CodeSealed, Message: err.Error(), Next: "on the host, mend the file seal.key in its folder secrets: it holds the key, and has mode 0600"}}
	}
	return a.fault(err)
}

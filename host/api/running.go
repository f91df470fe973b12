package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/token"
	"github.com/grow-platform/grow/runtime/shard"
)

// runningRoutes are what can be asked of a service that runs, as the socket in a
// service's folder offers it too.
func (a *API) runningRoutes() {
	for _, o := range control.Operations() {
		op := a.described(&o)
		a.huma.OpenAPI().AddOperation(op)
		a.huma.Adapter().Handle(op, a.huma.Middlewares().Handler(func(c huma.Context) { a.run(&o, op, c) }))
	}
}

// described is an operation of a running service in the API's document.
func (a *API) described(o *control.Operation) *huma.Operation {
	op := operation(o.ID, token.Scope(o.Scope), o.Method, servicePath+o.Path, o.Summary)
	registry := a.huma.OpenAPI().Components.Schemas
	place := reflect.TypeFor[Place]()
	for i := range place.NumField() {
		f := place.Field(i)
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: f.Tag.Get("path"), In: "path", Required: true, Description: f.Tag.Get("doc"), Schema: huma.SchemaFromField(registry, f, ""),
		})
	}
	for part := range strings.SplitSeq(o.Path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			op.Parameters = append(op.Parameters, &huma.Param{Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
		}
	}
	if o.In != nil {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: registry.Schema(o.In, true, o.In.Name())}}}
	}
	kind, text := "application/json", "OK"
	if o.Lines {
		kind, text = "application/x-ndjson", "A value a line; an object with error alone, if there is one, is the last"
	}
	fault := registry.Schema(reflect.TypeFor[failure](), true, "failure")
	if o.Upgrade != "" {
		op.Responses = map[string]*huma.Response{
			"101":     {Description: "The connection is a stream of " + o.Upgrade + " from here on; a request says so by Connection and Upgrade"},
			"default": {Description: "Error", Content: map[string]*huma.MediaType{"application/json": {Schema: fault}}},
		}
		return &op
	}
	op.Responses = map[string]*huma.Response{
		"200":     {Description: text, Content: map[string]*huma.MediaType{kind: {Schema: registry.Schema(o.Out, true, o.ID)}}},
		"default": {Description: "Error", Content: map[string]*huma.MediaType{"application/json": {Schema: fault}}},
	}
	return &op
}

// idle is what who asks for something of a service is told that does not run.
func (a *API) idle(ctx context.Context, s documents.Service) *control.Error {
	if fault := a.o.Lifecycle.Fault(s); fault != "" {
		return &control.Error{
			Code: control.CodeNotFound, Message: s.String() + " does not run: " + fault, At: s.String(),
			Next: "mend that, then: grow service start " + s.Name + "; or go back to what ran: grow rollback --service-wide",
		}
	}
	if modes, err := a.o.Deployer.Modes(ctx, s); err == nil && modes.Service == shard.Stopped {
		return &control.Error{Code: control.CodeNotFound, Message: s.String() + " is stopped", At: s.String(), Next: "start it: grow service start " + s.Name}
	}
	return &control.Error{Code: control.CodeNotFound, Message: "there is no service " + s.String() + " that runs", At: s.String(), Next: "see those there are: grow service list"}
}

// run does what is asked of a service that runs.
func (a *API) run(o *control.Operation, op *huma.Operation, c huma.Context) {
	r, w := humago.Unwrap(c)
	s := documents.Service{Namespace: c.Param("namespace"), Name: c.Param("service")}
	b := a.o.Running(s)
	if b == nil {
		a.refuse(c, http.StatusNotFound, a.idle(c.Context(), s))
		return
	}
	if o.In != nil {
		body, err := a.checked(op, w, r)
		if err != nil {
			a.refuse(c, err.GetStatus(), err.Fault)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	ctx := control.WithCaller(c.Context(), caller(c.Context()).Name)
	if t := caller(c.Context()); t.Allows(token.Admin, token.AnyNamespace) {
		ctx = control.WithAll(ctx)
	}
	if text, ok := tokenOf(c); ok && o.Upgrade != "" {
		ctx = control.WithPermit(ctx, func(ctx context.Context) error { return a.still(ctx, text, token.Scope(o.Scope), s.Namespace) })
	}
	o.Serve(b, w, r.WithContext(ctx))
}

// still asks whether a token allows what it did when a request with it began. It returns a
// *control.Error if not; while tokens cannot be looked up, it does.
func (a *API) still(ctx context.Context, text string, scope token.Scope, namespace string) error {
	t, err := a.o.Tokens.Verify(ctx, text)
	switch {
	case errors.Is(err, token.ErrForm), errors.Is(err, token.ErrUnknown):
		return &control.Error{Code: "token.wrong", Message: "the token has ended or was revoked", Next: "make one on the host: grow token create NAME; and give it by GROW_TOKEN"}
	case err == nil && !t.Allows(scope, namespace):
		return &control.Error{Code: control.CodePermission, Message: "the token " + t.Name + " does not allow this any more", At: t.ID}
	}
	return nil
}

// checked reads the body of a request, and holds it against its schema.
func (a *API) checked(op *huma.Operation, w http.ResponseWriter, r *http.Request) ([]byte, *failure) {
	var large *http.MaxBytesError
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, op.MaxBodyBytes))
	if errors.As(err, &large) {
		return nil, &failure{http.StatusRequestEntityTooLarge, &control.Error{Code: "request.large", Message: "the request is too large"}}
	}
	var v any
	if err == nil {
		err = json.Unmarshal(body, &v)
	}
	if err != nil {
		return nil, &failure{http.StatusBadRequest, &control.Error{Code: control.CodeInvalid, Message: "read request: " + err.Error()}}
	}
	schema := op.RequestBody.Content["application/json"].Schema
	var found huma.ValidateResult
	huma.Validate(a.huma.OpenAPI().Components.Schemas, schema, huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, v, &found)
	if len(found.Errors) == 0 {
		return body, nil
	}
	var wrong *failure
	if !errors.As(huma.NewError(http.StatusUnprocessableEntity, "validation failed", found.Errors...), &wrong) {
		wrong = &failure{http.StatusUnprocessableEntity, &control.Error{Code: control.CodeInvalid, Message: "validation failed"}}
	}
	return nil, wrong
}

// Package api is the control API of a host that services are deployed to: HTTP with
// tokens, described by an OpenAPI 3.1 document that is made from the same table as its
// routes.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/grow-platform/grow/host/audit"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/secrets"
	"github.com/grow-platform/grow/host/signing"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/host/token"
	"github.com/grow-platform/grow/host/upload"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/specs/graph"
)

// Limits of requests.
const (
	bodyMax  = 4 << 20          // bytes of a request
	pieceMax = 1 << 20          // bytes of a piece of an upload
	bodyTime = 30 * time.Second // for a request to come in
	listMax  = 1000             // of what a list holds at most
)

// Options are what the API gives access to.
type Options struct {
	Version   string // of grow
	Documents *documents.Documents
	Tokens    *token.Tokens
	Keys      *signing.Keys
	Sealed    *secrets.Sealed
	// Acts keeps who did what with secrets.
	Acts *audit.Log
	// SecretFrom says where a secret that is in Sealed is taken from.
	SecretFrom func(name string) string
	Uploads    *upload.Uploads
	Deployer   *deploy.Deployer
	// Running returns a service that runs; nil for one that does not.
	Running func(documents.Service) control.Backend
	// Graph says who sends to whom in a service that runs, and how many messages went along
	// each edge; nil for one that does not.
	Graph func(documents.Service) (*graph.Graph, map[router.Edge]uint64)
	// Lifecycle starts and ends services.
	Lifecycle Lifecycle
	// BackUp calls emit with the files of a backup of the whole host, in parts; nil: there is none.
	BackUp func(ctx context.Context, r control.HostBackupRequest, emit func(control.BackupPart) error) error
	Log    *slog.Logger
}

// API serves the control API. It is safe for concurrent use.
type API struct {
	o    Options
	mux  *http.ServeMux
	huma huma.API
	// comparing holds a token for each comparison of versions that runs.
	comparing chan struct{}
}

// New makes an API.
func New(o Options) *API {
	config := huma.DefaultConfig("grow control API", o.Version)
	config.Info.Description = "What people, pipelines and agents deploy to a host with, and look at it by."
	config.DocsPath, config.SchemasPath, config.OpenAPIPath = "", "", "/v1/openapi"
	config.CreateHooks = nil // no links to schemas in answers
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer", Description: "A token of the host: grow token create"}}
	a := &API{o: o, mux: http.NewServeMux(), comparing: make(chan struct{}, comparesMax)}
	a.huma = humago.New(a.mux, config)
	a.huma.UseMiddleware(a.authorize, a.noBlanks)
	a.documentRoutes()
	a.graphRoutes()
	a.uploadRoutes()
	a.deployRoutes()
	a.versionRoutes()
	a.canaryRoutes()
	a.tokenRoutes()
	a.secretRoutes()
	a.serviceRoutes()
	a.runningRoutes()
	a.backupRoutes()
	a.admitNull()
	return a
}

// admitNull has the document say what is so: null stands for what may be left out.
func (a *API) admitNull() {
	for _, s := range a.huma.OpenAPI().Components.Schemas.Map() {
		for name, p := range s.Properties {
			if p.Ref == "" && p.Type != "" && len(p.Enum) == 0 && !slices.Contains(s.Required, name) {
				p.Nullable = true
			}
		}
	}
}

// schemaName names the schema of a type, which may be of any package.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := huma.DefaultSchemaNamer(t, hint)
	if of := path.Base(t.PkgPath()); t.Name() != "" && of != "api" && of != "." {
		name = strings.ToUpper(of[:1]) + of[1:] + name
	}
	return name
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// Owner serves the API, without asking for a token, to whoever comes by a way that only
// the host's owner has; name is who that is, for what is recorded.
func (a *API) Owner(name string) http.Handler {
	owner := token.Token{Name: name, Scopes: []token.Scope{token.Admin}, Namespaces: []string{token.AnyNamespace}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, owner)))
	})
}

// OpenAPI is the document that describes the API, in JSON.
func (a *API) OpenAPI() ([]byte, error) { return a.huma.OpenAPI().MarshalJSON() }

// scopeKey is where an operation says what it needs.
const scopeKey = "scope"

// operation describes an operation: its name, what it needs, where it is.
func operation(id string, scope token.Scope, method, path, summary string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{strings.SplitN(id, "-", 2)[1]},
		Metadata: map[string]any{scopeKey: scope}, Security: []map[string][]string{{"token": {}}}, MaxBodyBytes: bodyMax, BodyReadTimeout: bodyTime,
		Errors: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity},
	}
}

type callerKey struct{}

// caller is whose request it is.
func caller(ctx context.Context) token.Token {
	t, _ := ctx.Value(callerKey{}).(token.Token)
	return t
}

// authorize lets through who has a token that allows the operation in its namespace. Of
// a namespace that a token may not see, it is not told whether there is one.
func (a *API) authorize(c huma.Context, next func(huma.Context)) {
	if caller(c.Context()).Name != "" { // the owner, see Owner: no request brings that along
		next(c)
		return
	}
	scope, _ := c.Operation().Metadata[scopeKey].(token.Scope)
	text, ok := tokenOf(c)
	t, err := a.o.Tokens.Verify(c.Context(), text)
	switch {
	case !ok, errors.Is(err, token.ErrForm), errors.Is(err, token.ErrUnknown):
		c.SetHeader("WWW-Authenticate", "Bearer")
		a.refuse(c, http.StatusUnauthorized, &control.Error{Code: "token.wrong", Message: "the token is missing or wrong, has ended or was revoked", Next: "make one on the host: grow token create NAME; and give it by GROW_TOKEN"})
		return
	case err != nil:
		a.refuse(c, http.StatusInternalServerError, &control.Error{Code: control.CodeInternal, Message: err.Error()})
		return
	}
	namespace := c.Param("namespace")
	switch {
	case namespace != "" && !t.Sees(namespace):
		a.refuse(c, http.StatusNotFound, &control.Error{Code: control.CodeNotFound, Message: "there is no namespace " + namespace, At: namespace})
	case !t.Allows(scope, namespace):
		a.refuse(c, http.StatusForbidden, &control.Error{Code: control.CodePermission, Message: "the token " + t.Name + " does not allow this: it needs the scope " + string(scope), At: t.ID, Next: "take another token, or make one: grow token create NAME --scope " + string(scope)})
	default:
		next(huma.WithValue(c, callerKey{}, t))
	}
}

// tokenOf is the text of a request's token.
func tokenOf(c huma.Context) (text string, ok bool) {
	text, ok = strings.CutPrefix(c.Header("Authorization"), "Bearer ")
	return strings.TrimSpace(text), ok
}

// noBlanks refuses a number in the query that is there without a value, which would
// be taken for one that is not there.
func (a *API) noBlanks(c huma.Context, next func(huma.Context)) {
	u := c.URL()
	if u.RawQuery == "" {
		next(c)
		return
	}
	for name, values := range u.Query() {
		for _, p := range c.Operation().Parameters {
			if p.In == "query" && p.Name == name && p.Schema.Type != huma.TypeString && slices.Contains(values, "") {
				a.refuse(c, http.StatusUnprocessableEntity, &control.Error{Code: control.CodeInvalid, Message: "there is no value behind " + name, At: "query." + name})
				return
			}
		}
	}
	next(c)
}

func (a *API) refuse(c huma.Context, status int, e *control.Error) {
	c.SetHeader("Content-Type", "application/json")
	c.SetStatus(status)
	_ = encode(c.BodyWriter(), failure{Fault: e}) // the client may be gone
}

// failure is an error on the wire. It implements huma.StatusError.
type failure struct {
	status int
	Fault  *control.Error `json:"error" doc:"what is wrong, where, and what to do"`
}

// Error implements error.
func (f *failure) Error() string { return f.Fault.Message }

// GetStatus implements huma.StatusError.
func (f *failure) GetStatus() int { return f.status }

func init() {
	huma.NewError = func(status int, message string, causes ...error) huma.StatusError {
		e := &control.Error{Code: control.CodeInvalid, Message: message}
		if status == http.StatusRequestEntityTooLarge {
			e.Code = "request.large"
		}
		for _, cause := range causes {
			var d *huma.ErrorDetail
			if errors.As(cause, &d) && e.At == "" {
				e.At = d.Location
			}
			if cause != nil {
				e.Message += "; " + cause.Error()
			}
		}
		return &failure{status, e}
	}
}

// fault says in HTTP's words what went wrong.
func (a *API) fault(err error) error {
	if err == nil {
		return nil
	}
	err = store.NoRoom(err)
	e := &control.Error{Code: control.CodeInternal, Message: err.Error()}
	status := http.StatusInternalServerError
	var wrong *documents.PathError
	var stale *documents.StaleError
	var known *control.Error
	switch {
	case errors.As(err, &known):
		return &failure{known.Status(), known}
	case errors.As(err, &stale):
		status, e.Code, e.At, e.Next = http.StatusConflict, control.CodeConflict, string(stale.Last.ID), "get what has changed, and put yours on top of it: grow pull"
	case errors.Is(err, store.ErrConflict):
		status, e.Code, e.Next = http.StatusConflict, control.CodeConflict, "look again, and try once more"
	case errors.Is(err, deploy.ErrForgotten):
		status, e.Code, e.Next = http.StatusNotFound, CodeForgotten, "see those there are: grow history; how many stay is for who starts the host to say: grow serve --keep"
	case errors.Is(err, store.ErrNotFound), errors.Is(err, deploy.ErrNoTrial):
		status, e.Code = http.StatusNotFound, control.CodeNotFound
	case errors.As(err, &wrong), errors.Is(err, documents.ErrLimit), errors.Is(err, store.ErrTooLarge), errors.Is(err, upload.ErrAltered), errors.Is(err, signing.ErrKey), errors.Is(err, signing.ErrName), errors.Is(err, store.ErrName):
		status, e.Code = http.StatusUnprocessableEntity, control.CodeInvalid
	case errors.Is(err, upload.ErrOffset), errors.Is(err, upload.ErrBusy):
		status, e.Code, e.Next = http.StatusConflict, control.CodeConflict, "ask how much is there, and go on from it"
	case errors.Is(err, upload.ErrLimit):
		status, e.Code, e.Next = http.StatusServiceUnavailable, codeFull, fmt.Sprintf("try again later: uploads that nobody goes on with are thrown away after %v", upload.KeepTime)
	case errors.Is(err, store.ErrFull):
		status, e.Code, e.Next = http.StatusServiceUnavailable, codeFull, roomHint(err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		status, e.Code = http.StatusServiceUnavailable, control.CodeTimeout
	default:
		a.o.Log.Error("control API", "error", err)
		e.Message = "the host cannot do it at the moment; its log says why"
	}
	return &failure{status, e}
}

// CodeForgotten: what is asked for was old, and the host has removed it.
const CodeForgotten = "deploy.forgotten"

// codeFull: there is no room left for what is asked.
const codeFull = "host.full"

// roomHint says what to do when there is no room left.
func roomHint(err error) string {
	var disk *store.FullError
	if errors.As(err, &disk) {
		return disk.Hint()
	}
	return "give the NATS server that keeps the host's store more room; what runs goes on"
}

// Place names a service in a path.
type Place struct {
	Namespace string `path:"namespace" pattern:"^[a-z][a-z0-9-]*$" maxLength:"63" doc:"namespace of the service"`
	Service   string `path:"service" pattern:"^[a-z][a-z0-9-]*$" maxLength:"63" doc:"name of the service"`
}

func (p Place) service() documents.Service {
	return documents.Service{Namespace: p.Namespace, Name: p.Service}
}

// body is an answer.
type body[T any] struct{ Body T }

// servicePath is where everything of a service is.
const servicePath = "/v1/namespaces/{namespace}/services/{service}"

package api

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/host/token"
	"github.com/grow-platform/grow/host/upload"
	"github.com/grow-platform/grow/runtime/canary"
)

func isMissing(err error) bool { return errors.Is(err, store.ErrNotFound) }

func (a *API) uploadRoutes() {
	huma.Register(a.huma, operation("get-object", token.Deploy, http.MethodGet, "/v1/objects/{digest}", "Ask how much of an object is on the host"), a.objectState)
	put := operation("put-object", token.Deploy, http.MethodPut, "/v1/objects/{digest}", "Upload a piece of an object")
	put.RequestBody = &huma.RequestBody{}
	huma.Register(a.huma, put, a.objectPut)
	put.RequestBody.Required = false // there are empty files
}

// Object names an object in a path.
type Object struct {
	Digest string `path:"digest" pattern:"^[0-9a-f]{64}$" doc:"SHA-256 of the object"`
}

func (a *API) objectState(ctx context.Context, q *Object) (*body[upload.State], error) {
	s, err := a.o.Uploads.State(ctx, store.Digest(q.Digest))
	return &body[upload.State]{s}, a.fault(err)
}

type pieceInput struct {
	Object
	Size    int64  `query:"size" required:"true" minimum:"0" doc:"bytes of the whole object"`
	Offset  int64  `query:"offset" minimum:"0" doc:"bytes that are there already"`
	RawBody []byte `contentType:"application/octet-stream"`
}

func (a *API) objectPut(ctx context.Context, q *pieceInput) (*body[upload.State], error) {
	s, err := a.o.Uploads.Add(ctx, store.Digest(q.Digest), q.Size, q.Offset, bytes.NewReader(q.RawBody))
	return &body[upload.State]{s}, a.fault(err)
}

// Request is what to deploy.
type Request struct {
	Change    string              `json:"change,omitempty" pattern:"^([0-9a-f]{64})?$" doc:"of the documents; none: files are new ones, which become the service's when they go live"`
	Files     []File              `json:"files,omitempty" maxItems:"10000" doc:"all files of the service, where no change is named"`
	Parent    string              `json:"parent,omitempty" pattern:"^([0-9a-f]{64})?$" doc:"the last change that the caller has seen, where no change is named"`
	Artifacts map[string]Artifact `json:"artifacts,omitempty" doc:"module of each actor, by its name; those that stay as they run may be left out"`
	Seen      int                 `json:"seen" minimum:"-1" doc:"number of the live deployment that the caller knows of; 0: none, -1: whichever"`
	Text      string              `json:"text,omitempty" maxLength:"8192" doc:"why"`
	Commit    string              `json:"commit,omitempty" maxLength:"200"`
	Force     string              `json:"force,omitempty" maxLength:"8192" doc:"make it live against its checks, for this reason; needs the scope admin"`
	Plan      bool                `json:"plan,omitempty" doc:"only check it"`
	Hold      bool                `json:"hold,omitempty" doc:"check it and record its revisions, but do not make it live"`
	Canary    []canary.Step       `json:"canary,omitempty" maxItems:"100" doc:"try it first on shares of the keys that grow up to all"`
	Slower    float64             `json:"slower,omitempty" doc:"how many times as much time and fuel as what runs it may take for a message while it is tried; 0: twice"`
	Rehearse  int                 `json:"rehearse,omitempty" minimum:"0" maximum:"1000000" doc:"on how many of the last messages each changed actor is rehearsed; 0: as its definition says"`
	Accept    []string            `json:"accept,omitempty" maxItems:"1000" doc:"names of differences that a rehearsal may find"`
	Shadow    time.Duration       `json:"shadow_ns,omitempty" minimum:"0" maximum:"86400000000000" doc:"have it handle live messages for so long beside what runs, in place of a rehearsal, and record what is found: nothing goes live"`
}

// Artifact is a module of an actor.
type Artifact struct {
	Digest    string `json:"digest" pattern:"^[0-9a-f]{64}$"`
	Language  string `json:"language,omitempty" maxLength:"40" doc:"that it was built from"`
	Signature string `json:"signature,omitempty" maxLength:"1024"`
}

// Progress is one line of what a deployment tells.
type Progress struct {
	Check      *deploy.Check      `json:"check,omitempty"`
	Underway   *deploy.Check      `json:"underway,omitempty" doc:"how a check stands that has not ended"`
	Deployment *deploy.Deployment `json:"deployment,omitempty" doc:"what came of it, in the last line"`
	Fault      *control.Error     `json:"fault,omitempty" doc:"why it did not go through"`
}

func (a *API) deployRoutes() {
	huma.Register(a.huma, operation("list-deployments", token.Read, http.MethodGet, servicePath+"/deployments", "List the deployments of a service, the last one first"), a.deployments)
	huma.Register(a.huma, operation("get-deployment", token.Read, http.MethodGet, servicePath+"/deployments/{number}", "Get a deployment with its checks"), a.deployment)
	huma.Register(a.huma, operation("get-deployment-documents", token.Read, http.MethodGet, servicePath+"/deployments/{number}/documents", "List the files of a deployment"), a.deploymentDocuments)
	huma.Register(a.huma, binary(operation("get-deployment-file", token.Read, http.MethodGet, servicePath+"/deployments/{number}/file", "Get a file of a deployment")), a.deploymentFile)
	huma.Register(a.huma, operation("list-revisions", token.Read, http.MethodGet, servicePath+"/actors/{actor}/revisions", "List the revisions of an actor, the last one first"), a.revisions)
	a.revisionRoutes()
	op := operation("create-deployment", token.Deploy, http.MethodPost, servicePath+"/deployments", "Check a service, and make it live")
	op.Description = "Answers with lines of JSON: one for each check as it ends, and one for the deployment."
	op.Responses = map[string]*huma.Response{"200": {Description: "Progress, a line each", Content: map[string]*huma.MediaType{
		"application/x-ndjson": {Schema: a.huma.OpenAPI().Components.Schemas.Schema(typeOf[Progress](), true, "Progress")},
	}}}
	huma.Register(a.huma, op, a.deploy)
}

type deploymentsInput struct {
	Place
	Before int `query:"before" minimum:"0" doc:"those before this number; 0: all"`
	Limit  int `query:"limit" minimum:"1" maximum:"1000" default:"50" doc:"how many at most"`
}

func (a *API) deployments(ctx context.Context, q *deploymentsInput) (*body[[]deploy.Deployment], error) {
	list, err := a.o.Deployer.Deployments(ctx, q.service(), q.Before, q.Limit)
	return &body[[]deploy.Deployment]{list}, a.fault(err)
}

// Numbered names a deployment in a path.
type Numbered struct {
	Place
	Number int `path:"number" minimum:"1" doc:"number of the deployment"`
}

func (a *API) deployment(ctx context.Context, q *Numbered) (*body[deploy.Deployment], error) {
	n, err := a.o.Deployer.Deployment(ctx, q.service(), q.Number)
	return &body[deploy.Deployment]{n}, a.fault(err)
}

// treeOfDeployment are the files of a deployment, live or not.
func (a *API) treeOfDeployment(ctx context.Context, q *Numbered) (documents.Tree, error) {
	n, err := a.o.Deployer.Deployment(ctx, q.service(), q.Number)
	if err != nil {
		return nil, err
	}
	return a.o.Documents.Tree(ctx, n.Tree)
}

func (a *API) deploymentDocuments(ctx context.Context, q *Numbered) (*body[[]File], error) {
	t, err := a.treeOfDeployment(ctx, q)
	return &body[[]File]{filesOf(t)}, a.fault(err)
}

type deploymentFileInput struct {
	Numbered
	Path string `query:"path" required:"true" minLength:"1" maxLength:"300" doc:"path of the file"`
}

func (a *API) deploymentFile(ctx context.Context, q *deploymentFileInput) (*fileOutput, error) {
	t, err := a.treeOfDeployment(ctx, &q.Numbered)
	if err != nil {
		return nil, a.fault(err)
	}
	return a.fileOf(ctx, t, q.Path)
}

type revisionsInput struct {
	Place
	Actor  string `path:"actor" pattern:"^[a-z0-9][a-z0-9_-]*$" maxLength:"63"`
	Before int    `query:"before" minimum:"0" doc:"those before this number; 0: all"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"50" doc:"how many at most"`
}

func (a *API) revisions(ctx context.Context, q *revisionsInput) (*body[[]deploy.Revision], error) {
	list, err := a.o.Deployer.Revisions(ctx, q.service(), q.Actor, q.Before, q.Limit)
	return &body[[]deploy.Revision]{list}, a.fault(err)
}

type deployInput struct {
	Place
	Body Request
}

func (a *API) deploy(ctx context.Context, q *deployInput) (*huma.StreamResponse, error) {
	t := caller(ctx)
	if q.Body.Force != "" && !t.Allows(token.Admin, q.Namespace) {
		return nil, a.fault(&control.Error{Code: control.CodePermission, Message: "only a token with the scope admin may make live what its checks refuse", At: t.ID, Next: "take another token, or have the checks pass"})
	}
	r, err := a.request(ctx, q)
	if err != nil {
		return nil, a.fault(err)
	}
	r.By = t.Name
	return &huma.StreamResponse{Body: func(c huma.Context) {
		c.SetHeader("Content-Type", "application/x-ndjson")
		w := c.BodyWriter()
		tell := func(p Progress) {
			_ = encode(w, p) // the client may be gone: Deploy is told by ctx
			if f, ok := w.(http.Flusher); ok {
				f.Flush()
			}
		}
		r.Report = func(k deploy.Check) { tell(Progress{Check: &k}) }
		r.Underway = func(k deploy.Check) { tell(Progress{Underway: &k}) }
		n, err := a.o.Deployer.Deploy(ctx, *r)
		last := Progress{Deployment: &n}
		if err != nil {
			last.Fault = a.deployFault(err)
		}
		tell(last)
	}}, nil
}

// treeFor are the documents of a request: those of a change, or new ones.
func (a *API) treeFor(ctx context.Context, q *deployInput) (documents.Tree, error) {
	if q.Body.Change != "" && len(q.Body.Files) > 0 {
		return nil, &control.Error{Code: control.CodeInvalid, Message: "a deployment is of a change or of files, not of both", At: "body.files"}
	}
	if q.Body.Change != "" {
		_, t, err := a.tree(ctx, At{q.Place, q.Body.Change})
		return t, err
	}
	t := treeOf(q.Body.Files)
	missing, err := a.o.Documents.Missing(ctx, t)
	if err == nil && len(missing) > 0 {
		err = &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("%d files have not been uploaded", len(missing)), At: string(missing[0]), Next: "upload them first"}
	}
	return t, err
}

// request fills in what is left out of a request: modules that stay as they run.
func (a *API) request(ctx context.Context, q *deployInput) (*deploy.Request, error) {
	t, err := a.treeFor(ctx, q)
	if err != nil {
		return nil, err
	}
	r := &deploy.Request{
		Service: q.service(), Documents: t, Change: store.Digest(q.Body.Change), Artifacts: map[string]deploy.Artifact{}, Seen: q.Body.Seen,
		Parent: store.Digest(q.Body.Parent), Text: q.Body.Text, Commit: q.Body.Commit, Force: q.Body.Force, Plan: q.Body.Plan, Hold: q.Body.Hold,
		Rehearsal: deploy.Rehearsal{Rehearse: q.Body.Rehearse, Accept: q.Body.Accept, Shadow: q.Body.Shadow},
	}
	if len(q.Body.Canary) > 0 {
		r.Canary = &canary.Plan{Steps: q.Body.Canary, Slower: cmp.Or(q.Body.Slower, canary.DefaultSlower)}
		if err := r.Canary.Check(); err != nil {
			return nil, &control.Error{Code: control.CodeInvalid, Message: err.Error(), At: "body.canary"}
		}
	}
	live, err := a.o.Deployer.Live(ctx, q.service())
	if err != nil && !isMissing(err) {
		return nil, err
	}
	for name, have := range live.Actors {
		if len(t.Below("actors/"+name)) > 0 {
			r.Artifacts[name] = have.Artifact
		}
	}
	for name, want := range q.Body.Artifacts {
		s, err := a.o.Uploads.State(ctx, store.Digest(want.Digest))
		if err != nil {
			return nil, err
		}
		if !s.Done {
			return nil, &control.Error{Code: control.CodeNotFound, Message: "the module of " + name + " has not been uploaded", At: want.Digest, Next: "upload it first"}
		}
		one := deploy.Artifact{Digest: store.Digest(want.Digest), Size: s.Offset, Language: want.Language, Signature: want.Signature}
		if key, err := a.o.Keys.Verify(ctx, one.Digest, one.Signature); err == nil { // what is wrong with it the check says
			one.SignedBy = key.Name
		}
		r.Artifacts[name] = one
	}
	return r, nil
}

// deployFault is what is told of a deployment that did not go through.
func (a *API) deployFault(err error) *control.Error {
	var refused *deploy.RefusedError
	var stale *deploy.StaleError
	var other *failure
	var trial *deploy.TrialError
	switch {
	case errors.As(err, &trial):
		return &control.Error{Code: "deploy.trial", Message: err.Error(), At: fmt.Sprint(trial.Trial.Number), Next: "see how it does: grow swap --watch; or end it: grow swap --abort"}
	case errors.As(err, &refused) && refused.Shadow:
		return &control.Error{Code: "deploy.refused", Message: err.Error(), Next: "mend what the checks say; a difference that is meant passes by its name: --accept NAME"}
	case errors.As(err, &refused):
		return &control.Error{Code: "deploy.refused", Message: err.Error(), Next: "mend what the checks say; to go live all the same, which needs admin: --force REASON"}
	case errors.As(err, &stale):
		return &control.Error{Code: control.CodeConflict, Message: err.Error() + "; since what you know of: " + paths(stale.Since), Next: "get what has changed: grow pull"}
	case errors.Is(err, deploy.ErrStart):
		return &control.Error{Code: "deploy.start", Message: err.Error(), Next: "what ran before goes on"}
	case errors.As(a.fault(err), &other):
		return other.Fault
	}
	return &control.Error{Code: control.CodeInternal, Message: err.Error()}
}

// paths names what differs, a few of it.
func paths(list []documents.Difference) string {
	const most = 5
	var b bytes.Buffer
	for i, d := range list {
		if i == most {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(d.Path)
	}
	return b.String()
}

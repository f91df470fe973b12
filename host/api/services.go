package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/token"
	"github.com/grow-platform/grow/runtime/shard"
)

// Lifecycle starts and ends services and actors. It is safe for concurrent use.
type Lifecycle interface {
	// Govern puts an actor, "" for the whole service, into a mode, and remembers it.
	Govern(ctx context.Context, s documents.Service, actor string, mode shard.Mode) error
	// Remove ends a service, and forgets all of it; with plan it only counts.
	Remove(ctx context.Context, s documents.Service, plan bool) (deploy.Removed, error)
	// Actors are those of a service that runs; nil for one that does not.
	Actors(documents.Service) []ActorStatus
	// Fault is why a service does not run that is meant to: what the last attempt to start
	// it ended with; "": it runs, or nobody has tried.
	Fault(documents.Service) string
	// Trial is how far the trial of a service's deployment has come; nil: there is none.
	Trial(documents.Service) *Trial
}

// ActorStatus is what an actor is and does.
type ActorStatus struct {
	Name     string     `json:"name"`
	Mode     shard.Mode `json:"mode" enum:"running,paused,drained,stopped"`
	Revision int        `json:"revision" doc:"that is live; 0: none"`
	Nodes    []string   `json:"nodes" nullable:"false" doc:"that it runs at; none when the service does not run"`
	Mailbox  int64      `json:"mailbox" doc:"messages that wait"`
	Waiting  int64      `json:"waiting" doc:"delayed messages and retries to come"`
	Handled  uint64     `json:"handled" doc:"since the service was started"`
	Defined  bool       `json:"defined" doc:"the last documents have it; with the next deployment it runs, or not"`
}

// NewService is a service to be made.
type NewService struct {
	About string `json:"about,omitempty" maxLength:"1000" doc:"what it is for, in a line"`
}

// Mode says what a service or an actor is to do with messages.
type Mode struct {
	Actor string `json:"actor,omitempty" maxLength:"63" doc:"none: the whole service"`
	Mode  string `json:"mode" enum:"running,paused,drained,stopped" doc:"paused: messages are taken, and wait; drained: no more are taken, those that wait are handled; stopped: neither"`
}

func (a *API) serviceRoutes() {
	huma.Register(a.huma, operation("create-service", token.Deploy, http.MethodPut, servicePath, "Make a service that has nothing in it yet"), a.createService)
	huma.Register(a.huma, operation("delete-service", token.Admin, http.MethodDelete, servicePath, "End a service, and forget all of it"), a.deleteService)
	huma.Register(a.huma, operation("govern-service", token.Deploy, http.MethodPost, servicePath+"/mode", "Start, stop, pause or drain a service or an actor"), a.govern)
	huma.Register(a.huma, operation("list-actors", token.Read, http.MethodGet, servicePath+"/actors", "List the actors of a service"), a.actors)
}

type createInput struct {
	Place
	Body NewService
}

func (a *API) createService(ctx context.Context, q *createInput) (*body[Change], error) {
	s := q.service()
	switch _, err := a.o.Documents.Last(ctx, s); {
	case err == nil:
		return nil, a.fault(&control.Error{Code: control.CodeConflict, Message: "there is a service " + s.String() + " already", At: s.String(), Next: "take another name"})
	case !isMissing(err):
		return nil, a.fault(err)
	}
	text := "service: " + s.Name + "\n"
	if q.Body.About != "" {
		text += "about: " + quoted(q.Body.About) + "\n"
	}
	f, err := a.o.Documents.Put(ctx, "grow.yaml", []byte(text), false)
	if err != nil {
		return nil, a.fault(err)
	}
	c, err := a.o.Documents.Revise(ctx, s, documents.Tree{f}, documents.Change{By: caller(ctx).Name, Text: "the service was made"})
	if err != nil {
		return nil, a.fault(err)
	}
	out := &body[Change]{changeOf(c)}
	out.Body.Files = filesOf(documents.Tree{f})
	return out, nil
}

// quoted writes text as a YAML scalar.
func quoted(text string) string {
	var b strings.Builder
	_ = encode(&b, text) // a text has a form in JSON, which YAML reads
	return strings.TrimSpace(b.String())
}

type deleteInput struct {
	Place
	Plan bool `query:"plan" doc:"only count what would be removed"`
}

func (a *API) deleteService(ctx context.Context, q *deleteInput) (*body[deploy.Removed], error) {
	n, err := a.o.Lifecycle.Remove(ctx, q.service(), q.Plan)
	return &body[deploy.Removed]{n}, a.fault(err)
}

type governInput struct {
	Place
	Body Mode
}

func (a *API) govern(ctx context.Context, q *governInput) (*body[[]ActorStatus], error) {
	var mode shard.Mode
	if err := mode.UnmarshalText([]byte(q.Body.Mode)); err != nil {
		return nil, a.fault(&control.Error{Code: control.CodeInvalid, Message: err.Error()})
	}
	list, err := a.actorsOf(ctx, q.service())
	if err != nil {
		return nil, a.fault(err)
	}
	known := func(s ActorStatus) bool { return s.Name == q.Body.Actor }
	if q.Body.Actor != "" && !slices.ContainsFunc(list, known) {
		return nil, a.fault(&control.Error{Code: control.CodeNotFound, Message: "there is no actor " + q.Body.Actor + " in " + q.service().String(), At: q.Body.Actor, Next: "see those there are: grow actor list"})
	}
	if err := a.o.Lifecycle.Govern(ctx, q.service(), q.Body.Actor, mode); err != nil {
		return nil, a.fault(err)
	}
	list, err = a.actorsOf(ctx, q.service())
	return &body[[]ActorStatus]{list}, a.fault(err)
}

func (a *API) actors(ctx context.Context, q *Place) (*body[[]ActorStatus], error) {
	list, err := a.actorsOf(ctx, q.service())
	return &body[[]ActorStatus]{list}, a.fault(err)
}

// actorsOf are the actors that run or are live, and those of the last documents, in the
// order of their names; store.ErrNotFound for a service that is not known.
func (a *API) actorsOf(ctx context.Context, s documents.Service) ([]ActorStatus, error) {
	last, err := a.o.Documents.Last(ctx, s)
	if err != nil {
		return nil, err
	}
	tree, err := a.o.Documents.Tree(ctx, last.Tree)
	if err != nil {
		return nil, err
	}
	live, err := a.o.Deployer.Live(ctx, s)
	if err != nil && !isMissing(err) {
		return nil, err
	}
	modes, err := a.o.Deployer.Modes(ctx, s)
	if err != nil {
		return nil, err
	}
	all := map[string]ActorStatus{}
	for _, r := range a.o.Lifecycle.Actors(s) {
		all[r.Name] = r
	}
	for name, have := range live.Actors {
		r := all[name]
		r.Revision = have.Revision
		all[name] = r
	}
	for _, f := range tree.Below("actors") {
		if name, _, ok := strings.Cut(strings.TrimPrefix(f.Path, "actors/"), "/"); ok {
			r := all[name]
			r.Defined = true
			all[name] = r
		}
	}
	list := []ActorStatus{}
	for name, r := range all {
		r.Name = name
		if r.Nodes == nil {
			r.Nodes = []string{}
		}
		if r.Mode = modes.Actors[name]; modes.Service == shard.Stopped {
			r.Mode = shard.Stopped
		} else {
			r.Mode |= modes.Service & shard.Paused
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b ActorStatus) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

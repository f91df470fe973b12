package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/token"
	"github.com/grow-platform/grow/host/versions"
)

// Limits of comparing versions.
const (
	compareTime = 20 * time.Second // of one comparison
	comparesMax = 2                // comparisons at once: each reads two services whole
)

func (a *API) versionRoutes() {
	op := operation("get-difference", token.Read, http.MethodGet, servicePath+"/difference", "Tell what is different between two deployments, or two revisions of an actor")
	op.Errors = append(op.Errors, http.StatusServiceUnavailable)
	huma.Register(a.huma, op, a.difference)
}

type differenceInput struct {
	Place
	Old   string `query:"old" required:"true" pattern:"^([a-z0-9][a-z0-9_-]{0,62}@)?([1-9][0-9]{0,8}|live)$" doc:"number of a deployment, ACTOR@NUMBER of a revision; live in place of a number"`
	New   string `query:"new" required:"true" pattern:"^([a-z0-9][a-z0-9_-]{0,62}@)?([1-9][0-9]{0,8}|live)$" doc:"as old, of the same kind"`
	Brief bool   `query:"brief" doc:"name the documents that differ, without their lines"`
}

// names are what an input names, both of one kind.
func (q *differenceInput) names() (old, new versions.Name, err error) {
	old, first := versions.ParseName(q.Old)
	new, second := versions.ParseName(q.New)
	if !first || !second || old.Actor != new.Actor {
		err = &control.Error{Code: control.CodeInvalid, Message: fmt.Sprintf("%s and %s are not of one kind: name two deployments, or two revisions of one actor", q.Old, q.New), At: "query.new"}
	}
	return old, new, err
}

func (a *API) difference(ctx context.Context, q *differenceInput) (*body[versions.Difference], error) {
	old, new, err := q.names()
	if err != nil {
		return nil, a.fault(err)
	}
	ctx, cancel := context.WithTimeout(ctx, compareTime)
	defer cancel()
	select {
	case a.comparing <- struct{}{}:
		defer func() { <-a.comparing }()
	case <-ctx.Done():
		return nil, a.fault(ctx.Err())
	}
	was, err := a.version(ctx, q.Place, old)
	if err != nil {
		return nil, a.fault(err)
	}
	is, err := a.version(ctx, q.Place, new)
	if err != nil {
		return nil, a.fault(err)
	}
	d, err := versions.Compare(ctx, was, is, a.o.Documents.Read, !q.Brief)
	return &body[versions.Difference]{d}, a.fault(err)
}

// version finds what a name names.
func (a *API) version(ctx context.Context, p Place, name versions.Name) (*versions.Version, error) {
	v := &versions.Version{Name: name, Modules: map[string]string{}}
	n, err := a.deploymentOf(ctx, p, v)
	if err != nil {
		return nil, err
	}
	v.Tree, err = a.o.Documents.Tree(ctx, n.Tree)
	return v, err
}

// deploymentOf finds the deployment that a version is of, and which modules it has.
func (a *API) deploymentOf(ctx context.Context, p Place, v *versions.Version) (n deploy.Deployment, err error) {
	s, number := p.service(), v.Name.Number
	if number == 0 {
		live, err := a.o.Deployer.Live(ctx, s)
		if isMissing(err) {
			return n, &control.Error{Code: control.CodeNotFound, Message: "nothing is live", At: s.Name}
		}
		if err != nil {
			return n, err
		}
		if number = live.Number; v.Name.Actor != "" {
			number = live.Actors[v.Name.Actor].Revision
		}
		v.Name.Number = number
	}
	if actor := v.Name.Actor; actor != "" {
		r, err := a.o.Deployer.Revision(ctx, s, actor, number)
		if isMissing(err) && !errors.Is(err, deploy.ErrForgotten) {
			return n, &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("%s has no revision %d", actor, number), At: v.Name.String(), Next: "see those there are: grow history " + actor}
		}
		if err != nil {
			return n, err
		}
		v.Modules[actor] = string(r.Artifact.Digest)
		return a.o.Deployer.DeploymentWith(ctx, r)
	}
	if n, err = a.o.Deployer.Deployment(ctx, s, number); err != nil {
		return n, noDeployment(err, p, number)
	}
	for actor, is := range n.Actors {
		v.Modules[actor] = string(is.Digest)
	}
	return n, nil
}

// noDeployment says of a deployment that is not there what to do.
func noDeployment(err error, p Place, number int) error {
	if !isMissing(err) || errors.Is(err, deploy.ErrForgotten) {
		return err
	}
	return &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("there is no deployment %d of %s", number, p.service()), At: p.Service, Next: "see those there are: grow history"}
}

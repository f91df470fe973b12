package api

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/grow-platform/grow/host/token"
)

// revisionRoutes are what a revision is made of.
func (a *API) revisionRoutes() {
	op := binary(operation("get-revision-module", token.Read, http.MethodGet, servicePath+"/actors/{actor}/revisions/{number}/module", "Get the module of a revision of an actor"))
	text := func(doc string) *huma.Param {
		return &huma.Param{Description: doc, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	op.Responses["200"].Headers = map[string]*huma.Param{"ETag": text("SHA-256 of the module, quoted"), "Grow-Digest": text("SHA-256 of the module")}
	op.Responses["304"] = &huma.Response{Description: "Who asks has it: If-None-Match names its digest"}
	huma.Register(a.huma, op, a.module)
	huma.Register(a.huma, binary(operation("get-revision-file", token.Read, http.MethodGet, servicePath+"/actors/{actor}/revisions/{number}/file", "Get a file of a revision of an actor")), a.revisionFile)
}

// RevisionPlace names a revision in a path.
type RevisionPlace struct {
	Place
	Actor  string `path:"actor" pattern:"^[a-z0-9][a-z0-9_-]*$" maxLength:"63"`
	Number int    `path:"number" minimum:"1" doc:"number of the revision"`
}

type revisionFileInput struct {
	RevisionPlace
	Path string `query:"path" required:"true" minLength:"1" maxLength:"300" doc:"path of the file"`
}

// revisionFile is a file that a revision has itself: it is there as long as the revision
// is, whatever has become of deployments.
func (a *API) revisionFile(ctx context.Context, q *revisionFileInput) (*fileOutput, error) {
	v, err := a.o.Deployer.Revision(ctx, q.service(), q.Actor, q.Number)
	if err != nil {
		return nil, a.fault(err)
	}
	return a.fileOf(ctx, v.Documents, q.Path)
}

type moduleInput struct {
	RevisionPlace
	Have string `header:"If-None-Match" maxLength:"8192" doc:"ETags of what is there already (RFC 9110, 13.1.2)"`
}

// module streams the module of a revision. It never changes, so its digest is its ETag.
func (a *API) module(ctx context.Context, q *moduleInput) (*huma.StreamResponse, error) {
	v, err := a.o.Deployer.Revision(ctx, q.service(), q.Actor, q.Number)
	if err != nil {
		return nil, a.fault(err)
	}
	tag := `"` + string(v.Artifact.Digest) + `"`
	if matches(q.Have, tag) {
		return &huma.StreamResponse{Body: func(c huma.Context) {
			c.SetHeader("ETag", tag)
			c.SetStatus(http.StatusNotModified)
		}}, nil
	}
	r, o, err := a.o.Deployer.Module(ctx, v)
	if err != nil {
		return nil, a.fault(err)
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		defer r.Close()
		c.SetHeader("ETag", tag)
		c.SetHeader("Grow-Digest", string(v.Artifact.Digest))
		c.SetHeader("Content-Type", "application/octet-stream")
		c.SetHeader("Content-Length", strconv.FormatInt(o.Size, 10))
		if _, err := io.Copy(c.BodyWriter(), r); err != nil && ctx.Err() == nil {
			a.o.Log.Error("send module", "service", q.service(), "actor", q.Actor, "revision", q.Number, "error", err)
			panic(http.ErrAbortHandler) // the answer has begun: who asks is to see that it is cut
		}
	}}, nil
}

// matches reports whether a list of ETags has tag, or is "*".
func matches(list, tag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}

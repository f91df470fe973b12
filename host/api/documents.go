package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/host/token"
	"github.com/grow-platform/grow/runtime/shard"
)

// Service is a service that a host knows.
type Service struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Live      int    `json:"live" doc:"number of the deployment that runs; 0: none"`
	Mode      string `json:"mode" enum:"running,paused,drained,stopped" doc:"what it is meant to do; fault says whether it does"`
	Fault     string `json:"fault,omitempty" doc:"why it does not run although it is meant to: what the last attempt to start it ended with"`
}

// File is one file of a service's documents.
type File struct {
	Path   string `json:"path" maxLength:"300" doc:"from the service's folder on, with slashes"`
	Digest string `json:"digest" pattern:"^[0-9a-f]{64}$" doc:"SHA-256 of its bytes"`
	Size   int64  `json:"size" minimum:"0" doc:"bytes"`
	Exec   bool   `json:"exec,omitempty" doc:"it is a program"`
}

// Change is one step in the life of a service's documents.
type Change struct {
	ID     string    `json:"id"`
	Number int       `json:"number"`
	Parent string    `json:"parent,omitempty" doc:"the change before"`
	Time   time.Time `json:"time"`
	By     string    `json:"by"`
	Text   string    `json:"text,omitempty" doc:"why"`
	Commit string    `json:"commit,omitempty" doc:"of the git repository that it came from"`
	Undoes string    `json:"undoes,omitempty" doc:"the change that it takes back, since the deployment that had made it was withdrawn or could not be started"`
	Files  []File    `json:"files,omitempty" doc:"all of the service, where one change is asked for"`
	Below  []Touched `json:"below,omitempty" doc:"what it did to files of a folder, where that is asked for"`
}

// Touched is a file that a change has made another.
type Touched struct {
	Path string `json:"path"`
	Old  string `json:"old,omitempty" doc:"digest; none: the change has made it"`
	New  string `json:"new,omitempty" doc:"digest; none: the change has removed it"`
}

// Revise is new documents of a service.
type Revise struct {
	Parent string `json:"parent,omitempty" pattern:"^([0-9a-f]{64})?$" doc:"the last change that the caller has seen; none for a service that is new"`
	Files  []File `json:"files" maxItems:"10000" nullable:"false" doc:"all files of the service"`
	Plan   bool   `json:"plan,omitempty" doc:"only say which files are missing"`
	Text   string `json:"text,omitempty" maxLength:"2048" doc:"why"`
	Commit string `json:"commit,omitempty" maxLength:"200" doc:"of the git repository that they come from"`
}

// Revised is what came of it.
type Revised struct {
	Missing []string `json:"missing" doc:"digests of files that are to be uploaded first; then nothing has changed"`
	Change  *Change  `json:"change,omitempty"`
}

func treeOf(files []File) documents.Tree {
	t := make(documents.Tree, 0, len(files))
	for _, f := range files {
		t = append(t, documents.File{Path: f.Path, Digest: store.Digest(f.Digest), Size: f.Size, Exec: f.Exec})
	}
	slices.SortFunc(t, func(a, b documents.File) int {
		if a.Path < b.Path {
			return -1
		}
		if a.Path > b.Path {
			return 1
		}
		return 0
	})
	return t
}

func filesOf(t documents.Tree) []File {
	list := make([]File, 0, len(t))
	for _, f := range t {
		list = append(list, File{f.Path, string(f.Digest), f.Size, f.Exec})
	}
	return list
}

func changeOf(c documents.Change) Change {
	return Change{ID: string(c.ID), Number: c.Number, Parent: string(c.Parent), Time: c.Time, By: c.By, Text: c.Text, Commit: c.Commit, Undoes: string(c.Undoes)}
}

func (a *API) documentRoutes() {
	huma.Register(a.huma, operation("list-services", token.Read, http.MethodGet, "/v1/services", "List the services that the token may see"), a.services)
	huma.Register(a.huma, operation("get-documents", token.Read, http.MethodGet, servicePath+"/documents", "Get the last change of a service's documents, with all files"), a.documents)
	huma.Register(a.huma, operation("put-documents", token.Deploy, http.MethodPut, servicePath+"/documents", "Change a service's documents"), a.revise)
	huma.Register(a.huma, operation("list-changes", token.Read, http.MethodGet, servicePath+"/changes", "List the changes of a service's documents, the last one first"), a.changes)
	huma.Register(a.huma, binary(operation("get-file", token.Read, http.MethodGet, servicePath+"/file", "Get a file of a service's documents")), a.file)
}

// binary is an operation that answers with bytes.
func binary(op huma.Operation) huma.Operation {
	op.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
		"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
	}}}
	return op
}

func (a *API) services(ctx context.Context, _ *struct{}) (*body[[]Service], error) {
	list, err := a.o.Documents.Services(ctx)
	if err != nil {
		return nil, a.fault(err)
	}
	out := &body[[]Service]{Body: []Service{}}
	t := caller(ctx)
	for _, s := range list {
		if !t.Sees(s.Namespace) {
			continue
		}
		live, err := a.o.Deployer.Live(ctx, s)
		if err != nil && !isMissing(err) {
			return nil, a.fault(err)
		}
		modes, err := a.o.Deployer.Modes(ctx, s)
		if err != nil {
			return nil, a.fault(err)
		}
		one := Service{Namespace: s.Namespace, Name: s.Name, Live: live.Number, Mode: modes.Service.String()}
		if modes.Service != shard.Stopped {
			one.Fault = a.o.Lifecycle.Fault(s)
		}
		out.Body = append(out.Body, one)
	}
	return out, nil
}

// At names a change of a service's documents.
type At struct {
	Place
	Change string `query:"change" pattern:"^([0-9a-f]{64}|[0-9]{1,9})?$" doc:"the change, by its id or number; none for the last one"`
}

// tree returns the change that is asked for, and its files. It must be one of the
// service's own: of another one's, nobody is told by its id.
func (a *API) tree(ctx context.Context, q At) (documents.Change, documents.Tree, error) {
	c, err := a.o.Documents.Last(ctx, q.service())
	is := func(one documents.Change) bool {
		return string(one.ID) == q.Change || strconv.Itoa(one.Number) == q.Change
	}
	if err == nil && q.Change != "" && !is(c) {
		found := false
		err = a.o.Documents.History(ctx, q.service(), func(one documents.Change) bool {
			if found = is(one); found {
				c = one
			}
			return !found
		})
		if err == nil && !found {
			err = store.ErrNotFound
		}
	}
	if err != nil {
		return c, nil, err
	}
	t, err := a.o.Documents.Tree(ctx, c.Tree)
	return c, t, err
}

func (a *API) documents(ctx context.Context, q *At) (*body[Change], error) {
	c, t, err := a.tree(ctx, *q)
	if err != nil {
		return nil, a.fault(err)
	}
	out := &body[Change]{Body: changeOf(c)}
	out.Body.Files = filesOf(t)
	return out, nil
}

type reviseInput struct {
	Place
	Body Revise
}

func (a *API) revise(ctx context.Context, q *reviseInput) (*body[Revised], error) {
	t := treeOf(q.Body.Files)
	missing, err := a.o.Documents.Missing(ctx, t)
	if err != nil {
		return nil, a.fault(err)
	}
	out := &body[Revised]{Body: Revised{Missing: []string{}}}
	for _, d := range missing {
		out.Body.Missing = append(out.Body.Missing, string(d))
	}
	if len(missing) > 0 || q.Body.Plan {
		return out, nil
	}
	c, err := a.o.Documents.Revise(ctx, q.service(), t, documents.Change{Parent: store.Digest(q.Body.Parent), By: caller(ctx).Name, Text: q.Body.Text, Commit: q.Body.Commit})
	if err != nil {
		return nil, a.fault(err)
	}
	change := changeOf(c)
	out.Body.Change = &change
	return out, nil
}

type changesInput struct {
	Place
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"how many at most"`
	Path  string `query:"path" maxLength:"300" doc:"those of one file"`
	Below string `query:"below" maxLength:"300" doc:"those of the files in a folder"`
}

func (a *API) changes(ctx context.Context, q *changesInput) (*body[[]Change], error) {
	out := &body[[]Change]{Body: []Change{}}
	if q.Below != "" {
		list, err := a.o.Documents.HistoryBelow(ctx, q.service(), q.Below, q.Limit)
		for _, step := range list {
			out.Body = append(out.Body, touchedBy(step))
		}
		return out, a.fault(err)
	}
	if q.Path != "" {
		list, err := a.o.Documents.HistoryOf(ctx, q.service(), q.Path, q.Limit)
		for _, v := range list {
			c := changeOf(v.Change)
			if v.File != nil {
				c.Files = filesOf(documents.Tree{*v.File})
			}
			out.Body = append(out.Body, c)
		}
		return out, a.fault(err)
	}
	err := a.o.Documents.History(ctx, q.service(), func(c documents.Change) bool {
		out.Body = append(out.Body, changeOf(c))
		return len(out.Body) < q.Limit
	})
	return out, a.fault(err)
}

// touchedBy is a change with the files that it made others.
func touchedBy(step documents.Step) Change {
	c := changeOf(step.Change)
	for _, d := range step.Differences {
		t := Touched{Path: d.Path}
		if d.Old != nil {
			t.Old = string(d.Old.Digest)
		}
		if d.New != nil {
			t.New = string(d.New.Digest)
		}
		c.Below = append(c.Below, t)
	}
	return c
}

type fileInput struct {
	At
	Path string `query:"path" required:"true" minLength:"1" maxLength:"300" doc:"path of the file"`
}

type fileOutput struct {
	Digest string `header:"Grow-Digest" doc:"SHA-256 of the bytes"`
	Type   string `header:"Content-Type"`
	Body   []byte
}

func (a *API) file(ctx context.Context, q *fileInput) (*fileOutput, error) {
	_, t, err := a.tree(ctx, q.At)
	if err != nil {
		return nil, a.fault(err)
	}
	return a.fileOf(ctx, t, q.Path)
}

// fileOf is a file of a tree.
func (a *API) fileOf(ctx context.Context, t documents.Tree, path string) (*fileOutput, error) {
	f, ok := t.Find(path)
	if !ok {
		return nil, a.fault(store.ErrNotFound)
	}
	b, err := a.o.Documents.Read(ctx, f)
	return &fileOutput{string(f.Digest), "application/octet-stream", b}, a.fault(err)
}

// encode writes JSON that leaves <, > and & as they are.
func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

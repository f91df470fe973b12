package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/token"
)

func (a *API) backupRoutes() {
	op := operation("create-host-backup", token.Admin, http.MethodPost, "/v1/backup", "Back up all that the host keeps")
	op.Description = "It takes a token that is admin of all namespaces. Answers with lines of JSON, each a part of a file; an object with error alone, if there is one, is the last."
	op.Responses = map[string]*huma.Response{"200": {Description: "Parts of files, a line each", Content: map[string]*huma.MediaType{
		"application/x-ndjson": {Schema: a.huma.OpenAPI().Components.Schemas.Schema(typeOf[control.BackupPart](), true, "BackupPart")},
	}}}
	huma.Register(a.huma, op, a.backUp)
}

type backupInput struct{ Body control.HostBackupRequest }

func (a *API) backUp(ctx context.Context, q *backupInput) (*huma.StreamResponse, error) {
	if err := governsHost(ctx); err != nil {
		return nil, a.fault(err)
	}
	if a.o.BackUp == nil {
		return nil, a.fault(&control.Error{Code: control.CodeNotFound, Message: "this host cannot be backed up"})
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		_, w := humago.Unwrap(c)
		control.Lines(w, func(emit func(control.BackupPart) error) error { return a.o.BackUp(ctx, q.Body, emit) })
	}}, nil
}

// BackUp has the host send a backup of all that it keeps while it goes on, and calls put with
// each file of it. Without an error all of them were put.
func (c *Client) BackUp(ctx context.Context, r control.HostBackupRequest, put func(ctx context.Context, name string, data []byte) error) error {
	return control.FetchBackup(ctx, c.conn, r, put)
}

package app

import (
	"net/http"
	"strings"
	"sync"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/console"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/specs/graph"
)

// controlHandler serves the control API below /v1, and the console beside it.
func (p *Platform) controlHandler() (http.Handler, error) {
	pages, err := console.New()
	if err != nil {
		return nil, err
	}
	p.api = sync.OnceValue(p.newAPI) // takes as long as all the rest of a start
	calls := p.settled(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.api().ServeHTTP(w, r) }))
	return console.Guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/") {
			calls.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})), nil
}

func (p *Platform) newAPI() *api.API {
	return api.New(api.Options{
		Version: p.opts.Version, Documents: p.Documents, Tokens: p.Tokens, Keys: p.Keys, Sealed: p.Sealed, Acts: p.acts, SecretFrom: Secrets{Env: p.opts.Secret, Folder: p.opts.Secrets, Log: p.log}.From, Uploads: p.Uploads, Deployer: p.Deployer,
		Running: p.backendOf, Lifecycle: p, Graph: p.graphOf, BackUp: p.BackUp, Log: p.log,
	})
}

// graphOf says who sends to whom in a service, and how often; nil when it does not run.
func (p *Platform) graphOf(s documents.Service) (*graph.Graph, map[router.Edge]uint64) {
	h := p.running(s)
	if h == nil {
		return nil, nil
	}
	return graph.New(h.service.Load(), ""), h.shard.Passed()
}

// Package gateway serves the HTTP endpoints of a service: it makes a message
// of each request, hands it to the shard, and makes a response of what comes
// of it. It follows "Requests" and "Replies" of the file formats, and answers
// everything that goes wrong with problem+json (RFC 9457) and a stable code.
//
// A request goes: signature, body, type, attributes (request.go), shard,
// answer (reply.go). The endpoints are a table behind an atomic pointer, so
// that they change between two requests.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
	"github.com/labstack/echo/v4"
	"golang.org/x/net/netutil"
)

// Shard is what the gateway needs of a shard; see *shard.Shard.
type Shard interface {
	Accept(ctx context.Context, r *shard.Request) (*shard.Flow, error)
	Keep(f *shard.Flow)
	Lookup(id string) (shard.Answer, bool)
}

// Options is what a gateway is made with.
type Options struct {
	Service *specs.Service
	Shard   Shard
	// Secret looks a secret up by name, at every request that needs it, so that
	// secrets can be rotated. It must be safe for concurrent use.
	Secret func(name string) (string, bool)
	// Hide hides secrets in what an actor says of a message that it refuses; nil: as it is.
	Hide func(text string) string
	// Health is why no messages are taken at the moment, or nil; nil: they always are.
	Health func() error
	Log    *slog.Logger     // nil: discarded
	Now    func() time.Time // nil: time.Now
	// Watched is set while an author edits the service: responses tell of the
	// fault of the last edit, and browsers get problems as pages.
	Watched bool
}

// Gateway is safe for concurrent use.
type Gateway struct {
	opts     Options
	swapping sync.RWMutex // held for writing by Swap
	table    atomic.Pointer[table]
	fault    atomic.Pointer[fault] // of the last edit
	server   *http.Server
	stopping atomic.Bool
}

// table is the endpoints of one revision. It is immutable.
type table struct {
	*echo.Echo
	names []string
}

// SecretError says that a secret which an endpoint's signatures are checked
// with is missing or cannot be used.
type SecretError struct {
	Endpoint string
	Name     string
	Err      error // nil: it is not there
}

// Error implements error.
func (e *SecretError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("endpoint %s: secret %s: %v", e.Endpoint, e.Name, e.Err)
	}
	return fmt.Sprintf("endpoint %s: there is no secret %s", e.Endpoint, e.Name)
}

// Unwrap returns the cause.
func (e *SecretError) Unwrap() error { return e.Err }

// New makes a gateway; it serves nothing yet. It fails with a *SecretError
// when a secret that an endpoint names is missing.
func New(o Options) (*Gateway, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	g := &Gateway{opts: o}
	if err := g.Swap(o.Service, func() error { return nil }); err != nil {
		return nil, err
	}
	g.server = &http.Server{
		Handler: g.Handler(), ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn), MaxHeaderBytes: headerBytes,
		ReadHeaderTimeout: requestTime, ReadTimeout: requestTime, IdleTimeout: idleTime,
	}
	return g, nil
}

// Secrets checks that every secret that a service's endpoints name is there and
// can be used; the error is a *SecretError.
func Secrets(s *specs.Service, lookup func(name string) (string, bool)) error {
	for _, def := range s.Endpoints {
		if def.Webhook == nil {
			continue
		}
		secret, ok := lookup(def.Webhook.Secret)
		if !ok || secret == "" {
			return &SecretError{Endpoint: def.Name(), Name: def.Webhook.Secret}
		}
		if err := usable(def.Webhook.Scheme, secret); err != nil {
			return &SecretError{Endpoint: def.Name(), Name: def.Webhook.Secret, Err: err}
		}
	}
	return nil
}

// Swap puts the endpoints of another revision of the service in force once
// apply has put in force what is behind them; when apply fails nothing changes.
// What is under way ends by the old endpoints; a request that they led nowhere,
// since what is behind them was new already, is served by the new ones.
func (g *Gateway) Swap(s *specs.Service, apply func() error) error {
	if err := Secrets(s, g.opts.Secret); err != nil {
		return err
	}
	next := &table{Echo: echo.New()}
	next.HTTPErrorHandler = g.routeError
	next.GET("/.grow/health", g.health)
	next.GET("/.grow/messages/:id", g.message)
	for _, def := range s.Endpoints {
		next.Add(def.Method, pattern(def.Path), g.endpoint(s, def).serve)
		next.names = append(next.names, def.Name())
	}
	g.swapping.Lock()
	defer g.swapping.Unlock()
	if err := apply(); err != nil {
		return err
	}
	g.table.Store(next)
	return nil
}

// successor waits for a swap that is under way and returns the endpoints that
// are in force in place of those that serve c; nil when those still are.
func (g *Gateway) successor(c echo.Context) *table {
	g.swapping.RLock()
	defer g.swapping.RUnlock()
	if now := g.table.Load(); now.Echo != c.Echo() {
		return now
	}
	return nil
}

// pattern writes /orders/{id} as Echo does: /orders/:id. A colon of the path's own is one behind a \.
var pattern = strings.NewReplacer("{", ":", "}", "", ":", `\:`).Replace

// plain is a request with no more of its path escaped than has to be: /%7Eada and /~ada are
// the same (RFC 3986, section 6.2.2.2), and endpoints are written without.
func plain(r *http.Request) *http.Request {
	if r.URL.RawPath == "" {
		return r
	}
	raw := needless.ReplaceAllStringFunc(r.URL.RawPath, func(e string) string {
		c, _ := url.PathUnescape(e) // it is one, by the expression
		return c
	})
	if raw == r.URL.RawPath {
		return r
	}
	if raw == r.URL.Path {
		raw = ""
	}
	to, at := *r, *r.URL
	to.URL, at.RawPath = &at, raw
	return &to
}

// needless are the escapes of what paths of endpoints are written with: letters, digits and -.:@_~.
var needless = regexp.MustCompile("(?i)%(2[DE]|3[0-9A]|4[0-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])")

// Handler serves requests by the endpoints in force.
func (g *Gateway) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.opts.Watched {
			w = g.watched(w, r)
		}
		g.table.Load().ServeHTTP(w, plain(r))
	})
}

// Serve answers requests that come in through l until Shutdown, or until ctx
// ends, which ends requests at once. It closes l.
func (g *Gateway) Serve(ctx context.Context, l net.Listener) error {
	g.server.BaseContext = func(net.Listener) context.Context { return ctx }
	ended := context.AfterFunc(ctx, func() { _ = g.server.Close() }) // Serve returns why it ended
	defer ended()
	err := g.server.Serve(netutil.LimitListener(l, connectionsMax))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve HTTP: %w", err)
}

// Shutdown takes no more requests and waits for those under way, as long as ctx allows.
func (g *Gateway) Shutdown(ctx context.Context) error {
	g.stopping.Store(true)
	if err := g.server.Shutdown(ctx); err != nil {
		return fmt.Errorf("end requests: %w", err)
	}
	return nil
}

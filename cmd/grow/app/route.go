package app

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/gateway"
)

// routes says which service a request to a platform is for. A host name that begins
// with SERVICE.NAMESPACE., or SERVICE. in the namespace main, names it; any other is
// that of the service which is the longest on the host, so that deploying a second
// one changes nothing for those who use the first. What does not run at the moment keeps
// its names: else another service, of another namespace perhaps, did what it was asked for.
// It never changes.
type routes struct {
	named map[string]*placed // by service.namespace
	plain *placed            // nil: there is none
}

// routesOf are those to services that run, and to others that are idle: see [Platform].
func routesOf(all, idle map[documents.Service]*placed) *routes {
	r := &routes{named: map[string]*placed{}}
	list := make([]*placed, 0, len(all)+len(idle))
	for _, some := range [...]map[documents.Service]*placed{idle, all} {
		for s, h := range some {
			r.named[s.Name+"."+s.Namespace] = h
			list = append(list, h)
		}
	}
	if len(list) > 0 {
		r.plain = slices.MinFunc(list, func(a, b *placed) int {
			return cmp.Or(a.since.Compare(b.since), strings.Compare(a.id.String(), b.id.String()))
		})
	}
	return r
}

// find returns the service that a host name leads to; nil: none.
func (r *routes) find(host string) *placed {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(host)
	service, rest, dotted := strings.Cut(host, ".")
	if !dotted {
		return r.plain
	}
	namespace, _, _ := strings.Cut(rest, ".")
	if h := r.named[service+"."+namespace]; h != nil {
		return h
	}
	if h := r.named[service+"."+DefaultNamespace]; h != nil {
		return h
	}
	return r.plain
}

// route passes a request on to the service that it is for.
func (p *Platform) route(w http.ResponseWriter, r *http.Request) {
	switch h := p.routes.Load().find(r.Host); {
	case h == nil:
		http.NotFound(w, r)
	case h.Host == nil:
		gateway.Idle(w, r)
	default:
		h.Handler().ServeHTTP(w, r)
	}
}

// place makes a service one of those that run, or with nil one that is idle.
func (p *Platform) place(s documents.Service, h *placed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h != nil {
		delete(p.idle, s)
		delete(p.faults, s)
		p.all[s] = h
	} else if was := p.all[s]; was != nil {
		delete(p.all, s)
		p.idle[s] = &placed{id: s, since: was.since}
	}
	p.routes.Store(routesOf(p.all, p.idle))
}

// rest makes a service idle that does not run yet, if something of it is live.
func (p *Platform) rest(ctx context.Context, s documents.Service) error {
	if live, err := p.Deployer.HasLive(ctx, s); err != nil || !live {
		return err
	}
	since := p.sinceStart(ctx, s)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all[s] == nil {
		p.idle[s] = &placed{id: s, since: since}
		p.routes.Store(routesOf(p.all, p.idle))
	}
	return nil
}

// forget gives up the names of a service that is removed.
func (p *Platform) forget(s documents.Service) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.idle, s)
	delete(p.faults, s)
	p.routes.Store(routesOf(p.all, p.idle))
}

// urlOf is where a service is served, by a name of its own.
func (p *Platform) urlOf(s documents.Service) string {
	if p.isMounted(s) {
		return p.URL() // all names that are no other service's lead to it
	}
	u, err := url.Parse(p.URL())
	if err != nil {
		return p.URL()
	}
	host, port := u.Hostname(), u.Port()
	if ip := net.ParseIP(host); ip != nil {
		if !ip.IsLoopback() && !ip.IsUnspecified() {
			return p.URL() // names are for whoever has given the machine some
		}
		host = "localhost"
	}
	name := s.Name
	if s.Namespace != DefaultNamespace {
		name += "." + s.Namespace
	}
	u.Host = net.JoinHostPort(name+"."+host, port)
	return u.String()
}

// backendOf is what can be asked of a service; nil when it does not run.
func (p *Platform) backendOf(s documents.Service) control.Backend {
	h := p.running(s)
	if h == nil {
		return nil
	}
	return backend{h.Host}
}

package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
)

const browser = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"

// TestWatched: while the last edit is at fault every response says so; a
// browser gets problems as pages, a program as before.
func TestWatched(t *testing.T) {
	g := start(t)
	g.opts.Watched = true
	g.Fault("types/t.cue:2:1: <b> is no type\n\tnor is this…")
	for _, c := range []struct {
		method, target, body, accept string
		status                       int
		content, says                string
	}{
		{"POST", "/echo", `{"text":"<hi>"}`, browser, 201, asJSON, `{"text":"<hi>"}`},
		{"GET", "/", "", browser, 404, "text/html; charset=utf-8", "<li><code>POST /echo</code></li>"},
		{"GET", "/", "", browser, 404, "text/html; charset=utf-8", "types/t.cue:2:1: &lt;b&gt; is no type\n\tnor is this…"},
		{"POST", "/trap", `{"text":"hi"}`, browser, 500, "text/html; charset=utf-8", "<code>trap</code>"},
		{"GET", "/", "", "*/*", 404, contentProblem, `"code":"request.not_found"`},
		{"GET", "/", "", "", 404, contentProblem, `"code":"request.not_found"`},
		{"POST", "/echo", `{}`, browser, 400, contentProblem, `"code":"request.type"`},
		{"GET", "/.grow/health", "", browser, 200, "application/json", `"status":"ok"`},
	} {
		r := request(g, c.method, c.target, c.body, "accept", c.accept)
		body := text(t, r)
		if r.StatusCode != c.status || r.Header.Get("Content-Type") != c.content || !strings.Contains(body, c.says) {
			t.Errorf("%s %s for %q: %d %s\n%s", c.method, c.target, c.accept, r.StatusCode, r.Header.Get("Content-Type"), body)
		}
		if got := r.Header.Get(headerFault); got != "types/t.cue:2:1: <b> is no type nor is this..." {
			t.Errorf("%s %s: %s: %q", c.method, c.target, headerFault, got)
		}
	}
	g.Fault("")
	if r := request(g, "GET", "/", "", "accept", browser); r.Header.Get(headerFault) != "" || strings.Contains(text(t, r), "last edit") {
		t.Error("the fault is told when it is mended")
	}
	g.opts.Watched = false
	g.Fault("x")
	if r := request(g, "GET", "/", "", "accept", browser); r.Header.Get(headerFault) != "" || r.Header.Get("Content-Type") != contentProblem {
		t.Errorf("a service that nobody watches: %v", r.Header)
	}
}

func TestHeaderLine(t *testing.T) {
	for given, want := range map[string]string{
		"plain": "plain", " a\r\n\tb\x00c\x7f ": "a b c", "it’s “é”…": "it's \"?\"...", "": "",
		strings.Repeat("x", 500): strings.Repeat("x", 500), strings.Repeat("x", 501): strings.Repeat("x", 497) + "...",
		strings.Repeat("é", 1000): strings.Repeat("?", 497) + "...", "\xff": "?",
	} {
		if got := headerLine(given); got != want {
			t.Errorf("%.20q becomes %q, want %q", given, got, want)
		}
	}
}

// changing is a shard before which something happens.
type changing struct {
	Shard
	before func(r *shard.Request)
}

func (c *changing) Accept(ctx context.Context, r *shard.Request) (*shard.Flow, error) {
	c.before(r)
	return c.Shard.Accept(ctx, r)
}

// TestSwapBetween: what an old endpoint sends to is gone when the request comes
// to it; the new endpoint serves the same request, body and all.
func TestSwapBetween(t *testing.T) {
	g := start(t)
	service := g.opts.Service
	old := *service
	old.Endpoints = nil
	for _, def := range service.Endpoints {
		gone := *def
		gone.To = "gone"
		old.Endpoints = append(old.Endpoints, &gone)
	}
	nothing := func() error { return nil }
	g.opts.Shard = &changing{g.opts.Shard, func(r *shard.Request) {
		if r.To == "gone" {
			if err := g.Swap(service, nothing); err != nil {
				t.Error(err)
			}
		}
	}}
	for _, c := range []struct {
		method, target, body string
		status               int
		want                 string
	}{
		{"POST", "/echo", `{"text":"hi"}`, 201, `{"text":"hi"}`},
		{"POST", "/raw", "bytes", 200, "bytes"},
		{"GET", "/items/7", "", 200, `{"id":7}`},
	} {
		if err := g.Swap(&old, nothing); err != nil {
			t.Fatal(err)
		}
		if r := request(g, c.method, c.target, c.body); r.StatusCode != c.status {
			t.Errorf("%s %s: %d %s", c.method, c.target, r.StatusCode, text(t, r))
		} else if got := text(t, r); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.method, c.target, got, c.want)
		}
	}
	// Without a swap it stays a fault of the service.
	g.opts.Shard.(*changing).before = func(*shard.Request) {}
	if err := g.Swap(&old, nothing); err != nil {
		t.Fatal(err)
	}
	var p problem
	if err := json.Unmarshal([]byte(text(t, request(g, "POST", "/raw", "x"))), &p); err != nil || p.Status != http.StatusInternalServerError {
		t.Errorf("an endpoint that leads nowhere: %+v, %v", p, err)
	}
}

// TestSwapFails: what cannot be put in force leaves the old endpoints.
func TestSwapFails(t *testing.T) {
	g := start(t)
	broken := errors.New("broken")
	if err := g.Swap(&specs.Service{}, func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	hook := &specs.Service{Endpoints: []*specs.Endpoint{{Method: "POST", Path: "/x", Webhook: &specs.Webhook{Scheme: "github", Secret: "NONE"}}}}
	missing := (*SecretError)(nil)
	if err := g.Swap(hook, func() error { t.Error("applied"); return nil }); !errors.As(err, &missing) {
		t.Errorf("%v", err)
	}
	if r := request(g, "POST", "/raw", "x"); r.StatusCode != 200 {
		t.Errorf("afterwards: %d", r.StatusCode)
	}
}

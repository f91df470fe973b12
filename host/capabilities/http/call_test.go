package http

import (
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/capability/capabilitytest"
	"github.com/grow-platform/grow/specs"
)

// shop is an API of a test; SERVER is where it is.
const shop = `
openapi: 3.0.3
info: {title: Shop, version: "1"}
servers: [{url: SERVER}]
paths:
  /v1/items/{id}:
    get:
      operationId: getItem
      parameters: [{name: id, in: path, required: true, schema: {type: string}}, {name: slow, in: query, schema: {type: boolean}}]
      responses:
        "200": {description: ok, content: {application/json: {schema: {type: object, required: [price], properties: {price: {type: number}}}}}}
  /v1/items;all:
    delete:
      operationId: dropAll
      responses: {"204": {description: gone}}
  /v1/items:
    post:
      operationId: addItem
      requestBody: {required: true, content: {application/json: {schema: {type: object, required: [name]}}}}
      responses: {"201": {description: made}}
  /v1/watch/{id}:
    get:
      operationId: watchItem
      parameters: [{name: id, in: path, required: true, schema: {type: string}}]
      responses:
        "200":
          description: ok
          headers: {X-From: {required: true, schema: {type: string}}}
          content: {text/event-stream: {}, application/json: {schema: {type: object, required: [price], properties: {price: {type: number}}}}}
`

// documented is a host with the API's document in the service's folder.
func documented(t *testing.T, server string) capability.Environment {
	t.Helper()
	env := loopback
	env.Documents = t.TempDir()
	if err := os.WriteFile(filepath.Join(env.Documents, "shop.yaml"), []byte(strings.ReplaceAll(shop, "SERVER", server)), 0o600); err != nil {
		t.Fatal(err)
	}
	return env
}

// described opens a grant with the document.
func described(t *testing.T, server string, params map[string]any) (capability.Capability, error) {
	t.Helper()
	all := map[string]any{"openapi": "shop.yaml", "methods": []any{"GET", "POST"}, "schemes": []any{"http"}, "networks": []any{"127.0.0.0/8"}, "retries": 0}
	for name, v := range params {
		all[name] = v
	}
	c, err := kind{}.Open(t.Context(), specs.Grant{Name: "shop", Kind: "http", Params: all}, documented(t, server))
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

// shopServer answers as the document says, unless an item is called liar.
func shopServer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.Method == http.MethodPost:
		w.WriteHeader(http.StatusCreated)
	case strings.HasSuffix(r.URL.Path, "/liar"):
		_, _ = io.WriteString(w, `{"price": "dear"}`)
	default:
		_, _ = io.WriteString(w, `{"price": 2.5, "token": "`+r.Header.Get("X-Token")+`"}`)
	}
}

// TestCall: operations are asked for by name; what does not fit the document is invalid,
// and says where, be it asked or answered.
func TestCall(t *testing.T) {
	s := serve(t, shopServer)
	c, err := described(t, s.URL, map[string]any{"headers": map[string]any{"X-Token": "${TOKEN}"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []struct{ operation, data, code, says string }{
		{"get_item", `{"params": {"id": "pen"}}`, "", `{"price": 2.5, "token": "[secret]"}`},
		{"getItem", `{"params": {"id": "pen"}}`, "", "2.5"},
		{"add_item", `{"body": {"name": "pen"}}`, "", ""},
		{"get_item", `{}`, capability.Invalid, "getItem: params.id: is needed"},
		{"add_item", `{"body": {}}`, capability.Invalid, `addItem: body/name: property "name" is missing`},
		{"get_item", `{"params": {"id": "liar"}}`, capability.Invalid, "getItem: answer/price: value must be a number (status 200)"},
		{"get_item", `{"params": {"id": "../v2"}}`, capability.Invalid, "is a part of a path"},
		{"drop_item", `{}`, capability.Denied, "no operation"},
		{"", `{}`, capability.Denied, "no operation"},
	} {
		a := ask(t.Context(), c, d.data, "operation", d.operation)
		if a.Code != d.code || !strings.Contains(a.Text+string(a.Data), d.says) {
			t.Errorf("%s %s: %+v", d.operation, d.data, a)
		}
	}
	if a := ask(t.Context(), c, `{"body": {"name": "pen"}}`, "operation", "add_item", "blob", "k"); a.Code != capability.Invalid || !strings.Contains(a.Text, "cannot be an object") {
		t.Errorf("an object for a body: %+v", a)
	}
	if _, ok := c.Operations()[Fetch]; ok {
		t.Error("a grant with a document serves any request")
	}
}

// TestDescribed: a document has to agree with its grant.
func TestDescribed(t *testing.T) {
	for _, c := range []struct {
		params map[string]any
		says   string // "": fine
	}{
		{nil, ""},
		{map[string]any{"hosts": []any{"api.example.com"}}, ""},
		{map[string]any{"hosts": []any{"other.example.com"}}, "does not allow the host api.example.com"},
		{map[string]any{"hosts": []any{"other.example.com"}, "server": "http://other.example.com/api"}, ""},
		{map[string]any{"server": "api.example.com"}, "is not the URL of a server"},
		{map[string]any{"schemes": []any{"https"}}, "does not allow http"},
		{map[string]any{"operations": []any{"getItem", "add_item"}}, ""},
		{map[string]any{"operations": []any{"dropItem"}}, "no operation \"dropItem\""},
		{map[string]any{"operations": []any{"addItem"}, "methods": []any{"GET"}}, "addItem is POST /v1/items: the grant does not allow POST"},
		{map[string]any{"operations": []any{"dropAll"}, "methods": []any{"DELETE"}, "paths": []any{"/v1"}, "server": "http://api.example.com/v1"},
			"dropAll is DELETE /v1/items;all: a path with ; in it may mean another one"},
		{map[string]any{"openapi": "none.yaml"}, "there is no file none.yaml"},
		{map[string]any{"openapi": "../shop.yaml"}, "is not a path below"},
		{map[string]any{"methods": []any{"PUT"}}, "no operation by PUT"},
	} {
		_, err := described(t, "http://api.example.com", c.params)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want %q", c.params, err, c.says)
		}
	}
	for _, params := range []map[string]any{{"hosts": []any{"a.example"}, "server": "https://a.example"}, {"hosts": []any{"a.example"}, "operations": []any{"a"}}} {
		if err := capability.CheckGrant(specs.Grant{Kind: "http", Params: params}); err == nil || !strings.Contains(err.Error(), "openapi") {
			t.Errorf("%v: %v", params, err)
		}
	}
}

// TestPrint: another document is another revision of the actor.
func TestPrint(t *testing.T) {
	params := map[string]any{"openapi": "shop.yaml"}
	grant := specs.Grant{Kind: "http", Params: params}
	one, other := documented(t, "http://a.example"), documented(t, "http://b.example")
	if a, b := capability.Print(grant, one.Documents), capability.Print(grant, other.Documents); a == "" || a == b {
		t.Errorf("%q, %q", a, b)
	}
	if err := capability.CheckGrantIn(specs.Grant{Kind: "http", Params: map[string]any{"openapi": "none.yaml"}}, one.Documents); err == nil {
		t.Error("a document that is not there is not missed")
	}
}

// TestForbiddenServers: a server of a document is reached as little as any other address
// that is not public: as it is written, by a redirect, or by what its name turns out to be.
func TestForbiddenServers(t *testing.T) {
	port, came := traps(t)
	liar := resolverOf(t, func(string) []netip.Addr { return []netip.Addr{netip.MustParseAddr("127.0.0.1")} })
	tried := 0
	for _, h := range append([]string{"rebind.example"}, forbiddenHosts...) {
		server := "http://" + h + ":" + port
		c, err := described(t, server, map[string]any{"networks": []any{}})
		if err != nil {
			continue // it is refused when the service starts
		}
		tried++
		c.(*client).transport = transport(c.(*client).grant, liar)
		if a := ask(t.Context(), c, `{"params": {"id": "x"}}`, "operation", "get_item"); a.Code == "" {
			t.Errorf("%s: %+v", h, a)
		}
		redirects := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, server, http.StatusFound) })
		first, err := described(t, redirects.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a := ask(t.Context(), first, `{"params": {"id": "x"}}`, "operation", "get_item"); a.Code != capability.Denied {
			t.Errorf("redirected to %s: %+v", h, a)
		}
	}
	if n := came.Load(); n > 0 || tried < 60 {
		t.Errorf("%d connections came through; %d were tried", n, tried)
	}
}

// TestCallSuite: operations of a document are a capability like others.
func TestCallSuite(t *testing.T) {
	capabilitytest.Run(t, func(t *testing.T) capabilitytest.Subject {
		var done sync.Map
		var count atomic.Int32
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Query().Has("slow"):
				<-r.Context().Done()
			case strings.HasSuffix(r.URL.Path, "/large"):
				_, _ = io.WriteString(w, strings.Repeat("x", 2000))
			case r.Method == http.MethodPost:
				if _, again := done.LoadOrStore(r.Header.Get("Idempotency-Key"), true); !again {
					count.Add(1)
				}
			}
			shopServer(w, r)
		})
		env := documented(t, s.URL)
		call := func(name, data string) capabilitytest.Request {
			return capabilitytest.Request{Operation: Call, Attrs: []string{"operation", name}, Data: []byte(data)}
		}
		away := env
		subject := capabilitytest.Subject{
			Kind: "http", Environment: env,
			Params: map[string]any{
				"openapi": "shop.yaml", "schemes": []any{"http"}, "networks": []any{"127.0.0.0/8"}, "methods": []any{"GET", "POST"},
				"answer": 1000, "retries": 0, "headers": map[string]any{"X-Token": "${TOKEN}"},
			},
			Read: call("get_item", `{"params": {"id": "a"}}`), Change: call("add_item", `{"body": {"name": "a"}}`),
			Count:  func() int { return int(count.Load()) },
			Denied: call("drop_item", `{}`), Large: call("get_item", `{"params": {"id": "large"}}`),
			Slow: call("get_item", `{"params": {"id": "a", "slow": true}}`), Secrets: []string{"secret-of-TOKEN"},
		}
		if strings.HasSuffix(t.Name(), "/away") {
			s.Close()
			subject.Away = &away
		}
		return subject
	})
}

// TestCallAccept: what a grant says that answers are to be is said in place of the document's.
func TestCallAccept(t *testing.T) {
	said := make(chan string, 1)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		said <- r.Header.Get("Accept")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"price": 1}`)
	})
	for _, d := range []struct {
		headers map[string]any
		accept  string
	}{{map[string]any{}, "application/json"}, {map[string]any{"accept": "application/vnd.shop+json"}, "application/vnd.shop+json"}} {
		c, err := described(t, s.URL, map[string]any{"headers": d.headers})
		if err != nil {
			t.Fatal(err)
		}
		a := ask(t.Context(), c, `{"params": {"id": "pen"}}`, "operation", "getItem")
		if got := <-said; a.Code != "" || got != d.accept {
			t.Errorf("%+v; %q was asked for, want %q", a, got, d.accept)
		}
	}
}

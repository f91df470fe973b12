package http

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
	"go.yaml.in/yaml/v3"
)

// sidecar speaks the part of Dapr's HTTP API (version 1.0) that docs/connectors.md shows, as daprd
// 1.14.0 does: state, bindings and invocation.
type sidecar struct {
	mu      sync.Mutex
	state   map[string]json.RawMessage
	invoked []string // by Idempotency-Key
}

func (s *sidecar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Header.Get("dapr-api-token") != "hidden-token" {
		http.Error(w, "invalid api token", http.StatusUnauthorized)
		return
	}
	group, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1.0/"), "/")
	name, rest, one := strings.Cut(rest, "/")
	switch {
	case group == "state" && name != "orders":
		fails(w, http.StatusBadRequest, "ERR_STATE_STORE_NOT_FOUND", "state store "+name+" is not found")
	case group == "state":
		s.serveState(w, r, rest, one)
	case group == "bindings" && r.Method == http.MethodPost:
		bind(w, r, name)
	default:
		s.invoke(w, r)
	}
}

// fails answers as Dapr tells of errors.
func fails(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"errorCode": code, "message": message}) // whoever asked may be gone
}

// serveState serves a store, or one key of it.
func (s *sidecar) serveState(w http.ResponseWriter, r *http.Request, key string, one bool) {
	switch {
	case one && r.Method == http.MethodGet && s.state[key] != nil:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Etag", "88c38d12-8d44-4bd6-86f7-82199094fe18")
		_, _ = w.Write(s.state[key])
		return
	case one && r.Method == http.MethodDelete:
		delete(s.state, key)
	case !one && r.Method == http.MethodPost:
		var list []struct {
			Key   string
			Value json.RawMessage
		}
		if err := json.NewDecoder(r.Body).Decode(&list); err != nil {
			fails(w, http.StatusBadRequest, "ERR_MALFORMED_REQUEST", err.Error())
			return
		}
		for _, e := range list {
			s.state[e.Key] = e.Value
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// bind serves the binding mail.
func bind(w http.ResponseWriter, r *http.Request, name string) {
	var asked struct{ Operation string }
	switch err := json.NewDecoder(r.Body).Decode(&asked); {
	case err != nil:
		fails(w, http.StatusBadRequest, "ERR_MALFORMED_REQUEST", err.Error())
	case name != "mail" || asked.Operation != "create":
		fails(w, http.StatusInternalServerError, "ERR_INVOKE_OUTPUT_BINDING", "error invoking output binding "+name+": binding "+name+" does not support operation "+asked.Operation)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// invoke asks an application, which a header may name in place of the path.
func (s *sidecar) invoke(w http.ResponseWriter, r *http.Request) {
	app, method, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1.0/invoke/"), "/method/")
	if name := r.Header.Get("dapr-app-id"); name != "" {
		app, method = name, r.URL.Path
	} else if user, password, ok := r.BasicAuth(); ok && user == "dapr-app-id" {
		app, method = password, r.URL.Path
	}
	switch {
	case method == "":
		fails(w, http.StatusNotFound, "ERR_DIRECT_INVOKE", "failed getting app id either from the URL path or the header dapr-app-id")
	case app != "stock":
		fails(w, http.StatusInternalServerError, "ERR_DIRECT_INVOKE", "failed to invoke, id: "+app+", err: no host found with the given ID")
	default:
		s.invoked = append(s.invoked, r.Header.Get("Idempotency-Key"))
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"reserved":true}`))
	}
}

// TestDapr: the grant of docs/connectors.md reaches a sidecar, and of it only what it names.
func TestDapr(t *testing.T) {
	s := &sidecar{state: map[string]json.RawMessage{}}
	server := httptest.NewServer(s)
	defer server.Close()
	text, err := os.ReadFile("../../../docs/connectors.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?ms)^```yaml dapr\n(.*?)^```$").FindSubmatch(text)
	if block == nil {
		t.Fatal("the document has no grant of Dapr")
	}
	var definition struct{ Uses struct{ Dapr map[string]any } }
	grant := strings.ReplaceAll(string(block[1]), "127.0.0.1:3500", strings.TrimPrefix(server.URL, "http://"))
	if err := yaml.Unmarshal([]byte(grant), &definition); err != nil {
		t.Fatal(err)
	}
	delete(definition.Uses.Dapr, "kind")
	c, err := kind{}.Open(t.Context(), specs.Grant{Name: "dapr", Params: definition.Uses.Dapr}, capability.Environment{
		Namespace: "main", Service: "shop", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Secret: func(name string) (string, bool) { return "hidden-token", name == "DAPR_API_TOKEN" },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, step := range []struct{ method, path, data, want string }{ // a path may have a header behind it
		{"GET", "/v1.0/state/orders/o-1", "", "204 "},
		{"POST", "/v1.0/state/orders", `[{"key": "o-1", "value": {"total":20}}]`, "204 "},
		{"GET", "/v1.0/state/orders/o-1", "", `200 {"total":20}`},
		{"DELETE", "/v1.0/state/orders/o-1", "", "204 "},
		{"POST", "/v1.0/state/orders", `{"key": "o-1"}`, `400 {"errorCode":"ERR_MALFORMED_REQUEST","message":"json: cannot unmarshal object`},
		{"POST", "/v1.0/bindings/mail", `{"operation": "create", "data": "an order"}`, "204 "},
		{"POST", "/v1.0/bindings/mail", `{"operation": "read"}`, `500 {"errorCode":"ERR_INVOKE_OUTPUT_BINDING","message":"error invoking output binding mail: `},
		{"POST", "/v1.0/invoke/stock/method/reserve", `{"item": "pen"}`, `200 {"reserved":true}`},
		{"GET", "/v1.0/secrets/vault/key", "", "denied"},
		{"POST", "/v1.0/state/others", "[]", "denied"},
		{"POST", "/v1.0/invoke/billing/method/pay", "{}", "denied"},
		{"POST", "/v1.0/shutdown", "", "denied"},
		{"POST", "/v1.0/invoke/stock/method/pay dapr-app-id billing", "{}", "denied"},
		{"POST", "/v1.0/invoke/stock/method/pay authorization Basic ZGFwci1hcHAtaWQ6YmlsbGluZw==", "{}", "denied"},
	} {
		path, header, _ := strings.Cut(step.path, " ")
		attrs := map[string]string{"method": step.method, "path": path}
		if name, value, ok := strings.Cut(header, " "); ok {
			attrs["header."+name] = value
		}
		a := c.Do(t.Context(), &capability.Request{Operation: "http.fetch", Data: []byte(step.data), Stable: "m1/1", Each: maps.All(attrs), Attr: func(name string) (string, bool) {
			v, ok := attrs[name]
			return v, ok
		}})
		got := a.Code
		if got == "" {
			got = a.Attrs[1] + " " + string(a.Data)
		}
		if !strings.HasPrefix(got, step.want) {
			t.Errorf("%s %s: %s %s, want %s", step.method, step.path, got, a.Text, step.want)
		}
	}
	if len(s.invoked) != 1 || !strings.HasSuffix(s.invoked[0], "m1/1") {
		t.Errorf("invoked by %q", s.invoked)
	}
}

package http

import (
	"encoding/json"
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

// sidecar speaks the part of Dapr's HTTP API (version 1.0) that docs/connectors.md shows: state,
// bindings and invocation.
type sidecar struct {
	mu      sync.Mutex
	state   map[string]json.RawMessage
	invoked []string // by Idempotency-Key
}

func (s *sidecar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, one := strings.CutPrefix(r.URL.Path, "/v1.0/state/orders/")
	switch {
	case r.Header.Get("dapr-api-token") != "hidden-token":
		w.WriteHeader(http.StatusUnauthorized)
	case r.Method == http.MethodGet && one:
		if s.state[key] == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_, _ = w.Write(s.state[key])
	case r.Method == http.MethodDelete && one:
		delete(s.state, key)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPost && r.URL.Path == "/v1.0/state/orders":
		var list []struct {
			Key   string
			Value json.RawMessage
		}
		if json.NewDecoder(r.Body).Decode(&list) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, e := range list {
			s.state[e.Key] = e.Value
		}
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPost && r.URL.Path == "/v1.0/bindings/mail":
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPost && r.URL.Path == "/v1.0/invoke/stock/method/reserve":
		s.invoked = append(s.invoked, r.Header.Get("Idempotency-Key"))
		_, _ = w.Write([]byte(`{"reserved":true}`))
	default:
		w.WriteHeader(http.StatusNotFound)
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
	for _, step := range []struct{ method, path, data, want string }{
		{"GET", "/v1.0/state/orders/o-1", "", "204 "},
		{"POST", "/v1.0/state/orders", `[{"key": "o-1", "value": {"total":20}}]`, "204 "},
		{"GET", "/v1.0/state/orders/o-1", "", `200 {"total":20}`},
		{"DELETE", "/v1.0/state/orders/o-1", "", "204 "},
		{"POST", "/v1.0/bindings/mail", `{"operation": "create", "data": "an order"}`, "204 "},
		{"POST", "/v1.0/invoke/stock/method/reserve", `{"item": "pen"}`, `200 {"reserved":true}`},
		{"GET", "/v1.0/secrets/vault/key", "", "denied"},
		{"POST", "/v1.0/state/others", "[]", "denied"},
		{"POST", "/v1.0/invoke/billing/method/pay", "{}", "denied"},
		{"POST", "/v1.0/shutdown", "", "denied"},
	} {
		attrs := map[string]string{"method": step.method, "path": step.path}
		a := c.Do(t.Context(), &capability.Request{Operation: "http.fetch", Data: []byte(step.data), Stable: "m1/1", Attr: func(name string) (string, bool) {
			v, ok := attrs[name]
			return v, ok
		}})
		got := a.Code
		if got == "" {
			got = a.Attrs[1] + " " + string(a.Data)
		}
		if got != step.want {
			t.Errorf("%s %s: %s %s, want %s", step.method, step.path, got, a.Text, step.want)
		}
	}
	if len(s.invoked) != 1 || !strings.HasSuffix(s.invoked[0], "m1/1") {
		t.Errorf("invoked by %q", s.invoked)
	}
}

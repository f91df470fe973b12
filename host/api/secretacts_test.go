package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/audit"
)

// TestSecretActs: who did what with secrets is kept, also what failed, and told to who may deploy
// in the namespace; no value is in it.
func TestSecretActs(t *testing.T) {
	h := newHost(t)
	const at = "/v1/namespaces/main/secrets"
	do := func(token, method, path string, in any, want int) {
		t.Helper()
		if status, text := h.ask(token, method, path, in, nil); status != want {
			t.Errorf("%s %s: status %d, want %d: %s", method, path, status, want, text)
		}
	}
	do(h.pipeline, http.MethodPut, at+"/TOKEN?service=shop", SecretValue{[]byte("canary-value")}, http.StatusOK)
	do(h.pipeline, http.MethodGet, at, nil, http.StatusOK)
	do(h.pipeline, http.MethodGet, at, nil, http.StatusOK)                             // which is kept once
	do(h.admin, http.MethodDelete, at+"/OTHER?service=shop", nil, http.StatusNotFound) // nothing was done
	do(h.admin, http.MethodPut, at+"/GROW_OTHER?service=shop", SecretValue{[]byte("canary-value")}, http.StatusBadRequest)
	do(h.admin, http.MethodDelete, at+"/TOKEN?service=shop&forget=true", nil, http.StatusNoContent)
	do(h.admin, http.MethodPost, "/v1/rekey", nil, http.StatusOK)
	var list []audit.Entry
	if status, text := h.ask(h.pipeline, http.MethodGet, "/v1/namespaces/main/secretacts", nil, &list); status != http.StatusOK {
		t.Fatalf("status %d: %s", status, text)
	}
	var told []string
	for _, e := range list {
		told = append(told, fmt.Sprintf("%s %s %s %t", e.Act, e.Name, e.By, e.Failed))
	}
	want := "rekey  admin of * false, forget TOKEN admin of * false, set GROW_OTHER admin of * true, set GROW_OTHER admin of * false, list  deploy of main false, set TOKEN deploy of main false"
	if got := strings.Join(told, ", "); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if b, err := json.Marshal(list); err != nil || strings.Contains(string(b), "canary") {
		t.Errorf("%s, %v", b, err)
	}
	do(h.reader, http.MethodGet, "/v1/namespaces/main/secretacts", nil, http.StatusForbidden)
	do(h.elsewhere, http.MethodGet, "/v1/namespaces/main/secretacts", nil, http.StatusNotFound)
}

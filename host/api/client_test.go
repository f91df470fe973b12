package api

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
)

// TestDeployCut: who deploys to a host that dies meanwhile is told where to see what came of it.
func TestDeployCut(t *testing.T) {
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"check": {"name": "vet", "outcome": "passed"}}`+"\n")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}))
	defer h.Close()
	client, err := NewClient(ClientOptions{URL: h.URL, Token: "growt_x"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	seen := 0
	_, err = client.At("main", "shop").Deploy(t.Context(), Request{}, func(deploy.Check, bool) { seen++ })
	var told *control.Error
	if !errors.As(err, &told) || told.Code != control.CodeUnreachable || told.Next != "look: grow history" || seen != 1 {
		t.Errorf("%#v after %d checks", err, seen)
	}
}

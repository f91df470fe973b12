package http

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/capability/capabilitytest"
)

// TestSuite: http is a capability like others. The server counts effects by
// Idempotency-Key, as it is meant to.
func TestSuite(t *testing.T) {
	capabilitytest.Run(t, func(t *testing.T) capabilitytest.Subject {
		var mu sync.Mutex
		done := map[string]bool{}
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/slow":
				_, _ = io.Copy(io.Discard, r.Body)
				<-r.Context().Done()
			case r.URL.Path == "/large":
				_, _ = w.Write(bytes.Repeat([]byte("x"), 2000))
			case r.Method == http.MethodPost:
				mu.Lock()
				done[r.Header.Get("Idempotency-Key")] = true
				mu.Unlock()
			}
			_, _ = io.WriteString(w, r.Header.Get("X-Token"))
		})
		fetch := func(method, path string) capabilitytest.Request {
			return capabilitytest.Request{Operation: "http.fetch", Attrs: []string{"method", method, "path", path}}
		}
		env := loopback
		env.Secret = func(name string) (string, bool) { return "canary-of-the-token", name == "TOKEN" }
		away := capability.Environment{Secret: env.Secret, Networks: env.Networks}
		subject := capabilitytest.Subject{
			Kind: "http", Environment: env,
			Params: map[string]any{
				"hosts": []any{strings.TrimPrefix(s.URL, "http://")}, "schemes": []any{"http"}, "networks": []any{"127.0.0.0/8"}, "methods": []any{"GET", "POST"},
				"paths": []any{"/v1", "/slow", "/large"}, "answer": 1000, "retries": 0, "headers": map[string]any{"X-Token": "${TOKEN}"},
			},
			Read: fetch("GET", "/v1/a"), Change: fetch("POST", "/v1/a"),
			Count: func() int {
				mu.Lock()
				defer mu.Unlock()
				return len(done)
			},
			Denied: fetch("GET", "/v2"), Large: fetch("GET", "/large"), Slow: fetch("GET", "/slow"), Secrets: []string{"canary-of-the-token"},
		}
		if strings.HasSuffix(t.Name(), "/away") {
			s.Close()
			subject.Away = &away
		}
		return subject
	})
}

package control

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestUnreached: who cannot reach a host over TLS is told what is missing.
func TestUnreached(t *testing.T) {
	refuses := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusTeapot) })
	plain, secure := httptest.NewServer(refuses), httptest.NewTLSServer(refuses)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	defer plain.Close()
	defer secure.Close()
	port := func(s *httptest.Server) string { return s.URL[strings.LastIndexByte(s.URL, ':'):] }
	for _, c := range []struct {
		what, base string
		client     *http.Client
		next       string
	}{
		{"signed by nobody known", secure.URL, http.DefaultClient, "--host-ca"},
		{"another name", "https://localhost" + port(secure), secure.Client(), "as its certificate does"},
		{"no certificate", "https://127.0.0.1" + port(plain), secure.Client(), "by http://"},
		{"a certificate", "http://127.0.0.1" + port(secure), http.DefaultClient, "by https://"},
		{"something else", plain.URL, http.DefaultClient, ""},
	} {
		_, err := Conn{HTTP: c.client, Base: c.base}.Do(t.Context(), http.MethodGet, "/v1/services", nil)
		var told *Error
		if !errors.As(err, &told) || told.Code != CodeUnreachable || !strings.Contains(told.Next, c.next) || c.next == "" && told.Next != "" {
			t.Errorf("%s: %v, next %+v", c.what, err, told)
		}
	}
}

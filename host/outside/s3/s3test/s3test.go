// Package s3test serves S3 for tests, by an implementation that is not grow's.
package s3test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// Hidden is what no error may have: the secret of [Address], and what the server says of it.
const Hidden = "hidden"

// Handler is a server of S3 in memory that has the bucket grow, empty, and lets the key who
// in, whatever the secret. before, when it is not nil, may answer in its place: then it
// returns true.
func Handler(t testing.TB, before func(w http.ResponseWriter, r *http.Request) bool) http.Handler {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("grow"); err != nil {
		t.Fatal(err)
	}
	real := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), "Credential=who/") {
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprintf(w, "<Error><Code>InvalidAccessKeyId</Code><Message>no %s of %s</Message></Error>", Hidden, r.Host)
			return
		}
		if before == nil || !before(w, r) {
			real.ServeHTTP(w, r)
		}
	})
}

// Address is that of a server's bucket, without TLS, as a secret has it.
func Address(host string) string { return "s3+http://who:" + Hidden + "@" + host + "/grow/eu" }

// Serve starts a server that ends with the test, and returns its address.
func Serve(t testing.TB, before func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	server := httptest.NewServer(Handler(t, before))
	t.Cleanup(server.Close)
	return Address(server.Listener.Addr().String())
}

// Package s3test serves S3 for tests, by an implementation that is not grow's.
package s3test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
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
	completed := &conditional{}
	real := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), "Credential=who/") {
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprintf(w, "<Error><Code>InvalidAccessKeyId</Code><Message>no %s of %s</Message></Error>", Hidden, r.Host)
			return
		}
		if before == nil || !before(w, r) {
			completed.serve(real, w, r)
		}
	})
}

// conditional holds the end of an upload in pieces to its conditions, as the implementation holds
// those of a PUT. Nothing else is written meanwhile.
type conditional struct{ writing sync.RWMutex }

func (c *conditional) serve(real http.Handler, w http.ResponseWriter, r *http.Request) {
	match, none := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead: // what is written may come from what is read
		real.ServeHTTP(w, r)
		return
	case r.Method != http.MethodPost || !r.URL.Query().Has("uploadId") || match == "" && none == "":
		c.writing.RLock()
		defer c.writing.RUnlock()
		real.ServeHTTP(w, r)
		return
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	look := r.Clone(r.Context())
	look.Method, look.URL.RawQuery, look.Body, look.Header = http.MethodHead, "", http.NoBody, http.Header{}
	found := httptest.NewRecorder()
	real.ServeHTTP(found, look)
	there := found.Code == http.StatusOK
	if none != "" && there || match != "" && (!there || strings.Trim(found.Header().Get("ETag"), `"`) != strings.Trim(match, `"`)) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusPreconditionFailed)
		_, _ = fmt.Fprint(w, "<Error><Code>PreconditionFailed</Code><Message>it is another one</Message></Error>")
		return
	}
	real.ServeHTTP(w, r)
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

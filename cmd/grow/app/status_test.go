package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/testdata/wat"
)

// asking is a host with a service, and a request for that one's status.
func asking(t testing.TB) (p *platform, request *http.Request) {
	t.Helper()
	p = newPlatform(t)
	if n, err := p.Deployer.Deploy(t.Context(), p.request(echoFiles("One.", ""), wat.Module("echo"))); err != nil {
		t.Fatalf("%v\n%+v", err, n.Checks)
	}
	text, err := p.FirstToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	request = httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/v1/namespaces/main/services/echoes/status", nil)
	request.Header.Set("Authorization", "Bearer "+text)
	return p, request
}

// nowhere is a response that nobody reads.
type nowhere struct {
	header http.Header
	status int
}

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) WriteHeader(status int)      { n.status = status }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkStatus is what it costs the host to tell a service's status.
func BenchmarkStatus(b *testing.B) {
	p, request := asking(b)
	handler := p.Platform.control.server.Handler
	b.Run("handled", func(b *testing.B) {
		b.ReportAllocs()
		w := &nowhere{header: http.Header{}}
		for b.Loop() {
			clear(w.header)
			w.status = 0
			handler.ServeHTTP(w, request)
		}
		if w.status != 0 && w.status != http.StatusOK {
			b.Fatal(w.status)
		}
	})
	b.Run("served", func(b *testing.B) {
		b.ReportAllocs()
		c, err := net.Dial("tcp", strings.TrimPrefix(p.ControlURL(), "http://"))
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		text := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: h\r\nAuthorization: %s\r\nAccept-Encoding: gzip\r\nUser-Agent: Go-http-client/1.1\r\n\r\n", request.URL, request.Header.Get("Authorization"))
		r := bufio.NewReader(c)
		for b.Loop() {
			if _, err := c.Write([]byte(text)); err != nil {
				b.Fatal(err)
			}
			a, err := http.ReadResponse(r, nil)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := r.Discard(int(a.ContentLength)); err != nil || a.StatusCode != http.StatusOK {
				b.Fatal(a.Status, err)
			}
		}
	})
}

// TestStatusTold: a status is of the moment that it is asked for.
func TestStatusTold(t *testing.T) {
	p, request := asking(t)
	for handled := range uint64(3) {
		w := httptest.NewRecorder()
		p.Platform.control.server.Handler.ServeHTTP(w, request)
		var s control.Status
		if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || s.Service != "echoes" || len(s.Nodes) != 1 || s.Nodes[0].Handled != handled || s.Time.IsZero() {
			t.Fatalf("%d: %s, %v", w.Code, w.Body, err)
		}
		if status, body := p.post(); status != http.StatusOK {
			t.Fatal(status, body)
		}
	}
}

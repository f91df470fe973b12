package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// TestStatusBytes: a journal's folder is not looked at for each who asks, and is again soon.
func TestStatusBytes(t *testing.T) {
	dir := t.TempDir()
	began := time.Now()
	var l lastLook
	for i, step := range []struct {
		after time.Duration
		want  int64
	}{{0, 1}, {1, 1}, {bytesFresh - 1, 1}, {bytesFresh, 4}, {2*bytesFresh - 1, 4}, {2 * bytesFresh, 6}, {0, 7}} { // in the end a clock was put back
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := l.bytes(dir, began.Add(step.after)); got != step.want {
			t.Errorf("%d bytes after %v, want %d", got, step.after, step.want)
		}
	}
	h := serve(t, "")
	h.looked.mu.Lock()
	h.looked.size, h.looked.sized = -1, time.Now().Add(time.Hour) // of another clock
	h.looked.mu.Unlock()
	if j := (backend{h}).journal(t.Context()); j.Bytes <= 0 {
		t.Errorf("the journal has %d bytes", j.Bytes)
	}
}

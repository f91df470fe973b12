package http

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// loopback is a host that lets grants reach servers of a test.
var loopback = capability.Environment{
	Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
	Secret:   func(name string) (string, bool) { return "secret-of-" + name, name == "TOKEN" },
}

// open opens a grant to a server of a test.
func open(t *testing.T, s *httptest.Server, params map[string]any) *client {
	t.Helper()
	all := map[string]any{"hosts": []any{strings.TrimPrefix(s.URL, "http://")}, "schemes": []any{"http"}, "networks": []any{"127.0.0.0/8"}}
	for name, v := range params {
		all[name] = v
	}
	c, err := kind{}.Open(t.Context(), specs.Grant{Name: "g", Kind: "http", Params: all}, loopback)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c.(*client)
}

// serve starts a server that ends with the test.
func serve(t *testing.T, f http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s
}

// ask makes a request with attributes, name and value by turns.
func ask(ctx context.Context, c capability.Capability, body string, attrs ...string) capability.Answer {
	get := func(name string) (string, bool) {
		for i := 0; i < len(attrs); i += 2 {
			if attrs[i] == name {
				return attrs[i+1], true
			}
		}
		return "", false
	}
	return c.Do(ctx, &capability.Request{Operation: Fetch, Data: []byte(body), Stable: "m1/7", Attr: get, Each: func(yield func(string, string) bool) {
		for i := 0; i < len(attrs) && yield(attrs[i], attrs[i+1]); i += 2 {
		}
	}})
}

func attr(a capability.Answer, name string) string {
	for i := 0; i+1 < len(a.Attrs); i += 2 {
		if a.Attrs[i] == name {
			return a.Attrs[i+1]
		}
	}
	return ""
}

func TestCheck(t *testing.T) {
	hosts := func(list ...any) map[string]any { return map[string]any{"hosts": list} }
	with := func(name string, v any) map[string]any {
		return map[string]any{"hosts": []any{"a.example"}, name: v}
	}
	for _, c := range []struct {
		params map[string]any
		says   string // "": fine
	}{
		{hosts("api.example.com", "*.example.org", "a.example:8443", "[2001:db8::1]:80"), ""},
		{map[string]any{}, "hosts"},
		{hosts(), "hosts"},
		{hosts("*"), "is not the name of a host"},
		{hosts("https://a.example"), "is not the name of a host"},
		{hosts("a.example:0"), "no port"},
		{with("methods", []any{"GET", "POST"}), ""},
		{with("methods", []any{}), "methods"},
		{with("methods", []any{"get"}), "methods"},
		{with("paths", []any{"v1"}), "paths"},
		{with("schemes", []any{"ftp"}), "schemes"},
		{with("networks", []any{"10.0.0.0"}), "networks"},
		{with("networks", []any{"10.0.0.0/8"}), ""},
		{with("headers", map[string]any{"Host": "x"}), "host's to set"},
		{with("headers", map[string]any{"X-Key": "${A} and ${shop-token.2}"}), ""},
		{with("headers", map[string]any{"X-Key": "costs $5"}), ""},
		{with("headers", map[string]any{"X-Key": "Bearer ${MY KEY}"}), `headers: X-Key: "${MY KEY}" names no secret`},
		{with("headers", map[string]any{"X-Key": "${A} ${B"}), `headers: X-Key: "${B" names no secret`},
		{with("headers", map[string]any{"X-Key": "${GROW_NATS_ERP}"}), "headers: X-Key: secret GROW_NATS_ERP is the host's own"},
		{with("retries", 99), "retries"},
		{with("ports", 1), "ports"},
	} {
		err := capability.CheckGrant(specs.Grant{Kind: "http", Params: c.params})
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want %q", c.params, err, c.says)
		}
	}
}

func TestOpen(t *testing.T) {
	for _, c := range []struct {
		params map[string]any
		env    capability.Environment
		says   string
	}{
		{map[string]any{"hosts": []any{"a.example"}, "networks": []any{"127.0.0.0/8"}}, capability.Environment{}, "--allow-network 127.0.0.0/8"},
		{map[string]any{"hosts": []any{"a.example"}, "networks": []any{"0.0.0.0/0"}}, loopback, "--allow-network"},
		{map[string]any{"hosts": []any{"a.example"}, "headers": map[string]any{"Authorization": "Bearer ${OTHER}"}}, loopback, "secret OTHER is not set"},
		{map[string]any{"hosts": []any{"a.example"}, "headers": map[string]any{"Authorization": "Bearer ${shop-token}"}}, loopback, "secret shop-token is not set"},
	} {
		if _, err := (kind{}).Open(t.Context(), specs.Grant{Kind: "http", Params: c.params}, c.env); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want %q", c.params, err, c.says)
		}
	}
}

func TestFetch(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("X-Said", r.Header.Get("X-Say"))
		w.Header().Set("X-Idempotency", r.Header.Get("Idempotency-Key"))
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, b)
	})
	c := open(t, s, map[string]any{"methods": []any{"GET", "POST"}})
	a := ask(t.Context(), c, "body", "method", "POST", "path", "/a?b=1", "header.x-say", "hello")
	if a.Code != "" || string(a.Data) != "POST /a?b=1 body" || attr(a, "status") != "418" || attr(a, "header.x-said") != "hello" || attr(a, "header.x-idempotency") != "m1/7" {
		t.Errorf("%+v %s", a, a.Data)
	}
	if a := ask(t.Context(), c, "", "url", s.URL+"/x"); string(a.Data) != "GET /x " || attr(a, "header.x-idempotency") != "" {
		t.Errorf("%+v %s", a, a.Data)
	}
}

// TestDenied: what a grant does not name is refused before anything is sent.
func TestDenied(t *testing.T) {
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s was sent", r.Method, r.RequestURI) })
	c := open(t, s, map[string]any{"paths": []any{"/v1", "/docs/"}, "headers": map[string]any{"X-Fixed": "1"}})
	for _, attrs := range [][]string{
		{"path", "/v1/x", "method", "POST"},
		{"path", "/v10"},
		{"path", "/docs"},
		{"path", "/v1/../v2"},
		{"path", "/v1/%2e%2e/v2"},
		{"path", "/v1%2f..%2fv2"},
		{"path", "/v1/..%5cv2"},
		{"path", "/v1/%252e%252e%252fv2"},
		{"path", "/v1//..//v2"},
		{"path", "/v1;/../v2"},
		{"path", "/"},
		{"path", "v1"},
		{},
		{"path", "/v1", "url", s.URL + "/v1"},
		{"url", "https" + strings.TrimPrefix(s.URL, "http") + "/v1"},
		{"url", "http://127.0.0.1:1/v1"},
		{"url", "http://other.example/v1"},
		{"url", strings.Replace(s.URL, "http://", "http://user:pass@", 1) + "/v1"},
		{"url", "http:" + strings.TrimPrefix(s.URL, "http://") + "/v1"},
		{"url", "file:///etc/passwd"},
		{"url", s.URL + "\r\nx: y"},
		{"path", "/v1", "header.host", "other.example"},
		{"path", "/v1", "header.x-fixed", "2"},
		{"path", "/v1", "header.x_fixed", "2"},
		{"path", "/v1", "header.x-http-method-override", "DELETE"},
		{"path", "/v1", "header.X_Original_URL", "/admin"},
		{"path", "/v1", "header.proxy-authorization", "2"},
		{"path", "/v1", "method", "GET /x HTTP/1.1\r\n"},
	} {
		if a := ask(t.Context(), c, "", attrs...); a.Code != capability.Denied || a.Text == "" {
			t.Errorf("%q: %+v", attrs, a)
		}
	}
}

func TestHosts(t *testing.T) {
	c := &client{grant: &grant{Methods: []string{"GET"}, Paths: []string{"/"}, Schemes: []string{"https"}}}
	for _, h := range []string{"api.example.com", "*.example.org", "b.example:8443", "xn--bcher-kva.example", "2001:db8::1"} {
		p, err := parseHost(h)
		if err != nil {
			t.Fatal(err)
		}
		c.hosts = append(c.hosts, p)
	}
	for address, ok := range map[string]bool{
		"https://api.example.com": true, "https://API.example.com.": true, "https://api.example.com:443": true, "https://a.b.example.org/x": true,
		"https://b.example:8443": true, "https://bücher.example": true, "https://[2001:db8:0::1]": true,
		"https://example.com": false, "https://example.org": false, "https://notexample.org": false, "https://api.example.com:8443": false,
		"https://b.example": false, "https://api.example.com.evil.example": false, "https://api.example.com@evil.example": false, "https://[2001:db8::2]": false,
	} {
		a := ask(t.Context(), fake{c}, "", "url", address)
		if (a.Code != capability.Denied) != ok {
			t.Errorf("%s: %+v", address, a)
		}
	}
}

// fake says what a client would send, and sends nothing.
type fake struct{ *client }

func (f fake) Do(ctx context.Context, r *capability.Request) capability.Answer {
	if _, err := f.request(ctx, r); err != nil {
		return capability.Fail(capability.Denied, "%v", err)
	}
	return capability.Answer{}
}

func TestRedirects(t *testing.T) {
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "other %s%s", r.Header.Get("X-Key"), r.URL.Path)
	})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		to := map[string]string{"/same": "/end", "/other": other.URL + "/o", "/away": "http://away.example/", "/loop": "/loop", "/secret": "/admin"}[r.URL.Path]
		if to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		fmt.Fprintf(w, "%s %s", r.URL.Path, r.Header.Get("X-Key"))
	})
	both := []any{strings.TrimPrefix(s.URL, "http://"), strings.TrimPrefix(other.URL, "http://")}
	c := open(t, s, map[string]any{
		"hosts": both, "headers": map[string]any{"X-Key": "the ${TOKEN}"}, "paths": []any{"/same", "/other", "/away", "/loop", "/secret", "/end", "/o"},
	})
	for path, want := range map[string]string{
		"/same": " /end the [secret]", "/other": " other /o", // the header goes to its host only, and comes back masked
		"/away": "denied it is redirected: the grant does not allow the host away.example:80", "/secret": "denied it is redirected: the grant does not allow the path /admin",
		"/loop": "limit it is redirected more than 5 times",
	} {
		a := ask(t.Context(), c, "", "path", path)
		_, text, _ := strings.Cut(a.Text, ": ")
		if got := strings.TrimSuffix(a.Code+" "+text+string(a.Data), "\n"); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	none := open(t, s, map[string]any{"redirects": 0})
	if a := ask(t.Context(), none, "", "path", "/same"); attr(a, "status") != "302" || attr(a, "header.location") != "/end" {
		t.Errorf("none followed: %+v", a)
	}
}

// TestSentOnce: what changes something is sent once, whatever becomes of the connection.
func TestSentOnce(t *testing.T) {
	var n atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/warm":
		case r.URL.Path == "/moved":
			n.Add(1)
			http.Redirect(w, r, "http://127.0.0.1:1/gone", http.StatusSeeOther)
		default:
			n.Add(1)
			hijacked(t, w, "")
		}
	})
	c := open(t, s, map[string]any{"hosts": []any{strings.TrimPrefix(s.URL, "http://"), "127.0.0.1:1"}, "methods": []any{"GET", "POST"}})
	for _, path := range []string{"/lost", "/moved"} {
		n.Store(0)
		if a := ask(t.Context(), c, "", "path", "/warm"); a.Code != "" { // so that a connection is used again
			t.Fatal(a)
		}
		if a := ask(t.Context(), c, "x", "path", path, "method", "POST"); a.Code != capability.Unavailable || n.Load() != 1 {
			t.Errorf("%s was sent %d times: %+v", path, n.Load(), a)
		}
	}
	if a := ask(t.Context(), c, "", "path", "/warm", "header.x-bad", "a\r\nb"); a.Code != capability.Invalid || a.Retry {
		t.Errorf("a header with a line break: %+v", a)
	}
}

func TestRetries(t *testing.T) {
	var n atomic.Int32
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	c := open(t, s, map[string]any{"methods": []any{"GET", "POST"}})
	if a := ask(t.Context(), c, "", "path", "/"); attr(a, "status") != "200" || n.Load() != 3 {
		t.Errorf("%+v after %d", a, n.Load())
	}
	n.Store(0)
	if a := ask(t.Context(), c, "x", "path", "/", "method", "POST"); attr(a, "status") != "503" || n.Load() != 1 || !a.Passing {
		t.Errorf("what changes something is sent %d times: %+v", n.Load(), a)
	}
	n.Store(0)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	later := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	c = open(t, later, nil)
	if a := ask(ctx, c, "", "path", "/"); attr(a, "status") != "429" || n.Load() != 1 {
		t.Errorf("an hour later is beyond the deadline: %d times, %+v", n.Load(), a)
	}
}

// TestBadServers: third parties that are slow, endless, lying, compressed, or say too much.
func TestBadServers(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			select {
			case <-release:
			case <-r.Context().Done():
			}
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 32<<10)); err != nil {
					return
				}
			}
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 64 {
				_, _ = z.Write(make([]byte, 1<<20)) // the client goes away
			}
			_ = z.Close()
		case "/headers":
			for i := range 10_000 {
				w.Header().Set(fmt.Sprint("X-", i), "value")
			}
		case "/many":
			for i := range 200 {
				w.Header().Set(fmt.Sprint("X-", i), "value")
			}
			w.Header().Set("Content-Type", "text/plain")
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("ten bytes."))
		case "/latin":
			w.Header().Set("X-Name", "caf\xe9")
		case "/garbage":
			hijacked(t, w, "this is no HTTP\r\n\r\n")
		}
	})
	c := open(t, s, map[string]any{"retries": 0})
	for path, want := range map[string]string{"/endless": capability.Limit, "/bomb": capability.Limit, "/headers": capability.Limit, "/cut": capability.Unavailable, "/garbage": capability.Unavailable} {
		if a := ask(t.Context(), c, "", "path", path); a.Code != want || !strings.Contains(a.Text, "127.0.0.1") || len(a.Data) > 0 {
			t.Errorf("%s: %+v", path, a)
		}
	}
	if a := ask(t.Context(), c, "", "path", "/many"); a.Code != "" || attr(a, "header.content-type") != "text/plain" || attr(a, "headers_left_out") == "" || len(a.Attrs)/2 > 63 {
		t.Errorf("many headers: %d attributes, %+v", len(a.Attrs)/2, a.Code)
	}
	if a := ask(t.Context(), c, "", "path", "/latin"); a.Code != "" || attr(a, "headers_left_out") != "1" {
		t.Errorf("a header that is not UTF-8: %+v", a)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a := ask(ctx, c, "", "path", "/slow"); a.Code != capability.Timeout || !a.Retry {
		t.Errorf("cancelled: %+v", a)
	}
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(tls.Close)
	c = open(t, s, map[string]any{"hosts": []any{strings.TrimPrefix(tls.URL, "https://")}, "schemes": []any{"https"}})
	if a := ask(t.Context(), c, "", "path", "/"); a.Code != capability.Unavailable || a.Retry || !strings.Contains(a.Text, "certificate") {
		t.Errorf("a certificate of nobody: %+v", a)
	}
}

func hijacked(t *testing.T, w http.ResponseWriter, text string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = conn.Write([]byte(text))
	_ = conn.Close()
}

// TestSecretsMasked: a server that says a secret back tells the actor nothing.
func TestSecretsMasked(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Echo", r.Header.Get("Authorization"))
		fmt.Fprint(w, r.Header)
	})
	c := open(t, s, map[string]any{"headers": map[string]any{"Authorization": "Bearer ${TOKEN}"}})
	a := ask(t.Context(), c, "", "path", "/")
	if all := fmt.Sprint(a) + string(a.Data); strings.Contains(all, "secret-of-TOKEN") || !strings.Contains(string(a.Data), "Bearer [secret]") || attr(a, "header.x-echo") != "Bearer [secret]" {
		t.Errorf("%+v %s", a, a.Data)
	}
}

func TestEffect(t *testing.T) {
	c := &client{}
	for method, want := range map[string]capability.Effect{"": capability.Reads, "GET": capability.Reads, "HEAD": capability.Reads, "POST": capability.Changes, "DELETE": capability.Changes, "get": capability.Changes} {
		r := &capability.Request{Attr: func(string) (string, bool) { return method, true }}
		if got := c.Effect(r); got != want {
			t.Errorf("%q: %v", method, got)
		}
	}
}

func TestAnswerMax(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte("x"), map[string]int{"/a": 100, "/b": 101}[r.URL.Path]))
	})
	c := open(t, s, map[string]any{"answer": 100})
	if a := ask(t.Context(), c, "", "path", "/a"); a.Code != "" || len(a.Data) != 100 {
		t.Errorf("100 bytes: %+v", a.Code)
	}
	if a := ask(t.Context(), c, "", "path", "/b"); a.Code != capability.Limit || a.Retry {
		t.Errorf("101 bytes: %+v", a)
	}
}

// TestBodyIsCopied: what is sent is what was asked for, though the memory that it lay in is
// another's by the time that it goes out.
func TestBodyIsCopied(t *testing.T) {
	c := open(t, serve(t, func(http.ResponseWriter, *http.Request) {}), map[string]any{"methods": []any{"POST"}})
	attrs := map[string]string{"path": "/", "method": "POST"}
	r := &capability.Request{Operation: Fetch, Data: []byte("asked for"), Attr: func(name string) (string, bool) { v, ok := attrs[name]; return v, ok }}
	q, err := c.request(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	copy(r.Data, "the next.")
	if got, err := io.ReadAll(q.Body); err != nil || string(got) != "asked for" {
		t.Errorf("%q, %v", got, err)
	}
}

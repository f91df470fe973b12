package gateway

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine/wazero"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/mem"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/runtime/supervisor"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/testdata/wat"
	"github.com/labstack/echo/v4"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	githubSecret   = "It's a Secret to Everybody"
	standardSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// files are a service of actors written by hand.
var files = map[string]string{
	"grow.yaml": `
service: test
about: Tests the gateway.
http:
  POST /echo:        {send: text.said, to: echo, reply: {echo.done: 201}}
  POST /any:         {send: any.said, to: echo, reply: {echo.done: 200}}
  POST /raw:         {send: raw.said, to: echo, body: raw, reply: {echo.done: 200}}
  GET /items/{id}:   {send: item.get, to: echo, reply: {echo.done: 200}}
  GET /items:all:    {send: items.get, to: echo, reply: {echo.done: 200}}
  POST /trap:        {send: text.said, to: trap, reply: {echo.done: 200}}
  POST /close:       {send: ledger.close, to: ledger, reply: {ledger.shown: 200}}
  POST /silent:      {send: text.said, to: stdout}
  POST /missing:     {send: text.said, to: silent, reply: {echo.done: 200}}
  POST /stuck:       {send: text.said, to: stuck, reply: {echo.done: 200}, timeout: 50ms}
  POST /later:       {send: text.said, to: echo, reply: 202}
  POST /github:      {send: raw.said, to: echo, body: raw, auth: {webhook: github, secret: GITHUB}, idempotency: x-delivery, reply: {echo.done: 200}}
  POST /standard:    {send: raw.said, to: echo, body: raw, auth: {webhook: standard, secret: STANDARD}, reply: {echo.done: 200}}
  POST /headers/{p}: {send: text.said, to: echo, headers: [x-shop], reply: {echo.done: 200}}
`,
	"types/t.cue": `
"text.said": {text: string & !=""}
"raw.said":  bytes
"any.said":  _
"item.get": {id: int, tag?: [...string], full?: bool}
"items.get": {}
"echo.done": _
"ledger.close": {account: string}
"ledger.posted": _
"ledger.shown": _
"ledger.state": _
`,
	"actors/echo/actor.yaml":   "actor: echo\nabout: Echoes.\ncode: {language: wasm, source: m.wasm}\nin: [text.said, raw.said, any.said, item.get, items.get]\nout: [echo.done]\n",
	"actors/trap/actor.yaml":   "actor: trap\nabout: Traps.\ncode: {language: wasm, source: m.wasm}\nin: [text.said]\nout: [echo.done]\nretry: {max: 0}\n",
	"actors/stuck/actor.yaml":  "actor: stuck\nabout: Traps, and is tried again much later.\ncode: {language: wasm, source: m.wasm}\nin: [text.said]\nout: [echo.done]\nretry: {max: 1, backoff: 1h}\n",
	"actors/stdout/actor.yaml": "actor: stdout\nabout: Prints.\ncode: {language: wasm, source: m.wasm}\nin: [text.said]\nout: []\n",
	"actors/silent/actor.yaml": "actor: silent\nabout: Prints.\ncode: {language: wasm, source: m.wasm}\nin: [text.said]\nout: [echo.done]\n",
	"actors/ledger/actor.yaml": "actor: ledger\nabout: Keeps books.\ncode: {language: wasm, source: m.wasm}\nin: [ledger.close]\nout: [ledger.posted, ledger.shown]\nkey: data.account\nstate: ledger.state\n",
}

var modules = map[string]string{"echo": "echo", "trap": "trap", "stuck": "trap", "stdout": "stdout", "silent": "stdout", "ledger": "ledger"}

func secrets(name string) (string, bool) {
	s, ok := map[string]string{"GITHUB": githubSecret, "STANDARD": standardSecret}[name]
	return s, ok
}

func load(t testing.TB) *specs.Service {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, text []byte) {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		write(name, []byte(text))
	}
	for actor, module := range modules {
		write("actors/"+actor+"/m.wasm", wat.Module(module))
	}
	s, err := specs.Load(dir, specs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start runs the service behind a gateway.
func start(t testing.TB) *Gateway {
	t.Helper()
	service := load(t)
	ctx := context.Background()
	e, err := wazero.New(ctx, wazero.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store := mem.New(mem.Options{})
	j, err := store.Open(ctx, journal.Name{Namespace: "main", Service: "test"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := shard.Open(ctx, shard.Options{Namespace: "main", Service: "test", Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	v := supervisor.New(supervisor.Options{Engine: e, Shard: s, Environment: capability.Environment{Secret: secrets}})
	wanted := supervisor.Wanted{Service: service, Modules: map[string]supervisor.Binary{}}
	for actor, module := range modules {
		wanted.Modules[actor] = supervisor.BinaryOf(wat.Module(module))
	}
	if err := v.Apply(ctx, wanted); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		for _, err := range []error{v.Close(), store.Close(), e.Close(ctx)} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	g, err := New(Options{Service: service, Shard: s, Secret: secrets, Now: func() time.Time { return time.Unix(1_800_000_000, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func request(g *Gateway, method, target, body string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	g.Handler().ServeHTTP(w, r)
	return w.Result()
}

func text(t testing.TB, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func sign(body string) string {
	mac := hmac.New(sha256.New, []byte(githubSecret))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

const form, asJSON = "application/x-www-form-urlencoded", "application/json"

// TestRules goes through requests and replies; want is the code of a problem,
// or the body of an answer.
func TestRules(t *testing.T) {
	g := start(t)
	long := strings.Repeat("x", 5000)
	for _, c := range []struct {
		name, method, target, body string
		headers                    []string
		status                     int
		want                       string
	}{
		{"JSON", "POST", "/echo", `{ "text":"hi" }`, []string{"content-type", asJSON}, 201, `{ "text":"hi" }`},
		{"JSON of a kind", "POST", "/echo", `{"text":"hi"}`, []string{"content-type", "application/cloudevents+json; charset=utf-8"}, 201, `{"text":"hi"}`},
		{"no content type", "POST", "/echo", `{"text":"hi"}`, nil, 201, `{"text":"hi"}`},
		{"unknown fields pass", "POST", "/echo", `{"text":"hi","more":1}`, nil, 201, `{"text":"hi","more":1}`},
		{"a form", "POST", "/echo", `{"text":"hi"}`, []string{"content-type", form}, 415, codeMediaType},
		{"empty", "POST", "/echo", "", nil, 400, codeBody},
		{"wrong type", "POST", "/echo", `{"text":5}`, nil, 400, codeType},
		{"not whole", "POST", "/echo", `{"text":"hi"`, nil, 400, codeBody},
		{"something behind", "POST", "/echo", `{"text":"hi"}{}`, nil, 400, codeBody},
		{"anything", "POST", "/any", ` [1, null] `, nil, 200, ` [1, null] `},
		{"anything but JSON", "POST", "/any", "{}{}", nil, 400, codeBody},
		{"anything but UTF-8", "POST", "/any", "\"\xff\"", nil, 400, codeType},
		{"not UTF-8", "POST", "/echo", "{\"text\":\"\xff\"}", nil, 400, codeType},
		{"too large", "POST", "/echo", `{"text":"` + strings.Repeat("x", 1<<20) + `"}`, nil, 413, codeTooLarge},
		{"raw", "POST", "/raw", "\x00\xffbytes", []string{"content-type", "image/png"}, 200, "\x00\xffbytes"},
		{"raw and empty", "POST", "/raw", "", nil, 200, ""},
		{"path and query", "GET", "/items/7?tag=a&tag=b&full=true", "", nil, 200, `{"id":7,"full":true,"tag":["a","b"]}`},
		{"escaped path", "GET", "/items/%37", "", nil, 200, `{"id":7}`},
		{"escaped name", "GET", "/%69tems/7", "", nil, 200, `{"id":7}`},
		{"a colon", "GET", "/items:all", "", nil, 200, "{}"},
		{"a colon, escaped", "GET", "/items%3aall", "", nil, 200, "{}"},
		{"something else behind a colon", "GET", "/items:none", "", nil, 404, codeNotFound},
		{"something else for a colon", "GET", "/itemsall", "", nil, 404, codeNotFound},
		{"escaped slash", "GET", "/items%2f7", "", nil, 404, codeNotFound},
		{"path of another type", "GET", "/items/seven", "", nil, 400, codeType},
		{"unknown parameter", "GET", "/items/7?tga=a", "", nil, 400, codeType},
		{"malformed query", "GET", "/items/7?tag=%zz", "", nil, 400, codeQuery},
		{"long parameter", "POST", "/headers/" + long, `{"text":"hi"}`, nil, 431, codeHeaders},
		{"trap", "POST", "/trap", `{"text":"hi"}`, nil, 500, codeFailed},
		{"refused", "POST", "/close", `{"account":"a"}`, nil, 422, codeRefused},
		{"no reply wanted", "POST", "/silent", `{"text":"hi"}`, nil, 204, ""},
		{"no reply came", "POST", "/missing", `{"text":"hi"}`, nil, 502, codeMissing},
		{"no reply in time", "POST", "/stuck", `{"text":"hi"}`, nil, 504, codeTimeout},
		{"no such path", "GET", "/nothing", "", nil, 404, codeNotFound},
		{"more path than the endpoint has", "POST", "/headers/a/b", "", nil, 404, codeNotFound},
		{"no such method", "DELETE", "/echo", "", nil, 405, codeMethod},
		{"unknown message", "GET", "/.grow/messages/x", "", nil, 404, codeUnknown},
		{"GitHub's own example", "POST", "/github", "Hello, World!", []string{"x-delivery", "1", "x-hub-signature-256",
			"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}, 200, "Hello, World!"},
		{"forged", "POST", "/github", "Hello, world!", []string{"x-delivery", "2", "x-hub-signature-256",
			"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}, 401, codeSignature},
		{"no hex", "POST", "/github", "x", []string{"x-delivery", "2", "x-hub-signature-256", "sha256=zz"}, 401, codeSignature},
		{"unsigned", "POST", "/github", "x", []string{"x-delivery", "2"}, 401, codeSignature},
		{"unnamed", "POST", "/github", "x", []string{"x-hub-signature-256", sign("x")}, 400, codeIdempotency},
		{"health", "GET", "/.grow/health", "", nil, 200, `{"service":"test","status":"ok"}` + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request(g, c.method, c.target, c.body, c.headers...)
			body := text(t, r)
			if r.StatusCode != c.status {
				t.Errorf("status %d, want %d: %.300s", r.StatusCode, c.status, body)
			}
			if r.StatusCode < 400 {
				if body != c.want {
					t.Errorf("body %q, want %q", body, c.want)
				}
				return
			}
			var p problem
			if err := json.Unmarshal([]byte(body), &p); err != nil || r.Header.Get("Content-Type") != "application/problem+json" {
				t.Fatalf("not a problem: %v, %s", err, body)
			}
			if p.Code != c.want || p.Status != c.status || p.Title == "" || p.Detail == "" || p.Type != "urn:grow:"+c.want {
				t.Errorf("problem %+v, want code %s", p, c.want)
			}
		})
	}
}

func TestProblemNamesField(t *testing.T) {
	g := start(t)
	var p problem
	if err := json.Unmarshal([]byte(text(t, request(g, "POST", "/echo", `{"text":5}`))), &p); err != nil {
		t.Fatal(err)
	}
	if len(p.Errors) != 1 || p.Errors[0].Path != "/text" || p.Instance != "/echo" {
		t.Errorf("%+v", p)
	}
	if err := json.Unmarshal([]byte(text(t, request(g, "POST", "/close", `{"account":"a"}`))), &p); err != nil {
		t.Fatal(err)
	}
	if p.Reason != "ledger.closed" || p.ID == "" || p.Detail != "a ledger is never closed" {
		t.Errorf("%+v", p)
	}
}

// TestIdempotency: the first answer is repeated; another body is refused.
func TestIdempotency(t *testing.T) {
	g := start(t)
	post := func(body string) *http.Response {
		return request(g, "POST", "/github", body, "x-delivery", "d-1", "x-hub-signature-256", sign(body))
	}
	first, again := post("one"), post("one")
	if text(t, first) != "one" || text(t, again) != "one" || first.Header.Get(headerID) != again.Header.Get(headerID) ||
		again.Header.Get("Idempotency-Replayed") != "true" || first.Header.Get("Idempotency-Replayed") != "" {
		t.Errorf("first %v, again %v", first.Header, again.Header)
	}
	if r := post("two"); r.StatusCode != 422 || !strings.Contains(text(t, r), codeReused) {
		t.Errorf("another body: %d", r.StatusCode)
	}
}

// TestStandardWebhooks is signed by the library of those who made them.
func TestStandardWebhooks(t *testing.T) {
	g := start(t)
	w, err := standardwebhooks.NewWebhook(standardSecret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	for off, status := range map[time.Duration]int{0: 200, -4 * time.Minute: 200, 4 * time.Minute: 200, -6 * time.Minute: 401, 6 * time.Minute: 401} {
		at := now.Add(off)
		signature, err := w.Sign("m1", at, []byte("body"))
		if err != nil {
			t.Fatal(err)
		}
		headers := []string{"webhook-id", "m1", "webhook-timestamp", fmt.Sprint(at.Unix()), "webhook-signature", signature}
		if r := request(g, "POST", "/standard", "body", headers...); r.StatusCode != status {
			t.Errorf("signed %v off: %d, want %d", off, r.StatusCode, status)
		}
		if r := request(g, "POST", "/standard", "other", headers...); r.StatusCode != 401 {
			t.Errorf("another body: %d, want 401", r.StatusCode)
		}
	}
}

// TestLater: 202 answers with the id, and what became of it is told.
func TestLater(t *testing.T) {
	g := start(t)
	r := request(g, "POST", "/later", `{"text":"hi"}`)
	var kept struct{ ID string }
	if err := json.Unmarshal([]byte(text(t, r)), &kept); err != nil || r.StatusCode != 202 || r.Header.Get("Location") != messagePath(kept.ID) {
		t.Fatalf("%d %v, %v", r.StatusCode, r.Header, err)
	}
	f, ok := g.opts.Shard.Lookup(kept.ID)
	if !ok {
		t.Fatalf("message %s is not known: %+v", kept.ID, f)
	}
	if told := text(t, request(g, "GET", messagePath(kept.ID), "")); !strings.Contains(told, `"status":"`) {
		t.Errorf("told %s", told)
	}
	// So it is after a time-out.
	r = request(g, "POST", "/stuck", `{"text":"hi"}`)
	if told := text(t, request(g, "GET", r.Header.Get("Location"), "")); !strings.Contains(told, `"status":"pending"`) || r.Header.Get(headerID) == "" {
		t.Errorf("after a time-out: %s", told)
	}
	// A failure can be asked about too.
	r = request(g, "POST", "/trap", `{"text":"hi"}`)
	if told := text(t, request(g, "GET", messagePath(r.Header.Get(headerID)), "")); !strings.Contains(told, `"status":"failed"`) {
		t.Errorf("after a failure: %s", told)
	}
	// A host that stops at once leaves nobody with the 200 of an empty answer.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	g.Handler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, "POST", "/stuck", strings.NewReader(`{"text":"hi"}`)))
	if told := w.Body.String(); w.Code != http.StatusServiceUnavailable || !strings.Contains(told, codeStopping) {
		t.Errorf("a request whose host stops: %d %s", w.Code, told)
	}
}

// TestCodesHidden: what an actor says of a message is told hidden, its code as its words.
func TestCodesHidden(t *testing.T) {
	g := start(t)
	g.opts.Hide = func(string) string { return "***" }
	for path, body := range map[string]string{"/close": `{"account":"a"}`, "/trap": `{"text":"hi"}`} {
		r := request(g, "POST", path, body)
		if told := text(t, r); !strings.Contains(told, `"reason":"***"`) {
			t.Errorf("%s is answered %s", path, told)
		}
		if told := text(t, request(g, "GET", messagePath(r.Header.Get(headerID)), "")); !strings.Contains(told, `"code":"***"`) {
			t.Errorf("of %s is told %s", path, told)
		}
	}
}

// TestAttributes: only what was named becomes an attribute, and never what
// authenticates the client.
func TestAttributes(t *testing.T) {
	service := load(t)
	i := slices.IndexFunc(service.Endpoints, func(e *specs.Endpoint) bool { return e.Path == "/headers/{p}" })
	def := *service.Endpoints[i]
	def.Headers = append([]string{"authorization", "cookie"}, def.Headers...) // vet refuses it; so does the gateway
	p := (&Gateway{}).endpoint(service, &def)
	r := httptest.NewRequest("POST", "/headers/a%20b?q=1&q=2", nil)
	const traced = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for name, value := range map[string]string{"X-Shop": "s", "Authorization": "Bearer t", "Cookie": "c=1", "X-Other": "o", "Traceparent": traced} {
		r.Header.Set(name, value)
	}
	c := echo.New().NewContext(r, httptest.NewRecorder())
	c.SetParamNames("p")
	c.SetParamValues("a b")
	attrs, fault := p.attributes(c, r.URL.Query())
	if fault != nil {
		t.Fatal(fault)
	}
	want := []string{"http.method", "POST", "http.path", "/headers/a b", "traceparent", traced, "http.param.p", "a b", "http.query.q", "1", "http.header.x-shop", "s"}
	if !slices.Equal(attrs, want) {
		t.Errorf("got  %q\nwant %q", attrs, want)
	}
	for _, bad := range []string{"", "00-0-0-0", strings.ToUpper(traced), "ff" + traced[2:], traced + "-x", "00-" + strings.Repeat("0", 32) + traced[35:]} {
		c.Request().Header.Set("Traceparent", bad)
		if attrs, fault := p.attributes(c, nil); fault != nil || slices.Contains(attrs, "traceparent") {
			t.Errorf("trace context %q was taken: %q", bad, attrs)
		}
	}
}

// TestSecretGone: when the secret of a webhook is deleted, or emptied, while the service runs, no
// request is taken, by whatever key it is signed; when it is back, those that it signs are.
func TestSecretGone(t *testing.T) {
	g := start(t)
	value, there := "", false
	g.opts.Secret = func(string) (string, bool) { return value, there }
	now := g.opts.Now()
	for path, scheme := range map[string]string{"/github": "github", "/standard": "standard"} {
		for _, c := range []struct {
			there         bool
			value, signer string
			status        int
			code          string
		}{
			{false, "", "", 503, codeSecret}, {true, "", "", 503, codeSecret}, {false, "", standardSecret, 503, codeSecret},
			{true, standardSecret, "", 401, codeSignature}, {true, standardSecret, standardSecret, 200, ""},
		} {
			value, there = c.value, c.there
			h := http.Header{"X-Delivery": {"gone"}}
			if err := Sign(&specs.Webhook{Scheme: scheme}, c.signer, h, []byte("body"), now); err != nil {
				t.Fatal(err)
			}
			var headers []string
			for name, values := range h {
				headers = append(headers, name, values[0])
			}
			r := request(g, "POST", path, "body", headers...)
			if told := text(t, r); r.StatusCode != c.status || !strings.Contains(told, c.code) || c.status == 503 && r.Header.Get("Retry-After") == "" {
				t.Errorf("%s with secret %q, signed with %q: %d %s", path, c.value, c.signer, r.StatusCode, told)
			}
		}
	}
}

// TestKeyless: neither scheme takes what is signed with an empty key.
func TestKeyless(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for scheme, empty := range map[string][]string{"github": {""}, "standard": {"", "whsec_"}} {
		for _, secret := range empty {
			h := http.Header{}
			if err := Sign(&specs.Webhook{Scheme: scheme}, secret, h, []byte("body"), now); err != nil {
				t.Fatal(err)
			}
			if err := schemes[scheme](secret, h, []byte("body"), now); err != errKeyless {
				t.Errorf("%s with %q: %v", scheme, secret, err)
			}
		}
	}
	if usable("standard", "whsec_") == nil {
		t.Error("a secret without a key can be used")
	}
}

// TestSecrets: what is missing or cannot be used is said by name.
func TestSecrets(t *testing.T) {
	service := load(t)
	for name, value := range map[string]string{"GITHUB": "", "STANDARD": "whsec_%%%"} {
		err := Secrets(service, func(asked string) (string, bool) {
			if asked == name {
				return value, value != ""
			}
			return secrets(asked)
		})
		if e, ok := err.(*SecretError); !ok || e.Name != name || strings.Contains(err.Error(), "%%%") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestServe is over real connections: a body cut short makes no message, and
// Shutdown lets what is under way be answered.
func TestServe(t *testing.T) {
	g := start(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.Serve(context.Background(), l) }()
	talk := func(sent string, cut bool) string {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, sent); err != nil {
			t.Fatal(err)
		}
		if cut { // a whole request keeps its side open: net/http takes a closed one for a client that left
			if err := c.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
		}
		line, _ := bufio.NewReader(c).ReadString('\n')
		return strings.TrimSpace(line)
	}
	head := "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	for sent, want := range map[string]string{
		head + "Content-Length: 13\r\n\r\n{\"text\":\"hi\"}":                                "HTTP/1.1 201 Created",
		head + "Content-Length: 500\r\n\r\n{\"text\":\"hi\"}":                               "HTTP/1.1 400 Bad Request",
		head + "Transfer-Encoding: chunked\r\n\r\nd\r\n{\"text\":\"hi\"}\r\n0\r\n\r\n":      "HTTP/1.1 201 Created",
		head + "Transfer-Encoding: chunked\r\n\r\nd\r\n{\"text\":\"hi\"}\r\n":               "HTTP/1.1 400 Bad Request",
		head + "X-Long: " + strings.Repeat("x", 80<<10) + "\r\nContent-Length: 2\r\n\r\n{}": "HTTP/1.1 431 Request Header Fields Too Large",
		"GARBAGE\r\n\r\n": "HTTP/1.1 400 Bad Request",
	} {
		if got := talk(sent, strings.HasSuffix(want, "400 Bad Request")); got != want {
			t.Errorf("%.60q: %s, want %s", sent, got, want)
		}
	}
	if err := g.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if r := request(g, "GET", "/.grow/health", ""); r.StatusCode != 503 {
		t.Errorf("health while stopping: %d", r.StatusCode)
	}
}

// FuzzRequest: whatever comes, there is a status, and an error is a problem.
func FuzzRequest(f *testing.F) {
	g := start(f)
	f.Add("/echo", "a=1", "application/json", `{"text":"x"}`)
	f.Add("/items/7", "tag=%zz", "", "")
	f.Add("/raw", "", "text/plain", "\xff")
	f.Add("/github", "", "", "x")
	f.Fuzz(func(t *testing.T, path, query, content, body string) {
		for _, method := range []string{"GET", "POST"} {
			r := httptest.NewRequest(method, "/", strings.NewReader(body))
			r.URL.Path, r.URL.RawQuery = path, query
			r.Header["Content-Type"] = []string{content}
			r.Header["X-Hub-Signature-256"] = []string{content}
			w := httptest.NewRecorder()
			g.Handler().ServeHTTP(w, r)
			if w.Code < 200 || w.Code > 599 {
				t.Fatalf("status %d", w.Code)
			}
			if w.Code >= 400 && (w.Header().Get("Content-Type") != "application/problem+json" || !json.Valid(w.Body.Bytes())) {
				t.Fatalf("%d is no problem: %q", w.Code, w.Body)
			}
		}
	})
}

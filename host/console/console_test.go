package console

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// built is a console as the build leaves it.
func built() fstest.MapFS {
	return fstest.MapFS{
		"README":               {Data: []byte("not a page")},
		"index.html":           {Data: []byte("<!doctype html>" + strings.Repeat("<p>the console</p>", 50))},
		"licenses.json":        {Data: []byte("[]")},
		"assets/index-aB1.js":  {Data: []byte(strings.Repeat("let a = 1;\n", 100))},
		"assets/index-aB1.css": {Data: []byte(strings.Repeat("a { color: red }\n", 100))},
		"assets/icon-aB1.svg":  {Data: []byte("<svg/>")},
	}
}

// get asks a handler; headers are name, value, ….
func get(t *testing.T, files fs.FS, method, path string, headers ...string) *http.Response {
	t.Helper()
	h, err := handler(files)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	Guard(h).ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPages(t *testing.T) {
	for path, want := range map[string]struct {
		status      int
		kind, keeps string
	}{
		"/":                     {200, "text/html; charset=utf-8", "no-cache"},
		"/assets/index-aB1.js":  {200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		"/assets/index-aB1.css": {200, "text/css; charset=utf-8", "public, max-age=31536000, immutable"},
		"/assets/icon-aB1.svg":  {200, "image/svg+xml", "public, max-age=31536000, immutable"},
		"/index.html":           {404, "text/plain; charset=utf-8", "no-store"},
		"/README":               {404, "text/plain; charset=utf-8", "no-store"},
		"/licenses.json":        {404, "text/plain; charset=utf-8", "no-store"},
		"/assets/":              {404, "text/plain; charset=utf-8", "no-store"},
		"/assets/../README":     {404, "text/plain; charset=utf-8", "no-store"},
		"/assets/%2e%2e/README": {404, "text/plain; charset=utf-8", "no-store"},
		"/favicon.ico":          {404, "text/plain; charset=utf-8", "no-store"},
	} {
		r := get(t, built(), http.MethodGet, path)
		if r.StatusCode != want.status || r.Header.Get("Content-Type") != want.kind || r.Header.Get("Cache-Control") != want.keeps {
			t.Errorf("%s: %d, %s, %s", path, r.StatusCode, r.Header.Get("Content-Type"), r.Header.Get("Cache-Control"))
		}
	}
}

// TestHeaders: whatever is answered, a browser is told to load nothing from elsewhere, to
// show it in no frame, and to guess no type.
func TestHeaders(t *testing.T) {
	for _, c := range []struct {
		files        fs.FS
		method, path string
	}{
		{built(), "GET", "/"}, {built(), "GET", "/assets/index-aB1.js"}, {built(), "GET", "/none"}, {built(), "POST", "/"}, {fstest.MapFS{}, "GET", "/"},
	} {
		r := get(t, c.files, c.method, c.path)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin", "Set-Cookie": "",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s %s: %s is %q, want %q", c.method, c.path, name, got, want)
			}
		}
		rules := map[string]string{}
		for rule := range strings.SplitSeq(r.Header.Get("Content-Security-Policy"), "; ") {
			name, value, _ := strings.Cut(rule, " ")
			rules[name] = value
		}
		for name, want := range map[string]string{
			"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "connect-src": "'self'", "frame-ancestors": "'none'",
			"base-uri": "'none'", "form-action": "'none'", "require-trusted-types-for": "'script'",
		} {
			if rules[name] != want {
				t.Errorf("%s %s: %s is %q, want %q", c.method, c.path, name, rules[name], want)
			}
		}
	}
}

func TestMethods(t *testing.T) {
	for _, method := range []string{"POST", "PUT", "DELETE", "TRACE", "OPTIONS"} {
		if r := get(t, built(), method, "/"); r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, Allow: %s", method, r.StatusCode, r.Header.Get("Allow"))
		}
	}
	whole, head := get(t, built(), "GET", "/"), get(t, built(), "HEAD", "/")
	if head.StatusCode != 200 || text(t, head) != "" || head.Header.Get("Content-Length") != whole.Header.Get("Content-Length") || head.Header.Get("ETag") != whole.Header.Get("ETag") {
		t.Errorf("HEAD: %d %v", head.StatusCode, head.Header)
	}
}

// TestKept: a browser that has a page is sent nothing, and one of another build the new
// one.
func TestKept(t *testing.T) {
	tag := get(t, built(), "GET", "/").Header.Get("ETag")
	if !regexp.MustCompile(`^"[0-9a-f]{32}"$`).MatchString(tag) {
		t.Fatalf("ETag %s", tag)
	}
	for have, want := range map[string]int{tag: 304, "W/" + tag: 304, `"x", ` + tag: 304, "*": 304, `"x"`: 200, "": 200, strings.Trim(tag, `"`): 200} {
		r := get(t, built(), "GET", "/", "If-None-Match", have)
		if r.StatusCode != want || want == 304 && text(t, r) != "" {
			t.Errorf("with %s: %d, want %d", have, r.StatusCode, want)
		}
	}
	other := built()
	other["index.html"] = &fstest.MapFile{Data: []byte("another")}
	if r := get(t, other, "GET", "/", "If-None-Match", tag); r.StatusCode != 200 || text(t, r) != "another" {
		t.Errorf("of another build: %d", r.StatusCode)
	}
}

func TestGzip(t *testing.T) {
	want := built()["index.html"].Data
	for header, packed := range map[string]bool{"gzip": true, "br, GZIP;q=0.5": true, "gzip;q=0": false, "gzip; q=0.0": false, "gzip;q=x": false, "br": false, "": false, "x-gzip": false} {
		r := get(t, built(), "GET", "/", "Accept-Encoding", header)
		body := text(t, r)
		if (r.Header.Get("Content-Encoding") == "gzip") != packed || r.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %v", header, r.Header)
			continue
		}
		if packed {
			z, err := gzip.NewReader(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			body = string(b)
		}
		if body != string(want) {
			t.Errorf("%q: %d bytes, want %d", header, len(body), len(want))
		}
	}
	if r := get(t, built(), "GET", "/assets/icon-aB1.svg", "Accept-Encoding", "gzip"); r.Header.Get("Content-Encoding") != "" || text(t, r) != "<svg/>" {
		t.Errorf("what does not gain: %v", r.Header)
	}
}

// TestAbsent: without the console there is a page that says how to get it.
func TestAbsent(t *testing.T) {
	r := get(t, fstest.MapFS{"README": {Data: []byte("x")}}, "GET", "/")
	if body := text(t, r); r.StatusCode != 404 || r.Header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(body, "make setup build") {
		t.Errorf("%d %v %s", r.StatusCode, r.Header, body)
	}
	if r := get(t, fstest.MapFS{}, "GET", "/", "If-None-Match", "*"); r.StatusCode != 404 {
		t.Errorf("it is not to be kept: %d", r.StatusCode)
	}
}

// TestBuilt: what the build has made keeps to the policy: no script or style stands in the
// page, and it names nothing outside of itself.
func TestBuilt(t *testing.T) {
	list, err := Licenses()
	if errors.Is(err, ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"svelte", "@xyflow/svelte", "@dagrejs/dagre"} {
		found := false
		for _, l := range list {
			found = found || l.Name == want
			if l.Text == "" || l.Version == "" {
				t.Errorf("%s: no text or version", l.Name)
			}
		}
		if !found {
			t.Errorf("no license of %s", want)
		}
	}
	index, err := dist.ReadFile("dist/index.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{`<script(?: [^>]*)?>[^<]`, `<style`, ` style=`, ` on[a-z]+=`, `(?:src|href)="(?:https?:)?//`, `data:`} {
		if found := regexp.MustCompile(wrong).Find(index); found != nil {
			t.Errorf("the page has %q", found)
		}
	}
	h, err := New()
	if err != nil {
		t.Fatal(err)
	}
	const firstMax, allMax = 130 << 10, 400 << 10 // bytes, packed
	first, all := len(h.pages["/"].zipped()), 0
	for _, p := range h.pages {
		if z := p.zipped(); z != nil {
			all += len(z)
		} else {
			all += len(p.plain)
		}
	}
	for _, m := range regexp.MustCompile(`(?:src|href)="\./([^"]+)"`).FindAllSubmatch(index, -1) {
		p := h.pages["/"+string(m[1])]
		if p == nil || len(p.plain) == 0 || bytes.Equal(p.plain, index) {
			t.Errorf("the page asks for %s, which is not there", m[1])
			continue
		}
		first += max(len(p.zipped()), min(len(p.plain), 1<<10))
	}
	t.Logf("%d bytes until it is seen, %d in all, packed", first, all)
	if first > firstMax || all > allMax {
		t.Errorf("it is larger than the %d and %d bytes that it may be", firstMax, allMax)
	}
}

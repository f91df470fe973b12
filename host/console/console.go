// Package console has the pages of the console, which a host serves at its control
// address. They are made of the sources in the folder web, by way of the folder dist,
// and get all they show from the control API with the token that their reader gives:
// the package knows nothing of services.
package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// The places of files in dist.
const (
	indexFile    = "index.html"
	licensesFile = "licenses.json"
	assetsFolder = "assets" // whose files are named by what is in them
)

//go:embed dist
var dist embed.FS

// absent is what is served in place of the console.
//
//go:embed absent.html
var absent []byte

// ErrMissing is returned by Licenses when the binary was made without the console.
var ErrMissing = errors.New("the console is not built: make build makes a binary that has it")

// policy is the content security policy of the pages: what they load comes from the
// host itself, and no text becomes code (Trusted Types; the one policy is that of
// Svelte, for its own templates).
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html"

// Handler serves the console. It is safe for concurrent use.
type Handler struct {
	pages map[string]*page // by path
}

// page is one file as it is served.
type page struct {
	kind   string // media type
	tag    string // ETag: its digest
	lasts  bool   // what its name stands for never changes
	status int
	plain  []byte
	zipped func() []byte // with gzip; nil when that gains nothing
}

// New returns a handler of what the binary carries: the console, or where it was made
// without, a page that says how to get it.
func New() (*Handler, error) {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, err
	}
	return handler(files)
}

func handler(files fs.FS) (*Handler, error) {
	h := &Handler{pages: map[string]*page{}}
	index, err := fs.ReadFile(files, indexFile)
	if errors.Is(err, fs.ErrNotExist) {
		h.pages["/"] = newPage(indexFile, absent, http.StatusNotFound)
		return h, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the console: %w", err)
	}
	h.pages["/"] = newPage(indexFile, index, http.StatusOK)
	err = fs.WalkDir(files, assetsFolder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(files, name)
		p := newPage(name, b, http.StatusOK)
		p.lasts = true
		h.pages["/"+name] = p
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the console: %w", err)
	}
	return h, nil
}

// kinds are the media types of what the console is made of, whatever the machine says.
var kinds = map[string]string{".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}

func newPage(name string, b []byte, status int) *page {
	sum := sha256.Sum256(b)
	kind := kinds[path.Ext(name)]
	if kind == "" {
		kind = mime.TypeByExtension(path.Ext(name))
	}
	return &page{kind: kind, tag: `"` + hex.EncodeToString(sum[:16]) + `"`, status: status, plain: b, zipped: sync.OnceValue(func() []byte { return zip(b) })}
}

// zip packs with gzip; nil when that gains nothing.
func zip(b []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(b)
	}
	if err = errors.Join(err, w.Close()); err != nil || out.Len() >= len(b) {
		return nil
	}
	return out.Bytes()
}

// Guard has a browser take whatever next answers for what it is, and for the console
// alone: all that is served at the console's address is to go through it.
func Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		for i := range guards {
			head[guards[i].name] = guards[i].value[:1:1] // who adds to it gets one of their own
		}
		next.ServeHTTP(w, r)
	})
}

// guards are the headers that Guard sets, which are the same for all answers: names as
// http.CanonicalHeaderKey has them.
var guards = [...]struct {
	name  string
	value [1]string
}{
	{"Content-Security-Policy", [1]string{policy}},
	{"X-Content-Type-Options", [1]string{"nosniff"}},
	{"X-Frame-Options", [1]string{"DENY"}}, // for browsers that do not know frame-ancestors
	{"Referrer-Policy", [1]string{"no-referrer"}},
	{"Cross-Origin-Opener-Policy", [1]string{"same-origin"}},
	{"Cross-Origin-Resource-Policy", [1]string{"same-origin"}},
	{"Permissions-Policy", [1]string{"camera=(), geolocation=(), microphone=()"}},
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		head.Set("Allow", "GET, HEAD")
		http.Error(w, "the console is only read", http.StatusMethodNotAllowed)
		return
	}
	p := h.pages[r.URL.Path]
	if p == nil {
		head.Set("Cache-Control", "no-store")
		http.Error(w, "there is nothing here; the console is at /, the control API below /v1", http.StatusNotFound)
		return
	}
	p.serve(w, r)
}

func (p *page) serve(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Vary", "Accept-Encoding")
	head.Set("ETag", p.tag)
	head.Set("Cache-Control", "no-cache")
	if p.lasts {
		head.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if p.status == http.StatusOK && matches(r.Header.Get("If-None-Match"), p.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	b := p.plain
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		if z := p.zipped(); z != nil {
			b = z
			head.Set("Content-Encoding", "gzip")
		}
	}
	head.Set("Content-Type", p.kind)
	head.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(p.status)
	if r.Method == http.MethodGet {
		_, _ = w.Write(b) // the reader may be gone
	}
}

// matches reports whether a tag is among those of an If-None-Match (RFC 9110, 13.1.2).
func matches(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == tag || one == "*" {
			return true
		}
	}
	return false
}

// acceptsGzip reads an Accept-Encoding (RFC 9110, 12.5.3).
func acceptsGzip(header string) bool {
	for one := range strings.SplitSeq(header, ",") {
		name, rest, _ := strings.Cut(one, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		weight, given := strings.CutPrefix(strings.TrimSpace(rest), "q=")
		q, err := strconv.ParseFloat(weight, 64)
		return !given || err == nil && q > 0
	}
	return false
}

// License is that of one package that the console is made of.
type License struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Text    string `json:"text"`
}

// Licenses are those of the packages in the console. It fails with ErrMissing where the
// binary was made without it.
func Licenses() ([]License, error) {
	b, err := dist.ReadFile("dist/" + licensesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrMissing
	}
	if err != nil {
		return nil, err
	}
	var list []License
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("read the licenses of the console: %w", err)
	}
	return list, nil
}

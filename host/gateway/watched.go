package gateway

import (
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
)

// headerFault tells every client of a watched service that the last edit of its
// files is not what answers, and why.
const headerFault = "Grow-Dev-Error"

// fault is what is wrong with the last edit.
type fault struct {
	line string // for the header
	text string
}

// Fault has every response say what is wrong with the last edit of the
// service's files, until it is called again; "" for nothing. It does nothing
// unless the gateway was made with Options.Watched.
func (g *Gateway) Fault(text string) {
	if text == "" {
		g.fault.Store(nil)
		return
	}
	g.fault.Store(&fault{headerLine(text), text})
}

// headerLine makes of a text one line that may stand in a header: printable
// ASCII, at most faultMax bytes.
func headerLine(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	var b strings.Builder
	for _, r := range text {
		switch {
		case b.Len() > faultMax:
			return b.String()[:faultMax-3] + "..."
		case r == '…':
			b.WriteString("...")
		case r == '‘' || r == '’':
			b.WriteByte('\'')
		case r == '“' || r == '”':
			b.WriteByte('"')
		case r > '~':
			b.WriteByte('?')
		default:
			b.WriteRune(r)
		}
	}
	if b.Len() > faultMax {
		return b.String()[:faultMax-3] + "..."
	}
	return b.String()
}

// watchedWriter adds to the responses of a watched service what its author
// wants to see: the last edit's fault in a header, and for browsers problems
// as a page. It belongs to its request's goroutine.
type watchedWriter struct {
	http.ResponseWriter
	gateway *Gateway
	browser bool
	status  int
	page    bool // what is written is a problem, and goes out as a page
}

func (g *Gateway) watched(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	return &watchedWriter{ResponseWriter: w, gateway: g, browser: strings.Contains(r.Header.Get("Accept"), "text/html")}
}

// Unwrap serves http.ResponseController.
func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *watchedWriter) WriteHeader(status int) {
	h := w.Header()
	if f := w.gateway.fault.Load(); f != nil {
		h.Set(headerFault, f.line)
	}
	w.status = status
	w.page = w.browser && (status == http.StatusNotFound || status >= http.StatusInternalServerError) && h.Get("Content-Type") == contentProblem
	if w.page {
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		h.Del("Content-Length")
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter. A problem is written at once, so b is
// the whole of it.
func (w *watchedWriter) Write(b []byte) (int, error) {
	if !w.page {
		return w.ResponseWriter.Write(b)
	}
	content := pageContent{Service: w.gateway.opts.Service.Name}
	if err := json.Unmarshal(b, &content.Problem); err != nil {
		content.Problem = problem{Title: http.StatusText(w.status), Status: w.status, Detail: string(b)}
	}
	if f := w.gateway.fault.Load(); f != nil {
		content.Fault = f.text
	}
	if w.status == http.StatusNotFound {
		content.Endpoints = w.gateway.table.Load().names
	}
	return len(b), page.Execute(w.ResponseWriter, content)
}

type pageContent struct {
	Service   string
	Problem   problem
	Fault     string
	Endpoints []string
}

var page = template.Must(template.New("problem").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{.Problem.Status}} {{.Problem.Title}}: {{.Service}}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 3rem auto; padding: 0 1rem; color: #222; background: #fff }
pre { background: #f4f4f4; border-left: 4px solid #b00020; padding: 1rem; overflow: auto; white-space: pre-wrap }
code { background: #f4f4f4; padding: 0 .2em }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 } pre, code { background: #262626 } }
</style>
<h1>{{.Problem.Status}} {{.Problem.Title}}</h1>
<p>{{.Problem.Detail}}</p>
<p><code>{{.Problem.Code}}</code>{{with .Problem.Reason}} <code>{{.}}</code>{{end}}{{with .Problem.ID}}: <code>grow logs --message {{.}}</code> tells more{{end}}</p>
{{with .Fault}}<h2>The last edit is not live</h2>
<pre>{{.}}</pre>
<p>What was served before it still answers.</p>
{{end}}{{with .Endpoints}}<h2>Endpoints</h2>
<ul>{{range .}}<li><code>{{.}}</code></li>{{end}}</ul>
{{end}}<p><small>{{.Service}}, watched by grow. Programs get this as problem+json.</small></p>
</html>
`))

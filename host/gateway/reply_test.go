package gateway

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/specs"
	"github.com/labstack/echo/v4"
)

// TestLeftOut: what an actor cannot say in an answer is left out of it, which the log tells.
func TestLeftOut(t *testing.T) {
	for _, c := range []struct {
		attrs   []string
		status  int
		headers string // of the answer, the name and the value
		left    string
	}{
		{[]string{"http.status", "404", "http.header.x-a", "b"}, 404, "X-A: b", ""},
		{[]string{"http.status", "100"}, 201, "", "http.status"},
		{[]string{"http.status", "600", "http.header.X-A", "b"}, 201, "X-A: b", "http.status"},
		{[]string{"http.header.Content-Type", "text/html", "http.header.x-a", "b"}, 201, "Content-Type: application/json", "http.header.Content-Type"},
		{[]string{"datacontenttype", "text/html"}, 201, "Content-Type: text/html", ""},
		{[]string{"http.header.x-a", "b\r\nset-cookie: c=1", "http.header.x b", "c", "x.note", "d"}, 201, "X-A:", "http.header.x-a http.header.x b"},
	} {
		var log bytes.Buffer
		g := &Gateway{opts: Options{Log: slog.New(slog.NewTextHandler(&log, nil))}}
		p := &endpoint{Endpoint: &specs.Endpoint{Reply: map[string]int{"order.priced": 201}}, gateway: g, name: "POST /orders"}
		w := httptest.NewRecorder()
		if err := p.write(echo.New().NewContext(httptest.NewRequest("POST", "/orders", nil), w), "m1", abi.NewMessage([]byte("{}"), append(c.attrs, "type", "order.priced")...)); err != nil {
			t.Fatal(err)
		}
		name, value, _ := strings.Cut(c.headers, ":")
		if w.Code != c.status || name != "" && w.Header().Get(name) != strings.TrimSpace(value) || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%q: status %d, headers %v", c.attrs, w.Code, w.Header())
		}
		if said := strings.Contains(log.String(), "message=m1"); said != (c.left != "") || !strings.Contains(log.String(), c.left) {
			t.Errorf("%q: the log says %q, want %q", c.attrs, log.String(), c.left)
		}
	}
}

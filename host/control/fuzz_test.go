package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/grow-platform/grow/host/logs"
)

// FuzzServer: whatever is sent to the socket, the answer is JSON, and anything
// but 200 is an error with a code.
func FuzzServer(f *testing.F) {
	paths := []string{"/v1/send", "/v1/deadletters", "/v1/logs", "/v1/status", "/v1/state/get", "/v1/state/list", "/v1/state/set", "/v1/state/diff"}
	for _, body := range []string{`{"to":"price","type":"order","data":"e30=","wait":true,"timeout":5}`, `{"node":"n","since":"2026-01-02T03:04:05Z","limit":-1}`, `{"filter":{}}`, `{"limit":1e99}`, `{"node":"n","key":"k","data":"e30=","revision":18446744073709551615,"delete":true}`, `{"node":"n","after":"","from":"1","to":"x"}`, `[`, ``} {
		for i := range paths {
			f.Add(uint8(i), []byte(body))
		}
	}
	h := serves(&fake{store: logs.New(logs.Options{})})
	f.Fuzz(func(t *testing.T, path uint8, body []byte) {
		if bytes.Contains(bytes.ToLower(body), []byte("follow")) {
			return // has no end
		}
		w := &patient{httptest.NewRecorder()}
		method := http.MethodPost
		if paths[int(path)%len(paths)] == "/v1/status" {
			method = http.MethodGet
		}
		h.ServeHTTP(w, httptest.NewRequest(method, paths[int(path)%len(paths)], bytes.NewReader(body)))
		if w.Code == http.StatusOK {
			return
		}
		var told struct{ Error *Error }
		if err := json.Unmarshal(w.Body.Bytes(), &told); err != nil || told.Error == nil || told.Error.Code == "" {
			t.Errorf("%d %q", w.Code, w.Body)
		}
	})
}

// patient is a recorder whose deadlines can be set.
type patient struct{ *httptest.ResponseRecorder }

// SetReadDeadline serves http.ResponseController.
func (*patient) SetReadDeadline(time.Time) error { return nil }

// replies answers every request alike.
type replies struct {
	status int
	body   []byte
}

// RoundTrip implements http.RoundTripper.
func (r replies) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: r.status, Status: http.StatusText(r.status), Body: io.NopCloser(bytes.NewReader(r.body))}, nil
}

// FuzzClient: whatever a host answers, the client returns it or an *Error.
func FuzzClient(f *testing.F) {
	for _, body := range []string{`{"service":"shop","nodes":[{}]}`, `{"error":{"code":"x","message":"y"}}`, `{"error":null}`, "{\"text\":\"a\"}\n{\"error\":{\"code\":\"x\"}}\n", "{}\n\n", ``, `null`, `[{}]`} {
		f.Add(200, []byte(body))
		f.Add(500, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		c := NewClient(Conn{Base: "http://host", HTTP: &http.Client{Transport: replies{status, body}}})
		_, status1 := c.Status(t.Context())
		_, send := c.Send(t.Context(), SendRequest{})
		_, list := c.DeadLetters(t.Context(), DeadFilter{})
		_, one := c.DeadLetter(t.Context(), "a/../b")
		lines := c.Logs(t.Context(), logs.Filter{}, false, func(logs.Record) error { return nil })
		_, state := c.State(t.Context(), StateRequest{})
		_, states := c.States(t.Context(), StateFilter{})
		_, set := c.SetState(t.Context(), StateSet{})
		_, diff := c.StateDiff(t.Context(), DiffRequest{})
		_, trace := c.Trace(t.Context(), "a/../b")
		settled := c.SettleDeadLetters(t.Context(), SettleRequest{}, func(Settled) error { return nil })
		for _, err := range []error{status1, send, list, one, lines, settled, state, states, set, diff, trace} {
			if e := (*Error)(nil); err != nil && !errors.As(err, &e) {
				t.Errorf("%v is no *Error", err)
			}
		}
	})
}

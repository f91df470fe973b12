package s3

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// hasty answers requests, or does not, before it has read their bodies.
type hasty struct {
	err  error
	body io.Reader // of the last one
}

// RoundTrip implements http.RoundTripper.
func (h *hasty) RoundTrip(r *http.Request) (*http.Response, error) {
	h.body = r.Body
	if h.err != nil {
		return nil, h.err
	}
	return &http.Response{Body: io.NopCloser(strings.NewReader("busy"))}, nil
}

// TestBodyIsTakenBack: nothing of a request's body is read once its answer is closed, or it has none.
func TestBodyIsTakenBack(t *testing.T) {
	for _, fault := range []error{nil, errors.New("reset")} {
		next := &hasty{err: fault}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://127.0.0.1/a", strings.NewReader("mine"))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := (&bounded{next}).RoundTrip(r)
		if !errors.Is(err, fault) {
			t.Fatal(err)
		}
		one := make([]byte, 1)
		if fault == nil {
			if n, err := next.body.Read(one); n != 1 || err != nil {
				t.Errorf("before the answer is closed: %d bytes, %v", n, err)
			}
			if err := answer.Body.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := next.body.Read(one); n != 0 || !errors.Is(err, errBack) {
			t.Errorf("after %v: %d bytes, %v", fault, n, err)
		}
	}
}

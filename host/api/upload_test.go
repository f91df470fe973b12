package api

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/store"
)

// overtaken sends the first piece of an object itself before who sends it does.
type overtaken struct {
	bearer
	status []int // of the pieces
}

func (o *overtaken) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPut {
		return o.bearer.RoundTrip(r)
	}
	if len(o.status) == 0 {
		piece, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		other := r.Clone(r.Context())
		other.Body = io.NopCloser(bytes.NewReader(piece))
		answer, err := o.bearer.RoundTrip(other)
		if err != nil {
			return nil, err
		}
		if err := answer.Body.Close(); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(piece))
	}
	answer, err := o.bearer.RoundTrip(r)
	if err == nil {
		o.status = append(o.status, answer.StatusCode)
	}
	return answer, err
}

// TestUploadTogether: who sends what somebody else is sending, too, goes on from where that is.
func TestUploadTogether(t *testing.T) {
	h := newHost(t)
	way := &overtaken{bearer: bearer{http.DefaultTransport.(*http.Transport).Clone(), h.pipeline}}
	client := NewLocal(control.Conn{Base: h.URL + "/v1", HTTP: &http.Client{Transport: way}})
	defer client.Close()
	object := bytes.Repeat([]byte("some bytes"), pieceMax/5)
	d, err := client.Upload(t.Context(), object, nil)
	if err != nil || d != store.DigestOf(object) {
		t.Fatal(d, err)
	}
	if len(way.status) != 2 || way.status[0] != http.StatusConflict {
		t.Errorf("the pieces were answered %d", way.status)
	}
	if s, err := client.Object(t.Context(), d); err != nil || !s.Done {
		t.Errorf("%+v, %v", s, err)
	}
}

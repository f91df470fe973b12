package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/store"
)

// TestModule gets the module of a revision, whole and by its ETag, and sees that one that
// was altered on the host, or is no longer there, is not taken for a module.
func TestModule(t *testing.T) {
	h := newHost(t)
	change := h.push(h.pipeline, "", map[string]string{"grow.yaml": "yes", "actors/price/actor.yaml": "price"})
	text := strings.Repeat("module", 100_000)
	digest := h.upload(h.pipeline, text)
	if _, lines := h.deploy(h.pipeline, Request{Change: change.ID, Artifacts: map[string]Artifact{"price": {Digest: digest}}}); lines[len(lines)-1].Fault != nil {
		t.Fatalf("%+v", lines)
	}
	path := shop + "/actors/price/revisions/1/module"
	for _, c := range []struct {
		token, path, have string
		status            int
		tag               string
	}{
		{h.reader, path, "", 200, `"` + digest + `"`},
		{h.reader, path, `"other"`, 200, `"` + digest + `"`},
		{h.reader, path, `"other", W/"` + digest + `"`, 304, `"` + digest + `"`},
		{h.reader, path, "*", 304, `"` + digest + `"`},
		{h.elsewhere, path, "*", 404, ""},
		{h.revoked, path, "", 401, ""},
		{h.reader, shop + "/actors/price/revisions/2/module", "*", 404, ""},
		{h.reader, shop + "/actors/other/revisions/1/module", "", 404, ""},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+c.token)
		request.Header.Set("If-None-Match", c.have)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(answer.Body)
		if err = errors.Join(err, answer.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != c.status || answer.Header.Get("ETag") != c.tag || c.status == 200 && string(b) != text || c.status == 304 && len(b) > 0 {
			t.Errorf("%s, have %s: %d, ETag %s, %d bytes", c.path, c.have, answer.StatusCode, answer.Header.Get("ETag"), len(b))
		}
	}

	client, err := NewClient(ClientOptions{URL: h.URL, Token: h.reader})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	remote := client.At("main", "shop")
	list, err := remote.Revisions(t.Context(), "price", 0, 1)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	h.got(remote, list[0], text, nil)
	h.damage(digest, text[:len(text)/2])
	h.got(remote, list[0], "", store.ErrDamaged)
	h.damage(digest, strings.ToUpper(text))
	h.got(remote, list[0], "", store.ErrDamaged)
}

// got fails the test unless the module of a revision arrives as is wanted.
func (h *host) got(r *Remote, v deploy.Revision, want string, failed error) {
	h.t.Helper()
	var b bytes.Buffer
	err := r.Module(h.t.Context(), v, &b)
	if !errors.Is(err, failed) || failed == nil && b.String() != want {
		h.t.Errorf("%d bytes, %v; want %d and %v", b.Len(), err, len(want), failed)
	}
}

// damage writes other bytes over an object in the host's store.
func (h *host) damage(digest, text string) {
	h.t.Helper()
	found := 0
	err := filepath.WalkDir(h.dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(strings.ReplaceAll(path, string(filepath.Separator), ""), digest) {
			return err
		}
		found++
		return errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, []byte(text), 0o600))
	})
	if err != nil || found != 1 || store.Digest(digest).Check() != nil {
		h.t.Fatalf("%d objects %s: %v", found, digest, err)
	}
}

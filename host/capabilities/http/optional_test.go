package http

import (
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
)

// TestOptional: a service that can do without a third party runs on a host that lacks its
// secret, and is told so with each request; the host's own secrets are given to nobody all the same.
func TestOptional(t *testing.T) {
	open := func(optional bool, token string) (capability.Capability, error) {
		return kind{form}.Open(t.Context(), specs.Grant{Params: map[string]any{
			"hosts": []any{"api.example.com"}, "headers": map[string]any{"Authorization": "Bearer ${" + token + "}"}, "optional": optional,
		}}, capability.Environment{Secret: func(string) (string, bool) { return "", false }})
	}
	if _, err := open(false, "TOKEN"); err == nil || !strings.Contains(err.Error(), "secret TOKEN is not set") {
		t.Errorf("without a secret that it needs: %v", err)
	}
	if _, err := open(true, "GROW_SQL_SHOP"); err == nil {
		t.Error("a secret of the host's own may be missing, as if it could be there")
	}
	c, err := open(true, "TOKEN")
	if err != nil {
		t.Fatal(err)
	}
	if effect, ok := c.Operations()[Fetch]; !ok || effect != capability.Reads {
		t.Errorf("operations %v", c.Operations())
	}
	a := c.Do(t.Context(), &capability.Request{})
	if a.Code != capability.Unavailable || a.Retry || !strings.Contains(a.Text, "secret TOKEN is not set") {
		t.Errorf("%+v", a)
	}
}

package secret

import (
	"context"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		params map[string]any
		says   string // "": fine
	}{
		{map[string]any{"names": []any{"A", "B"}}, ""},
		{map[string]any{}, "needs names"},
		{map[string]any{"names": []any{}}, "needs names"},
		{map[string]any{"names": []any{5}}, "names holds 5"},
		{map[string]any{"names": []any{"A", "GROW_LLM_DEFAULT"}}, "secret GROW_LLM_DEFAULT is the host's own"},
		{map[string]any{"names": []any{"A"}, "hosts": 1}, `no field "hosts"`},
	} {
		err := capability.CheckGrant(specs.Grant{Kind: "secret", Params: c.params})
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want %q", c.params, err, c.says)
		}
	}
}

// TestGet: the grant's secrets and no others, and none that is missing at start.
func TestGet(t *testing.T) {
	values := map[string]string{"A": "a-value", "OTHER": "x"}
	env := capability.Environment{Secret: func(name string) (string, bool) { v, ok := values[name]; return v, ok }}
	grant := specs.Grant{Name: "token", Kind: "secret", Params: map[string]any{"names": []any{"A"}}}
	c, err := kind{}.Open(context.Background(), grant, env)
	if err != nil {
		t.Fatal(err)
	}
	get := func(name string) capability.Answer {
		return c.Do(context.Background(), &capability.Request{Operation: "secret.get", Attr: func(string) (string, bool) { return name, true }})
	}
	if a := get("A"); string(a.Data) != "a-value" || a.Code != "" {
		t.Errorf("%+v", a)
	}
	if a := get("OTHER"); a.Code != capability.Denied || len(a.Data) > 0 {
		t.Errorf("a secret that the grant does not name: %+v", a)
	}
	delete(values, "A") // rotated away
	if a := get("A"); a.Code != capability.NotFound {
		t.Errorf("%+v", a)
	}
	if _, err := (kind{}).Open(context.Background(), grant, env); err == nil || !strings.Contains(err.Error(), "secret A is not set") {
		t.Errorf("a secret missing at start: %v", err)
	}
	if c.Operations()["secret.get"] != capability.Hides {
		t.Error("secrets would be recorded")
	}
}

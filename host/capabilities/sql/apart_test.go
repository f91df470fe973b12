package sql

import (
	"os"
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
)

// TestApart: a grant that is opened apart makes no file, and has no database.
func TestApart(t *testing.T) {
	folder := t.TempDir()
	c, err := kind{}.Open(t.Context(), specs.Grant{Name: "g", Kind: "sql", Params: map[string]any{"database": "catalogue", "access": "write"}}, capability.Environment{
		Apart: true, Data: folder, Secret: func(string) (string, bool) { return "", false },
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Operations()[Exec] != capability.Changes {
		t.Errorf("operations %v", c.Operations())
	}
	if a := c.Do(t.Context(), &capability.Request{Operation: Query}); a.Code != capability.Unavailable {
		t.Errorf("answered %+v", a)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if list, err := os.ReadDir(folder); err != nil || len(list) > 0 {
		t.Errorf("there is %v, %v", list, err)
	}
}

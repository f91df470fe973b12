package command

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/grow-platform/grow/host/documents"
)

// TestServedDocuments: a folder is served whatever lies in it besides the service.
func TestServedDocuments(t *testing.T) {
	dir := echoFolder(t)
	put := func(name string, size int64) {
		t.Helper()
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(file, size); err != nil {
			t.Fatal(err)
		}
	}
	put("dump.bin", documents.FileMax+1)
	tree, left, err := servedDocuments(t.Context(), dir)
	if err != nil || !slices.Equal(left, []string{"dump.bin"}) || len(tree) != 4 {
		t.Fatalf("%v, left out %q, %d files", err, left, len(tree))
	}
	if _, _, err := documentsIn(t.Context(), dir); err == nil {
		t.Error("what is deployed has no limit")
	}
	for i := range documents.TotalMax/documents.FileMax + 1 {
		put("data/"+string(rune('a'+i%26))+string(rune('a'+i/26)), documents.FileMax)
	}
	tree, left, err = servedDocuments(t.Context(), dir)
	if err != nil || !slices.Equal(left, []string{"dump.bin", "data/"}) || len(tree) != 4 {
		t.Errorf("%v, left out %q, %d files", err, left, len(tree))
	}
}

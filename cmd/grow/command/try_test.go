package command

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/grow-platform/grow/specs"
)

// TestTry: what a document calls is shown to be tried where the service answers it.
func TestTry(t *testing.T) {
	s := &specs.Service{Dir: t.TempDir(), Docs: []string{"README.md"}, Endpoints: []*specs.Endpoint{{Method: "POST", Path: "/orders"}, {Method: "GET", Path: "/orders/{id}/lines"}}}
	for line, want := range map[string]bool{
		"curl -s http://127.0.0.1:8080/orders -d '{}'":                                          true,
		"curl -s 'http://127.0.0.1:8080/orders?a=b'":                                            true,
		"curl -s http://127.0.0.1:8080/orders/o-1/lines":                                        true,
		"curl -s http://127.0.0.1:8080/orders/$ID/lines":                                        true,
		"curl -s http://127.0.0.1:8080$LOCATION":                                                true,
		"curl -s http://127.0.0.1:8080/.grow/health":                                            true,
		"curl -s https://example.com/orders":                                                    true,
		"curl -s http://127.0.0.1:8080/greetings":                                               false,
		"curl -s http://127.0.0.1:8080/orders/o-1":                                              false,
		"curl -s http://127.0.0.1:8080/orders -d '{}'\ncurl -s http://127.0.0.1:8080/greetings": false,
		"echo http://127.0.0.1:8080/orders":                                                     false,
	} {
		if err := os.WriteFile(filepath.Join(s.Dir, "README.md"), []byte("# It\n\n```sh\n"+line+"\n```\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := examples(s, exampleURL); (got != "") != want {
			t.Errorf("%s: %q", line, got)
		}
	}
}

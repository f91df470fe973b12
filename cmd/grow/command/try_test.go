package command

import (
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue/cuecontext"

	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
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

// TestFill: what is shown to be tried is what the endpoint takes.
func TestFill(t *testing.T) {
	for text, want := range map[string]string{
		`{id: string}`:                        "http://h/a/id",
		`{id: "x/y", n: int & >=2000000}`:     "http://h/a/x%2Fy?n=2000000",
		`{id: int, tags: [...string]}`:        "http://h/a/1?tags=text",
		`{id: int, n: [...int & >=7]}`:        "http://h/a/1?n=7",
		`{id: int, n: [...int] | *[]}`:        "http://h/a/1",
		`{id: int, n: [...int] | *[1, 2]}`:    "http://h/a/1?n=1&n=2",
		`{id: int, n: null | int, b: bool}`:   "http://h/a/1?b=true&n=1",
		`{id: int, at: [string, int], x?: _}`: "http://h/a/1?at=at&at=1",
	} {
		kind, err := shape.FromCUE(cuecontext.New().CompileString(text))
		if err != nil {
			t.Fatal(text, err)
		}
		e := &specs.Endpoint{Method: "GET", Path: "/a/{id}", Params: []string{"id"}, Send: "asked"}
		path, query := fill(e, kind)
		got := "http://h" + path
		if len(query) > 0 {
			got += "?" + query.Encode()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		names := slices.Collect(maps.Keys(query))
		if _, err := kind.FromText(func(name string) ([]string, bool) {
			if name == "id" {
				id, _ := url.PathUnescape(strings.TrimPrefix(path, "/a/"))
				return []string{id}, true
			}
			return query[name], true
		}, append(names, "id")); err != nil {
			t.Errorf("%s: %s is refused: %v", text, got, err)
		}
	}
}

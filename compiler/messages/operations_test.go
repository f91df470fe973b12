package messages

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// apis are two APIs with what names and types are hard about.
var apis = []API{
	{Grant: "github", Operations: []Operation{
		{ID: "issues/create-comment", Name: "issues_create_comment", About: "Create an issue comment", Body: Needed, Params: []Param{
			{Name: "owner", Type: "string", Required: true}, {Name: "repo", Type: "string", Required: true}, {Name: "issue_number", Type: "integer", Required: true},
		}},
		{ID: "issues/list-comments", Name: "issues_list_comments", Params: []Param{
			{Name: "since", Type: "string"}, {Name: "owner", Type: "string", Required: true}, {Name: "labels", Type: "array", Item: "string"},
		}},
		{ID: "meta/root", Name: "meta_root"},
		{ID: "repos/download-archive", Name: "repos_download_archive", About: "Download an archive.", Stream: AnswerPieces, Body: Optional, Params: []Param{{Name: "owner", Type: "string", Required: true}}},
		{ID: "events", Name: "events", Stream: AnswerPieces}, {ID: "events-stream", Name: "events_stream"},
	}},
	{Grant: "tax-office", Operations: []Operation{
		{ID: "getRate", Name: "get_rate", Body: Optional, Params: []Param{
			{Name: "-", Type: "string", Required: true}, {Name: "X-Trace", Type: "number"}, {Name: "from", Type: "boolean", Required: true}, {Name: "filter", Type: "object"}, {Name: "body"}, {Name: "a.b", Type: "array"},
		}},
		{ID: "context", Name: "context"}, {ID: "get1", Name: "get1"}, {ID: "get-1", Name: "get_1", Params: []Param{{Name: "a"}}}, {ID: "func", Name: "func"}, {ID: "self", Name: "self"},
	}},
	{Grant: "tax-Office", Asks: true, Operations: []Operation{
		{ID: "weather.now", Name: "weather_now", About: "The temperature.", Params: []Param{{Name: "city", Type: "string", Required: true}, {Name: "days", Type: "integer"}}},
		{ID: "weather.all", Name: "weather_all"},
		{ID: "weather.watch", Name: "weather_watch", About: "What is measured.", Stream: AnswerPieces, Params: []Param{{Name: "city", Type: "string", Required: true}}},
		{ID: "weather.record", Name: "weather_record", About: "Keeps a film of the sky", Stream: BothPieces, Only: true},
	}},
	{Grant: "film", Asks: true, Operations: []Operation{{ID: "film.cut", Name: "film_cut", Stream: BothPieces, Only: true}}},
}

// TestOperations compares what is written of APIs with testdata/apis/operations.txtar.
func TestOperations(t *testing.T) {
	inGo, err := GoOperations("main", "pricing", apis)
	if err != nil {
		t.Fatal(err)
	}
	got := &txtar.Archive{Files: []txtar.File{
		{Name: "operations.py", Data: PythonOperations("pricing", apis)}, {Name: "operations.go", Data: inGo}, {Name: "operations.rs", Data: RustOperations("pricing", apis)},
	}}
	place := filepath.Join("testdata", "apis", "operations.txtar")
	if *update {
		if err := os.WriteFile(place, txtar.Format(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := txtar.ParseFile(place)
	if err != nil || len(want.Files) != len(got.Files) {
		t.Fatalf("%v: %d files", err, len(want.Files))
	}
	for i, f := range got.Files {
		if !bytes.Equal(f.Data, want.Files[i].Data) {
			t.Errorf("%s: got\n%s", f.Name, f.Data)
		}
	}
}

// TestOperationsNames: nothing in the Go that is written has the name of something else.
func TestOperationsNames(t *testing.T) {
	code, err := GoOperations("main", "pricing", apis)
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, "operations.go", code, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	c := types.Config{Importer: nothing{}, Error: func(err error) {
		if !strings.Contains(err.Error(), "undefined: grow.") { // the SDK is not looked into
			t.Error(err)
		}
	}}
	_, _ = c.Check("main", files, []*ast.File{f}, nil) // its errors have been told
}

// TestOperationsModule: an operation named like the SDK's module does not hide it from the
// annotations of the methods that follow.
func TestOperationsModule(t *testing.T) {
	for _, a := range []API{
		{Grant: "farm", Operations: []Operation{{ID: "grow", Name: "grow"}, {ID: "reap", Name: "reap"}}},
		{Grant: "farm", Asks: true, Operations: []Operation{{ID: "grow", Name: "grow"}, {ID: "reap", Name: "reap"}}},
	} {
		code := string(PythonOperations("pricing", []API{a}))
		if strings.Contains(code, "def grow(") || !strings.Contains(code, "def grow_(self)") || !strings.Contains(code, `"grow"`) {
			t.Errorf("the module is hidden:\n%s", code)
		}
	}
}

// nothing imports packages without anything in them.
type nothing struct{}

func (nothing) Import(path string) (*types.Package, error) {
	p := types.NewPackage(path, "grow")
	p.MarkComplete()
	return p, nil
}

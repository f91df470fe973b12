package messages

import (
	"bytes"
	"os"
	"path/filepath"
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
	}},
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

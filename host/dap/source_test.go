package dap

import (
	"strings"
	"testing"

	"github.com/google/go-dap"

	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/debug/toy"
)

// several is a program of several files.
type several struct {
	*toy.Program
	files []string
}

func (s several) Files() []string { return s.files }

// rooted is one whose own sources lie below a folder of names.
type rooted struct{ several }

func (rooted) Root() string { return "app/" }

// TestFiles finds a program's files by what clients call them.
func TestFiles(t *testing.T) {
	s := &server{session: debug.NewSession(several{files: []string{"/rustc/lib.rs", "main.py", "src/a/lib.rs", "src/b/lib.rs"}}, debug.Options{})}
	s.config.Sources = "/home/me/shop/"
	for _, c := range []struct {
		source dap.Source
		want   string
	}{
		{dap.Source{Path: "src/b/lib.rs"}, "src/b/lib.rs"},
		{dap.Source{Path: "/home/me/shop/src/a/lib.rs"}, "src/a/lib.rs"},
		{dap.Source{Path: "/elsewhere/b/lib.rs"}, "src/b/lib.rs"},
		{dap.Source{Path: `C:\shop\src\a\lib.rs`}, "src/a/lib.rs"},
		{dap.Source{Name: "main.py"}, "main.py"},
		{dap.Source{Name: "lib.rs"}, ""}, // which of them?
		{dap.Source{Path: "/x/other.py"}, ""},
		{dap.Source{}, ""},
		{dap.Source{SourceReference: 2}, "main.py"},
	} {
		got, err := s.file(&c.source)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%+v: %q, %v, want %q", c.source, got, err, c.want)
		}
	}
	for file, want := range map[string]string{
		"main.py": "/home/me/shop/main.py", "/home/me/shop/lib.rs": "/home/me/shop/lib.rs", "/rustc/lib.rs": "/rustc/lib.rs", "/home/me/shopping/lib.rs": "/home/me/shopping/lib.rs",
	} {
		if got := s.source(file); got.Path != want || (got.SourceReference == 0) != strings.HasPrefix(want, "/home/me/shop/") {
			t.Errorf("%s is shown as %+v", file, got)
		}
	}
}

// TestRooted: what the actor's author wrote is in the client's folder, and all else is not.
func TestRooted(t *testing.T) {
	s := &server{session: debug.NewSession(rooted{several{files: []string{"app/main.py", "packages/main.py"}}}, debug.Options{})}
	s.config.Sources = "/home/me/shop"
	for file, want := range map[string]string{"app/main.py": "/home/me/shop/main.py", "packages/main.py": "packages/main.py", "lib/json/decoder.py": "lib/json/decoder.py"} {
		if got := s.source(file); got.Path != want {
			t.Errorf("%s is shown as %+v", file, got)
		}
	}
	for name, want := range map[string]string{"/home/me/shop/main.py": "app/main.py", "packages/main.py": "packages/main.py", "app/main.py": "app/main.py"} {
		if got, err := s.file(&dap.Source{Path: name}); got != want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
}

// TestUnlisted: a file that the program knows by its frames alone can be asked for, and
// what the program says of it is told.
func TestUnlisted(t *testing.T) {
	program, err := toy.Parse("main.toy", "func handle\nend\n")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{session: debug.NewSession(several{program, []string{"main.toy"}}, debug.Options{})}
	shown := s.source("lib/json/decoder.py")
	if shown.SourceReference == 0 || shown.PresentationHint != "deemphasize" || s.source("lib/json/decoder.py").SourceReference != shown.SourceReference {
		t.Errorf("%+v", shown)
	}
	if other := s.source("lib/re.py"); other.SourceReference == shown.SourceReference {
		t.Errorf("%+v", other)
	}
	if file, err := s.file(shown); file != "lib/json/decoder.py" || err != nil {
		t.Error(file, err)
	}
	if _, err := s.text(dap.SourceArguments{SourceReference: shown.SourceReference}); err == nil {
		t.Error("there is a text of what the program has none of")
	}
	if _, err := s.file(&dap.Source{SourceReference: shown.SourceReference + 2}); err == nil {
		t.Error("there is a file that nothing was said of")
	}
}

package codes_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/codes"
	"github.com/rogpeppe/go-internal/txtar"
)

// serves is what the examples are written for.
var serves = specs.Options{
	Kinds: []string{"http", "secret"}, Languages: []string{"go", "rust", "wasm"},
	CheckGrant: func(g specs.Grant, _ string) error {
		if _, ok := g.Params["names"]; g.Kind == "secret" && !ok {
			return errors.New("a secret grant needs names")
		}
		return nil
	},
}

// TestExamples loads the service that the golden mistakes are made in with the
// files of every text: the wrong ones have a problem of the code, the right
// ones have none at all.
func TestExamples(t *testing.T) {
	base, err := txtar.ParseFile("../testdata/good_small.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range codes.All() {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			e, ok := codes.Of(code)
			if !ok || len(e.Text) < 60 || len(e.Wrong) == 0 || len(e.Right) == 0 {
				t.Fatalf("the text says too little: %+v", e)
			}
			if found := problems(t, base, e.Wrong); !slices.ContainsFunc(found, func(p specs.Problem) bool { return p.Code == code }) {
				t.Errorf("the wrong files have no problem of the code: %v", specs.Problems(found))
			}
			if found := problems(t, base, e.Right); len(found) > 0 {
				t.Errorf("the right files have problems: %v", specs.Problems(found))
			}
		})
	}
}

func problems(t *testing.T, base *txtar.Archive, files []codes.File) []specs.Problem {
	dir := t.TempDir()
	write := func(name string, data []byte) {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("actors/pricing/src/rust/lib.rs", []byte("// code\n"))
	for _, f := range base.Files {
		if f.Name != "want" && len(f.Data) > 0 {
			write(f.Name, f.Data)
		}
	}
	for _, f := range files {
		write(f.Name, []byte(f.Content))
	}
	s, err := specs.Load(dir, serves)
	var found specs.Problems
	switch {
	case err == nil:
		return s.Warnings
	case !errors.As(err, &found):
		t.Fatal(err)
	}
	return found
}

// TestEveryCode holds that each code of the list in package specs, and each that
// a golden file expects, has a text, and that no text is of a code that is gone.
func TestEveryCode(t *testing.T) {
	source, err := os.ReadFile("../problem.go")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, m := range regexp.MustCompile(`(?m)^//\t([a-z]+\.[a-z-]+) `).FindAllStringSubmatch(string(source), -1) {
		listed = append(listed, m[1])
	}
	slices.Sort(listed)
	if have := codes.All(); !slices.Equal(listed, have) {
		t.Errorf("listed: %s\ntexts:  %s", strings.Join(listed, " "), strings.Join(have, " "))
	}
	goldens, err := filepath.Glob("../testdata/*.txtar")
	if err != nil || len(goldens) < 200 {
		t.Fatalf("%d goldens: %v", len(goldens), err)
	}
	for _, golden := range goldens {
		data, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		_, want, _ := strings.Cut(string(data), "-- want --\n")
		for _, m := range regexp.MustCompile(`(?m) \[([a-z.-]+)(, warning)?\]$`).FindAllStringSubmatch(want, -1) {
			if !slices.Contains(listed, m[1]) {
				t.Errorf("%s: the code %s is not listed", golden, m[1])
			}
		}
	}
}

// TestRuntimeCodes holds that each code that a message or a module can end with,
// as the packages that give them declare it, has a text, and that no text is of a
// code that is gone.
func TestRuntimeCodes(t *testing.T) {
	declared := map[string]bool{}
	for _, dir := range []string{"engine", "actor", "shard", "wasm"} {
		files, err := filepath.Glob("../../runtime/" + dir + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", dir, len(files), err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^\s+Code[A-Z]\w*\s*=\s*"([a-z.]+)"`).FindAllStringSubmatch(string(source), -1) {
				declared[m[1]] = true
			}
		}
	}
	want, have := slices.Sorted(maps.Keys(declared)), codes.Runtime()
	if !slices.Equal(want, have) {
		t.Errorf("declared: %s\ntexts:    %s", strings.Join(want, " "), strings.Join(have, " "))
	}
	for _, code := range have {
		e, ok := codes.Of(code)
		if !ok || len(e.Text) < 100 && code != "route.deadletter" || !strings.Contains(e.Text, "\n\n") || len(codes.Known()) != len(have)+len(codes.All()) {
			t.Errorf("%s: the text does not say what happened and what to do:\n%s", code, e.Text)
		}
	}
}

func TestUnknown(t *testing.T) {
	if _, ok := codes.Of("../codes"); ok {
		t.Error("a path is no code")
	}
}

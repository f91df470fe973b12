package command

import (
	"bytes"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/grow-platform/grow/compiler/messages"
	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/specs"
	"github.com/spf13/cobra"
)

// The codes of files that grow types does not write.
const (
	codeTypesStale = "types.stale" // --check: they are not what would be written
	codeTypesOwn   = "types.own"   // somebody wrote them
)

// typesLanguages are those that types are written in.
var typesLanguages = []string{"go", "python", "rust"}

// What becomes of a file of types.
const (
	typesWritten   = "written"
	typesUnchanged = "unchanged"
	typesStale     = "stale"
	typesAbsent    = "absent" // --check: there is none, since who wrote the actor has types of their own
)

// typesFile is a file of an actor's types, for programs.
type typesFile struct {
	Actor    string `json:"actor"`
	Language string `json:"language"`
	File     string `json:"file"` // relative to the service's folder
	State    string `json:"state"`

	place string
	data  []byte
}

func (s *shell) types() *cobra.Command {
	var lang string
	var check bool
	c := &cobra.Command{
		Use: "types [ACTOR...]", Short: "write message types as classes of each actor's language", Args: cobra.ArbitraryArgs,
		Long: "types writes what an actor takes, sends, keeps and is configured with as code, beside its sources in each language that\n" +
			"it is written in: dataclasses in messages.py, structs in messages.go, structs with serde in messages.rs. Operations of\n" +
			"OpenAPI documents that its grants name are methods in operations.py, operations.go and operations.rs. Without a\n" +
			"name it does so for every actor. A file that somebody else wrote is left as it is.\n\n" +
			"--check writes nothing; the exit code is 3 when a file is not what would be written. An actor that has no such file has\n" +
			"types of its own, and nothing that could be out of date.",
		Example: "  grow types\n  grow types pricing --lang python\n  grow types --check",
		RunE: func(c *cobra.Command, args []string) error {
			if lang != "" && !slices.Contains(typesLanguages, lang) {
				return usage("--lang takes %s, not %q", choice(typesLanguages), lang)
			}
			dir, service, wrong, err := s.outline()
			if err != nil {
				return err
			}
			if list := unread(service, wrong, args); len(list) > 0 {
				return list
			}
			files, err := typesFiles(dir, service, args, lang)
			if err != nil {
				return err
			}
			if !check {
				if err := writeTypes(files); err != nil {
					return err
				}
			}
			return s.tellTypes(files, check)
		},
	}
	c.Flags().StringVar(&lang, "lang", "", "only this `language`: go, python or rust")
	c.Flags().BoolVar(&check, "check", false, "write nothing, and say whether the files are up to date")
	fixed(c, "lang", typesLanguages...)
	return s.completes(c, actorsOf)
}

// unread are the problems of definitions that could not be read, of some actors or of all:
// nothing is known of their types.
func unread(service *specs.Service, wrong specs.Problems, names []string) specs.Problems {
	read := map[string]bool{}
	for _, a := range service.Actors {
		read[filepath.Base(a.Dir)] = true
	}
	return slices.DeleteFunc(slices.Clone(wrong), func(p specs.Problem) bool {
		place, name, _ := strings.Cut(filepath.ToSlash(filepath.Dir(p.File)), "/")
		name, _, _ = strings.Cut(name, "/")
		return place != "actors" || p.Warning || read[name] || len(names) > 0 && !slices.Contains(names, name)
	})
}

// tellTypes says what became of the files, or, of a check, what should.
func (s *shell) tellTypes(files []typesFile, check bool) error {
	stale := slices.IndexFunc(files, func(f typesFile) bool { return f.State == typesStale })
	if err := s.print(files, func(w io.Writer) error {
		if len(files) == 0 {
			_, err := fmt.Fprintln(w, "no actor has sources in a language that types are written in")
			return err
		}
		var rows [][]string
		for _, f := range files {
			rows = append(rows, []string{f.Actor, f.Language, f.State, f.File})
		}
		return table(w, "ACTOR LANGUAGE STATE FILE", rows)
	}); err != nil {
		return err
	}
	if check && stale >= 0 {
		return &told{fault: control.Error{Code: codeTypesStale, Message: "types have changed since their code was written; to write it anew: grow types", At: files[stale].File, Next: "grow types"}}
	}
	return nil
}

// typesFiles are the files of some actors, or of all, and what would be in them.
func typesFiles(dir string, service *specs.Service, names []string, lang string) ([]typesFile, error) {
	all := actorsOf(service)
	for _, name := range names {
		if !slices.Contains(all, name) {
			return nil, &project.UnknownError{Name: name, Have: all}
		}
	}
	if len(names) > 0 {
		all = names
	}
	files := []typesFile{}
	for _, name := range all {
		a := service.Actors[name]
		for _, l := range typesLanguages {
			folder := sourcesIn(a, l)
			if folder == "" || lang != "" && l != lang {
				continue
			}
			f, err := typesFileOf(dir, service, a, l, folder)
			if err != nil {
				return nil, err
			}
			files = append(files, f)
			if f, err = operationsFileOf(dir, service, a, l, folder); err != nil {
				return nil, err
			}
			if f.data != nil {
				files = append(files, f)
			}
		}
	}
	return files, nil
}

// sourcesIn is the folder of an actor's sources in a language, "" for none.
func sourcesIn(a *specs.Actor, lang string) string {
	folder := filepath.Join(a.Dir, "src", lang)
	if a.Code.Language == lang {
		folder = a.Code.Source
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return ""
	}
	if inner := filepath.Join(folder, "src"); lang == "rust" { // of a crate
		if _, err := os.Stat(filepath.Join(inner, "lib.rs")); err == nil {
			return inner
		}
	}
	return folder
}

// typesOfActor are the types that an actor's code has to do with, in order.
func typesOfActor(service *specs.Service, a *specs.Actor) []messages.Named {
	var all []messages.Named
	seen := map[string]bool{}
	for _, name := range slices.Concat(a.In, a.Out) {
		if t := service.Types[name]; t != nil && !seen[name] {
			seen[name] = true
			all = append(all, messages.Named{Name: name, Type: t, Message: true})
		}
	}
	for _, st := range a.State {
		if st.Type != nil && !seen[st.Name] {
			seen[st.Name] = true
			all = append(all, messages.Named{Name: st.Name, Type: st.Type})
		}
	}
	if a.Config != nil {
		all = append(all, messages.Named{Name: "config", Type: a.Config})
	}
	return all
}

func typesFileOf(dir string, service *specs.Service, a *specs.Actor, lang, folder string) (typesFile, error) {
	f := typesFile{Actor: a.Name, Language: lang, State: typesStale}
	all := typesOfActor(service, a)
	var err error
	switch lang {
	case "python":
		f.place = filepath.Join(folder, "messages.py")
		f.data, err = messages.Python(a.Name, all)
	case "go":
		f.place = filepath.Join(folder, "messages.go")
		f.data, err = messages.Go(packageIn(folder), a.Name, all)
	default:
		f.place = filepath.Join(folder, "messages.rs")
		f.data, err = messages.Rust(a.Name, all)
	}
	if err != nil {
		return f, fmt.Errorf("types of actor %s: %w", a.Name, err)
	}
	return f.beside(dir)
}

// beside holds what would be in a file against what is.
func (f typesFile) beside(dir string) (typesFile, error) {
	f.File = f.place
	if rel, err := filepath.Rel(dir, f.place); err == nil && filepath.IsLocal(rel) {
		f.File = filepath.ToSlash(rel)
	}
	have, err := os.ReadFile(f.place)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.State = typesAbsent
		return f, nil
	case err != nil:
		return f, fmt.Errorf("read types: %w", err)
	}
	if first, _, _ := bytes.Cut(have, []byte("\n")); !bytes.Contains(first, []byte(messages.Mark)) {
		return f, &control.Error{
			Code: codeTypesOwn, Message: f.File + " was not written by grow types; nothing was written", At: f.File,
			Next: "give it another name, or remove it, and try again",
		}
	}
	if bytes.Equal(have, f.data) {
		f.State = typesUnchanged
	}
	return f, nil
}

// packageIn is the name of the Go package in a folder: main, unless its files say
// otherwise.
func packageIn(folder string) string {
	paths, _ := filepath.Glob(filepath.Join(folder, "*.go")) // the pattern is good
	for _, p := range paths {
		if filepath.Base(p) == "messages.go" || filepath.Base(p) == "operations.go" {
			continue
		}
		if f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.PackageClauseOnly); err == nil {
			return f.Name.Name
		}
	}
	return "main"
}

func writeTypes(files []typesFile) error {
	for i, f := range files {
		if f.State == typesUnchanged {
			continue
		}
		root, err := os.OpenRoot(filepath.Dir(f.place))
		if err == nil {
			err = errors.Join(replace(root, filepath.Base(f.place), f.data, 0o644), root.Close())
		}
		if err != nil {
			return fmt.Errorf("write types: %w", err)
		}
		files[i].State = typesWritten
	}
	return nil
}

package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/grow-platform/grow/cmd/grow/starter"
	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/specs/schema"
	"github.com/spf13/cobra"
	gomodule "golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// codeInside is the code of a service that would be made inside of another.
const codeInside = "init.inside"

// beginning is what init is asked for.
type beginning struct {
	name, lang        string
	bare, force, plan bool
}

func (s *shell) init() *cobra.Command {
	var b beginning
	c := &cobra.Command{
		Use: "init [DIR]", Short: "make a service that runs", Args: cobra.MaximumNArgs(1),
		Long: "init makes a folder a service: an endpoint, an actor with documents, tests and code, files for editors, coding agents\n" +
			"and GitHub. It runs as it is, and is meant to be changed. It is called as the folder is unless --name says otherwise.\n\n" +
			"The actor is written in Go, Rust or Python, the first of them whose tools this machine has. Nothing that exists is overwritten.",
		Example: "  grow init shop\n  grow init shop --lang python\n  grow init --bare\n  grow init shop --plan",
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := s.fresh(args)
			if err != nil {
				return err
			}
			return s.begin(c.Context(), dir, b)
		},
	}
	c.Flags().StringVar(&b.name, "name", "", "`name` of the service")
	c.Flags().StringVar(&b.lang, "lang", "", "`language` of the first actor: go, rust or python")
	c.Flags().BoolVar(&b.bare, "bare", false, "make grow.yaml and folders, and no actor")
	c.Flags().BoolVar(&b.force, "force", false, "overwrite files that exist")
	c.Flags().BoolVar(&b.plan, "plan", false, "say what would be made, and make nothing")
	fixed(c, "lang", starter.Languages...)
	return c
}

// begin makes a service in a folder.
func (s *shell) begin(ctx context.Context, dir string, b beginning) error {
	service := starter.Service{Name: b.name, Version: installable()}
	var notes []string
	if b.name == "" {
		service.Name = starter.Name(filepath.Base(dir), "service")
		if service.Name != filepath.Base(dir) {
			notes = append(notes, fmt.Sprintf("It is called %s, since %q cannot be a name; --name gives it another.", service.Name, filepath.Base(dir)))
		}
	} else if err := checkName("--name", b.name); err != nil {
		return err
	}
	d := &draft{dir: dir, force: b.force}
	what := "a service without actors"
	next := []string{"grow actor new NAME   # then look at what it made"}
	if b.bare && b.lang != "" {
		return usage("--bare makes no actor, so there is nothing to write in %s", b.lang)
	}
	if b.bare {
		files, folders, err := service.Bare()
		if err != nil {
			return err
		}
		d.folders = folders
		d.add(files...)
	} else {
		lang, why, err := pick(ctx, b.lang)
		if err != nil {
			return err
		}
		service.Lang = lang
		files, err := service.Files()
		if err != nil {
			return err
		}
		d.add(files...)
		what = "a service with an actor in " + starter.Title(lang) + why
		next = []string{"grow vet    # check every file", "grow test   # run the examples", "grow run    # build it, and serve it with curl lines to try"}
	}
	o := outcome{Name: service.Name, Language: service.Lang, Notes: notes, Next: enter(dir, next...)}
	o.title = verb(b.plan) + " " + what + " in " + called(dir) + ":"
	return s.make(d, o, "take another folder, move them away, or overwrite them: --force", b.plan, func() error { return nil })
}

// called is how a folder is called from here.
func called(dir string) string {
	if near := nearby(dir); near != "." {
		return near
	}
	return "this folder"
}

// verb says whether something is or would be made.
func verb(plan bool) string {
	if plan {
		return "would make"
	}
	return "made"
}

// enter puts before commands the one that goes to the folder they work in, when
// this is neither it nor a part of it.
func enter(dir string, next ...string) []string {
	here, err := os.Getwd()
	if err != nil {
		return next
	}
	if rel, err := filepath.Rel(dir, here); err == nil && filepath.IsLocal(rel) {
		return next
	}
	if rel, err := filepath.Rel(here, dir); err == nil && filepath.IsLocal(rel) {
		dir = rel
	}
	return append([]string{"cd " + quote(dir)}, next...)
}

// fresh is the folder for a new service: named, or this one. It does not lie
// inside of a service.
func (s *shell) fresh(args []string) (string, error) {
	named := s.dir
	if len(args) > 0 {
		named = args[0]
	}
	dir, err := filepath.Abs(named) // "" is this folder
	if err != nil {
		return "", fmt.Errorf("find folder: %w", err)
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return "", &control.Error{Code: codeExists, Message: dir + " is a file; a service is a folder", At: dir, Next: "give it another name: grow init NAME"}
	}
	if _, err := os.Stat(filepath.Join(dir, "grow.cue")); err == nil {
		return "", &control.Error{Code: codeExists, Message: "there is a service already, by the grow.cue in " + dir, At: dir, Next: "take another folder"}
	}
	for at := filepath.Dir(dir); ; at = filepath.Dir(at) {
		for _, name := range definitions {
			if _, err := os.Stat(filepath.Join(at, name)); err == nil {
				return "", &control.Error{
					Code: codeInside, Message: "there is a service around it, in " + at + ": one cannot hold another", At: dir,
					Next: "make it beside: grow init " + quote(filepath.Join(filepath.Dir(at), filepath.Base(dir))) + "; or add an actor: grow actor new NAME",
				}
			}
		}
		if at == filepath.Dir(at) {
			return dir, nil
		}
	}
}

// checkName reports what cannot be a name; what says what it would name.
func checkName(what, name string) error {
	if starter.IsName(name) {
		return nil
	}
	e := &usageError{control.Error{
		Code: codeUsage, At: name,
		Message: fmt.Sprintf("%s takes lower-case letters, digits and dashes, a letter first, at most 63 characters, not %q", what, name),
	}}
	if near := starter.Name(name, ""); starter.IsName(near) {
		e.fault.Next = "did you mean " + near + "?"
	}
	return e
}

// pick is the language of a new actor: the one that is asked for, or the first
// whose tools this machine has; and why, when it was not asked for.
func pick(ctx context.Context, asked string, more ...string) (lang, why string, err error) {
	known := append(append([]string{}, starter.Languages...), more...)
	if asked != "" {
		for _, lang := range known {
			if lang == asked {
				return lang, "", nil
			}
		}
		e := &usageError{control.Error{Code: codeUsage, Message: fmt.Sprintf("--lang takes %s, not %q", choice(known), asked), At: asked}}
		if near := schema.Nearest(asked, known); near != "" {
			e.fault.Next = "did you mean --lang " + near + "?"
		}
		return "", "", e
	}
	for _, lang := range starter.Languages {
		build, ok := compiler.For(lang)
		if !ok {
			continue
		}
		ready := true
		for _, f := range build.Check(ctx) {
			ready = ready && f.OK
		}
		if ready {
			return lang, " (its tools are on this machine; --lang takes another)", nil
		}
	}
	return starter.Languages[0], " (its tools are not on this machine, nor are those of another language: see grow doctor)", nil
}

// choice joins words as a sentence does that asks for one of them.
func choice(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// installable is this version of grow as `go install` takes it.
func installable() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || !semver.IsValid(info.Main.Version) || strings.Contains(info.Main.Version, "+") || gomodule.IsPseudoVersion(info.Main.Version) {
		return "latest" // of a copy that was built from sources
	}
	return info.Main.Version
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/compare"
	"github.com/spf13/cobra"
)

// versions is what two revisions differ in, for programs.
type versions struct {
	Old       string          `json:"old"`
	New       string          `json:"new"`
	Documents []changedFile   `json:"documents"`
	Tests     []changedTest   `json:"tests"`
	Modules   []changedModule `json:"modules"`
	Changes   []change        `json:"changes"` // of types, grants and what else others see
	Notes     []string        `json:"notes"`   // on what could not be compared
}

// changedModule is an actor that runs another module.
type changedModule struct {
	Actor string `json:"actor"`
	Old   string `json:"old,omitempty"` // digest
	New   string `json:"new,omitempty"`
}

func (s *shell) diff() *cobra.Command {
	var brief bool
	c := &cobra.Command{
		Use: "diff OLD NEW", Short: "show what is different between two revisions on a host", Args: cobra.ExactArgs(2),
		Long: "diff compares two deployments, named by their numbers, or two revisions of an actor, named ACTOR@NUMBER; live is the deployment that runs. " +
			"It shows documents line by line, tests that are new, gone or changed, modules, and what is different in types, grants and endpoints, with what that means for those who use them.",
		Example: "  grow diff 3 4\n  grow diff 3 live --brief\n  grow diff price@1 price@2",
		RunE: func(c *cobra.Command, args []string) error {
			return s.diffVersions(c.Context(), args, brief)
		},
	}
	c.Flags().BoolVar(&brief, "brief", false, "name the documents that differ, without their lines")
	return c
}

// version is one of two that are compared.
type version struct {
	at         *destination
	name       string
	actor      string // ""; the whole service
	deployment deploy.Deployment
	files      []api.File // that count
	all        []api.File // of the deployment
	modules    map[string]string
}

func (s *shell) diffVersions(ctx context.Context, args []string, brief bool) error {
	at, err := s.visitNamed(ctx, nil)
	if err != nil {
		return err
	}
	defer at.client.Close()
	old, err := at.version(ctx, args[0])
	if err != nil {
		return err
	}
	new, err := at.version(ctx, args[1])
	if err != nil {
		return err
	}
	if old.actor != new.actor {
		return usage("%s and %s are not of one kind: name two deployments, or two revisions of one actor", args[0], args[1])
	}
	v := versions{Old: old.name, New: new.name, Documents: changedFiles(old.files, new.files), Tests: []changedTest{}, Modules: changedModules(old.modules, new.modules), Changes: []change{}, Notes: []string{}}
	if !brief {
		if err := at.compare(ctx, v.Documents, old.read, new.read); err != nil {
			return err
		}
	}
	if v.Tests, err = testsBetween(ctx, v.Documents, old, new); err != nil {
		return err
	}
	if err := v.specs(ctx, old, new); err != nil {
		return err
	}
	return s.print(&v, func(w io.Writer) error { return s.writeVersions(w, &v) })
}

// version finds what an argument names.
func (at *destination) version(ctx context.Context, name string) (*version, error) {
	actor, digits, ofActor := strings.Cut(name, "@")
	if !ofActor {
		actor, digits = "", name
	}
	v := &version{at: at, name: name, actor: actor, modules: map[string]string{}}
	number, err := strconv.Atoi(digits)
	switch {
	case digits == "live" && at.live == nil:
		return nil, &control.Error{Code: control.CodeNotFound, Message: "nothing is live", At: at.service}
	case digits == "live" && !ofActor:
		number = at.live.Number
	case digits == "live":
		number = at.live.Actors[actor].Revision
	case err != nil || number < 1:
		return nil, usage("%q is no revision: it is the number of a deployment, ACTOR@NUMBER, or live", name)
	}
	if ofActor {
		list, err := at.Revisions(ctx, actor, historyMax)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(list, func(r deploy.Revision) bool { return r.Number == number })
		if i < 0 {
			return nil, &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("%s has no revision %s", actor, digits), At: name, Next: "see those there are: grow history " + actor}
		}
		v.name, v.modules[actor], number = fmt.Sprintf("%s@%d", actor, number), string(list[i].Artifact.Digest), list[i].Deployment
	}
	if v.deployment, err = at.deploymentBy(ctx, number); err != nil {
		return nil, err
	}
	if v.all, err = at.DeploymentFiles(ctx, number); err != nil {
		return nil, err
	}
	v.files = v.all
	if ofActor {
		v.files = slices.DeleteFunc(slices.Clone(v.all), func(f api.File) bool {
			return !strings.HasPrefix(f.Path, "actors/"+actor+"/") && !strings.HasPrefix(f.Path, "types/")
		})
		return v, nil
	}
	v.name = fmt.Sprintf("deployment %d", number)
	for actor, a := range v.deployment.Actors {
		v.modules[actor] = string(a.Digest)
	}
	return v, nil
}

func (v *version) read(ctx context.Context, path string) ([]byte, error) {
	return v.at.DeploymentFile(ctx, v.deployment.Number, path)
}

func changedModules(old, new map[string]string) []changedModule {
	list := []changedModule{}
	for actor, digest := range old {
		if new[actor] != digest {
			list = append(list, changedModule{actor, digest, new[actor]})
		}
	}
	for actor, digest := range new {
		if _, ok := old[actor]; !ok {
			list = append(list, changedModule{Actor: actor, New: digest})
		}
	}
	slices.SortFunc(list, func(a, b changedModule) int { return strings.Compare(a.Actor, b.Actor) })
	return list
}

// specs compares what two versions promise to others.
func (v *versions) specs(ctx context.Context, old, new *version) error {
	var services [2]*specs.Service
	for i, one := range []*version{old, new} {
		service, err := one.load(ctx)
		var wrong specs.Problems
		if errors.As(err, &wrong) {
			v.Notes = append(v.Notes, fmt.Sprintf("%s has mistakes, so types and grants are not compared: %v", one.name, wrong))
			return nil
		}
		if err != nil {
			return err
		}
		services[i] = service
	}
	var changes []compare.Change
	if old.actor != "" {
		changes = compare.Actors(services[0], old.actor, services[1], old.actor, compare.Options{})
	} else {
		changes = compare.Services(services[0], services[1], compare.Options{})
	}
	v.Changes = comparisonOf(v.Old, v.New, changes).Changes
	return nil
}

// load reads the definitions of a version. Other files are there by name alone.
func (v *version) load(ctx context.Context) (service *specs.Service, err error) {
	dir, err := os.MkdirTemp("", "grow-diff-")
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	root, err := os.OpenRoot(dir) // paths come from the host
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	defer root.Close()
	for _, f := range v.all {
		var text []byte
		if defines(f.Path) {
			if text, err = v.read(ctx, f.Path); err != nil {
				return nil, err
			}
		}
		name := filepath.FromSlash(f.Path)
		if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return nil, fmt.Errorf("compare: %w", err)
		}
		if err := root.WriteFile(name, text, 0o600); err != nil {
			return nil, fmt.Errorf("compare: %w", err)
		}
	}
	return specs.Load(dir, compared)
}

// defines reports whether a file is one by which a service is defined.
func defines(file string) bool {
	parts := strings.Split(file, "/")
	return len(parts) == 1 && strings.HasPrefix(file, "grow.") || parts[0] == "types" || parts[0] == "workflows" && len(parts) == 2 ||
		parts[0] == "actors" && len(parts) == 3 && slices.Contains(definitionFiles, path.Base(file))
}

func (s *shell) writeVersions(w io.Writer, v *versions) error {
	fmt.Fprintf(w, "from %s to %s\n", cell(v.Old), cell(v.New))
	if len(v.Documents)+len(v.Modules) == 0 {
		_, err := fmt.Fprintln(w, "nothing is different")
		return err
	}
	part := func(title string, n int) {
		if n > 0 {
			fmt.Fprintf(w, "\n%s\n", title)
		}
	}
	part("Documents:", len(v.Documents))
	for _, f := range v.Documents {
		fmt.Fprintf(w, "  %-8s %s\n", f.How, cell(f.Path))
		if f.Diff != "" {
			fmt.Fprintf(w, "    %s\n", strings.ReplaceAll(safe(strings.TrimSuffix(f.Diff, "\n")), "\n", "\n    "))
		}
	}
	part("Tests:", len(v.Tests))
	for _, t := range v.Tests {
		fmt.Fprintf(w, "  %-8s %s  (%s)\n", t.How, cell(t.Test), cell(t.File))
	}
	part("Modules:", len(v.Modules))
	for _, m := range v.Modules {
		fmt.Fprintf(w, "  %s  %s -> %s\n", cell(m.Actor), shortDigest(m.Old), shortDigest(m.New))
	}
	part("Types, grants and what else others see:", len(v.Changes))
	for _, note := range v.Notes {
		fmt.Fprintf(w, "\n%s\n", within(note))
	}
	if len(v.Changes) == 0 {
		return nil
	}
	c := &comparison{Old: v.Old, New: v.New, Changes: v.Changes}
	return s.writeChanges(w, c)
}

func shortDigest(digest string) string {
	if digest == "" {
		return "none"
	}
	return cut(digest, 12)
}

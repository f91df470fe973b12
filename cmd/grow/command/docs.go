package command

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/specs/schema"
	"github.com/spf13/cobra"
)

func (s *shell) docs() *cobra.Command {
	return group(&cobra.Command{
		Use: "docs", Short: "read and change the documents of an actor on a host",
		Long: "The documents of an actor are its definition, goals, requirements and notes, tests and sources. A host keeps every version of\n" +
			"them. What is changed here runs with the next deployment: grow deploy.",
		Example: "  grow docs list price\n  grow docs get price docs/goals.md\n  grow docs diff price",
	}, s.docsList(), s.docsGet(), s.docsPut(), s.docsDiff(), s.docsHistory(), s.docsRestore())
}

// document is a file of an actor.
type document struct {
	Path   string `json:"path"` // in the actor's folder
	Kind   string `json:"kind"` // definition, document, test, source
	Size   int64  `json:"size"` // bytes
	Digest string `json:"digest"`
}

// kindOf says what a file of an actor is for.
func kindOf(path string) string {
	switch folder, _, inside := strings.Cut(path, "/"); {
	case !inside && strings.HasPrefix(path, "actor."):
		return "definition"
	case inside && folder == "docs":
		return "document"
	case inside && folder == "tests":
		return "test"
	}
	return "source"
}

// shelf is an actor's documents in one change.
type shelf struct {
	*mirror
	snapshot
	dir string // of the actor
}

// shelf opens the documents of an actor, in a change by its number or id, "" for the
// last one. The caller closes the client.
func (s *shell) shelf(ctx context.Context, actor, change string) (*shelf, error) {
	m, err := s.onHost()
	if err != nil {
		return nil, err
	}
	sh := &shelf{mirror: m, dir: "actors/" + actor}
	if sh.snapshot, err = m.named(ctx, change); err == nil {
		err = sh.known(actor)
	}
	if err != nil {
		m.client.Close()
		return nil, err
	}
	return sh, nil
}

// named is a change that a person named; it must be there.
func (m *mirror) named(ctx context.Context, change string) (snapshot, error) {
	if change != "" && strings.Trim(change, "0123456789") != "" && (len(change) != 64 || strings.Trim(change, "0123456789abcdef") != "") {
		return snapshot{}, usage("a change is named by its number, or by the 64 digits of its id, not %q", change)
	}
	c, err := m.at(ctx, change)
	switch {
	case err != nil || c.ID != "":
		return c, err
	case change != "":
		return c, &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("%s has no change %s", m.service, change), At: change, Next: "see those there are: grow docs history ACTOR"}
	}
	return c, &control.Error{Code: control.CodeNotFound, Message: "the host has no service " + m.service.String(), At: m.service.String(), Next: "see those there are: grow service list"}
}

// changesOf lists the changes of an actor's documents, the last one first.
func (m *mirror) changesOf(ctx context.Context, actor string, limit int) ([]api.Change, error) {
	list, err := m.remote.ChangesBelow(ctx, "actors/"+actor, limit)
	if isCode(err, control.CodeNotFound) {
		last, missing := m.named(ctx, "")
		if missing == nil {
			missing = (&shelf{mirror: m, snapshot: last, dir: "actors/" + actor}).known(actor)
		}
		err = cmp.Or(missing, err)
	}
	return list, err
}

// known reports an actor that has no documents.
func (sh *shelf) known(actor string) error {
	if len(sh.tree.Below(sh.dir)) > 0 {
		return nil
	}
	names := actorNames(sh.tree)
	next := "the service has " + strings.Join(names, ", ")
	if near := schema.Nearest(actor, names); near != "" {
		next = "did you mean " + near + "?"
	}
	if len(names) == 0 {
		next = "put the service's folder there: grow push"
	}
	return &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("there is no actor %q in change %d of %s", actor, sh.Number, sh.service), At: actor, Next: next}
}

// actorNames are the names of the actors that have documents, in order.
func actorNames(t documents.Tree) []string {
	names := []string{}
	for _, f := range t.Below("actors") {
		if name, _, ok := strings.Cut(strings.TrimPrefix(f.Path, "actors/"), "/"); ok {
			names = append(names, name)
		}
	}
	return slices.Compact(names)
}

// file finds one by its path in the actor's folder.
func (sh *shelf) file(path string) (documents.File, error) {
	f, ok := sh.tree.Find(sh.dir + "/" + path)
	if ok {
		return f, nil
	}
	var names []string
	for _, f := range sh.tree.Below(sh.dir) {
		names = append(names, strings.TrimPrefix(f.Path, sh.dir+"/"))
	}
	next := "see what there is: grow docs list " + strings.TrimPrefix(sh.dir, "actors/")
	if near := schema.Nearest(path, names); near != "" {
		next = "did you mean " + near + "?"
	}
	return f, &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("there is no %s in change %d", sh.dir+"/"+path, sh.Number), At: path, Next: next}
}

// atChange adds the flag that names a change.
func atChange(c *cobra.Command, change *string) {
	c.Flags().StringVar(change, "at", "", "as they were with this `change`, by its number; the last one when not given")
}

func (s *shell) docsList() *cobra.Command {
	var change string
	c := &cobra.Command{
		Use: "list ACTOR", Short: "list the documents of an actor", Args: cobra.ExactArgs(1),
		Example: "  grow docs list price\n  grow docs list price --at 12",
		RunE: func(c *cobra.Command, args []string) error {
			sh, err := s.shelf(c.Context(), args[0], change)
			if err != nil {
				return err
			}
			defer sh.client.Close()
			list := []document{}
			for _, f := range sh.tree.Below(sh.dir) {
				name := strings.TrimPrefix(f.Path, sh.dir+"/")
				list = append(list, document{name, kindOf(name), f.Size, string(f.Digest)})
			}
			return s.print(list, func(w io.Writer) error {
				var rows [][]string
				for _, d := range list {
					rows = append(rows, []string{d.Path, d.Kind, strconv.FormatInt(d.Size, 10), d.Digest[:12]})
				}
				s.say("change %d of %s, by %s at %s", sh.Number, sh.service, cell(sh.By), sh.Time.Local().Format(time.DateTime))
				return table(w, "PATH KIND BYTES DIGEST", rows)
			})
		},
	}
	atChange(c, &change)
	return s.completes(c, actorsOf)
}

func (s *shell) docsGet() *cobra.Command {
	var change string
	c := &cobra.Command{
		Use: "get ACTOR [FILE]", Short: "print a document of an actor; its definition when none is named", Args: cobra.RangeArgs(1, 2),
		Long:    "get prints a document as it is.",
		Example: "  grow docs get price\n  grow docs get price docs/goals.md --at 12\n  grow docs get price src/python/main.py",
		RunE: func(c *cobra.Command, args []string) error {
			sh, err := s.shelf(c.Context(), args[0], change)
			if err != nil {
				return err
			}
			defer sh.client.Close()
			f, err := sh.file(sh.wanted(args[1:]))
			if err != nil {
				return err
			}
			b, err := sh.remote.File(c.Context(), sh.ID, f.Path)
			if err != nil {
				return err
			}
			if !s.json() {
				if terminal(s.stdout) {
					b = []byte(safe(string(b)))
				}
				_, err := s.stdout.Write(b)
				return err
			}
			out := map[string]any{"path": f.Path, "change": sh.Number, "size": f.Size, "digest": f.Digest}
			if documents.IsText(b) {
				out["text"] = string(b)
			} else {
				out["raw"] = b
			}
			return s.print(out, nil)
		},
	}
	atChange(c, &change)
	return s.completes(c, actorsOf)
}

// wanted is the file that is named, or the definition.
func (sh *shelf) wanted(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	if _, ok := sh.tree.Find(sh.dir + "/actor.cue"); ok {
		return "actor.cue"
	}
	return "actor.yaml"
}

func (s *shell) docsHistory() *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use: "history ACTOR", Short: "list the changes of an actor's documents, the last one first", Args: cobra.ExactArgs(1),
		Example: "  grow docs history price\n  grow docs history price -n 3 -o json",
		RunE: func(c *cobra.Command, args []string) error {
			if limit < 1 || limit > 1000 {
				return usage("--limit takes a number from 1 to 1000")
			}
			return s.withHost(func(m *mirror) error {
				list, err := m.changesOf(c.Context(), args[0], limit)
				if err != nil {
					return err
				}
				return s.print(list, func(w io.Writer) error {
					var rows [][]string
					for _, c := range list {
						var names []string
						for _, t := range c.Below {
							names = append(names, strings.TrimPrefix(t.Path, "actors/"+args[0]+"/"))
						}
						rows = append(rows, []string{strconv.Itoa(c.Number), c.Time.Local().Format(time.DateTime), c.By, cut(c.Commit, 12), cut(strings.Join(names, " "), 60), cut(c.Text, 60)})
					}
					return table(w, "CHANGE TIME BY COMMIT FILES WHY", rows)
				})
			})
		},
	}
	c.Flags().IntVarP(&limit, "limit", "n", 20, "at most so many")
	return s.completes(c, actorsOf)
}

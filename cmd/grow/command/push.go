package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
	"github.com/spf13/cobra"
)

// codeConflict is the code of documents that folder and host have both changed.
const codeConflict = "documents.conflict"

func (s *shell) push() *cobra.Command {
	var message string
	var plan bool
	c := &cobra.Command{
		Use: "push", Short: "put the documents of this folder on a host", Args: cobra.NoArgs,
		Long: "push makes the service's documents on the host those of the folder: definitions, goals, notes, tests, sources. What runs stays\n" +
			"as it is until grow deploy. In a git repository the documents are what git keeps or would keep, and the commit is recorded.\n\n" +
			"If the host has changes that the folder has not, nothing is put there: grow pull brings them first.",
		Example: "  grow push --message 'goals for the summer'\n  grow push --plan",
		RunE: func(c *cobra.Command, _ []string) error {
			m, err := s.mirror()
			if err != nil {
				return err
			}
			defer m.client.Close()
			return s.pushAll(c.Context(), m, message, plan)
		},
	}
	c.Flags().StringVarP(&message, "message", "m", "", "why: a `text` that the history keeps")
	c.Flags().BoolVar(&plan, "plan", false, "only say what would be put there")
	return c
}

// pushing is what push prints for programs.
type pushing struct {
	Service string       `json:"service"`
	Change  string       `json:"change,omitempty"`
	Number  int          `json:"number,omitempty"`
	Commit  string       `json:"commit,omitempty"` // of git
	Plan    bool         `json:"plan"`
	Files   []fileChange `json:"files"`
}

func (s *shell) pushAll(ctx context.Context, m *mirror, message string, plan bool) error {
	mine, left, err := documentsIn(ctx, m.dir)
	if err != nil {
		return err
	}
	s.tellLeft(left)
	last, err := m.last(ctx)
	if err != nil {
		return err
	}
	seen := m.seen()
	if p := seen.Pull; p != nil {
		if err := m.resolved(p, false); err != nil {
			return err
		}
		seen = lastSeen{Change: p.Change}
	}
	list := documents.Diff(last.tree, mine)
	if last.ID != "" && last.ID != seen.Change && len(list) > 0 {
		base, err := m.base(ctx, last.ID)
		if err != nil {
			return err
		}
		if base.ID != last.ID && !slices.Equal(base.tree, last.tree) {
			return m.behind(last)
		}
	}
	made := seen.Made && seen.Change == last.ID
	r := pushing{Service: m.service.String(), Commit: commitOf(ctx, m.dir), Plan: plan, Files: changesOf(list), Change: last.ID, Number: last.Number}
	if !plan && (len(list) > 0 || last.ID == "") {
		c, err := m.put(ctx, mine, last, message, r.Commit)
		if err != nil {
			return err
		}
		r.Change, r.Number, last.Change, made = c.ID, c.Number, c, true
	}
	if !plan {
		if err := m.settle(lastSeen{Change: last.ID, Made: made}); err != nil {
			return err
		}
	}
	return s.print(r, func(w io.Writer) error { return s.tellPush(w, r) })
}

func (s *shell) tellPush(w io.Writer, r pushing) error {
	if len(r.Files) == 0 {
		s.say("the host has these documents already: change %d of %s", r.Number, r.Service)
		return nil
	}
	if err := writeChanges(w, r.Files); err != nil {
		return err
	}
	switch {
	case r.Plan:
		s.say("%s would be put on the host", count(len(r.Files), "file"))
	default:
		s.say("%s: change %d of %s; make it live: grow deploy", count(len(r.Files), "file"), r.Number, r.Service)
	}
	return nil
}

func writeChanges(w io.Writer, files []fileChange) error {
	for _, f := range files {
		if _, err := fmt.Fprintf(w, "%s  %s\n", changeMarks[f.Action], cell(f.Path)); err != nil {
			return err
		}
	}
	return nil
}

// tellLeft names what is no document.
func (s *shell) tellLeft(left leftOut) {
	if len(left.links) > 0 {
		s.say("left out, since links are no documents: %s", cell(strings.Join(left.links, ", ")))
	}
	if len(left.keys) > 0 {
		s.say("left out, since a private key stays with who signs: %s", cell(strings.Join(left.keys, ", ")))
	}
}

// behind is the error of a folder that lacks changes of the host.
func (m *mirror) behind(last snapshot) error {
	return &control.Error{
		Code: control.CodeConflict, Message: fmt.Sprintf("the host has changes that this folder has not: %s made change %d; nothing was put there", last.By, last.Number),
		At: m.service.String(), Next: "bring them here, and push again: grow pull",
	}
}

// put makes a tree of the folder the host's documents.
func (m *mirror) put(ctx context.Context, t documents.Tree, last snapshot, message, commit string) (api.Change, error) {
	v := api.Revise{Parent: last.ID, Files: filesOf(t), Text: message, Commit: commit}
	done, err := m.remote.Revise(ctx, v)
	if err == nil && done.Change == nil {
		if err := m.upload(ctx, t, done.Missing); err != nil {
			return api.Change{}, err
		}
		done, err = m.remote.Revise(ctx, v)
	}
	var other *control.Error
	switch {
	case errors.As(err, &other) && other.Code == control.CodeConflict:
		if now, err := m.last(ctx); err == nil {
			return api.Change{}, m.behind(now)
		}
		return api.Change{}, err
	case err != nil:
		return api.Change{}, err
	case done.Change == nil:
		return api.Change{}, &control.Error{Code: control.CodeUnreachable, Message: "the host does not have what was sent to it", At: m.service.String(), Next: "push again"}
	}
	return *done.Change, nil
}

// upload sends the files that the host lacks.
func (m *mirror) upload(ctx context.Context, t documents.Tree, missing []string) error {
	lacks := map[store.Digest]bool{}
	for _, d := range missing {
		lacks[store.Digest(d)] = true
	}
	for _, f := range t {
		if !lacks[f.Digest] {
			continue
		}
		delete(lacks, f.Digest)
		b, err := os.ReadFile(filepath.Join(m.dir, filepath.FromSlash(f.Path)))
		if err != nil {
			return fmt.Errorf("read documents: %w", err)
		}
		if store.DigestOf(b) != f.Digest {
			return &control.Error{Code: control.CodeConflict, Message: f.Path + " was changed while it was sent; nothing was put on the host", At: f.Path, Next: "push again"}
		}
		if _, err := m.client.Upload(ctx, b, nil); err != nil {
			return err
		}
	}
	return nil
}

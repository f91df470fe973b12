package command

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"
)

// fileDiff is how a document has changed.
type fileDiff struct {
	fileChange
	Diff string `json:"diff,omitempty"` // unified; none for what is no text
}

func (s *shell) docsDiff() *cobra.Command {
	c := &cobra.Command{
		Use: "diff ACTOR [FROM [TO]]", Short: "show how an actor's documents have changed", Args: cobra.RangeArgs(1, 3),
		Long:    "diff shows what differs between two changes, by their numbers: without them, what the last change of the actor has done; with one,\nwhat has changed since.",
		Example: "  grow docs diff price\n  grow docs diff price 12\n  grow docs diff price 12 15",
		RunE: func(c *cobra.Command, args []string) error {
			return s.withHost(func(m *mirror) error {
				from, to, err := m.between(c.Context(), args)
				if err != nil {
					return err
				}
				dir := "actors/" + args[0]
				if len(from.tree.Below(dir)) == 0 {
					if err := (&shelf{mirror: m, snapshot: to, dir: dir}).known(args[0]); err != nil {
						return err
					}
				}
				list := []fileDiff{}
				for _, d := range documents.Diff(from.tree.Below(dir), to.tree.Below(dir)) {
					f, err := m.diff(c.Context(), d, from, to)
					if err != nil {
						return err
					}
					list = append(list, f)
				}
				return s.print(list, func(w io.Writer) error {
					if len(list) == 0 {
						s.say("nothing of %s differs between change %d and change %d", cell(args[0]), from.Number, to.Number)
					}
					return writeDiffs(w, list)
				})
			})
		},
	}
	return s.completes(c, actorsOf)
}

// between are the two changes that a diff is asked of.
func (m *mirror) between(ctx context.Context, args []string) (from, to snapshot, err error) {
	last := ""
	if len(args) > 2 {
		last = args[2]
	}
	if len(args) > 1 {
		if from, err = m.named(ctx, args[1]); err == nil {
			to, err = m.named(ctx, last)
		}
		return from, to, err
	}
	list, err := m.changesOf(ctx, args[0], 1)
	if err != nil {
		return from, to, err
	}
	if to, err = m.named(ctx, list[0].ID); err == nil && to.Number > 1 {
		from, err = m.named(ctx, strconv.Itoa(to.Number-1))
	}
	return from, to, err
}

// diff is how one file differs between two changes.
func (m *mirror) diff(ctx context.Context, d documents.Difference, from, to snapshot) (fileDiff, error) {
	var old, now []byte
	var err error
	if d.Old != nil {
		if old, err = m.remote.File(ctx, from.ID, d.Path); err != nil {
			return fileDiff{}, err
		}
	}
	if d.New != nil {
		if now, err = m.remote.File(ctx, to.ID, d.Path); err != nil {
			return fileDiff{}, err
		}
	}
	return diffOf(d, old, now), nil
}

func diffOf(d documents.Difference, old, now []byte) fileDiff {
	f := fileDiff{fileChange: changesOf([]documents.Difference{d})[0]}
	if documents.IsText(old) && documents.IsText(now) {
		f.Diff = string(diff.Diff("a/"+d.Path, old, "b/"+d.Path, now))
	}
	return f
}

func writeDiffs(w io.Writer, list []fileDiff) error {
	for _, f := range list {
		text := safe(f.Diff)
		if f.Diff == "" {
			text = fmt.Sprintf("%s  %s, not text\n", changeMarks[f.Action], cell(f.Path))
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}

// revising is what put and restore have in common.
type revising struct {
	message string
	plan    bool
}

func (r *revising) flags(c *cobra.Command) {
	c.Flags().StringVarP(&r.message, "message", "m", "", "why: a `text` that the history keeps")
	c.Flags().BoolVar(&r.plan, "plan", false, "only say what would be changed")
}

func (s *shell) docsPut() *cobra.Command {
	var r revising
	var given string
	var remove bool
	c := &cobra.Command{
		Use: "put ACTOR FILE", Short: "change a document of an actor, or add one", Args: cobra.ExactArgs(2),
		Long: "put makes text or a file the document FILE of an actor, by its path in the actor's folder. A new actor begins with its definition: actor.yaml.",
		Example: "  grow docs put price docs/goals.md --data @goals.md --message 'goals for the summer'\n" +
			"  grow docs put price docs/old.md --remove --plan",
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("data") == remove {
				return usage("--data says what the document is to hold: text, @FILE, or - for standard input; --remove removes it")
			}
			path := "actors/" + args[0] + "/" + args[1]
			if err := documents.CheckPath(path); err != nil {
				return usage("%s", err)
			}
			if err := checkName("ACTOR", args[0]); err != nil {
				return err
			}
			return s.withDocuments(c.Context(), func(m *mirror, last snapshot) error {
				sh := &shelf{mirror: m, snapshot: last, dir: "actors/" + args[0]}
				if remove {
					if _, err := sh.file(args[1]); err != nil {
						return err
					}
					return s.revise(c.Context(), m, last, last.tree.Without(path), nil, r)
				}
				data, err := s.data(c.Context(), given)
				if err != nil {
					return err
				}
				if args[1] != "actor.yaml" && args[1] != "actor.cue" {
					if err := sh.known(args[0]); err != nil {
						return err
					}
				}
				f := fileOf(path, data)
				if old, ok := last.tree.Find(path); ok {
					f.Exec = old.Exec
				}
				return s.revise(c.Context(), m, last, last.tree.With(f), map[string][]byte{path: data}, r)
			})
		},
	}
	c.Flags().StringVarP(&given, "data", "d", "", "the document: text, @FILE, or - for standard input")
	c.Flags().BoolVar(&remove, "remove", false, "remove it")
	r.flags(c)
	return s.completes(c, actorsOf)
}

func (s *shell) docsRestore() *cobra.Command {
	var r revising
	var change string
	c := &cobra.Command{
		Use: "restore ACTOR [FILE]", Short: "make an actor's documents what they were with an earlier change", Args: cobra.RangeArgs(1, 2),
		Long:    "restore makes a new change, in which all documents of an actor, or one, are what they were. Nothing of the history is lost.",
		Example: "  grow docs restore price --at 12\n  grow docs restore price docs/goals.md --at 12 --plan",
		RunE: func(c *cobra.Command, args []string) error {
			if change == "" {
				return usage("--at names the change whose documents are wanted; see: grow docs history %s", args[0])
			}
			sh, err := s.shelf(c.Context(), args[0], change)
			if err != nil {
				return err
			}
			defer sh.client.Close()
			last, err := sh.named(c.Context(), "")
			if err != nil {
				return err
			}
			wanted, gone := sh.tree.Below(sh.dir), last.tree.Below(sh.dir)
			if len(args) > 1 {
				f, err := sh.file(args[1])
				if err != nil {
					return err
				}
				wanted, gone = documents.Tree{f}, nil
			}
			t := last.tree
			for _, f := range gone {
				t = t.Without(f.Path)
			}
			for _, f := range wanted {
				t = t.With(f)
			}
			if r.message == "" {
				r.message = fmt.Sprintf("%s as with change %d", strings.Join(args, " "), sh.Number)
			}
			return s.revise(c.Context(), sh.mirror, last, t, nil, r)
		},
	}
	c.Flags().StringVar(&change, "at", "", "the `change`, by its number")
	r.flags(c)
	return s.completes(c, actorsOf)
}

// fileOf is a document that is to be put on a host.
func fileOf(path string, data []byte) documents.File {
	return documents.File{Path: path, Digest: store.DigestOf(data), Size: int64(len(data))}
}

// revise makes a tree the service's documents, and tells. data are the contents that the
// host may not have.
func (s *shell) revise(ctx context.Context, m *mirror, last snapshot, t documents.Tree, data map[string][]byte, r revising) error {
	if err := t.Check(); err != nil {
		return &control.Error{Code: control.CodeInvalid, Message: err.Error(), At: m.service.String()}
	}
	list := documents.Diff(last.tree, t)
	out := pushing{Service: m.service.String(), Change: last.ID, Number: last.Number, Plan: r.plan, Files: changesOf(list)}
	if r.plan {
		return s.print(out, func(w io.Writer) error { return s.planDiffs(ctx, w, m, last, list, data) })
	}
	if len(list) > 0 {
		for _, b := range data {
			if _, err := m.client.Upload(ctx, b, nil); err != nil {
				return err
			}
		}
		done, err := m.remote.Revise(ctx, api.Revise{Parent: last.ID, Files: filesOf(t), Text: r.message})
		if err != nil {
			return err
		}
		if done.Change == nil {
			return &control.Error{Code: control.CodeUnreachable, Message: "the host does not have what was sent to it", At: m.service.String(), Next: "do it again"}
		}
		out.Change, out.Number = done.Change.ID, done.Change.Number
	}
	return s.print(out, func(w io.Writer) error { return s.tellPush(w, out) })
}

// planDiffs shows what a change would do to each file.
func (s *shell) planDiffs(ctx context.Context, w io.Writer, m *mirror, last snapshot, list []documents.Difference, data map[string][]byte) error {
	var diffs []fileDiff
	for _, d := range list {
		var old []byte
		var err error
		now, ok := data[d.Path]
		if d.Old != nil {
			if old, err = m.remote.File(ctx, last.ID, d.Path); err != nil {
				return err
			}
		}
		f := diffOf(d, old, now)
		if d.New != nil && !ok { // of an earlier change: that it changes is all that is known here
			f.Diff = fmt.Sprintf("%s  %s\n", changeMarks[f.Action], d.Path)
		}
		diffs = append(diffs, f)
	}
	if err := writeDiffs(w, diffs); err != nil {
		return err
	}
	s.say("%s would be changed", count(len(list), "file"))
	return nil
}

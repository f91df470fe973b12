package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
	"github.com/spf13/cobra"
)

func (s *shell) pull() *cobra.Command {
	var plan, goOn, abort bool
	c := &cobra.Command{
		Use: "pull", Short: "bring the documents of a host into this folder", Args: cobra.NoArgs,
		Long: "pull brings what has changed on the host into the folder, and leaves what has changed in the folder. Where both have changed a\n" +
			"file it joins them line by line; where both have changed the same lines, both stand in the file between marks, as git\n" +
			"writes them. Mend those files, then grow push, or grow pull --continue; --abort takes the pull back. Modules that were uploaded\n" +
			"to the host, and that actor.yaml names by digest, come along: grow build takes them from .grow/modules.",
		Example: "  grow pull\n  grow pull --plan\n  grow pull --service shop -C shop\n  grow pull --abort",
		RunE: func(c *cobra.Command, _ []string) error {
			if goOn && abort || plan && (goOn || abort) {
				return usage("--plan, --continue and --abort are one thing each")
			}
			m, err := s.mirror()
			if err != nil {
				return err
			}
			defer m.client.Close()
			switch p := m.seen().Pull; {
			case p == nil && (goOn || abort):
				return &control.Error{Code: control.CodeNotFound, Message: "no pull is under way in this folder", At: m.dir, Next: "begin one: grow pull"}
			case abort:
				return s.abortPull(m, p)
			case goOn:
				return s.continuePull(c.Context(), m, p)
			case p != nil:
				return m.unsettled(p, p.Conflicts)
			}
			return s.pullAll(c.Context(), m, plan)
		},
	}
	f := c.Flags()
	f.BoolVar(&plan, "plan", false, "only say what would be brought")
	f.BoolVar(&goOn, "continue", false, "end a pull whose conflicts are resolved")
	f.BoolVar(&abort, "abort", false, "put the files back as they were before a pull that left conflicts")
	return c
}

// pulling is what pull prints for programs.
type pulling struct {
	Service   string         `json:"service"`
	Change    string         `json:"change,omitempty"`
	Number    int            `json:"number,omitempty"`
	Plan      bool           `json:"plan"`
	Files     []fileChange   `json:"files"`
	Conflicts []conflict     `json:"conflicts"`
	Modules   []pulledModule `json:"modules"` // that were uploaded to the host, and not here
}

// step is what a pull does to one file.
type step struct {
	path   string
	data   []byte
	exec   bool
	remove bool
	stays  bool   // what the folder has
	beside []byte // the host's, where the folder's stays; nil: not kept
	action string
}

func (s *shell) pullAll(ctx context.Context, m *mirror, plan bool) error {
	theirs, err := m.last(ctx)
	if err != nil {
		return err
	}
	if theirs.ID == "" {
		return &control.Error{Code: control.CodeNotFound, Message: "the host has no service " + m.service.String(), At: m.service.String(), Next: "put this one there: grow push; or see those there are: grow service list"}
	}
	base, err := m.base(ctx, theirs.ID)
	if err != nil {
		return err
	}
	mine, left, err := documentsIn(ctx, m.dir)
	if err != nil {
		return err
	}
	s.tellLeft(left)
	steps, conflicts, err := m.steps(ctx, base, mine, theirs)
	if err != nil {
		return err
	}
	modules, err := m.missingModules(ctx, mine, steps)
	if err != nil {
		return err
	}
	r := pulling{Service: m.service.String(), Change: theirs.ID, Number: theirs.Number, Plan: plan, Files: []fileChange{}, Conflicts: conflicts, Modules: modules}
	for _, st := range steps {
		r.Files = append(r.Files, fileChange{st.path, st.action})
	}
	if !plan {
		if err := m.bring(ctx, base, theirs, steps, r); err != nil {
			return err
		}
	}
	if err := s.print(r, func(w io.Writer) error { return s.tellPull(w, m, r) }); err != nil {
		return err
	}
	switch {
	case len(conflicts) == 0:
		return nil
	case plan:
		return &told{fault: control.Error{Code: codeBlocked, Message: count(len(conflicts), "file") + " would conflict", At: conflicts[0].Path}}
	}
	return m.unsettled(&pulled{Number: theirs.Number}, conflicts)
}

// bring does what a pull has worked out: modules first, as nothing else of the folder
// changes when one does not arrive.
func (m *mirror) bring(ctx context.Context, base, theirs snapshot, steps []step, r pulling) error {
	if err := m.bringModules(ctx, r.Modules); err != nil {
		return err
	}
	if err := m.apply(steps); err != nil {
		return err
	}
	if len(r.Conflicts) == 0 {
		return m.settle(lastSeen{Change: theirs.ID})
	}
	return m.remember(lastSeen{Change: base.ID, Made: m.seen().Made && base.ID == m.seen().Change, Pull: &pulled{Change: theirs.ID, Number: theirs.Number, Conflicts: r.Conflicts, Touched: pathsOf(steps)}})
}

func pathsOf(steps []step) []string {
	list := []string{}
	for _, st := range steps {
		list = append(list, st.path)
	}
	return list
}

func (s *shell) tellPull(w io.Writer, m *mirror, r pulling) error {
	defer s.tellModules(r.Modules, r.Plan)
	if len(r.Files) == 0 {
		s.say("the folder has all that the host has: change %d of %s", r.Number, r.Service)
		return nil
	}
	if err := writeChanges(w, r.Files); err != nil {
		return err
	}
	for _, c := range r.Conflicts {
		if text := c.standing(m); text != "" {
			s.say("%s: %s", cell(c.Path), text)
		}
	}
	switch {
	case r.Plan:
		s.say("%s would be brought here", count(len(r.Files), "file"))
	case len(r.Conflicts) == 0:
		s.say("%s: change %d of %s", count(len(r.Files), "file"), r.Number, r.Service)
	}
	return nil
}

// standing says how a conflict stands.
func (c conflict) standing(m *mirror) string {
	switch c.Kind {
	case conflictBinary:
		return "not text; yours is in place, the host's is " + nearby(m.kept("theirs", c.Path))
	case conflictRemoved:
		return "removed here, changed on the host; the host's is in place: keep it, or remove it"
	case conflictGone:
		return "changed here, removed on the host; yours is in place: keep it, or remove it"
	}
	return "both have changed the same lines; they stand between <<<<<<< and >>>>>>>"
}

// unsettled is the error of conflicts.
func (m *mirror) unsettled(p *pulled, list []conflict) error {
	names := list[0].Path
	for _, c := range list[1:] {
		names += ", " + c.Path
	}
	return &control.Error{
		Code: codeConflict, Message: fmt.Sprintf("folder and host have both changed %s (change %d)", names, p.Number), At: list[0].Path,
		Next: "mend " + map[bool]string{true: "it", false: "them"}[len(list) == 1] + ", then: grow pull --continue; or take the pull back: grow pull --abort",
	}
}

// resolved reports conflicts that are left: marks in a text and, unless they are
// confirmed, files that have no marks and are as the pull has left them.
func (m *mirror) resolved(p *pulled, confirmed bool) error {
	var left []conflict
	for _, c := range p.Conflicts {
		b, err := os.ReadFile(filepath.Join(m.dir, filepath.FromSlash(c.Path)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look at conflicts: %w", err)
		}
		digest := store.Digest("")
		if err == nil {
			digest = store.DigestOf(b)
		}
		if c.Kind == conflictText && documents.Marked(b) || c.Kind != conflictText && !confirmed && digest == c.Left {
			left = append(left, c)
		}
	}
	if len(left) == 0 {
		return nil
	}
	return m.unsettled(p, left)
}

func (s *shell) continuePull(ctx context.Context, m *mirror, p *pulled) error {
	if err := m.resolved(p, true); err != nil {
		return err
	}
	mine, _, err := documentsIn(ctx, m.dir)
	if err != nil {
		return err
	}
	modules, err := m.missingModules(ctx, mine, nil)
	if err == nil {
		err = m.bringModules(ctx, modules)
	}
	if err != nil {
		return err
	}
	if err := m.settle(lastSeen{Change: p.Change}); err != nil {
		return err
	}
	s.tellModules(modules, false)
	s.say("the folder has change %d of %s; put yours on top: grow push", p.Number, m.service)
	return nil
}

// settle ends a pull, if one is under way.
func (m *mirror) settle(seen lastSeen) error {
	if err := m.remember(seen); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(app.StateDir(m.dir), pullDir))
}

func (s *shell) abortPull(m *mirror, p *pulled) error {
	if err := m.restore(p.Touched); err != nil {
		return err
	}
	if err := m.settle(lastSeen{Change: m.seen().Change, Made: m.seen().Made}); err != nil {
		return err
	}
	s.say("%s as before the pull", count(len(p.Touched), "file"))
	return nil
}

// kept is where a pull keeps a file beside the folder: ours, as it was, or theirs.
func (m *mirror) kept(side, path string) string {
	return filepath.Join(app.StateDir(m.dir), pullDir, side, filepath.FromSlash(path))
}

// apply does the steps of a pull, all of them or none: what stands in the way is kept
// first.
func (m *mirror) apply(steps []step) error {
	if err := os.RemoveAll(filepath.Join(app.StateDir(m.dir), pullDir)); err != nil {
		return fmt.Errorf("make room for the pull: %w", err)
	}
	for _, side := range []string{"ours", "theirs"} {
		if err := os.MkdirAll(m.kept(side, ""), 0o700); err != nil {
			return fmt.Errorf("make room for the pull: %w", err)
		}
	}
	root, err := os.OpenRoot(m.dir) // links do not lead out of it
	if err != nil {
		return fmt.Errorf("open folder: %w", err)
	}
	defer root.Close()
	for i, st := range steps {
		if err := m.one(root, st); err != nil {
			return errors.Join(fmt.Errorf("bring %s: %w; nothing was brought", st.path, err), m.restore(pathsOf(steps[:i+1])))
		}
	}
	return nil
}

// one does a step.
func (m *mirror) one(root *os.Root, st step) error {
	name := filepath.FromSlash(st.path)
	old, err := root.ReadFile(name)
	if err == nil {
		err = keep(m.kept("ours", st.path), old, root, name)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if st.beside != nil {
		if err := os.MkdirAll(filepath.Dir(m.kept("theirs", st.path)), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(m.kept("theirs", st.path), st.beside, 0o600); err != nil {
			return err
		}
	}
	if st.stays {
		return nil
	}
	return st.place(root)
}

// place writes or removes the file of a step.
func (st step) place(root *os.Root) error {
	name := filepath.FromSlash(st.path)
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if st.remove {
		for dir := filepath.Dir(name); dir != "."; dir = filepath.Dir(dir) {
			if root.Remove(dir) != nil { // something else is in it
				break
			}
		}
		return nil
	}
	mode := fs.FileMode(0o644)
	if st.exec {
		mode = 0o755
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return put(root, name, st.data, mode)
}

// keep writes a copy of a file, with its mode.
func keep(at string, data []byte, root *os.Root, name string) error {
	info, err := root.Stat(name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		return err
	}
	return os.WriteFile(at, data, info.Mode().Perm())
}

// restore puts files back as they were before the pull; those that were not there are
// removed.
func (m *mirror) restore(list []string) error {
	root, err := os.OpenRoot(m.dir)
	if err != nil {
		return fmt.Errorf("open folder: %w", err)
	}
	defer root.Close()
	var errs []error
	for _, path := range slices.Backward(list) {
		info, err := os.Stat(m.kept("ours", path))
		var data []byte
		if err == nil {
			data, err = os.ReadFile(m.kept("ours", path))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
			continue
		}
		st := step{path: path, data: data, remove: info == nil, exec: info != nil && info.Mode()&0o111 != 0}
		if err := st.place(root); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

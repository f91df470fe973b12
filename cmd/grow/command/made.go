package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/grow-platform/grow/cmd/grow/starter"
	"github.com/grow-platform/grow/host/control"
)

// The codes of files that are not made.
const (
	codeExists  = "file.exists"
	codeBlocked = "plan.blocked"
)

// draft is what a command is about to make in a folder.
type draft struct {
	dir     string // absolute
	folders []string
	files   []planned
	force   bool // what exists is overwritten
}

// planned is a file of a draft.
type planned struct {
	starter.File
	change bool   // of a file that may exist: the data keeps what was in it
	action string // what becomes of it, once that is known
}

// What becomes of a file.
const (
	actionMake      = "make"
	actionChange    = "change"
	actionOverwrite = "overwrite"
	actionConflict  = "conflict"
)

// add adds files that must not exist yet.
func (d *draft) add(files ...starter.File) {
	for _, f := range files {
		d.files = append(d.files, planned{File: f})
	}
}

// refresh adds files that are grow's own: they are brought up to date.
func (d *draft) refresh(files ...starter.File) {
	for _, f := range files {
		d.files = append(d.files, planned{File: f, change: true})
	}
}

// settle finds out what becomes of each file, and returns those in the way.
func (d *draft) settle() (conflicts []string, err error) {
	kept := d.files[:0]
	for _, f := range d.files {
		place := filepath.Join(d.dir, filepath.FromSlash(f.Path))
		_, err := os.Lstat(place)
		switch {
		case errors.Is(err, fs.ErrNotExist) || beneathFile(err):
			f.action = actionMake
		case err != nil:
			return nil, fmt.Errorf("look at files: %w", err)
		case f.change:
			f.action = actionChange
			if have, err := os.ReadFile(place); err == nil && bytes.Equal(have, f.Data) {
				continue
			}
		case d.force:
			f.action = actionOverwrite
		default:
			f.action = actionConflict
			conflicts = append(conflicts, f.Path)
		}
		kept = append(kept, f)
	}
	d.files = kept
	return conflicts, nil
}

// inTheWay is the error of files that exist.
func (d *draft) inTheWay(conflicts []string, next string) error {
	what := conflicts[0] + " exists"
	if len(conflicts) > 1 {
		what = strings.Join(conflicts, ", ") + " exist"
	}
	return &control.Error{Code: codeExists, Message: what + " in " + d.dir + "; nothing was made", At: filepath.Join(d.dir, filepath.FromSlash(conflicts[0])), Next: next}
}

// write makes the files, all of them or none. undo takes back what was made.
func (d *draft) write() (undo func(), err error) {
	w := &writer{}
	defer func() {
		if err != nil {
			w.undo()
		}
	}()
	if err := w.folder(os.MkdirAll, os.Lstat, os.Remove, d.dir); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	root, err := os.OpenRoot(d.dir) // links do not lead out of it
	if err != nil {
		return nil, fmt.Errorf("open folder: %w", err)
	}
	w.steps = append(w.steps, func() { _ = root.Close() })
	for _, dir := range d.folders {
		if err := w.folder(root.MkdirAll, root.Lstat, root.Remove, dir); err != nil {
			return nil, fmt.Errorf("make folder: %w", err)
		}
	}
	for _, f := range d.files {
		name := filepath.FromSlash(f.Path)
		if err := w.folder(root.MkdirAll, root.Lstat, root.Remove, filepath.Dir(name)); err != nil {
			return nil, fmt.Errorf("make folder: %w", err)
		}
		if err := w.file(root, name, f); err != nil {
			return nil, fmt.Errorf("make %s: %w", f.Path, err)
		}
	}
	return w.undo, nil
}

// unwritable says of an error of writing whose folder it was.
func (d *draft) unwritable(err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	at := d.dir
	for at != filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil {
			break
		}
		at = filepath.Dir(at)
	}
	return &control.Error{
		Code: codePermission, Message: err.Error() + "; nothing was made", At: at,
		Next: "look whose it is: ls -ld " + quote(at) + "; and do it as that user, or take another folder",
	}
}

// writer makes files and knows how to take them back: by its steps, the last one first.
type writer struct{ steps []func() }

func (w *writer) undo() {
	for _, step := range slices.Backward(w.steps) {
		step()
	}
	w.steps = nil
}

// folder makes a folder and those above that are missing.
func (w *writer) folder(makeAll func(string, fs.FileMode) error, stat func(string) (fs.FileInfo, error), remove func(string) error, dir string) error {
	var missing []string
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := stat(at); err == nil || at == filepath.Dir(at) {
			break
		}
		missing = append(missing, at)
	}
	if err := makeAll(dir, 0o755); err != nil {
		return err
	}
	for _, at := range slices.Backward(missing) {
		w.steps = append(w.steps, func() { _ = remove(at) }) // not when somebody put something into it
	}
	return nil
}

// file makes a file, or puts new text in the place of an old one.
func (w *writer) file(root *os.Root, name string, f planned) error {
	if f.action == actionMake {
		if err := put(root, name, f.Data, 0o644); err != nil {
			return err
		}
		w.steps = append(w.steps, func() { _ = root.Remove(name) })
		return nil
	}
	old, err := root.ReadFile(name)
	if err != nil {
		return err
	}
	info, err := root.Stat(name)
	if err != nil {
		return err
	}
	if err := replace(root, name, f.Data, info.Mode().Perm()); err != nil {
		return err
	}
	w.steps = append(w.steps, func() { _ = replace(root, name, old, info.Mode().Perm()) })
	return nil
}

// put writes a file that is not there.
func put(root *os.Root, name string, data []byte, mode fs.FileMode) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = root.Remove(name) // half of it is of no use
	}
	return err
}

// replace puts data in the place of a file at once, so that no reader sees half of it.
func replace(root *os.Root, name string, data []byte, mode fs.FileMode) error {
	draft := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".new")
	_ = root.Remove(draft) // of a run that was cut short
	if err := put(root, draft, data, mode); err != nil {
		return err
	}
	err := root.Rename(draft, name)
	if err != nil {
		_ = root.Remove(draft)
	}
	return err
}

// beneathFile reports whether a path leads through a file.
func beneathFile(err error) bool { return errors.Is(err, syscall.ENOTDIR) }

// outcome is what a command that makes files answers programs.
type outcome struct {
	Name     string     `json:"name"`
	Folder   string     `json:"folder"`
	Language string     `json:"language,omitempty"`
	Plan     bool       `json:"plan,omitempty"`
	Files    []madeFile `json:"files"`
	Notes    []string   `json:"notes"`
	Next     []string   `json:"next"`

	title string // for people
}

type madeFile struct {
	Path   string `json:"path"`
	Action string `json:"action"`
	About  string `json:"about,omitempty"`
}

// make writes a draft, or says what it would write, and tells of it. check looks
// at what was made: its error takes everything back.
func (s *shell) make(d *draft, o outcome, hint string, plan bool, check func() error) error {
	conflicts, err := d.settle()
	if err != nil {
		return err
	}
	if len(conflicts) > 0 && !plan {
		return d.inTheWay(conflicts, hint)
	}
	if !plan {
		undo, err := d.write()
		if err != nil {
			return d.unwritable(err)
		}
		if err := check(); err != nil {
			undo()
			return err
		}
	}
	o.Folder, o.Plan, o.Files = d.dir, plan, []madeFile{}
	if o.Notes == nil {
		o.Notes = []string{}
	}
	for _, f := range d.files {
		o.Files = append(o.Files, madeFile{f.Path, f.action, f.About})
	}
	if err := s.print(o, func(w io.Writer) error { return tree(w, o, d.folders) }); err != nil {
		return err
	}
	if len(conflicts) > 0 {
		return &told{fault: control.Error{Code: codeBlocked, Message: count(len(conflicts), "file") + " in the way; nothing would be made", At: conflicts[0], Next: hint}}
	}
	return nil
}

// fileMarks are what a tree says of a file besides its name.
var fileMarks = map[string]string{actionChange: "changed: ", actionOverwrite: "overwritten: ", actionConflict: "EXISTS: "}

// tree shows files as they lie in their folders, then what to do next.
func tree(w io.Writer, o outcome, folders []string) error {
	rows := [][2]string{}
	var above []string
	for _, f := range o.Files {
		parts := strings.Split(f.Path, "/")
		for i, dir := range parts[:len(parts)-1] {
			if i >= len(above) || above[i] != dir {
				above = append(slices.Clone(parts[:i]), dir)
				rows = append(rows, [2]string{strings.Repeat("  ", i) + dir + "/", ""})
			}
		}
		above = parts[:len(parts)-1]
		rows = append(rows, [2]string{strings.Repeat("  ", len(above)) + path.Base(f.Path), fileMarks[f.Action] + f.About})
	}
	for _, dir := range folders {
		rows = append(rows, [2]string{dir + "/", ""})
	}
	width := 0
	for _, r := range rows {
		width = max(width, len(r[0]))
	}
	var b strings.Builder
	b.WriteString(cell(o.title) + "\n\n")
	for _, r := range rows {
		b.WriteString(strings.TrimRight(fmt.Sprintf("  %-*s  %s", width, r[0], r[1]), " ") + "\n")
	}
	for _, note := range o.Notes {
		b.WriteString("\n" + safe(note) + "\n")
	}
	if len(o.Next) > 0 && !o.Plan {
		b.WriteString("\nNext:\n  " + strings.Join(o.Next, "\n  ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/control"
)

// Limits of reading a revision from git.
const (
	revisionTime     = 30 * time.Second
	revisionFilesMax = 50_000
	revisionBytesMax = 256 << 20
)

// checkout reads a revision, REV or REV:PATH, into a temporary folder and
// returns where what is compared lies in it. The user's own checkout is only
// read. REV alone is the same thing as other is, at that revision.
func (f *finder) checkout(ctx context.Context, name, other string) (string, error) {
	rev, inside, given := strings.Cut(name, ":")
	here, err := f.counterpart(other)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, revisionTime)
	defer cancel()
	service := here
	for !has(service, "grow") && service != filepath.Dir(service) {
		service = filepath.Dir(service)
	}
	if !has(service, "grow") { // types of no service
		service = filepath.Dir(here)
	}
	if !given {
		if inside, err = filepath.Rel(service, here); err != nil {
			return "", fmt.Errorf("compare: %w", err)
		}
	}
	top, tree, err := locate(ctx, name, rev, service)
	if err := cmp.Or(gitEnded(ctx), err); err != nil {
		return "", err
	}
	dir, err := f.folderInTemp()
	if err != nil {
		return "", err
	}
	if err := extract(ctx, top, tree, dir); err != nil {
		return "", fmt.Errorf("read revision %s: %w", rev, err)
	}
	at := filepath.Join(dir, filepath.FromSlash(path.Clean("/"+filepath.ToSlash(inside))))
	if _, err := os.Stat(at); err != nil {
		return "", &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("revision %s has no %s", rev, filepath.ToSlash(inside)), At: name, Next: "see what it has: git ls-tree -r --name-only " + quote(rev)}
	}
	return at, nil
}

// locate finds the repository that a folder is in, and the folder's tree at a revision.
func locate(ctx context.Context, name, rev, service string) (top, tree string, err error) {
	places, err := git(ctx, service, "rev-parse", "--show-toplevel", "--show-prefix")
	if errors.Is(err, exec.ErrNotFound) {
		return "", "", &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("there is no file or folder %s, and no git to look for a revision of that name", name), At: name, Next: "install git, or name a folder of a service or a file of it"}
	}
	if err != nil {
		return "", "", &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("there is no file or folder %s, and %s is in no git repository", name, shown(service)), At: name,
			Next: "name a folder of a service, a file of it, or a revision of its repository"}
	}
	top, prefix, _ := strings.Cut(places, "\n")
	commit := ""
	if !strings.HasPrefix(rev, "-") && rev != "" {
		commit, err = git(ctx, service, "rev-parse", "--verify", "--quiet", rev+"^{commit}")
	}
	if err != nil || commit == "" {
		return "", "", &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("there is no file, folder or git revision %s", rev), At: name, Next: "see what there is: git log --oneline, git branch -a, git tag; a shallow clone has little: git fetch --unshallow"}
	}
	tree, err = git(ctx, service, "rev-parse", "--verify", "--quiet", commit+":"+strings.TrimSuffix(prefix, "/"))
	if err != nil {
		return "", "", &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("revision %s has no folder %s", rev, prefix), At: name, Next: "see where it was: git ls-tree -r --name-only " + quote(rev)}
	}
	return top, tree, nil
}

// counterpart is the path that a revision is one of: what it is compared with,
// or the service in this folder.
func (f *finder) counterpart(other string) (string, error) {
	if _, err := os.Stat(other); err == nil {
		abs, err := filepath.Abs(other)
		if err != nil {
			return "", fmt.Errorf("compare: %w", err)
		}
		return abs, nil
	}
	return f.folder(nil)
}

// git runs one reading command of git and returns what it prints.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	c := gitCommand(ctx, dir, args...)
	out, err := c.Output()
	return strings.TrimSpace(string(out)), err
}

// gitEnded is the error of a ctx that has ended git; nil: it has not.
func gitEnded(ctx context.Context) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &control.Error{Code: control.CodeTimeout, Message: fmt.Sprintf("git took longer than %v", revisionTime), Next: "unpack the revision yourself, and name its folder"}
	case ctx.Err() != nil:
		return fmt.Errorf("read revision: %w", ctx.Err())
	}
	return nil
}

// hookVars are what git tells a hook of the repository that it runs for. They
// would come before the folder in which git is run.
var hookVars = []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR"}

func gitCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "git", args...)
	c.Dir = dir
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(hookVars, name)
	})
	c.Env = append(env, "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	c.WaitDelay = time.Second
	return c
}

// extract writes a tree of the repository at top into a folder.
func extract(ctx context.Context, top, tree, dir string) error {
	var complaint bytes.Buffer
	c := gitCommand(ctx, top, "archive", "--format=tar", tree)
	c.Stderr = &complaint
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	unpacked := unpack(out, dir)
	if unpacked != nil {
		_ = c.Cancel() // it would wait for a reader
	}
	err = c.Wait()
	switch {
	case ctx.Err() != nil:
		return gitEnded(ctx)
	case unpacked != nil:
		return unpacked
	case err != nil:
		return errors.New(strings.TrimSpace(complaint.String()))
	}
	return nil
}

// unpack writes the plain files, folders and links of an archive. A path that
// leads out of the folder is an error, a link that does is left out.
func unpack(r io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	archive := tar.NewReader(r)
	left := int64(revisionBytesMax)
	for n := 0; ; n++ {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, r) // the padding, so that git ends well
			return err
		}
		if err != nil {
			return err
		}
		if left -= h.Size; n > revisionFilesMax || left < 0 {
			return fmt.Errorf("it has more than %d files or %d MiB", revisionFilesMax, revisionBytesMax>>20)
		}
		if err := unpackOne(root, h, archive); err != nil {
			return err
		}
	}
}

func unpackOne(root *os.Root, h *tar.Header, from io.Reader) error {
	name := filepath.FromSlash(strings.TrimSuffix(h.Name, "/"))
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o700)
	case tar.TypeSymlink:
		if filepath.IsAbs(h.Linkname) || !filepath.IsLocal(filepath.Join(filepath.Dir(name), filepath.FromSlash(h.Linkname))) {
			return nil
		}
		if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		return root.Symlink(h.Linkname, name)
	case tar.TypeReg:
		if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, from)
		return errors.Join(err, file.Close())
	}
	return nil // a submodule, a header of git's own
}

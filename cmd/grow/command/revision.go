package command

import (
	"bufio"
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
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/control"
)

// Limits of reading a revision from git.
const (
	revisionTime     = 30 * time.Second
	revisionFilesMax = 50_000
	revisionBytesMax = 256 << 20
	revisionListMax  = 32 << 20 // bytes of the list of its files
)

var errRevisionSize = fmt.Errorf("it has more than %d files or %d MiB", revisionFilesMax, revisionBytesMax>>20)

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

// piped runs a reading command of git, and has read take what it prints.
func piped(ctx context.Context, top string, in io.Reader, read func(io.Reader) error, args ...string) error {
	var complaint bytes.Buffer
	c := gitCommand(ctx, top, args...)
	c.Stdin, c.Stderr = in, &complaint
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	done := read(out)
	if done != nil {
		_ = c.Cancel() // it would wait for a reader
	}
	err = c.Wait()
	switch {
	case ctx.Err() != nil:
		return gitEnded(ctx)
	case done != nil:
		return done
	case err != nil:
		return errors.New(strings.TrimSpace(complaint.String()))
	}
	return nil
}

// extract writes the files of a tree of the repository at top into a folder. It
// asks for them one by one, since an archive of the tree leaves out and changes
// what attributes of the repository say.
func extract(ctx context.Context, top, tree, dir string) error {
	var list []byte
	err := piped(ctx, top, nil, func(r io.Reader) (err error) {
		list, err = io.ReadAll(io.LimitReader(r, revisionListMax+1))
		if err == nil && len(list) > revisionListMax {
			err = errRevisionSize
		}
		return err
	}, "ls-tree", "-r", "-z", "--long", tree)
	if err != nil {
		return err
	}
	blobs, err := blobsOf(list)
	if err != nil {
		return err
	}
	var ids strings.Builder
	for _, b := range blobs {
		ids.WriteString(b.id + "\n")
	}
	return piped(ctx, top, strings.NewReader(ids.String()), func(r io.Reader) error { return unpack(r, blobs, dir) }, "cat-file", "--batch")
}

// blob is a file or a link of a tree.
type blob struct {
	path string // with slashes
	id   string
	size int64
	link bool
}

// linkMode is the mode of a symbolic link in a tree.
const linkMode = "120000"

// blobsOf reads what git ls-tree -r -z --long prints: mode, type, id and size,
// a tab and the path, each ended by a zero byte. Submodules are left out.
func blobsOf(list []byte) ([]blob, error) {
	var blobs []blob
	left := int64(revisionBytesMax)
	for record := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		meta, name, _ := strings.Cut(record, "\t")
		words := strings.Fields(meta)
		if len(words) != 4 || words[1] != "blob" {
			continue
		}
		size, err := strconv.ParseInt(words[3], 10, 64)
		if err != nil || size < 0 {
			return nil, fmt.Errorf("git says of %s that its size is %s", name, words[3])
		}
		if left -= size; left < 0 || len(blobs) == revisionFilesMax {
			return nil, errRevisionSize
		}
		blobs = append(blobs, blob{path: name, id: words[2], size: size, link: words[0] == linkMode})
	}
	return blobs, nil
}

// unpack reads what git cat-file --batch prints of blobs: a line of id, type and
// size, the content and a line break each. A path that leads out of the folder
// is an error, a link that does is left out.
func unpack(from io.Reader, blobs []blob, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	r := bufio.NewReader(from)
	for _, b := range blobs {
		head, err := r.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("read %s: %w", b.path, err)
		}
		if want := fmt.Sprintf("%s blob %d\n", b.id, b.size); string(head) != want {
			return fmt.Errorf("read %s: git says %s", b.path, strings.TrimSpace(string(head)))
		}
		if err := b.write(root, io.LimitReader(r, b.size)); err != nil {
			return err
		}
		if _, err := r.Discard(1); err != nil {
			return fmt.Errorf("read %s: %w", b.path, err)
		}
	}
	return prune(root, blobs)
}

// prune removes the links that lead out of the folder by way of others, or to
// nothing. It is known of each once all are there.
func prune(root *os.Root, blobs []blob) error {
	for _, b := range blobs {
		if !b.link {
			continue
		}
		name := filepath.FromSlash(b.path)
		if _, err := root.Stat(name); err == nil {
			continue
		}
		if _, err := root.Lstat(name); err != nil {
			continue // it was left out, or is behind one that was
		}
		if err := root.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

func (b *blob) write(root *os.Root, from io.Reader) error {
	name := filepath.FromSlash(b.path)
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	if b.link {
		text, err := io.ReadAll(from)
		target := filepath.FromSlash(string(text))
		if err != nil || filepath.IsAbs(target) || !filepath.IsLocal(filepath.Join(filepath.Dir(name), target)) {
			return err
		}
		return root.Symlink(target, name)
	}
	file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(file, from)
	if err == nil && n < b.size {
		err = io.ErrUnexpectedEOF
	}
	return errors.Join(err, file.Close())
}

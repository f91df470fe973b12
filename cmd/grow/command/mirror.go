package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/signing"
	"github.com/grow-platform/grow/host/store"
)

// mirror is a folder and the documents of a service on a host that it is kept in step with.
type mirror struct {
	dir     string
	key     string // host and service
	remote  *api.Remote
	client  *api.Client
	service documents.Service
	all     map[string]lastSeen
}

// lastSeen is what a folder remembers of a service on a host.
type lastSeen struct {
	Change string  `json:"change"`         // the last one that the folder has
	Made   bool    `json:"made,omitempty"` // by the folder itself: it was not pulled
	Pull   *pulled `json:"pull,omitempty"`
}

// pulled is a pull that has left conflicts.
type pulled struct {
	Change    string     `json:"change"` // that was pulled
	Number    int        `json:"number"`
	Conflicts []conflict `json:"conflicts"`
	Touched   []string   `json:"touched"` // all files that the pull has changed
}

// conflict is a file that folder and host have both changed.
type conflict struct {
	Path string       `json:"path"`
	Kind string       `json:"kind"`           // one of those below
	Left store.Digest `json:"left,omitempty"` // what the pull has left in the folder; "": nothing
}

// Kinds of conflicts.
const (
	conflictText    = "text"         // marks are in the file
	conflictBinary  = "binary"       // yours is in place
	conflictRemoved = "removed_here" // theirs is in place
	conflictGone    = "removed_host" // yours is in place
)

// mirrorFile is where a folder remembers, and pullDir where it keeps what a pull has
// replaced; both in the folder of the host.
const (
	mirrorFile = "documents.json"
	pullDir    = "pull"
)

// onHost is the service that a command is for, without a folder. The caller closes the
// client.
func (s *shell) onHost() (*mirror, error) {
	client, remote, err := s.remote()
	if err != nil {
		return nil, err
	}
	name, err := s.serviceName()
	if err != nil {
		client.Close()
		return nil, err
	}
	at := documents.Service{Namespace: s.target.namespace, Name: name}
	return &mirror{remote: remote, client: client, service: at, key: mirrorKey(s.target.named(), at), all: map[string]lastSeen{}}, nil
}

// withHost does something with the service that a command is for.
func (s *shell) withHost(do func(*mirror) error) error {
	m, err := s.onHost()
	if err != nil {
		return err
	}
	defer m.client.Close()
	return do(m)
}

// withDocuments does something with the last documents of the service that a command is
// for.
func (s *shell) withDocuments(ctx context.Context, do func(*mirror, snapshot) error) error {
	return s.withHost(func(m *mirror) error {
		last, err := m.named(ctx, "")
		if err != nil {
			return err
		}
		return do(m, last)
	})
}

// mirrorKey names a service on a host; that which runs in the folder has no URL.
func mirrorKey(host string, at documents.Service) string {
	return strings.TrimSuffix(host, "/") + "/" + at.String()
}

// openMirror opens what a folder remembers of a service on a host, with no way to the host.
func openMirror(dir, host string, at documents.Service) (*mirror, error) {
	m := &mirror{dir: dir, service: at, key: mirrorKey(host, at), all: map[string]lastSeen{}}
	return m, m.recall()
}

// recall reads what the folder remembers.
func (m *mirror) recall() error {
	b, err := os.ReadFile(filepath.Join(app.StateDir(m.dir), mirrorFile))
	if err == nil {
		err = json.Unmarshal(b, &m.all)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read what the folder has seen of hosts: %w; remove %s to begin anew", err, filepath.Join(app.StateDir(m.dir), mirrorFile))
	}
	return nil
}

// mirror opens what a folder remembers of the service that a command is for. The caller
// closes the client.
func (s *shell) mirror() (*mirror, error) {
	dir, err := s.folder(nil)
	var none *control.Error
	if errors.As(err, &none) && none.Code == codeNoService && s.target.service != "" { // it may become one
		if dir, err = filepath.Abs(s.dir); err != nil {
			return nil, fmt.Errorf("find folder: %w", err)
		}
	}
	if err != nil {
		return nil, err
	}
	m, err := s.onHost()
	if err != nil {
		return nil, err
	}
	m.dir = dir
	if err := m.recall(); err != nil {
		m.client.Close()
		return nil, err
	}
	return m, nil
}

func (m *mirror) seen() lastSeen { return m.all[m.key] }

// remember writes what the folder has seen.
func (m *mirror) remember(seen lastSeen) error {
	m.all[m.key] = seen
	b, err := json.MarshalIndent(m.all, "", "  ")
	if err != nil {
		return err
	}
	own := app.StateDir(m.dir)
	if err := os.MkdirAll(own, 0o700); err != nil {
		return fmt.Errorf("remember what was seen of the host: %w", err)
	}
	temp := filepath.Join(own, mirrorFile+".new")
	err = os.WriteFile(temp, b, 0o600)
	if err == nil {
		err = os.Rename(temp, filepath.Join(own, mirrorFile))
	}
	if err != nil {
		return fmt.Errorf("remember what was seen of the host: %w", err)
	}
	return nil
}

// snapshot is documents at one time: on the host, or in the folder.
type snapshot struct {
	api.Change // zero: there are none on the host
	tree       documents.Tree
}

// last is what the host has; nothing when it does not know the service.
func (m *mirror) last(ctx context.Context) (snapshot, error) {
	return m.at(ctx, "")
}

// at is a change on the host, "" for the last one; nothing when it is not there.
func (m *mirror) at(ctx context.Context, change string) (snapshot, error) {
	c, err := m.remote.Documents(ctx, change)
	var none *control.Error
	if errors.As(err, &none) && none.Code == control.CodeNotFound {
		return snapshot{}, nil
	}
	if err != nil {
		return snapshot{}, err
	}
	t := treeOf(c.Files)
	if err := t.Check(); err != nil { // a host is not to write anywhere but into the folder
		return snapshot{}, &control.Error{Code: control.CodeInvalid, Message: "the host's documents are not taken: " + err.Error(), At: m.service.String(), Next: "ask who runs the host"}
	}
	return snapshot{c, t}, nil
}

// base is what folder and host had in common when they last met. A folder that has met
// the service on this host by another address has met it all the same: changes are
// known by their content. Where the host has taken back what the folder itself had made last,
// as it does when a deployment is withdrawn, the folder has not missed that: it is the change
// that did so. last is the id of the host's last one.
func (m *mirror) base(ctx context.Context, last string) (snapshot, error) {
	met := []lastSeen{m.seen()}
	if met[0].Change == "" {
		met = nil
		for key, seen := range m.all {
			if strings.HasSuffix(key, "/"+m.service.String()) && seen.Change != "" {
				met = append(met, seen)
			}
		}
	}
	var newest snapshot
	made := false
	for _, seen := range met {
		c, err := m.at(ctx, seen.Change)
		if err != nil {
			return c, err
		}
		if c.Number > newest.Number {
			newest, made = c, seen.Made
		}
	}
	if !made || newest.ID == last {
		return newest, nil
	}
	next, err := m.at(ctx, strconv.Itoa(newest.Number+1))
	if err == nil && next.Undoes == newest.ID {
		return next, nil
	}
	return newest, err
}

func treeOf(files []api.File) documents.Tree {
	t := make(documents.Tree, 0, len(files))
	for _, f := range files {
		t = append(t, documents.File{Path: f.Path, Digest: store.Digest(f.Digest), Size: f.Size, Exec: f.Exec})
	}
	return t
}

func filesOf(t documents.Tree) []api.File {
	list := make([]api.File, 0, len(t))
	for _, f := range t {
		list = append(list, api.File{Path: f.Path, Digest: string(f.Digest), Size: f.Size, Exec: f.Exec})
	}
	return list
}

// changesOf says what becomes of each file that differs.
func changesOf(list []documents.Difference) (rows []fileChange) {
	rows = []fileChange{}
	for _, d := range list {
		action := "change"
		switch {
		case d.Old == nil:
			action = "add"
		case d.New == nil:
			action = "remove"
		}
		rows = append(rows, fileChange{d.Path, action})
	}
	return rows
}

// fileChange is what becomes of a file.
type fileChange struct {
	Path   string `json:"path"`
	Action string `json:"action"` // add, change, remove, conflict
}

var changeMarks = map[string]string{"add": "A", "change": "M", "remove": "D", "conflict": "U"}

// documentsIn reads the tree of a folder: what git keeps or would keep of it, and without
// git all but what grow and the tools of languages make. Links and private keys are left
// out, and named.
func documentsIn(ctx context.Context, dir string) (t documents.Tree, left leftOut, err error) {
	names, err := candidates(ctx, dir)
	if err != nil {
		return nil, leftOut{}, err
	}
	return readDocuments(dir, names)
}

// leftOut are files of a folder that are no documents.
type leftOut struct {
	links []string
	keys  []string // private, that modules are signed with: who reads documents is not to sign
}

// servedDocuments is documentsIn for a folder that is served whatever else lies in it:
// files that are too large are left out, and named, and when there is too much altogether
// all that lies outside of a service's own folders.
func servedDocuments(ctx context.Context, dir string) (t documents.Tree, left []string, err error) {
	names, err := candidates(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		info, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name)))
		large := err == nil && info.Mode().IsRegular() && info.Size() > documents.FileMax
		if large {
			left = append(left, name)
		}
		return large
	})
	t, _, err = readDocuments(dir, names)
	if err == nil {
		return t, left, nil
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		top, _, below := strings.Cut(name, "/")
		other := below && !slices.Contains(serviceDirs, top)
		if other && !slices.Contains(left, top+"/") {
			left = append(left, top+"/")
		}
		return other
	})
	t, _, err = readDocuments(dir, names)
	return t, left, err
}

// serviceDirs are the folders of a service that hold what it is made of.
var serviceDirs = []string{"actors", "types", "workflows", "docs"}

func readDocuments(dir string, names []string) (t documents.Tree, left leftOut, err error) {
	total := int64(0)
	for _, name := range names {
		at := filepath.Join(dir, filepath.FromSlash(name))
		info, err := os.Lstat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist): // git still has it
			continue
		case err != nil:
			return nil, left, fmt.Errorf("read documents: %w", err)
		case info.Mode()&fs.ModeSymlink != 0:
			left.links = append(left.links, name)
			continue
		case !info.Mode().IsRegular():
			continue
		}
		if total += info.Size(); info.Size() > documents.FileMax || total > documents.TotalMax {
			return nil, left, tooLarge(name, info.Size())
		}
		b, err := os.ReadFile(at)
		if err != nil {
			return nil, left, fmt.Errorf("read documents: %w", err)
		}
		if _, err := signing.Private(b); err == nil {
			left.keys = append(left.keys, name)
			continue
		}
		t = append(t, documents.File{Path: name, Digest: store.DigestOf(b), Size: int64(len(b)), Exec: info.Mode()&0o111 != 0})
	}
	slices.SortFunc(t, func(a, b documents.File) int { return strings.Compare(a.Path, b.Path) })
	return t, left, t.Check()
}

func tooLarge(name string, size int64) error {
	what := fmt.Sprintf("%s has %d bytes; a document has at most %d", name, size, int64(documents.FileMax))
	if size <= documents.FileMax {
		what = fmt.Sprintf("the folder has more than %d MiB", int64(documents.TotalMax)>>20)
	}
	return &control.Error{Code: control.CodeInvalid, Message: what, At: name, Next: "if it is built or kept elsewhere, name it in .gitignore (of a git repository), or move it out of the service's folder"}
}

// madeDirs are folders of what is built.
var madeDirs = []string{".git", ".grow", "target", "__pycache__", ".venv", "node_modules"}

// candidates are the paths of files that may be documents, with slashes.
func candidates(ctx context.Context, dir string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, revisionTime)
	defer cancel()
	out, err := gitCommand(ctx, dir, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err == nil {
		var names []string
		for name := range bytes.SplitSeq(out, []byte{0}) {
			if n := string(name); n != "" && !through(n, ".grow") {
				names = append(names, n)
			}
		}
		slices.Sort(names)
		return slices.Compact(names), nil
	}
	if err := gitEnded(ctx); err != nil {
		return nil, err
	}
	var names []string
	err = filepath.WalkDir(dir, func(at string, e fs.DirEntry, err error) error {
		if err != nil || at == dir {
			return err
		}
		name, err := filepath.Rel(dir, at)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if e.IsDir() {
			if slices.Contains(madeDirs, e.Name()) || name == "site" {
				return fs.SkipDir
			}
			return nil
		}
		if names = append(names, name); len(names) > documents.FilesMax {
			return fmt.Errorf("more than %d files: a service has fewer", documents.FilesMax)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read documents: %w", err)
	}
	return names, nil
}

// through reports whether a path leads through a folder of this name.
func through(name, folder string) bool {
	return slices.Contains(strings.Split(path.Dir(name), "/"), folder)
}

// commitOf is the git commit that a folder has checked out, with +changes when files of
// it differ; "" where there is no git, or no commit yet.
func commitOf(ctx context.Context, dir string) string {
	ctx, cancel := context.WithTimeout(ctx, revisionTime)
	defer cancel()
	commit, err := git(ctx, dir, "rev-parse", "--verify", "--quiet", "HEAD")
	if err != nil {
		return ""
	}
	if changed, err := git(ctx, dir, "status", "--porcelain", "--", "."); err != nil || changed != "" {
		commit += "+changes"
	}
	return commit
}

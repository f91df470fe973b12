package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/grow-platform/grow/compiler/cache"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
)

// Mount is a folder that a platform serves as one of its services. What the platform
// remembers is kept in the folder.
type Mount struct {
	Dir     string
	Service *specs.Service    // as Load returned it
	Modules map[string]string // path of each actor's module by the actor's name
	// Watched is set when the service is edited while it runs; see Mounted.Fault.
	Watched bool
	By      string // who serves the folder, for the history, and what they may do
	// Documents reads what of the folder are documents, and its git commit, "" for none.
	Documents func(ctx context.Context) (documents.Tree, string, error)
	// Recorded is told the change that the folder's documents are recorded as, each time;
	// nil: nobody is.
	Recorded func(change string) error
}

// Mounted is the service of a platform's mounted folder, whether it runs or not. Its
// methods may be called concurrently.
type Mounted struct {
	platform *Platform
	mount    *Mount
	id       documents.Service
	came     Came

	mu   sync.Mutex // guards last
	last *recording // nil: nothing was to be recorded yet

	// edits is the deployment that the edits of this process are recorded as; 0: none yet.
	// It belongs to one recording after another.
	edits int
}

// Came says what of a mounted service runs after the start: the folder, if nothing else
// is said.
type Came struct {
	Stopped bool // nothing runs, until the service is started
	// Kept is what others have deployed, and what runs, since the folder is as it was
	// when it was last served.
	Kept *deploy.Deployment
	// Replaced is what others had deployed, and the folder has taken the place of.
	Replaced *deploy.Deployment
}

// keptMount is what is remembered of the folder as it was last served.
type keptMount struct {
	Print      string `json:"print"`
	Deployment int    `json:"deployment"`
}

// mountsRef begins the refs that say what was served of mounted folders.
const mountsRef = "mounts"

func mountRef(s documents.Service) string { return mountsRef + "/" + s.Namespace + "/" + s.Name }

// Texts of deployments that nobody gave one.
const (
	mountText = "grow run: the folder"
	editText  = "grow run --watch: edits of the folder"
)

// own is the path of something that the host keeps besides its journal.
func (p *Platform) own(name string) string {
	if p.opts.Mount == nil {
		return filepath.Join(p.opts.Data, name)
	}
	if p.opts.Journal.At == Memory {
		return filepath.Join(memoryDir(p.opts.Data), name)
	}
	return filepath.Join(StateDir(p.opts.Data), name)
}

// memoryDir is where a mounted folder has what a host with a journal in memory needs
// while it runs.
func memoryDir(dir string) string { return filepath.Join(StateDir(dir), "memory") }

// clearMemory removes that.
func (p *Platform) clearMemory() error {
	if p.opts.Mount == nil || p.opts.Journal.At != Memory {
		return nil
	}
	return os.RemoveAll(memoryDir(p.opts.Data))
}

// Mounted is the service of the mounted folder; nil when none is.
func (p *Platform) Mounted() *Mounted { return p.mounted }

// isMounted reports whether a service is that of the mounted folder.
func (p *Platform) isMounted(s documents.Service) bool { return p.mounted != nil && p.mounted.id == s }

// start runs the folder, or what others have deployed in its place when the folder is
// as it was when it was last served.
func (m *Mounted) start(ctx context.Context) error {
	p := m.platform
	print, err := m.print(ctx, m.mount.Modules)
	if err != nil {
		return err
	}
	last, err := m.kept(ctx)
	if err != nil {
		return err
	}
	live, err := p.Deployer.Live(ctx, m.id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	stopped, err := p.stopped(ctx, m.id)
	if err != nil {
		return err
	}
	m.came.Stopped = stopped
	same, others := live.Number > 0 && last.Print == print, live.Number > 0 && live.Number != last.Deployment
	switch {
	case same && stopped:
		return nil
	case same && others:
		m.came.Kept = &live
		_, err := p.Deployer.Start(ctx, m.id)
		return err
	case !stopped:
		if err := m.serve(ctx); err != nil {
			return err
		}
	}
	if same {
		return p.Deployer.Retry(ctx, m.id)
	}
	if others {
		m.came.Replaced = &live
	}
	m.later(&recording{service: m.mount.Service, modules: m.mount.Modules, adoption: deploy.Adoption{Text: mountText, Checks: []deploy.Check{
		{Name: "vet", Outcome: deploy.Passed, Text: several(len(m.mount.Service.Actors), "actor") + ", " + several(len(m.mount.Service.Workflows), "workflow") + ", " + several(len(m.mount.Service.Endpoints), "endpoint")},
		{Name: "tests", Outcome: deploy.Skipped, Text: "a folder is served as it is"},
	}}})
	return nil
}

// serve runs the folder as it is.
func (m *Mounted) serve(ctx context.Context) error {
	return m.platform.start(ctx, deploy.Candidate{Service: m.id, Dir: m.mount.Dir, Modules: m.mount.Modules}, m.mount.Service)
}

// kept is what is remembered of the folder as it was last served.
func (m *Mounted) kept(ctx context.Context) (k keptMount, err error) {
	r, err := m.platform.store.Ref(ctx, mountRef(m.id))
	if errors.Is(err, store.ErrNotFound) {
		return k, nil
	}
	if err == nil {
		err = json.Unmarshal(r.Value, &k)
	}
	if err != nil {
		return k, fmt.Errorf("read what was served of the folder: %w", err)
	}
	return k, nil
}

// print is a digest of what is in the folder, documents and modules.
func (m *Mounted) print(ctx context.Context, modules map[string]string) (string, error) {
	t, _, err := m.mount.Documents(ctx)
	if err != nil {
		return "", err
	}
	return printOf(t, modules)
}

func printOf(t documents.Tree, modules map[string]string) (string, error) {
	sum := sha256.New()
	out := json.NewEncoder(sum)
	if err := out.Encode(t); err != nil {
		return "", err
	}
	for _, name := range sorted(modules) {
		digest, err := cache.DigestFile(modules[name])
		if err != nil {
			return "", moduleError(name, err)
		}
		if err := out.Encode([]string{name, digest}); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// errOvertaken: others have deployed before an edit was recorded.
var errOvertaken = errors.New("something else was deployed meanwhile")

// record remembers what is in the folder, and runs, as a deployment.
func (m *Mounted) record(ctx context.Context, r *recording) (deploy.Deployment, error) {
	p, n, print := m.platform, r.adoption, ""
	made, err := p.Deployer.Adopt(ctx, m.id, func() (deploy.Adoption, error) {
		if h := p.running(m.id); h != nil && !h.ofFolder() {
			return n, errOvertaken
		}
		t, commit, err := m.mount.Documents(ctx)
		if err == nil {
			n.Documents, err = m.keepFiles(ctx, t)
		}
		if err == nil {
			n.Artifacts, err = m.keepModules(ctx, r.service, r.modules)
		}
		if err == nil {
			print, err = printOf(n.Documents, r.modules)
		}
		n.By, n.Commit = m.mount.By, commit
		return n, err
	})
	if err != nil {
		return made, err
	}
	b, err := json.Marshal(keptMount{print, made.Number})
	if err != nil {
		return made, err
	}
	ref, err := p.store.Ref(ctx, mountRef(m.id))
	if err == nil || errors.Is(err, store.ErrNotFound) {
		_, err = p.store.SetRef(ctx, mountRef(m.id), b, ref.Revision)
	}
	if err == nil && m.mount.Recorded != nil {
		err = m.mount.Recorded(string(made.Change))
	}
	return made, err
}

// keepFiles keeps the folder's documents, as they are now.
func (m *Mounted) keepFiles(ctx context.Context, t documents.Tree) (documents.Tree, error) {
	missing, err := m.platform.Documents.Missing(ctx, t)
	if err != nil {
		return nil, err
	}
	lacks := map[store.Digest]bool{}
	for _, d := range missing {
		lacks[d] = true
	}
	kept := make(documents.Tree, 0, len(t))
	for _, f := range t {
		if lacks[f.Digest] {
			b, err := os.ReadFile(filepath.Join(m.mount.Dir, filepath.FromSlash(f.Path)))
			if err != nil {
				return nil, fmt.Errorf("keep documents: %w", err)
			}
			if f, err = m.platform.Documents.Put(ctx, f.Path, b, f.Exec); err != nil {
				return nil, err
			}
		}
		kept = append(kept, f)
	}
	return kept, nil
}

// keepModules keeps the modules that the folder's actors run.
func (m *Mounted) keepModules(ctx context.Context, service *specs.Service, modules map[string]string) (map[string]deploy.Artifact, error) {
	list := map[string]deploy.Artifact{}
	for _, name := range sorted(modules) {
		digest, err := cache.DigestFile(modules[name])
		if err != nil {
			return nil, err
		}
		o, err := m.platform.store.Touch(ctx, store.Digest(digest))
		if errors.Is(err, store.ErrNotFound) {
			o, err = m.keepModule(ctx, modules[name])
		}
		if err != nil {
			return nil, fmt.Errorf("keep module of actor %s: %w", name, err)
		}
		list[name] = deploy.Artifact{Digest: o.Digest, Size: o.Size, Language: service.Actors[name].Code.Language}
	}
	return list, nil
}

func (m *Mounted) keepModule(ctx context.Context, path string) (o store.Object, err error) {
	f, err := os.Open(path)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return m.platform.store.Put(ctx, f, ModuleMax)
}

// Shard is that of the service, for benchmarks and tests; nil when it does not run.
func (m *Mounted) Shard() *shard.Shard {
	if h := m.platform.running(m.id); h != nil {
		return h.shard
	}
	return nil
}

// Came says what of the service ran after the start.
func (m *Mounted) Came() Came { return m.came }

// Prepare compiles to machine code what Apply of the same would. What runs does not
// change.
func (m *Mounted) Prepare(ctx context.Context, service *specs.Service, modules map[string]string) error {
	h := m.platform.running(m.id)
	if h == nil {
		return m.stopped()
	}
	return h.Prepare(ctx, service, modules)
}

// Apply has the service run another revision of the folder, as Host.Apply does; it is
// recorded by Record.
func (m *Mounted) Apply(ctx context.Context, service *specs.Service, modules map[string]string) ([]Change, error) {
	h := m.platform.running(m.id)
	if h == nil {
		return nil, m.stopped()
	}
	return h.change(ctx, service, deploy.Candidate{Service: m.id, Dir: m.mount.Dir, Modules: modules})
}

func (m *Mounted) stopped() error {
	return &Error{Code: "run.stopped", Err: fmt.Errorf("the service %s is stopped, so that edits cannot take effect", m.id), Hint: "start it: grow service start " + m.id.Name + "; and save again"}
}

// Record has what Apply has made live be remembered as a deployment, soon: the disk may
// take longer than an edit. The edits of one process are one deployment, the last of
// them, until others deploy something: the history does not grow with each save.
func (m *Mounted) Record(service *specs.Service, modules map[string]string, checks []deploy.Check) {
	m.later(&recording{service: service, modules: modules, adoption: deploy.Adoption{Text: editText, Checks: checks}})
}

// recording is something that runs, and is to be remembered.
type recording struct {
	adoption deploy.Adoption
	service  *specs.Service
	modules  map[string]string
	done     chan struct{} // closed when it has ended
}

// later records after what is being recorded, unless something newer has come then.
func (m *Mounted) later(r *recording) {
	r.done = make(chan struct{})
	m.mu.Lock()
	before := m.last
	m.last = r
	m.mu.Unlock()
	go func() { // abandon awaits the last one, which awaits all
		defer close(r.done)
		if before != nil {
			<-before.done
		}
		m.mu.Lock()
		newest := m.last == r
		m.mu.Unlock()
		if newest {
			m.recordEnd(r)
		}
	}()
}

// recordEnd records, and logs what nobody waits for.
func (m *Mounted) recordEnd(r *recording) {
	ctx, log := context.Background(), m.platform.log.With("service", m.id.String())
	live, err := m.platform.Deployer.Live(ctx, m.id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		log.Error("what runs cannot be recorded as a deployment", "error", err)
		return
	}
	edited := r.adoption.Text == editText
	if edited {
		r.adoption.Amends = m.edits
	}
	n, err := m.record(ctx, r)
	switch {
	case errors.Is(err, errOvertaken):
	case err != nil:
		log.Error("what runs cannot be recorded as a deployment", "error", err)
	case edited:
		if live.Number > 0 && live.Text != mountText && live.Text != editText {
			log.Warn("an edit has taken the place of what others had deployed; see: grow history", "deployment", live.Number, "by", live.By)
		}
		m.edits = n.Number
	}
}

// settle waits until what runs is recorded, as long as ctx allows.
func (m *Mounted) settle(ctx context.Context) {
	m.mu.Lock()
	last := m.last
	m.mu.Unlock()
	if last == nil {
		return
	}
	select {
	case <-last.done:
	case <-ctx.Done():
	}
}

// settleTime is how long a request waits for that: who asks what a deployment that takes
// long is doing must be told.
const settleTime = 5 * time.Second

// settled has requests wait until what runs is recorded.
func (p *Platform) settled(h http.Handler) http.Handler {
	if p.mounted == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), settleTime)
		p.mounted.settle(ctx)
		cancel()
		h.ServeHTTP(w, r)
	})
}

// Fault has every HTTP response say what is wrong with the last edit; "" for nothing.
func (m *Mounted) Fault(text string) {
	if h := m.platform.running(m.id); h != nil {
		h.Fault(text)
	}
}

// Revisions are the revisions that run, by node path.
func (m *Mounted) Revisions() map[string]string {
	if h := m.platform.running(m.id); h != nil {
		return h.Revisions()
	}
	return map[string]string{}
}

// listen opens the socket in the folder, by which its owner's commands find the host and
// need no token.
func (m *Mounted) listen() (err error) {
	p := m.platform
	p.socket, err = control.Listen(StateDir(m.mount.Dir), p.settled(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.api().Owner(m.mount.By).ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), ownerOf{}, true)))
	})), control.Place{
		URL: p.URL(), Control: p.ControlURL(), Namespace: m.id.Namespace, Service: m.id.Name,
	}, p.log)
	return err
}

// sinceStart is when a service counts as having come onto the host: the mounted one is
// there from the beginning.
func (p *Platform) sinceStart(ctx context.Context, s documents.Service) time.Time {
	if p.isMounted(s) {
		return time.Time{}
	}
	if first, err := p.Deployer.Deployment(ctx, s, 1); err == nil {
		return first.Time
	}
	return time.Now()
}

// laidOut has what runs of a mounted service lie where the folder's edits do not reach
// it, for who holds a candidate against it.
func (p *Platform) laidOut(ctx context.Context, c deploy.Candidate) error {
	h := p.running(c.Service)
	if h == nil || c.Live == nil || !h.ofFolder() {
		return nil
	}
	now, err := p.Deployer.LayOut(ctx, *c.Live)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.candidate.Dir, h.candidate.Modules = now.Dir, now.Modules
	return nil
}

package command

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/host/versions"
	"github.com/grow-platform/grow/specs"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// deployed is what came of a deployment, for programs.
type deployed struct {
	Plan       bool               `json:"plan"`
	Unchanged  bool               `json:"unchanged"` // what is live is the same already
	URL        string             `json:"url,omitempty"`
	Deployment *deploy.Deployment `json:"deployment"`
}

// gateFlags are those of all commands that make something live.
type gateFlags struct {
	plan           bool
	force, message string
	key            string // file
	canary         canaryFlags
	rehearsal      rehearsalFlags
	shadow         time.Duration // of grow swap
}

func (g *gateFlags) flags(f *pflag.FlagSet) {
	f.BoolVar(&g.plan, "plan", false, "only check it, and say what would happen")
	f.StringVar(&g.force, "force", "", "make it live against its checks, for a `reason` that is kept; needs the scope admin")
	f.StringVarP(&g.message, "message", "m", "", "say why, in the service's history")
	g.canary.flags(f)
	g.rehearsal.flags(f)
}

func (g *gateFlags) signing(f *pflag.FlagSet) {
	f.StringVar(&g.key, "sign", "", "sign modules by the private key in a `file`: grow signkey create")
}

func (g *gateFlags) request(commit string) api.Request {
	return api.Request{
		Plan: g.plan, Force: g.force, Text: g.message, Commit: commit, Canary: g.canary.steps(), Slower: g.canary.slower,
		Rehearse: int(g.rehearsal.last), Accept: g.rehearsal.accept, Shadow: g.shadow,
	}
}

func (s *shell) deploy() *cobra.Command {
	var g gateFlags
	c := &cobra.Command{
		Use: "deploy", Short: "bring the service in this folder to a host, and make it live", Args: cobra.NoArgs,
		Long: "deploy checks the service in this folder, builds what has changed, brings documents and modules to a host, and has the host check them: " +
			"every check is told as it ends. When all have passed, everything that has changed goes live in one step; otherwise nothing changes, and the exit code is 3. " +
			"When somebody else has changed the service meanwhile, the exit code is 6, and what they changed is shown.\n\n" +
			"All files of the folder are documents of the service, but those that git ignores. In a git checkout the commit is recorded.",
		Example: "  grow deploy\n  grow deploy --plan\n  grow deploy --host https://grow.example.com:8600 -m 'gold customers get ten percent'",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.deployFolder(c.Context(), g)
		},
	}
	g.flags(c.Flags())
	g.signing(c.Flags())
	return c
}

func (s *shell) deployFolder(ctx context.Context, g gateFlags) error {
	service, err := s.load(nil)
	if err != nil {
		return err
	}
	if name := s.target.service; name != "" && name != service.Name {
		return usage("grow.yaml says that this is the service %s, and --service names %s", service.Name, name)
	}
	m, err := s.mirror()
	if err != nil {
		return err
	}
	defer m.client.Close()
	at := &destination{Remote: m.remote, client: m.client, namespace: m.service.Namespace, service: m.service.Name}
	if err := at.look(ctx); err != nil {
		return err
	}
	tree, left, err := documentsIn(ctx, m.dir)
	if err != nil {
		return err
	}
	s.tellLeft(left)
	d := &delivery{
		files: filesOf(tree), request: g.request(commitOf(ctx, m.dir)),
		send: func(ctx context.Context, missing []string) error { return m.upload(ctx, tree, missing) },
	}
	if err := at.base(ctx, m, d); err != nil {
		return err
	}
	if d.modules, err = s.modulesFor(ctx, service); err != nil {
		return err
	}
	if err := d.sign(g.key); err != nil {
		return err
	}
	if at.runs(d) {
		return s.finish(ctx, at, m, deployed{Plan: g.plan, Unchanged: true, Deployment: at.live}, nil)
	}
	n, err := s.deliver(ctx, at, d)
	return s.finish(ctx, at, m, deployed{Plan: g.plan, Deployment: &n}, err)
}

// base says which change of the documents the folder's are based on. It fails when
// others have changed what the folder does not have. A folder that has never met the
// service on this host, as that of a pipeline, has not missed anything.
func (at *destination) base(ctx context.Context, m *mirror, d *delivery) error {
	d.request.Parent, d.from = at.last.ID, at.last.Files
	base, err := m.base(ctx, at.last.ID)
	if err != nil {
		return err
	}
	if p := m.seen().Pull; p != nil {
		if err := m.resolved(p, false); err != nil {
			return err
		}
		if base, err = m.at(ctx, p.Change); err != nil {
			return err
		}
	}
	if base.ID == "" || base.ID == at.last.ID {
		return nil
	}
	mine := treeOf(d.files)
	var theirs []versions.File
	for _, f := range versions.Files(treeOf(base.Files), treeOf(at.last.Files)) {
		is, ok := mine.Find(f.Path)
		if ok != (f.New != nil) || ok && is != *f.New {
			theirs = append(theirs, f)
		}
	}
	if len(theirs) == 0 {
		return nil
	}
	text := fmt.Sprintf("the documents of %s have changed on the host: %s made change %d, and this folder has seen change %d", m.service, at.last.By, at.last.Number, base.Number)
	return at.stale(ctx, text, base.ID, theirs)
}

// modulesFor builds what has changed, and returns the modules of all actors. Those that
// were uploaded are on the host already.
func (s *shell) modulesFor(ctx context.Context, service *specs.Service) (map[string]artifact, error) {
	list := map[string]artifact{}
	var here []string
	for name, a := range service.Actors {
		if a.Code.Digest != "" {
			list[name] = artifact{Artifact: api.Artifact{Digest: a.Code.Digest, Language: a.Code.Language}}
		} else {
			here = append(here, name)
		}
	}
	if len(here) == 0 {
		return list, nil
	}
	built, err := s.compile(ctx, service, project.Options{Only: here})
	if err != nil {
		return nil, err
	}
	for name, r := range built {
		b, err := readModule(r)
		if err != nil {
			return nil, err
		}
		list[name] = artifact{api.Artifact{Digest: string(store.DigestOf(b)), Language: service.Actors[name].Code.Language}, b}
	}
	return list, nil
}

func readModule(r compiler.Result) ([]byte, error) {
	info, err := os.Stat(r.Module)
	if err != nil {
		return nil, err
	}
	if info.Size() > app.ModuleMax {
		return nil, &control.Error{Code: control.CodeInvalid, Message: fmt.Sprintf("the module has %s; at most %s are allowed", memory(info.Size()), memory(app.ModuleMax)), At: r.Module}
	}
	return os.ReadFile(r.Module)
}

// runs reports whether what is live is what is to be delivered already.
func (at *destination) runs(d *delivery) bool {
	if at.live == nil || string(at.live.Change) != at.last.ID || !slices.Equal(d.files, at.last.Files) || len(d.modules) != len(at.live.Actors) {
		return false
	}
	for name, a := range d.modules {
		if have, ok := at.live.Actors[name]; !ok || string(have.Digest) != a.Digest || a.Signature != "" && have.Signature != a.Signature {
			return false
		}
	}
	return true
}

// finish tells what came of a deployment, and has the folder that it is of remember it;
// nil: it is of none.
func (s *shell) finish(ctx context.Context, at *destination, m *mirror, v deployed, err error) error {
	if v.Deployment.Number == 0 && len(v.Deployment.Checks) == 0 { // it was not even checked
		return err
	}
	if err == nil && !v.Plan {
		if m != nil {
			if err := m.settle(lastSeen{Change: string(v.Deployment.Change), Made: true}); err != nil {
				return err
			}
		}
		if st, err := at.Status(ctx); err == nil {
			v.URL = st.URL
		}
	}
	if printErr := s.print(v, func(w io.Writer) error { return writeDeployed(w, at, &v, err) }); printErr != nil {
		return printErr
	}
	return err
}

func writeDeployed(w io.Writer, at *destination, v *deployed, err error) error {
	n, name := v.Deployment, cell(at.namespace+"/"+at.service)
	switch {
	case err != nil:
		fmt.Fprintln(w)
		return nil
	case v.Unchanged:
		_, err := fmt.Fprintf(w, "%s: nothing has changed; deployment %d is live%s\n", name, n.Number, where(v.URL))
		return err
	case v.Plan:
		fmt.Fprintf(w, "\n%s: this would go live\n", name)
	case n.State == deploy.Tried:
		fmt.Fprintf(w, "\n%s: deployment %d has the first share of the keys; see how it does: grow swap --watch\n", name, n.Number)
	case n.State == deploy.Ready:
		fmt.Fprintf(w, "\n%s: deployment %d is recorded, and not live\n", name, n.Number)
	default:
		fmt.Fprintf(w, "\n%s: deployment %d is live%s\n", name, n.Number, where(v.URL))
	}
	if n.Forced != "" {
		fmt.Fprintf(w, "FORCED against its checks: %s\n", within(n.Forced))
	}
	var rows [][]string
	for _, actor := range slices.Sorted(maps.Keys(n.Actors)) {
		a := n.Actors[actor]
		rows = append(rows, []string{actor, revisionOf(a.Revision), a.Language, cut(string(a.Digest), 12), at.change(actor, a)})
	}
	if len(rows) == 0 {
		return nil
	}
	return table(w, "ACTOR REVISION LANGUAGE DIGEST CHANGE", rows)
}

func revisionOf(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

func where(url string) string {
	if url == "" {
		return ""
	}
	return " at " + url
}

// change says in a word what becomes of an actor.
func (at *destination) change(actor string, a deploy.Deployed) string {
	if at.live == nil {
		return "new"
	}
	was, ok := at.live.Actors[actor]
	switch {
	case !ok:
		return "new"
	case was.Digest != a.Digest:
		return "code"
	case a.Revision != 0 && was.Revision != a.Revision:
		return "documents"
	}
	return "-"
}

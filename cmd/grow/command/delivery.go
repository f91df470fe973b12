package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/host/versions"
)

// destination is a service on a host, as it is when a command begins.
type destination struct {
	*api.Remote
	client    *api.Client
	namespace string
	service   string
	last      api.Change         // of its documents; zero: it has none
	live      *deploy.Deployment // nil: nothing runs
	liveFiles []api.File         // of live; nil: nobody has asked for them
}

// isCode reports whether an error of a host has a code.
func isCode(err error, code string) bool {
	var e *control.Error
	return errors.As(err, &e) && e.Code == code
}

// visit looks at a service on a host. The caller closes the client.
func (s *shell) visit(ctx context.Context, name string) (*destination, error) {
	c, err := s.platform()
	if err != nil {
		return nil, err
	}
	at := &destination{Remote: c.At(s.target.namespace, name), client: c, namespace: s.target.namespace, service: name}
	if err := at.look(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return at, nil
}

func (at *destination) look(ctx context.Context) error {
	list, err := at.client.Services(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(v api.Service) bool { return v.Namespace == at.namespace && v.Name == at.service })
	if i < 0 {
		return nil
	}
	if at.last, err = at.Documents(ctx, ""); err != nil {
		return err
	}
	if list[i].Live == 0 {
		return nil
	}
	live, err := at.Deployment(ctx, list[i].Live)
	at.live = &live
	return err
}

// missing is the error of a service that is not on the host.
func (at *destination) missing() error {
	return &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("there is no service %s/%s on the host", at.namespace, at.service), At: at.service, Next: "deploy it first, from its folder: grow deploy"}
}

// liveNumber is the deployment that runs; 0: none.
func (at *destination) liveNumber() int {
	if at.live == nil {
		return 0
	}
	return at.live.Number
}

// delivery is what is to go to a host.
type delivery struct {
	files []api.File
	// send uploads files that the host does not have, by their digests; nil: it has all.
	send    func(ctx context.Context, missing []string) error
	modules map[string]artifact
	request api.Request // what of it is the same for all commands
	from    []api.File  // what the documents are based on
}

// artifact is an actor's module.
type artifact struct {
	api.Artifact
	binary []byte // nil: the host has it
}

// sign signs every module by a key's file.
func (d *delivery) sign(file string) error {
	if file == "" {
		return nil
	}
	for name, a := range d.modules {
		var err error
		if a.Signature, err = signature(file, store.Digest(a.Digest)); err != nil {
			return err
		}
		d.modules[name] = a
	}
	return nil
}

// deliver brings to the host what it does not have, and deploys.
func (s *shell) deliver(ctx context.Context, at *destination, d *delivery) (deploy.Deployment, error) {
	d.request.Files, d.request.Artifacts, d.request.Seen = d.files, map[string]api.Artifact{}, at.liveNumber()
	if err := s.uploadDocuments(ctx, at, d); err != nil {
		return deploy.Deployment{}, err
	}
	for _, name := range slices.Sorted(maps.Keys(d.modules)) {
		a := d.modules[name]
		if a.binary != nil {
			if _, err := at.client.Upload(ctx, a.binary, s.uploading(name)); err != nil {
				return deploy.Deployment{}, err
			}
		}
		if a.Signature == "" && at.live != nil && string(at.live.Actors[name].Digest) == a.Digest {
			a.Signature = at.live.Actors[name].Signature
		}
		d.request.Artifacts[name] = a.Artifact
	}
	var stands *deploy.Check // of a shadow, which is told of when it is interrupted
	show := s.checks()
	n, err := at.Deploy(ctx, d.request, func(k deploy.Check, ended bool) {
		if show(k, ended); !ended && d.request.Shadow > 0 {
			stands = &k
		}
	})
	if stands != nil && ctx.Err() != nil {
		return n, s.interruptedShadow(stands)
	}
	if isCode(err, control.CodeConflict) {
		return n, s.overtaken(ctx, at, d, err)
	}
	return n, err
}

func (s *shell) uploadDocuments(ctx context.Context, at *destination, d *delivery) error {
	r, err := at.Revise(ctx, api.Revise{Files: d.files, Plan: true})
	if err != nil {
		return err
	}
	if len(r.Missing) > 0 && d.send == nil {
		return &control.Error{Code: control.CodeNotFound, Message: "the host has lost a document", At: r.Missing[0], Next: "bring it again: grow push, from the service's folder"}
	}
	if d.send != nil {
		if err := d.send(ctx, r.Missing); err != nil {
			return err
		}
	}
	if n := len(r.Missing); n > 0 {
		s.say("uploaded   %s", count(n, "document"))
	}
	return nil
}

// uploading shows how far an upload has come: on a terminal in a line that changes.
func (s *shell) uploading(name string) func(done, all int64) {
	live := obeys(s.stderr) && !s.quiet && !s.json()
	began := int64(-1)
	return func(done, all int64) {
		if began < 0 {
			if began = done; done > 0 {
				s.say("resuming   %s at %s", name, memory(done))
			}
		}
		switch {
		case done < all && live:
			fmt.Fprintf(s.stderr, "\r\x1b[Kuploading  %s  %d%% of %s", name, 100*done/max(1, all), memory(all))
		case done == all && live:
			fmt.Fprintf(s.stderr, "\r\x1b[K")
		}
	}
}

// checks tells of each check as it ends, and on a terminal how one stands, in a line that changes.
func (s *shell) checks() func(k deploy.Check, ended bool) {
	live := obeys(s.stderr) && !s.quiet && !s.json()
	return func(k deploy.Check, ended bool) {
		switch {
		case !ended && live:
			fmt.Fprintf(s.stderr, "\r\x1b[K%s: %s", cell(k.Name), cell(k.Text))
		case ended && live:
			fmt.Fprint(s.stderr, "\r\x1b[K")
		}
		if ended && !s.json() {
			writeCheck(s.stdout, k)
		}
	}
}

// interruptedShadow tells what a shadow had found when it was interrupted. The host keeps it.
func (s *shell) interruptedShadow(k *deploy.Check) error {
	if obeys(s.stderr) && !s.quiet && !s.json() {
		fmt.Fprint(s.stderr, "\r\x1b[K")
	}
	if err := s.print(k, func(w io.Writer) error {
		writeCheck(w, *k)
		_, err := fmt.Fprintln(w, "interrupted; the host keeps what was found: grow history")
		return err
	}); err != nil {
		return err
	}
	return errFollowed
}

// outcomeMarks are what a person is shown for outcomes.
var outcomeMarks = map[deploy.Outcome]string{deploy.Passed: "ok     ", deploy.Failed: "FAILED ", deploy.Skipped: "skipped"}

// checkWidth is letters of the names of checks in a column.
const checkWidth = 24

func writeCheck(w io.Writer, k deploy.Check) {
	fmt.Fprintf(w, "%s  %-*s  %s\n", outcomeMarks[k.Outcome], checkWidth, cell(k.Name), cell(k.Text))
	for _, d := range k.Details {
		line := d.Text
		if d.Subject != "" && !strings.Contains(line, d.Subject) {
			line = d.Subject + ": " + line
		}
		if d.At != "" && !strings.Contains(line, d.At) {
			line = d.At + ": " + line
		}
		fmt.Fprintf(w, "    %s\n", within(line))
		if d.Diff != "" {
			fmt.Fprintf(w, "      %s\n", strings.ReplaceAll(safe(strings.TrimSuffix(d.Diff, "\n")), "\n", "\n      "))
		}
	}
	if k.More > 0 {
		fmt.Fprintf(w, "    … and %d more\n", k.More)
	}
}

// overtaken says of a deployment that came too late what the others have changed.
func (s *shell) overtaken(ctx context.Context, at *destination, d *delivery, cause error) error {
	var known *control.Error
	if !errors.As(cause, &known) {
		return cause
	}
	now := &destination{Remote: at.Remote, client: at.client, namespace: at.namespace, service: at.service}
	if err := now.look(ctx); err != nil {
		return cause
	}
	return now.stale(ctx, known.Message, d.request.Parent, versions.Files(treeOf(d.from), treeOf(now.last.Files)))
}

// stale is the error of documents that somebody else has changed since a change, with
// what they changed.
func (at *destination) stale(ctx context.Context, text, since string, list []versions.File) error {
	if _, err := versions.Lines(ctx, list, at.reading(since), at.reading(at.last.ID)); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(text)
	for _, f := range list {
		fmt.Fprintf(&b, "\n%-8s %s", f.How, f.Path)
		if f.Diff != "" {
			b.WriteString("\n" + strings.TrimSuffix(f.Diff, "\n"))
		}
	}
	return &control.Error{Code: control.CodeConflict, Message: b.String(), At: at.last.ID, Next: "get what has changed: grow pull; then deploy again"}
}

// reading reads files of a change of the documents.
func (at *destination) reading(change string) versions.Read {
	return func(ctx context.Context, f documents.File) ([]byte, error) { return at.File(ctx, change, f.Path) }
}

package command

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/spf13/cobra"
)

func (s *shell) rollback() *cobra.Command {
	var g gateFlags
	var to int
	var whole bool
	c := &cobra.Command{
		Use: "rollback [ACTOR]", Short: "make live again what was live before", Args: cobra.MaximumNArgs(1),
		Long: "rollback deploys an old revision of an actor again, its documents and its module, or with --service-wide an old deployment of the whole service. " +
			"Without --to it is the one that was live before. It goes through the same checks as any deployment, and is one: it can be rolled back itself. " +
			"Of an actor, types stay as they are, since others share them.",
		Example: "  grow rollback price\n  grow rollback price --to 3\n  grow rollback --service-wide --to 12 -m 'orders were lost'",
		RunE: func(c *cobra.Command, args []string) error {
			if whole == (len(args) > 0) {
				return usage("rollback takes an actor, or --service-wide")
			}
			if to < 0 {
				return usage("--to takes the number of a revision, or of a deployment with --service-wide")
			}
			return s.goBack(c.Context(), args, to, g)
		},
	}
	f := c.Flags()
	g.flags(f)
	f.IntVar(&to, "to", 0, "`number` of the revision, or of the deployment with --service-wide; the one before")
	f.BoolVar(&whole, "service-wide", false, "the whole service, not one actor")
	return s.completes(c, actorsOf)
}

func (s *shell) goBack(ctx context.Context, args []string, to int, g gateFlags) error {
	at, err := s.visitNamed(ctx, args)
	if err != nil {
		return err
	}
	defer at.client.Close()
	if at.live == nil {
		return &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("nothing of %s/%s is live", at.namespace, at.service), At: at.service, Next: "see what there was: grow history; and deploy it: grow deploy"}
	}
	d := &delivery{from: at.last.Files, request: g.request(""), modules: map[string]artifact{}}
	d.request.Parent = at.last.ID
	var by []string
	if len(args) > 0 {
		by, err = at.oldActor(ctx, args[0], to, d)
	} else {
		by, err = at.oldService(ctx, to, d)
	}
	if err != nil {
		return err
	}
	if len(by) > 0 {
		s.say("state      goes back by %s", strings.Join(by, ", "))
	}
	n, err := s.deliver(ctx, at, d)
	return s.finish(ctx, at, nil, deployed{Plan: g.plan, Deployment: &n}, err)
}

// asBefore has a delivery take a module that the host has.
func (d *delivery) asBefore(actor string, a deploy.Artifact) {
	d.modules[actor] = artifact{Artifact: api.Artifact{Digest: string(a.Digest), Language: a.Language, Signature: a.Signature}}
}

// oldActor takes the documents and the module of an actor's old revision, and returns the
// actors that its state goes back by.
func (at *destination) oldActor(ctx context.Context, actor string, to int, d *delivery) (by []string, err error) {
	now, ok := at.live.Actors[actor]
	if !ok {
		return nil, at.noActor(actor)
	}
	if to == 0 {
		if to, err = at.revisionBefore(ctx, actor, now.Revision); err != nil {
			return nil, err
		}
	}
	if to == now.Revision {
		return nil, usage("revision %d of %s is live already", to, actor)
	}
	old, err := at.revision(ctx, actor, to)
	if err != nil {
		return nil, err
	}
	for _, f := range at.last.Files {
		if !strings.HasPrefix(f.Path, "actors/"+actor+"/") {
			d.files = append(d.files, f)
		}
	}
	for _, f := range old.Documents.Below("actors/" + actor) {
		d.files = append(d.files, api.File{Path: f.Path, Digest: string(f.Digest), Size: f.Size, Exec: f.Exec})
	}
	slices.SortFunc(d.files, func(a, b api.File) int { return strings.Compare(a.Path, b.Path) })
	d.asBefore(actor, old.Artifact)
	if d.request.Text == "" {
		d.request.Text = fmt.Sprintf("back to revision %d of %s", to, actor)
	}
	return at.wayBack(ctx, actor, func(path string) ([]byte, error) { return at.RevisionFile(ctx, old, path) }, d)
}

// revision is one of an actor, by its number.
func (at *destination) revision(ctx context.Context, actor string, number int) (*deploy.Revision, error) {
	list, err := at.Revisions(ctx, actor, number+1, 1)
	if err != nil {
		return nil, err
	}
	if len(list) > 0 && list[0].Number == number {
		return &list[0], nil
	}
	last, err := at.Revisions(ctx, actor, 0, 1)
	if err != nil {
		return nil, err
	}
	if len(last) > 0 && number < last[0].Number {
		return nil, removed(fmt.Sprintf("revision %d of %s", number, actor), actor)
	}
	return nil, &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("%s has no revision %d", actor, number), At: actor, Next: "see those there are: grow history " + actor}
}

// revisionBefore is the revision that an actor ran before the one it runs.
func (at *destination) revisionBefore(ctx context.Context, actor string, now int) (int, error) {
	for number := at.live.Before; number > 0; {
		n, err := at.Deployment(ctx, number)
		if isCode(err, api.CodeForgotten) {
			return 0, removed("what "+actor+" ran before revision "+fmt.Sprint(now), actor)
		}
		if err != nil {
			return 0, err
		}
		if was := n.Actors[actor].Revision; was != 0 && was != now {
			return was, nil
		}
		number = n.Before
	}
	return 0, &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("%s has run no other revision than %d", actor, now), At: actor, Next: "see those there are: grow history " + actor}
}

// removed is the error of what the host does not keep any more.
func removed(what, actor string) error {
	return &control.Error{
		Code: api.CodeForgotten, Message: what + " was old, and the host has removed it", At: actor,
		Next: "see what there is: grow history " + actor + "; how much stays is for who starts the host to say: grow serve --keep",
	}
}

// oldService takes all of an old deployment, and returns the actors that state goes back by.
func (at *destination) oldService(ctx context.Context, to int, d *delivery) (by []string, err error) {
	if to == 0 {
		to = at.live.Before
	}
	if to == 0 {
		return nil, &control.Error{Code: control.CodeNotFound, Message: "nothing was live before deployment " + fmt.Sprint(at.live.Number), At: at.service, Next: "see what there was: grow history"}
	}
	if to == at.live.Number {
		return nil, usage("deployment %d is live already", to)
	}
	n, err := at.deploymentBy(ctx, to)
	if err != nil {
		return nil, err
	}
	if d.files, err = at.DeploymentFiles(ctx, to); err != nil {
		return nil, err
	}
	for actor, a := range n.Actors {
		d.asBefore(actor, a.Artifact)
	}
	if d.request.Text == "" {
		d.request.Text = fmt.Sprintf("back to deployment %d", to)
	}
	return at.wayBackAll(ctx, &n, d)
}

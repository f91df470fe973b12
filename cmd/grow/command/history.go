package command

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/spf13/cobra"
)

// historyLimit is how many entries are listed when no limit is given; historyMax, how many
// can be.
const (
	historyLimit = 20
	historyMax   = 1000
)

func (s *shell) history() *cobra.Command {
	var number, limit int
	c := &cobra.Command{
		Use: "history [ACTOR]", Short: "list what was deployed to a host, or the revisions of an actor", Args: cobra.MaximumNArgs(1),
		Long: "history lists the deployments of a service, the last one first: what went live, what was refused, who did it and why. " +
			"Of an actor it lists the revisions: when and by whom each was made, from which git commit, its module and the tests that proved it. " +
			"With --deployment it shows one deployment, check by check.",
		Example: "  grow history\n  grow history price\n  grow history --deployment 12\n  grow history --service shop -n 5 -o json",
		RunE: func(c *cobra.Command, args []string) error {
			if limit < 1 || limit > historyMax {
				return usage("--limit takes 1 to %d", historyMax)
			}
			if number < 0 || number > 0 && len(args) > 0 {
				return usage("--deployment takes the number of a deployment, and no actor beside it")
			}
			at, err := s.visitNamed(c.Context(), args)
			if err != nil {
				return err
			}
			defer at.client.Close()
			switch {
			case number > 0:
				return s.oneDeployment(c.Context(), at, number)
			case len(args) > 0:
				return s.revisions(c.Context(), at, args[0], limit)
			}
			return s.deployments(c.Context(), at, limit)
		},
	}
	f := c.Flags()
	f.IntVar(&number, "deployment", 0, "show the checks of the deployment with this `number`")
	f.IntVarP(&limit, "limit", "n", historyLimit, "at most so many, the newest")
	return s.completes(c, actorsOf)
}

// visitNamed looks at the service that a command is for, which must be on the host. Of
// the first argument SERVICE:NAME only NAME is left.
func (s *shell) visitNamed(ctx context.Context, args []string) (*destination, error) {
	if len(args) > 0 {
		if service, name, ok := strings.Cut(args[0], ":"); ok {
			s.target.service, args[0] = service, name
		}
	}
	name, err := s.serviceName()
	if err != nil {
		return nil, err
	}
	at, err := s.visit(ctx, name)
	if err == nil && at.last.ID == "" {
		at.client.Close()
		return nil, at.missing()
	}
	return at, err
}

func (s *shell) deployments(ctx context.Context, at *destination, limit int) error {
	list, err := at.Deployments(ctx, 0, limit)
	if err != nil {
		return err
	}
	return s.print(list, func(w io.Writer) error {
		if len(list) == 0 {
			_, err := fmt.Fprintln(w, "nothing was deployed yet")
			return err
		}
		var rows [][]string
		for i := range list {
			n := &list[i]
			rows = append(rows, []string{fmt.Sprint(n.Number), string(n.State), moment(n.Time), n.By, shortCommit(n.Commit), checked(n), cmp.Or(n.Text, n.Forced, "-")})
		}
		if err := table(w, "NUMBER STATE TIME BY COMMIT CHECKS WHY", rows); err != nil {
			return err
		}
		return forgotten(w, "deployment", list, limit, func(n deploy.Deployment) int { return n.Number })
	})
}

// checked is what the checks of a deployment said.
func checked(n *deploy.Deployment) string {
	failed := n.Failed()
	switch {
	case n.Forced != "":
		return fmt.Sprintf("%d FAILED, forced", len(failed))
	case len(failed) > 0:
		return failed[0].Name + " failed"
	case n.Fault != "":
		return "did not start"
	}
	passed := 0
	for _, k := range n.Checks {
		if k.Outcome == deploy.Passed {
			passed++
		}
	}
	return fmt.Sprintf("%d passed", passed)
}

// moment is a time as people are shown it: in their zone, to the second.
func moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// commitDigits are shown of a git commit.
const commitDigits = 10

func shortCommit(commit string) string {
	hash, more, changed := strings.Cut(commit, "+")
	if hash = hash[:min(len(hash), commitDigits)]; changed {
		hash += "+" + more
	}
	return cmp.Or(hash, "-")
}

// actorRevision is a revision for programs.
type actorRevision struct {
	deploy.Revision
	Live bool `json:"live"`
}

func (s *shell) revisions(ctx context.Context, at *destination, actor string, limit int) error {
	found, err := at.Revisions(ctx, actor, 0, limit)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return at.noActor(actor)
	}
	list := []actorRevision{}
	for _, v := range found {
		list = append(list, actorRevision{v, at.live != nil && at.live.Actors[actor].Revision == v.Number})
	}
	return s.print(list, func(w io.Writer) error {
		var rows [][]string
		for _, v := range list {
			state := "-"
			if v.Live {
				state = "live"
			}
			rows = append(rows, []string{fmt.Sprint(v.Number), state, moment(v.Time), v.By, shortCommit(v.Commit), v.Artifact.Language, cut(string(v.Artifact.Digest), 12), proofOf(v.Proof), fmt.Sprint(v.Deployment)})
		}
		if err := table(w, "REVISION STATE TIME BY COMMIT LANGUAGE DIGEST TESTS DEPLOYMENT", rows); err != nil {
			return err
		}
		return forgotten(w, "revision", list, limit, func(v actorRevision) int { return v.Number })
	})
}

// forgotten says of a list, the last one first, how many are missing in it since they
// were old.
func forgotten[T any](w io.Writer, what string, list []T, limit int, number func(T) int) error {
	if len(list) == 0 {
		return nil
	}
	first := number(list[len(list)-1])
	if len(list) < limit {
		first = 1 // there are no others before it
	}
	missing := number(list[0]) - first + 1 - len(list)
	if missing == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "%s among these or before them %s removed: the host keeps the last ones only (grow serve --keep)\n", count(missing, "old "+what), map[bool]string{true: "was", false: "were"}[missing == 1])
	return err
}

// noActor is the error of an actor that was never deployed.
func (at *destination) noActor(actor string) error {
	var have []string
	if at.live != nil {
		have = slices.Sorted(maps.Keys(at.live.Actors))
	}
	return &control.Error{
		Code: control.CodeNotFound, Message: fmt.Sprintf("of an actor %s of %s/%s nothing was deployed", actor, at.namespace, at.service), At: actor,
		Next: meant(actor, have, "it has "+cmp.Or(strings.Join(have, ", "), "no actors")),
	}
}

// proofOf is what the tests of a revision said.
func proofOf(proof []deploy.Check) string {
	var parts []string
	for _, k := range proof { // rehearsals and targets are among them: history --deployment tells of these
		if strings.HasPrefix(k.Name, "tests of ") {
			parts = append(parts, k.Text)
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "-")
}

// deploymentBy is a deployment by its number.
func (at *destination) deploymentBy(ctx context.Context, number int) (deploy.Deployment, error) {
	n, err := at.Deployment(ctx, number)
	if isCode(err, control.CodeNotFound) {
		err = &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("there is no deployment %d of %s/%s", number, at.namespace, at.service), At: at.service, Next: "see those there are: grow history"}
	}
	return n, err
}

func (s *shell) oneDeployment(ctx context.Context, at *destination, number int) error {
	n, err := at.deploymentBy(ctx, number)
	if err != nil {
		return err
	}
	return s.print(n, func(w io.Writer) error {
		fmt.Fprintf(w, "deployment %d of %s: %s, by %s at %s, in %s\n", n.Number, cell(n.Service.String()), n.State, cell(n.By), moment(n.Time), short(n.Took))
		for _, line := range [][2]string{{"why", n.Text}, {"commit", n.Commit}, {"FORCED", n.Forced}, {"fault", n.Fault}} {
			if line[1] != "" {
				fmt.Fprintf(w, "%s: %s\n", line[0], within(line[1]))
			}
		}
		fmt.Fprintln(w)
		for _, k := range n.Checks {
			writeCheck(w, k)
		}
		var rows [][]string
		for _, name := range slices.Sorted(maps.Keys(n.Actors)) {
			a := n.Actors[name]
			rows = append(rows, []string{name, revisionOf(a.Revision), a.Language, cut(string(a.Digest), 12), cmp.Or(a.SignedBy, "-")})
		}
		fmt.Fprintln(w)
		return table(w, "ACTOR REVISION LANGUAGE DIGEST SIGNED", rows)
	})
}

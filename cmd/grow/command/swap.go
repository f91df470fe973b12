package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/runtime/canary"
	"github.com/grow-platform/grow/specs"
	"github.com/spf13/cobra"
)

// codeWithdrawn is the code of a canary that did not go live.
const codeWithdrawn = "deploy.withdrawn"

func (s *shell) swap() *cobra.Command {
	var g gateFlags
	var watch, abort bool
	c := &cobra.Command{
		Use: "swap [ACTOR [REVISION|FILE.wasm|oci://REF]]", Short: "have another revision of an actor take over while it runs", Args: cobra.MaximumNArgs(2),
		Long: "swap has a compiled module, or an earlier revision, take over an actor between two messages: what is being handled ends with the old one, " +
			"each key's next message is handled by the new one, and state stays. It goes through the same checks as grow upload and grow rollback do.\n\n" +
			"With --canary the new revision first has a share of the keys, always the same ones. Errors, time and fuel of both are compared while the share grows, " +
			"three times as much after each --wait; when the new one is worse by more than chance explains, it is withdrawn by itself, and the old one has all keys again. " +
			"With --shadow nothing is swapped: the new revision handles what is sent to the old one for as long as is said, after it and apart from all that runs; " +
			"what it sends and asks for goes nowhere. What differs is told as by a rehearsal, at the end or when the command is interrupted, and kept: grow history.\n\n" +
			"Without a second argument swap shows how the canary of the service does: once, until its end with --watch, or ending it with --abort.",
		Example: "  grow swap classify classify.wasm\n  grow swap classify classify.wasm --shadow 10m\n  grow swap classify 3\n  grow swap classify classify.wasm --canary 5% --wait 10m --watch\n  grow swap --watch\n  grow swap --abort -m 'customers complain'",
		RunE: func(c *cobra.Command, args []string) error {
			if abort && (watch || len(args) > 1) {
				return usage("--abort ends the canary that is under way; it takes neither --watch nor what to swap in")
			}
			if err := checkShadow(c, &g, len(args)); err != nil {
				return err
			}
			return s.swapIn(c.Context(), args, watch, abort, g)
		},
	}
	f := c.Flags()
	g.flags(f)
	g.signing(f)
	f.DurationVar(&g.shadow, "shadow", 0, "swap nothing: have it handle live messages beside what runs for so long, and tell how what comes of them differs")
	f.BoolVar(&watch, "watch", false, "show how the canary does until it ends")
	f.BoolVar(&abort, "abort", false, "end the canary: the old revision has all keys again")
	return s.completes(c, actorsOf, func(*specs.Service) []string { return nil })
}

// checkShadow holds what stands beside --shadow.
func checkShadow(c *cobra.Command, g *gateFlags, args int) error {
	f := c.Flags()
	if !f.Changed("shadow") {
		return nil
	}
	if g.shadow < time.Second || g.shadow > deploy.ShadowMax {
		return usage("--shadow takes a time from 1s to %v", deploy.ShadowMax)
	}
	if args < 2 {
		return usage("--shadow takes an actor, and what is to handle its messages beside it")
	}
	for _, name := range []string{"canary", "watch", "rehearse", "force"} {
		if f.Changed(name) {
			return usage("--shadow swaps nothing, and does not stand with --%s", name)
		}
	}
	return nil
}

func (s *shell) swapIn(ctx context.Context, args []string, watch, abort bool, g gateFlags) error {
	if len(args) == 2 {
		if err := s.swapTo(ctx, args, g); err != nil || !watch || g.plan {
			return err
		}
	}
	at, err := s.visitNamed(ctx, args[:min(len(args), 1)])
	if err != nil {
		return err
	}
	defer at.client.Close()
	switch {
	case abort:
		return s.abortTrial(ctx, at, g.message)
	case watch:
		return s.watchTrial(ctx, at, len(args) == 2)
	}
	t, err := at.Trial(ctx)
	if err != nil {
		return err
	}
	return s.print(t, func(w io.Writer) error { return writeTrial(w, &t) })
}

// swapTo has a module or an old revision take over.
func (s *shell) swapTo(ctx context.Context, args []string, g gateFlags) error {
	if n, err := strconv.Atoi(args[1]); err == nil {
		if n < 1 {
			return usage("revisions have the numbers 1, 2, …: grow history %s", args[0])
		}
		return s.goBack(ctx, args[:1], n, g)
	}
	if service, actor, ok := strings.Cut(args[0], ":"); ok {
		s.target.service, args[0] = service, actor
	}
	return s.uploadModule(ctx, args[0], args[1], "", false, g)
}

func (s *shell) abortTrial(ctx context.Context, at *destination, why string) error {
	n, err := at.Withdraw(ctx, api.Withdrawal{Reason: why})
	if err != nil {
		return err
	}
	return s.print(n, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s/%s: deployment %d is withdrawn; deployment %d has all keys\n", at.namespace, at.service, n.Number, n.Before)
		return err
	})
}

// watchEvery is how often a canary is looked at.
const watchEvery = 300 * time.Millisecond

// watchTrial shows how a canary does until it ends; begun says that the command has
// started it, so that it may be over already.
func (s *shell) watchTrial(ctx context.Context, at *destination, begun bool) error {
	live := obeys(s.stderr) && !s.quiet && !s.json()
	number, shown := 0, ""
	if begun {
		list, err := at.Deployments(ctx, 0, 1)
		if err != nil {
			return err
		}
		number = list[0].Number
	}
	for {
		t, err := at.Trial(ctx)
		if isCode(err, control.CodeNotFound) && number > 0 {
			return s.trialEnded(ctx, at, number, live)
		}
		if err != nil {
			return err
		}
		number = t.Deployment
		if text := trialLine(&t); live {
			fmt.Fprintf(s.stderr, "\r\x1b[K%s", text)
		} else if err := s.trialStep(&t, text, &shown); err != nil {
			return err
		}
		select {
		case <-time.After(watchEvery):
		case <-ctx.Done():
			return errFollowed
		}
	}
}

// trialStep tells of a canary, for who reads line by line, once in each of its steps; a
// program is told each time.
func (s *shell) trialStep(t *api.Trial, text string, shown *string) error {
	if s.json() {
		return s.line(t)
	}
	step := fmt.Sprint(t.Deployment, t.Step)
	if step == *shown {
		return nil
	}
	*shown = step
	_, err := fmt.Fprintln(s.stdout, text)
	return err
}

// trialLine is a canary in a line.
func trialLine(t *api.Trial) string {
	var old, now api.Arm
	for _, n := range t.Nodes {
		old.Handled, now.Handled = old.Handled+n.Old.Handled, now.Handled+n.New.Handled
		old.Failed, now.Failed = old.Failed+n.Old.Failed+n.Old.Refused, now.Failed+n.New.Failed+n.New.Refused
	}
	text := fmt.Sprintf("deployment %d has %s of the keys (step %d of %d, %s left): new %d handled, %d not; old %d handled, %d not",
		t.Deployment, canary.Percent(t.Share), t.Step+1, len(t.Plan.Steps), short(t.Left.Round(time.Second)), now.Handled, now.Failed, old.Handled, old.Failed)
	if t.Fault != "" {
		text += "; the next step waits: " + t.Fault
	}
	return cell(text)
}

func writeTrial(w io.Writer, t *api.Trial) error {
	fmt.Fprintf(w, "%s\n\n", trialLine(t))
	var rows [][]string
	for _, n := range t.Nodes {
		for _, a := range []struct {
			which string
			api.Arm
		}{{"old", n.Old}, {"new", n.New}} {
			rows = append(rows, []string{n.Node, a.which, cmp.Or(a.Revision, "-"), fmt.Sprint(a.Handled), fmt.Sprint(a.Refused), fmt.Sprint(a.Failed), typical(a.Arm, short(a.Median)), typical(a.Arm, short(a.Slow)), typical(a.Arm, fmt.Sprint(a.Fuel))})
		}
	}
	return table(w, "NODE WHICH REVISION HANDLED REFUSED FAILED MEDIAN P99 FUEL", rows)
}

// trialEnded tells how a canary ended.
func (s *shell) trialEnded(ctx context.Context, at *destination, number int, live bool) error {
	n, err := at.Deployment(ctx, number)
	if err != nil {
		return err
	}
	if live {
		fmt.Fprint(s.stderr, "\r\x1b[K")
	}
	if s.json() {
		if err := s.line(n); err != nil {
			return err
		}
	} else {
		for _, k := range n.Checks {
			if k.Name == "canary" {
				writeCheck(s.stdout, k)
			}
		}
	}
	switch n.State {
	case deploy.Withdrawn:
		return &control.Error{
			Code: codeWithdrawn, Message: fmt.Sprintf("deployment %d was withdrawn: %s", n.Number, n.Fault), At: fmt.Sprint(n.Number),
			Next: fmt.Sprintf("deployment %d has all keys; see what was found: grow history --deployment %d", n.Before, n.Number),
		}
	case deploy.Live, deploy.Past:
		if !s.json() {
			fmt.Fprintf(s.stdout, "%s/%s: deployment %d is live\n", at.namespace, at.service, n.Number)
		}
		return nil
	}
	return errors.New("the trial of deployment " + fmt.Sprint(n.Number) + " has ended, and it is " + string(n.State))
}

// typical is a figure of the messages that were handled, in a text; there is none without them.
func typical(a api.Arm, text string) string {
	if a.Handled == 0 {
		return "-"
	}
	return text
}

package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/spf13/cobra"
)

// beforeStep is called before each step of a deployment on a host that is started, for tests,
// which end the process there; nil: nothing is.
var beforeStep func(name string)

// serveHost is the command that starts a host which services are deployed to.
func (s *shell) serveHost() *cobra.Command {
	o := app.PlatformOptions{Version: thisRelease().Version, Step: beforeStep}
	var level string
	grace := graceTime
	c := &cobra.Command{
		Use: "serve", Short: "start a host that services are deployed to", Args: cobra.NoArgs,
		Long:    "serve starts a host that runs until it is stopped. Services are deployed to it with grow deploy and\ngrow upload, by whoever has a token; the first one is printed once, when the host is new.",
		Example: "  grow serve --data /var/lib/grow\n  grow serve --journal tls://nats.example.org\n  grow serve --listen :8080 --control 10.0.0.5:8600 --cert host.pem --key host.key",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkJournal(&o.Journal); err != nil {
				return err
			}
			if o.Keep.Last < 1 || o.Keep.For < 0 {
				return usage("--keep takes 1 or more, and --keep-for a time that is not negative")
			}
			if err := o.Level.UnmarshalText([]byte(level)); err != nil {
				return usage("--level takes debug, info, warn or error, not %q", level)
			}
			if !s.json() {
				o.Stderr, o.Color = s.stderr, s.color(s.stderr)
			}
			return s.serveUntil(c.Context(), o, grace)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Data, "data", "grow-data", "the host's `folder`; it is made when missing")
	f.StringVar(&o.Listen, "listen", app.DefaultListen, "`address` of the services' endpoints")
	f.StringVar(&o.Control, "control", app.DefaultControl, "`address` of the control API")
	f.StringVar(&o.CertFile, "cert", "", "`file` of the control API's certificate, in PEM")
	f.StringVar(&o.KeyFile, "key", "", "`file` of its key")
	f.Var((*networks)(&o.Networks), "allow-network", networkHelp)
	f.StringVar(&o.Secrets, "secrets", "", secretsHelp)
	f.BoolVar(&o.Signed, "require-signatures", false, "take only modules that are signed by a key the host trusts")
	f.IntVar(&o.Keep.Last, "keep", deploy.KeepLast, "at least so many of a service's last deployments stay, to look at and to go back to")
	f.DurationVar(&o.Keep.For, "keep-for", 0, "and all that are younger than this `duration`, such as 720h")
	f.BoolVar(&o.DebugReadOnly, "debug-read-only", false, "have nobody stop what is live: only copies are debugged")
	journalFlags(c, &o.Journal, "the host's folder")
	f.StringVar(&level, "level", "info", "log lines of this `level` and above: debug, info, warn or error")
	fixed(c, "level", levels...)
	f.DurationVar(&grace, "grace", grace, "how long what was accepted may take to finish at the end")
	return c
}

// serveUntil runs a host until ctx ends.
func (s *shell) serveUntil(ctx context.Context, o app.PlatformOptions, grace time.Duration) error {
	p, err := app.StartPlatform(ctx, o)
	if err != nil {
		return err
	}
	urged, release := again(ctx)
	defer release()
	first, err := p.FirstToken(ctx)
	if err == nil {
		err = s.platformUp(p, first)
	}
	if err == nil {
		<-ctx.Done()
	}
	left, stopErr := s.stop(urged, p, grace)
	return errors.Join(err, s.left(left, stopErr == nil), stopErr)
}

// platformUp tells that a host is up.
func (s *shell) platformUp(p *app.Platform, first string) error {
	if s.json() {
		line := map[string]any{"event": "serving", "url": p.URL(), "control": p.ControlURL(), "pid": os.Getpid()}
		if first != "" {
			line["token"] = first
		}
		return s.line(line)
	}
	fmt.Fprintf(s.stdout, "\nservices at  %s\ncontrol API  %s\n", p.URL(), p.ControlURL())
	if first != "" {
		fmt.Fprintf(s.stdout, "\nThe first token of this host, which is not shown again:\n\n  export GROW_HOST=%s\n  export GROW_TOKEN=%s\n", p.ControlURL(), first)
	}
	_, err := fmt.Fprintf(s.stdout, "\nCtrl-C ends it.\n\n")
	return err
}

package command

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/grow-platform/grow/host/versions"
	"github.com/spf13/cobra"
)

func (s *shell) diff() *cobra.Command {
	var brief bool
	c := &cobra.Command{
		Use: "diff OLD NEW", Short: "show what is different between two revisions on a host", Args: cobra.ExactArgs(2),
		Long: "diff compares two deployments, named by their numbers, or two revisions of an actor, named ACTOR@NUMBER; live is the deployment that runs. " +
			"It shows documents line by line, tests that are new, gone or changed, modules, and what is different in types, grants and endpoints, with what that means for those who use them.",
		Example: "  grow diff 3 4\n  grow diff 3 live --brief\n  grow diff price@1 price@2",
		RunE: func(c *cobra.Command, args []string) error {
			return s.diffVersions(c.Context(), args, brief)
		},
	}
	c.Flags().BoolVar(&brief, "brief", false, "name the documents that differ, without their lines")
	return c
}

func (s *shell) diffVersions(ctx context.Context, args []string, brief bool) error {
	var names [2]versions.Name
	for i, arg := range args {
		name, ok := versions.ParseName(arg)
		if !ok {
			return usage("%q is no revision: it is the number of a deployment, ACTOR@NUMBER, or live", arg)
		}
		names[i] = name
	}
	if names[0].Actor != names[1].Actor {
		return usage("%s and %s are not of one kind: name two deployments, or two revisions of one actor", args[0], args[1])
	}
	at, err := s.visitNamed(ctx, nil)
	if err != nil {
		return err
	}
	defer at.client.Close()
	d, err := at.Difference(ctx, args[0], args[1], brief)
	if err != nil {
		return err
	}
	return s.print(&d, func(w io.Writer) error { return s.writeVersions(w, &d) })
}

func (s *shell) writeVersions(w io.Writer, v *versions.Difference) error {
	fmt.Fprintf(w, "from %s to %s\n", cell(v.Old), cell(v.New))
	if len(v.Documents)+len(v.Modules) == 0 {
		_, err := fmt.Fprintln(w, "nothing is different")
		return err
	}
	part := func(title string, n int) {
		if n > 0 {
			fmt.Fprintf(w, "\n%s\n", title)
		}
	}
	part("Documents:", len(v.Documents))
	for _, f := range v.Documents {
		fmt.Fprintf(w, "  %-8s %s\n", f.How, cell(f.Path))
		if f.Diff != "" {
			fmt.Fprintf(w, "    %s\n", strings.ReplaceAll(safe(strings.TrimSuffix(f.Diff, "\n")), "\n", "\n    "))
		}
	}
	part("Tests:", len(v.Tests))
	for _, t := range v.Tests {
		fmt.Fprintf(w, "  %-8s %s  (%s)\n", t.How, cell(t.Test), cell(t.File))
	}
	part("Modules:", len(v.Modules))
	for _, m := range v.Modules {
		fmt.Fprintf(w, "  %s  %s -> %s\n", cell(m.Actor), shortDigest(m.Old), shortDigest(m.New))
	}
	part("Types, grants and what else others see:", len(v.Changes))
	for _, note := range v.Notes {
		fmt.Fprintf(w, "\n%s\n", within(note))
	}
	if len(v.Changes) == 0 {
		return nil
	}
	c := comparisonOf(v.Old, v.New, v.Changes)
	return s.writeChanges(w, &c)
}

func shortDigest(digest string) string {
	if digest == "" {
		return "none"
	}
	return cut(digest, 12)
}

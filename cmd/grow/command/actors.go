package command

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/specs/schema"
	"github.com/spf13/cobra"
)

// actorsOnHost are the commands for the actors of a service on a host.
func (s *shell) actorsOnHost() []*cobra.Command {
	return []*cobra.Command{
		s.actorList(),
		s.actorMode("start", "running", "have an actor go on", "start has an actor go on that was paused, drained or stopped."),
		s.actorMode("stop", "stopped", "have an actor take no messages, and handle none", "stop has an actor take no more messages and handle none. What waits for it stays; what others send to it waits with them."),
		s.actorMode("pause", "paused", "have an actor take messages, and hold them", "pause has an actor take messages and hold them in its mailbox, until it is started. The others go on."),
		s.actorMode("drain", "drained", "have an actor finish what it has, and take no more", "drain lets no more messages in to an actor; those that it has are handled. What others send to it waits with them."),
		s.actorDelete(),
	}
}

func (s *shell) actorList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "list the actors of a service on a host", Args: cobra.NoArgs,
		Example: "  grow actor list\n  grow actor list --service shop -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.withHost(func(m *mirror) error {
				list, err := m.remote.Actors(c.Context())
				if err != nil {
					return noService(err, m.service.String())
				}
				return s.print(list, func(w io.Writer) error {
					if len(list) == 0 {
						s.say("%s has no actors", m.service)
						return nil
					}
					var rows [][]string
					for _, a := range list {
						rows = append(rows, []string{a.Name, mode(&a), liveRevision(&a), strings.Join(a.Nodes, " "), strconv.FormatInt(a.Mailbox, 10), strconv.FormatInt(a.Waiting, 10), strconv.FormatUint(a.Handled, 10)})
					}
					return table(w, "ACTOR MODE REVISION NODES MAILBOX WAITING HANDLED", rows)
				})
			})
		},
	}
}

// mode is what an actor does, and what becomes of it.
func mode(a *api.ActorStatus) string {
	switch {
	case a.Revision == 0:
		return "not deployed"
	case !a.Defined:
		return a.Mode.String() + ", until it is deployed without"
	}
	return a.Mode.String()
}

func liveRevision(a *api.ActorStatus) string {
	if a.Revision == 0 {
		return "-"
	}
	return strconv.Itoa(a.Revision)
}

// findActor is an actor of the service that a command is for.
func (m *mirror) findActor(ctx context.Context, name string) (api.ActorStatus, error) {
	list, err := m.remote.Actors(ctx)
	if err != nil {
		return api.ActorStatus{}, noService(err, m.service.String())
	}
	var names []string
	for _, a := range list {
		if a.Name == name {
			return a, nil
		}
		names = append(names, a.Name)
	}
	next := "see those there are: grow actor list"
	if near := schema.Nearest(name, names); near != "" {
		next = "did you mean " + near + "?"
	}
	return api.ActorStatus{}, &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("there is no actor %q in %s", name, m.service), At: name, Next: next}
}

// actorMode makes a command that puts an actor into a mode.
func (s *shell) actorMode(verb, mode, short, long string) *cobra.Command {
	var plan bool
	c := &cobra.Command{
		Use: verb + " ACTOR", Short: short, Args: cobra.ExactArgs(1), Long: long,
		Example: fmt.Sprintf("  grow actor %s price\n  grow actor %s price --service shop --plan", verb, verb),
		RunE: func(c *cobra.Command, args []string) error {
			return s.withHost(func(m *mirror) error {
				a, err := m.findActor(c.Context(), args[0])
				if err != nil {
					return err
				}
				return s.governed(c.Context(), m.remote, governing{Service: m.service.String(), Actor: a.Name, Was: a.Mode.String(), Mode: mode, Plan: plan})
			})
		},
	}
	c.Flags().BoolVar(&plan, "plan", false, "only say what would be done")
	return s.completes(c, actorsOf)
}

func (s *shell) actorDelete() *cobra.Command {
	return s.removing(&cobra.Command{
		Use: "delete ACTOR", Short: "remove an actor from a service's documents on a host",
		Long: "delete removes the documents of an actor, in a change that the history keeps: grow docs restore brings them back. The actor runs until\n" +
			"the next deployment, which is refused while a workflow or an endpoint uses it.",
		Example: "  grow actor delete price\n  grow actor delete price --plan\n  grow actor delete price --yes",
	}, func(t documents.Tree, name string) documents.Tree { return t.Below("actors/" + name) }, actorNames, "actor")
}

// removing makes a command that removes something from a service's documents: files are
// those that belong to one of a name, names all there are.
func (s *shell) removing(c *cobra.Command, files func(documents.Tree, string) documents.Tree, names func(documents.Tree) []string, what string) *cobra.Command {
	var r revising
	var yes bool
	c.Args = cobra.ExactArgs(1)
	c.RunE = func(c *cobra.Command, args []string) error {
		return s.withDocuments(c.Context(), func(m *mirror, last snapshot) error {
			list := files(last.tree, args[0])
			if len(list) == 0 {
				next := "the service has " + strings.Join(names(last.tree), ", ")
				if near := schema.Nearest(args[0], names(last.tree)); near != "" {
					next = "did you mean " + near + "?"
				}
				return &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("there is no %s %q in the documents of %s", what, args[0], m.service), At: args[0], Next: next}
			}
			t := last.tree
			for _, f := range list {
				t = t.Without(f.Path)
			}
			if !r.plan {
				if err := s.confirm(c.Context(), args[0], fmt.Sprintf("this removes the %s %s of %s: %s; the history keeps them", what, args[0], m.service, count(len(list), "document")), yes); err != nil {
					return err
				}
			}
			if r.message == "" {
				r.message = what + " " + args[0] + " is deleted"
			}
			return s.revise(c.Context(), m, last, t, nil, r)
		})
	}
	r.flags(c)
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

// workflowsOnHost are the commands for the workflows of a service on a host.
func (s *shell) workflowsOnHost() []*cobra.Command {
	return []*cobra.Command{s.workflowList(), s.workflowCreate(), s.removing(&cobra.Command{
		Use: "delete WORKFLOW", Short: "remove a workflow from a service's documents on a host",
		Long:    "delete removes the file of a workflow, in a change that the history keeps. It runs until the next deployment.",
		Example: "  grow workflow delete checkout\n  grow workflow delete checkout --plan\n  grow workflow delete checkout --yes",
	}, workflowFiles, workflowNames, "workflow")}
}

// workflowFiles are the files of a workflow.
func workflowFiles(t documents.Tree, name string) documents.Tree {
	var list documents.Tree
	for _, end := range []string{".yaml", ".cue"} {
		if f, ok := t.Find("workflows/" + name + end); ok {
			list = append(list, f)
		}
	}
	return list
}

// workflowNames are the names of the workflows that have documents, in order.
func workflowNames(t documents.Tree) []string {
	names := []string{}
	for _, f := range t.Below("workflows") {
		name := strings.TrimPrefix(f.Path, "workflows/")
		for _, end := range []string{".yaml", ".cue"} {
			if short, ok := strings.CutSuffix(name, end); ok && !strings.Contains(short, "/") {
				names = append(names, short)
			}
		}
	}
	return names
}

func (s *shell) workflowList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "list the workflows of a service on a host", Args: cobra.NoArgs,
		Example: "  grow workflow list\n  grow workflow list --service shop -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.withDocuments(c.Context(), func(m *mirror, last snapshot) error {
				type workflow struct {
					Name string `json:"name"`
					Path string `json:"path"`
				}
				list := []workflow{}
				for _, name := range workflowNames(last.tree) {
					list = append(list, workflow{name, workflowFiles(last.tree, name)[0].Path})
				}
				return s.print(list, func(w io.Writer) error {
					if len(list) == 0 {
						s.say("%s has no workflows", m.service)
						return nil
					}
					var rows [][]string
					for _, v := range list {
						rows = append(rows, []string{v.Name, v.Path})
					}
					return table(w, "WORKFLOW FILE", rows)
				})
			})
		},
	}
}

func (s *shell) workflowCreate() *cobra.Command {
	var r revising
	var given string
	c := &cobra.Command{
		Use: "create WORKFLOW", Short: "put a workflow into a service's documents on a host", Args: cobra.ExactArgs(1),
		Long:    "create puts the file of a workflow there; grow workflow new makes one in a folder. It runs with the next deployment.",
		Example: "  grow workflow create checkout --data @workflows/checkout.yaml\n  grow workflow create checkout --data - --plan",
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkName("WORKFLOW", args[0]); err != nil {
				return err
			}
			if !c.Flags().Changed("data") {
				return usage("--data says what the workflow is: text, @FILE, or - for standard input")
			}
			data, err := s.data(c.Context(), given)
			if err != nil {
				return err
			}
			return s.withDocuments(c.Context(), func(m *mirror, last snapshot) error {
				if have := workflowFiles(last.tree, args[0]); len(have) > 0 {
					return &control.Error{Code: codeExists, Message: "there is a workflow " + args[0] + " already", At: have[0].Path, Next: "take another name; or change it in a folder: grow pull, grow push"}
				}
				path := "workflows/" + args[0] + ".yaml"
				return s.revise(c.Context(), m, last, last.tree.With(fileOf(path, data)), map[string][]byte{path: data}, r)
			})
		},
	}
	c.Flags().StringVarP(&given, "data", "d", "", "the workflow: text, @FILE, or - for standard input")
	r.flags(c)
	return c
}

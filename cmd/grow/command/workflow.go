package command

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/grow-platform/grow/cmd/grow/starter"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/schema"
	"github.com/spf13/cobra"
)

// codeFit is the code of actors that messages cannot go between.
const codeFit = "workflow.fit"

func (s *shell) workflow() *cobra.Command {
	return group(&cobra.Command{
		Use: "workflow", Short: "make workflows; list, create and delete those on a host",
		Long: "A workflow is a file of workflows/: nodes, which actors fill, and routes between them.", Example: "  grow workflow new checkout --nodes pricing,shipping\n  grow workflow list",
	}, append([]*cobra.Command{s.workflowNew()}, s.workflowsOnHost()...)...)
}

func (s *shell) workflowNew() *cobra.Command {
	var nodes []string
	var about string
	var plan bool
	c := &cobra.Command{
		Use: "new NAME", Short: "join actors to a workflow", Args: cobra.ExactArgs(1),
		Long: "new makes workflows/NAME.yaml: messages go from each of the actors to the next, and what the last one sends comes out.\n" +
			"What an actor sends besides, and the next one does not take, comes out too. A test goes the whole way.",
		Example: "  grow workflow new checkout --nodes pricing,shipping\n  grow workflow new checkout --nodes pricing --plan",
		RunE: func(_ *cobra.Command, args []string) error {
			if err := checkName("NAME", args[0]); err != nil {
				return err
			}
			dir, service, before, err := s.outline()
			if err != nil {
				return err
			}
			if err := free(service, args[0]); err != nil {
				return err
			}
			chain, err := chained(service, nodes)
			if err != nil {
				return err
			}
			w, err := starter.NewWorkflow(args[0], about, chain, service)
			if err != nil {
				return misfit(err)
			}
			return s.addWorkflow(dir, w, plan, before)
		},
	}
	c.Flags().StringSliceVar(&nodes, "nodes", nil, "the `actors` in order, joined by commas")
	c.Flags().StringVar(&about, "about", "", "what it is for, in a `sentence`")
	c.Flags().BoolVar(&plan, "plan", false, "say what would be made, and make nothing")
	s.named(c, "nodes", actorsOf)
	return c
}

func (s *shell) addWorkflow(dir string, w *starter.Workflow, plan bool, before specs.Problems) error {
	f, err := w.File()
	if err != nil {
		return err
	}
	d := &draft{dir: dir}
	d.add(f)
	d.refresh(starter.Schemas()...)
	o := outcome{Name: w.Name, Notes: w.Notes, Next: enter(dir, "grow vet", "grow test "+w.Name)}
	o.title = fmt.Sprintf("%s workflow %s, which goes %s:", verb(plan), w.Name, strings.Join(slices.Concat([]string{specs.Input}, w.Path, []string{specs.Output}), " -> "))
	reply := ""
	if w.Then != "" {
		reply = ", reply: {" + w.Then + ": 200}"
	}
	o.Notes = append(o.Notes, "Nothing sends to it yet. In grow.yaml, under `http:`\n  POST /"+w.Name+": {send: "+w.In[0]+", to: "+w.Name+reply+"}")
	return s.make(d, o, "take another name, or move it away", plan, func() error { return fits(dir, before) })
}

// chained are the actors that are named, in their order.
func chained(service *specs.Service, names []string) ([]*specs.Actor, error) {
	known := slices.Sorted(maps.Keys(service.Actors))
	have := "the service has " + strings.Join(known, ", ")
	if len(known) == 0 {
		have = "make one first: grow actor new NAME"
	}
	if len(names) == 0 {
		return nil, &usageError{control.Error{Code: codeUsage, Message: "--nodes names the actors that messages go through, such as --nodes pricing,shipping", Next: have}}
	}
	var chain []*specs.Actor
	for _, name := range names {
		a := service.Actors[name]
		if a == nil {
			if near := schema.Nearest(name, known); near != "" {
				have = "did you mean " + near + "?"
			}
			return nil, &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("there is no actor %q", name), At: name, Next: have}
		}
		if len(a.In) == 0 {
			return nil, &control.Error{Code: codeSpecInvalid, Message: fmt.Sprintf("the actor %s takes nothing that is known", name), At: "actors/" + name, Next: "mend it first: grow vet"}
		}
		chain = append(chain, a)
	}
	return chain, nil
}

// misfit says what to do about actors that do not fit together.
func misfit(err error) error {
	var fit *starter.FitError
	if !errors.As(err, &fit) {
		return err
	}
	return &control.Error{
		Code: codeFit, Message: err.Error() + "; nothing was made", At: fit.From,
		Next: "name an actor between them, or let " + fit.To + " take what " + fit.From + " sends, by its `in:`",
	}
}

package command

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/specs/graph"
	"github.com/grow-platform/grow/specs/shape"
	"github.com/spf13/cobra"
)

// The forms of a graph.
const (
	formText    = "ascii"
	formMermaid = "mermaid"
	formDOT     = "dot"
)

// graphing is what graph is asked for.
type graphing struct {
	form  string
	width int
	ascii bool
}

func (s *shell) graph() *cobra.Command {
	var g graphing
	c := &cobra.Command{
		Use: "graph [WORKFLOW]", Short: "draw who sends to whom", Args: cobra.MaximumNArgs(1),
		Long: "graph draws a service: its endpoints, the actors of its workflows, and what goes between them by which rule.\n" +
			"With WORKFLOW it draws that one and the endpoints that send to it.\n\n" +
			"ascii is a drawing for the terminal, as wide as it is; what does not fit becomes a list. mermaid and dot are for\n" +
			"documents and Graphviz. With -o json it lists nodes and edges.",
		Example: "  grow graph\n  grow graph checkout --format mermaid\n  grow graph --format dot | dot -Tsvg > shop.svg",
		RunE: func(c *cobra.Command, args []string) error {
			if g.form != formText && g.form != formMermaid && g.form != formDOT {
				return usage("--format takes %s, %s or %s, not %q", formText, formMermaid, formDOT, g.form)
			}
			if g.width < 0 {
				return usage("--width takes a number of columns, not %d", g.width)
			}
			if !c.Flags().Changed("width") {
				g.width = room(s.stdout)
			}
			service, err := s.load(nil)
			if err != nil {
				return err
			}
			name := strings.Join(args, "")
			if name != "" && service.Workflows[name] == nil {
				return noWorkflow(name, workflowsOf(service))
			}
			drawn := graph.New(service, name)
			return s.print(drawn, func(w io.Writer) error {
				_, err := io.WriteString(w, g.draw(drawn))
				return err
			})
		},
	}
	c.Flags().StringVar(&g.form, "format", formText, "`form` of the drawing: ascii, mermaid or dot")
	c.Flags().IntVar(&g.width, "width", 0, "`columns` to draw within; 0: as many as it takes (default: those of the terminal)")
	c.Flags().BoolVar(&g.ascii, "ascii", false, "draw with ASCII characters alone, as with TERM=dumb or a locale without UTF-8")
	fixed(c, "format", formText, formMermaid, formDOT)
	return s.completes(c, workflowsOf)
}

func (g *graphing) draw(drawn *graph.Graph) string {
	switch {
	case g.form == formMermaid:
		return drawn.Mermaid()
	case g.form == formDOT:
		return drawn.DOT()
	case len(drawn.Nodes) == 0:
		return "the service has no endpoints, workflows or actors\n"
	}
	return drawn.Text(graph.Text{Width: g.width, ASCII: g.ascii || !utf8Locale()})
}

// noWorkflow says that there is none of a name, and which was meant.
func noWorkflow(name string, have []string) error {
	e := &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("there is no workflow %q", name), At: name, Next: "the service has no workflows; leave the name out: grow graph"}
	if len(have) > 0 {
		e.Next = "the service has " + strings.Join(have, ", ")
	}
	if near := shape.Near(name, have); near != "" {
		e.Next = "did you mean " + near + "?"
	}
	return e
}

// widthDefault is how wide a drawing may be where nothing says how wide lines are.
const widthDefault = 80

// room is how wide a drawing on w may be: what COLUMNS says, the terminal's
// width, or 80.
func room(w io.Writer) int {
	if n := width(w); n > 0 {
		return n
	}
	return widthDefault
}

// utf8Locale reports whether what is printed may be more than ASCII: the locale is
// one of UTF-8 (POSIX, Locale: the first of LC_ALL, LC_CTYPE, LANG that is set
// counts), and the terminal not a dumb one.
func utf8Locale() bool {
	if os.Getenv("TERM") == "dumb" {
		return false
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(os.Getenv(name)); locale != "" {
			return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
		}
	}
	return runtime.GOOS == "windows" // which has no such variables
}

package command

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/site"
	"github.com/spf13/cobra"
)

// codeSite is the code of a folder that no site can be written to.
const codeSite = "site.conflict"

// written is what site answers.
type written struct {
	Dir   string   `json:"dir"`
	Index string   `json:"index"` // to open
	Files []string `json:"files"`
}

func (s *shell) site() *cobra.Command {
	var out string
	var force bool
	c := &cobra.Command{
		Use: "site [FOLDER]", Short: "write the service's documents, types, tests and graph as static pages", Args: cobra.MaximumNArgs(1),
		Long: "site writes pages that tell what the service is: its endpoints with a command line for each, who sends to whom,\n" +
			"every actor and workflow with its documents and tests, and the types with a sample of each. They need no\n" +
			"JavaScript and nothing from elsewhere, so any web server, or a browser without one, shows them.\n\n" +
			"The pages replace those of a former run, all at once. A folder that holds anything else is left alone.",
		Example: "  grow site\n  grow site shop --out public/shop",
		RunE: func(_ *cobra.Command, args []string) error {
			service, err := s.load(args)
			if err != nil {
				return err
			}
			pages, err := site.Render(service, site.Options{Curl: func(e *specs.Endpoint) string { return curl(service, e, exampleURL) }})
			if err != nil {
				return err
			}
			dir := out
			if dir == "" {
				dir = filepath.Join(service.Dir, "site")
			}
			if err := site.Write(service, pages, dir, force); err != nil {
				return siteConflict(err)
			}
			abs, err := filepath.Abs(dir)
			if err != nil {
				return fmt.Errorf("find folder: %w", err)
			}
			w := written{Dir: abs, Index: filepath.Join(abs, "index.html"), Files: pages.Names()}
			return s.print(w, func(to io.Writer) error {
				_, err := fmt.Fprintf(to, "%s written; open %s\n", count(len(w.Files), "file"), cell(filepath.Join(nearby(dir), "index.html")))
				return err
			})
		},
	}
	c.Flags().StringVar(&out, "out", "", "the `folder` to write to (default: site, in the service's folder)")
	c.Flags().BoolVar(&force, "force", false, "remove what else the folder holds")
	return c
}

// siteConflict says what to do about a folder that cannot be written to.
func siteConflict(err error) error {
	var conflict *site.ConflictError
	if !errors.As(err, &conflict) {
		return err
	}
	next := "name another folder: --out FOLDER"
	if conflict.Force {
		next += "; or have all that it holds removed: --force"
	}
	return &control.Error{Code: codeSite, Message: conflict.Error(), At: conflict.Dir, Next: next}
}

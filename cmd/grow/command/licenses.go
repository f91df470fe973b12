package command

import (
	"fmt"
	"io"
	"strings"

	"github.com/grow-platform/grow/cmd/grow/notice"
	"github.com/grow-platform/grow/host/control"
	"github.com/spf13/cobra"
)

func (s *shell) licenses() *cobra.Command {
	return &cobra.Command{
		Use: "licenses [NAME]", Short: "print the licenses of the software in grow", Args: cobra.MaximumNArgs(1),
		Long: "licenses prints the licenses of the software that grow contains: Go and its modules, of the Python runtime\n" +
			"CPython, the C libraries in it and the compiler's library, and the packages that the console is made of. With a name\n" +
			"it prints those whose names have it in them.",
		Example: "  grow licenses\n  grow licenses cpython\n  grow licenses -o json",
		RunE: func(_ *cobra.Command, args []string) error {
			all, err := notice.All()
			if len(args) > 0 {
				all = named(all, args[0])
			}
			if len(args) > 0 && len(all) == 0 && err == nil {
				err = &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("grow contains nothing that is named %q", args[0]), Next: "see what there is: grow licenses"}
			}
			if len(all) > 0 {
				if failed := s.print(all, func(w io.Writer) error { return printLicenses(w, all) }); failed != nil {
					return failed
				}
			}
			return err
		},
	}
}

// named are the licenses of software with a text in its name.
func named(all []notice.License, text string) []notice.License {
	some := []notice.License{}
	for _, l := range all {
		if strings.Contains(strings.ToLower(l.Name), strings.ToLower(text)) {
			some = append(some, l)
		}
	}
	return some
}

func printLicenses(w io.Writer, all []notice.License) error {
	for i, l := range all {
		if i > 0 {
			fmt.Fprint(w, "\n\n")
		}
		head := strings.TrimSpace(l.Name + " " + l.Version)
		if _, err := fmt.Fprintf(w, "%s\n%s\n\n%s\n", head, strings.Repeat("=", len(head)), strings.Trim(l.Text, "\n")); err != nil {
			return err
		}
	}
	return nil
}

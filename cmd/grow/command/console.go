package command

import (
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"runtime"

	"github.com/grow-platform/grow/host/control"
	"github.com/spf13/cobra"
)

// console tells where the console of a host is, or opens it.
func (s *shell) console() *cobra.Command {
	var open bool
	c := &cobra.Command{
		Use: "console", Short: "tell where a host's console is, or open it", Args: cobra.NoArgs,
		Long: "console prints the address of the console of the host that --host or " + envHost + " names, or of the one that runs in the folder, after it\n" +
			"has asked the host whether " + envToken + " is good there; with --open it opens it in a browser. Sign in with a token: grow token create makes one.",
		Example: "  grow console\n  grow console --host https://grow.example.org:8600 --open",
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := s.platform()
			if err != nil {
				return err
			}
			defer client.Close()
			services, err := client.Services(c.Context())
			if err != nil {
				return err
			}
			at := s.target.named()
			if at == "" {
				local, here, err := s.local()
				if err != nil {
					return err
				}
				local.Close()
				at = here.Control
			}
			at, err = url.JoinPath(at, "/")
			if err != nil {
				return err
			}
			told := struct {
				Console  string `json:"console"`
				Services int    `json:"services"`
			}{at, len(services)}
			if err := s.print(told, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, at)
				return err
			}); err != nil || !open {
				return err
			}
			return browse(at)
		},
	}
	c.Flags().BoolVar(&open, "open", false, "open it in a browser, too")
	return c
}

// browse has the machine's browser open an address.
func browse(at string) error {
	line := map[string][]string{"darwin": {"open"}, "windows": {"rundll32", "url.dll,FileProtocolHandler"}}[runtime.GOOS]
	if line == nil {
		line = []string{"xdg-open"}
	}
	if err := exec.Command(line[0], append(line[1:], at)...).Start(); err != nil {
		return &control.Error{Code: "console.browser", Message: "open a browser: " + err.Error(), At: at, Next: "open the address yourself"}
	}
	return nil
}

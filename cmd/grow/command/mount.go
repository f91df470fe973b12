package command

import (
	"context"
	"fmt"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/specs"
)

// mount is the folder in dir as a host is to serve it.
func (s *shell) mount(service *specs.Service, dir string, watched bool) *app.Mount {
	warned := map[string]bool{}
	return &app.Mount{
		Dir: dir, Service: service, Modules: paths(service), Watched: watched, By: act("").By,
		Documents: func(ctx context.Context) (documents.Tree, string, error) {
			t, left, err := servedDocuments(ctx, dir)
			if err != nil {
				return nil, "", err
			}
			for _, name := range left {
				if !warned[name] {
					warned[name] = true
					s.say("warning: %s is not among the documents that are kept: it is too large, or all files together are", cell(name))
				}
			}
			return t, commitOf(ctx, dir), nil
		},
		// What the host has of the folder, the folder has seen.
		Recorded: func(change string) error {
			m, err := openMirror(dir, "", documents.Service{Namespace: app.DefaultNamespace, Name: service.Name})
			if err != nil {
				return err
			}
			seen := m.seen()
			if seen.Pull != nil {
				return nil // its conflicts are settled by the next push or pull
			}
			seen.Change, seen.Made = change, true
			return m.remember(seen)
		},
	}
}

// came says what runs after a start, where that is not plainly the folder.
func (s *shell) came(h *app.Platform, service *specs.Service, came app.Came) error {
	var err error
	switch {
	case came.Stopped:
		_, err = fmt.Fprintf(s.stdout, "\nThe service is stopped, and answers nothing until it is started: grow service start %s -C %s\n", service.Name, quote(service.Dir))
	case came.Kept != nil:
		_, err = fmt.Fprintf(s.stdout, "\nWhat runs is %s, not the folder, which has not been edited since. An edit of the folder takes its place; see: grow diff, grow pull\n", deployedBy(came.Kept))
	case came.Replaced != nil:
		_, err = fmt.Fprintf(s.stdout, "\nThe folder was edited, and has taken the place of %s. Go back: grow rollback\n", deployedBy(came.Replaced))
	}
	return err
}

// deployedBy names a deployment.
func deployedBy(n *deploy.Deployment) string {
	return fmt.Sprintf("deployment %d, which %s made live at %s", n.Number, cell(n.By), moment(n.Live))
}

// local is the host that runs in the folder of a command, by a way that needs no token,
// and where it is.
func (s *shell) local() (*api.Client, control.Place, error) {
	dir, err := s.folder(nil)
	if err != nil {
		return nil, control.Place{}, err
	}
	way, at, err := control.Dial(app.StateDir(dir))
	if err != nil {
		return nil, at, err
	}
	return api.NewLocal(way), at, nil
}

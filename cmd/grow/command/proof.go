package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/actortest"
	"github.com/grow-platform/grow/specs"
)

// failuresMax is how many failures an edit's error tells of.
const failuresMax = 10

// proof runs the declared tests of what an edit has changed: actors, workflows
// and the service, by name. It is a live.Proof.
func proof(ctx context.Context, service *specs.Service, modules map[string]string, changed []string) (passed, total int, err error) {
	tests := service.TestsOf(changed)
	if len(tests) == 0 {
		return 0, 0, nil
	}
	t, err := app.OpenTests(ctx, service, modules, "", 0)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, t.Close(ctx)) }()
	var failed []string
	err = t.Run(ctx, tests, func(r *actortest.Result) {
		if r.Passed() {
			passed++
			return
		}
		for _, f := range r.Failures {
			for _, l := range f.Lines(r.Test) {
				failed = append(failed, fmt.Sprintf("%s:%d:%d: %s: %s", l.At.File, l.At.Line, l.At.Col, r.Test.Name, l.Text))
			}
		}
	})
	if err != nil || len(failed) == 0 {
		return passed, len(tests), err
	}
	text := fmt.Sprintf("%d of %s failed", len(tests)-passed, count(len(tests), "test"))
	for _, line := range failed[:min(failuresMax, len(failed))] {
		text += "\n  " + line
	}
	if more := len(failed) - failuresMax; more > 0 {
		text += fmt.Sprintf("\n  and %d more", more)
	}
	at, _, _ := strings.Cut(failed[0], ": ")
	return passed, len(tests), &control.Error{Code: codeTestFailed, Message: text, At: at, Next: "make the code do what the test says, or have the test say what is right now"}
}

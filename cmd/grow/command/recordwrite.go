package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"

	"github.com/grow-platform/grow/cmd/grow/amend"
	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/actortest"
	"github.com/grow-platform/grow/specs"
)

// recordWriter makes tests of messages. What does not pass is taken away again.
type recordWriter struct {
	*shell
	service *specs.Service // as it is without them
	actor   *specs.Actor
	report  recordReport
}

// tests writes a test of each message, and keeps those that pass.
func (w *recordWriter) tests(ctx context.Context, list []control.RecordedMessage, plan bool) (err error) {
	root, err := os.OpenRoot(w.service.Dir)
	if err != nil {
		return fmt.Errorf("write tests: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	for i := range list {
		m := &list[i]
		text, err := amend.Example(w.service, w.actor, m)
		if err != nil {
			w.leave(m, err.Error())
			continue
		}
		file, err := recordFile(w.service, w.actor, m.ID)
		if err != nil {
			return err
		}
		w.report.Tests = append(w.report.Tests, recordedTest{ID: m.ID, Type: m.Type, Outcome: m.Outcome, Code: m.Code, File: file, State: recordPlanned, Text: string(text), message: m})
	}
	if plan {
		return nil
	}
	defer func() { err = errors.Join(err, w.unwritten(root, err)) }()
	for i := range w.report.Tests {
		if err := w.write(root, &w.report.Tests[i]); err != nil {
			return err
		}
	}
	return w.prove(ctx, root)
}

func (w *recordWriter) leave(m *control.RecordedMessage, why string) {
	w.report.Left = append(w.report.Left, control.RecordLeft{ID: m.ID, Reason: why})
}

// write makes a test's file, unless there is one of its name.
func (w *recordWriter) write(root *os.Root, t *recordedTest) error {
	if err := root.MkdirAll(path.Dir(t.File), 0o755); err != nil {
		return fmt.Errorf("write test: %w", err)
	}
	f, err := root.OpenFile(t.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		t.State = recordThere
		return nil
	}
	if err != nil {
		return fmt.Errorf("write test: %w", err)
	}
	t.State = recordWritten
	_, err = f.WriteString(t.Text)
	return errors.Join(err, f.Close())
}

// unwritten removes what was written when it has not come to its end.
func (w *recordWriter) unwritten(root *os.Root, failed error) error {
	if failed == nil {
		return nil
	}
	var errs []error
	for i := range w.report.Tests {
		if t := &w.report.Tests[i]; t.State == recordWritten {
			errs = append(errs, root.Remove(t.File))
		}
	}
	return errors.Join(errs...)
}

// drop takes a test away again that does not hold.
func (w *recordWriter) drop(root *os.Root, file, why string) error {
	i := slices.IndexFunc(w.report.Tests, func(t recordedTest) bool { return t.File == file && t.State == recordWritten })
	if i < 0 {
		return nil // it was there before, or another failure of it came first
	}
	m := w.report.Tests[i].message
	if m.Random {
		why += "; it drew random numbers, and a test draws others"
	}
	if slices.ContainsFunc(m.Given, func(c control.RecordedCall) bool { return c.Secret }) {
		why += "; it asked for a secret, and a test answers " + amend.SecretText
	}
	if m.Attempt > 1 {
		why += fmt.Sprintf("; it was handled at attempt %d, and a test begins with the first", m.Attempt)
	}
	w.leave(m, why)
	w.report.Tests = slices.Delete(w.report.Tests, i, i+1)
	if err := root.Remove(file); err != nil {
		return fmt.Errorf("remove a test that does not pass: %w", err)
	}
	return nil
}

// prove has the tests that were written be read and run.
func (w *recordWriter) prove(ctx context.Context, root *os.Root) error {
	service, err := app.Load(w.service.Dir)
	var problems specs.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			if p.Warning {
				continue
			}
			if err := w.drop(root, p.Position.File, "as a test it is not valid here: "+p.Error()); err != nil {
				return err
			}
		}
		service, err = app.Load(w.service.Dir)
	}
	if err != nil {
		return err
	}
	var chosen []*specs.Test
	for _, t := range service.Actors[w.actor.Name].Tests {
		if slices.ContainsFunc(w.report.Tests, func(r recordedTest) bool { return r.File == t.At.File && r.State == recordWritten }) {
			chosen = append(chosen, t)
		}
	}
	var failed []*actortest.Result
	if _, err := w.runTests(ctx, service, chosen, testOptions{}, func(r *actortest.Result) {
		if !r.Passed() {
			failed = append(failed, r)
		}
	}); err != nil {
		return err
	}
	for _, r := range failed {
		if err := w.drop(root, r.Test.At.File, "as a test of the code in this folder it does not pass: "+firstLine(failureText(&r.Failures[0], 1))); err != nil {
			return err
		}
	}
	return nil
}

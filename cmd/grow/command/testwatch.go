package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/grow-platform/grow/specs"
)

// clearScreen empties a terminal and goes to its top (ECMA-48: CUP, ED).
const clearScreen = "\x1b[H\x1b[2J"

// watchTests runs tests, and those that an edit touches again after each edit,
// until ctx ends.
func (s *shell) watchTests(ctx context.Context, dir string, o testOptions) (err error) {
	w, err := s.watcher(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	for {
		err := s.tested(ctx, dir, o)
		if ctx.Err() != nil {
			return errFollowed
		}
		if err != nil {
			s.fail(ctx, err)
		}
		s.say("waiting for changes")
		select {
		case batch := <-w.Batches():
			o.touched = touches(batch.Paths)
			if err != nil {
				o.touched = nil // what failed is looked at again, whatever was edited
			}
		case <-ctx.Done():
			return errFollowed
		}
		if obeys(s.stdout) && !s.json() {
			fmt.Fprint(s.stdout, clearScreen)
		}
	}
}

// touched is what an edit touches: actors by name, and whether it is more than
// their tests. nil: everything.
type touched map[string]bool

// touches says what files belong to.
func touches(paths []string) touched {
	list := touched{}
	for _, p := range paths {
		parts := strings.Split(p, "/")
		if parts[0] != "actors" || len(parts) < 3 {
			if p == "actors" || len(parts) == 2 && parts[0] == "actors" {
				continue // a folder; what is new in it is told, too
			}
			return nil
		}
		list[parts[1]] = list[parts[1]] || parts[2] != "tests"
	}
	if len(list) == 0 {
		return nil
	}
	return list
}

// picks reports whether a test is one that the edit touches.
func (t touched) picks(service *specs.Service, test *specs.Test) bool {
	if t == nil {
		return true
	}
	if _, own := t[test.Subject]; own && test.Of == specs.OfActor {
		return true
	}
	if test.Of == specs.OfActor {
		return false
	}
	run, err := needs(service, []*specs.Test{test})
	return err != nil || slices.ContainsFunc(run, func(actor string) bool { return t[actor] })
}

package crash

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// FailpointTag is the build tag of a grow that can be made to die at a moment.
const FailpointTag = "failpoint"

const (
	failpointTimes = 4                // a host dies at the first to the fourth time it comes to a moment
	failpointMax   = 60 * time.Second // until it does
	failpointFill  = 900 << 10        // makes blobs of several pieces, in less than a request may have
)

// failpointsIn is where the moments are named that lie before, between and after
// the writes of a journal.
const failpointsIn = "runtime/journal/nats"

var failpointForm = regexp.MustCompile(`\bfailpoint\("([a-z]+\.[a-z]+)"\)`)

// Failpoints are the moments at which a host can be made to die, from the sources in root.
func Failpoints(root string) ([]string, error) {
	found := map[string]bool{}
	paths, err := filepath.Glob(filepath.Join(root, failpointsIn, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		source, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		for _, m := range failpointForm.FindAllSubmatch(source, -1) {
			found[string(m[1])] = true
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("find failpoints: there are none in %s", filepath.Join(root, failpointsIn))
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// BuildGrow compiles the command of this repository; flags go to go build.
func BuildGrow(ctx context.Context, root, to string, flags ...string) error {
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"build"}, flags...), "-o", to, "./cmd/grow")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build grow: %w: %s", err, out)
	}
	return nil
}

// rebuilt has the run's service run by a build of grow of its own.
func (r *Run) rebuilt(ctx context.Context, flags ...string) error {
	r.Close()
	to, err := filepath.Abs(filepath.Join(r.Service.Dir, "..", "grow-rebuilt"))
	if err != nil {
		return err
	}
	r.Service.Grow = to
	return BuildGrow(ctx, r.Root, to, flags...)
}

// FailpointRounds builds a grow that dies where it is told, and returns a round in which it
// does at every moment there is, one after the other, under load.
func (r *Run) FailpointRounds(ctx context.Context) (func(context.Context) error, error) {
	points, err := Failpoints(r.Root)
	if err == nil {
		err = r.rebuilt(ctx, "-tags", FailpointTag)
	}
	return func(ctx context.Context) error {
		for _, at := range points {
			if err := r.dieAt(ctx, at); err != nil {
				return fmt.Errorf("%s: %w", at, err)
			}
			r.Points++
		}
		return nil
	}, err
}

// dieAt has the host die at a moment, and checks what is left.
func (r *Run) dieAt(ctx context.Context, at string) error {
	r.Close()
	fill := 0
	if slices.Contains([]string{"blob.piece", "blob.pieces", "delete.whole"}, at) {
		fill = failpointFill
	}
	r.work.spoil(0, fill)
	defer r.work.spoil(0, 0)
	env := r.Service.Env
	r.Service.Env = append(slices.Clone(env), fmt.Sprintf("GROW_FAILPOINT=%s:%d", at, 1+r.Random.IntN(failpointTimes)))
	err := r.Start(ctx)
	r.Service.Env = env
	if err != nil {
		if errors.Is(err, errDied) { // it came to the moment before
			return r.All(ctx)
		}
		return err
	}
	end := r.begin(ctx, false)
	limit := time.NewTimer(failpointMax)
	defer limit.Stop()
	select {
	case <-r.host.ended:
	case <-ctx.Done():
		err = ctx.Err()
	case <-limit.C:
		err = fmt.Errorf("the host has not come to this moment within %v", failpointMax)
	}
	end()
	if err != nil {
		r.Close()
		return err
	}
	return r.Verify(ctx)
}

// errDied: a host was killed before it served, or killed itself.
var errDied = errors.New("the host was killed before it served")

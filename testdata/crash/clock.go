package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The clock's jumps. Within clockMax of the right time nothing that is promised for 24
// hours ends; clockBehind is more than a start puts up with.
const (
	clockMax    = 11 * time.Hour
	clockBehind = -(clockMax + 25*time.Hour)
	clockJumps  = 4
	clockSeen   = 200 * time.Millisecond // until the process sees a jump, far more than it looks every
)

// clockEnv names the file that holds how many seconds the clock is wrong by.
const clockEnv = "GROW_CRASH_CLOCK"

// In time.Now of Go's package time clockAfter is added behind clockAt, and
// clockMore at the end of its file.
const (
	clockAt    = "\tsec, nsec, mono := runtimeNow()\n\tif mono == 0 {\n\t\treturn Time{uint64(nsec), sec + unixToInternal, Local}"
	clockAfter = "\tsec, nsec, mono := runtimeNow()\n\tsec += crashClock.Load()\n\tif mono == 0 {\n\t\treturn Time{uint64(nsec), sec + unixToInternal, Local}"
	clockMore  = `
// crashClock is how many seconds the clock is wrong by.
var crashClock atomic.Int64

func init() {
	path, ok := syscall.Getenv("` + clockEnv + `")
	if !ok {
		return
	}
	look := func() {
		f, err := open(path)
		if err != nil {
			return
		}
		var text [32]byte
		n, err := read(f, text[:])
		closefd(f)
		if err != nil {
			return
		}
		if seconds, err := atoi(text[:n]); err == nil {
			crashClock.Store(int64(seconds))
		}
	}
	look()
	go func() {
		for {
			Sleep(20 * Millisecond)
			look()
		}
	}()
}
`
)

// overlay writes a package time whose clock can be set by a file, and returns the
// file that go build -overlay takes.
func overlay(ctx context.Context, dir string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("find Go's sources: %w", err)
	}
	path := filepath.Join(strings.TrimSpace(string(out)), "src", "time", "time.go")
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	source := string(data)
	if strings.Count(source, clockAt) != 1 || strings.Count(source, "\nimport (\n") != 1 {
		return "", fmt.Errorf("%s is not as this program knows it: see what Now looks like, and change clockAt in testdata/crash/clock.go", path)
	}
	source = strings.Replace(source, clockAt, clockAfter, 1)
	source = strings.Replace(source, "\nimport (\n", "\nimport (\n\t\"sync/atomic\"\n\t\"syscall\"\n", 1) + clockMore
	mine := filepath.Join(dir, "time.go")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {path: mine}})
	if err != nil {
		return "", err
	}
	list := filepath.Join(dir, "overlay.json")
	return list, errors.Join(os.WriteFile(mine, []byte(source), 0o600), os.WriteFile(list, replace, 0o600))
}

// Clocks builds a grow of which the clock can be set, all of it: what NATS and
// every library asks for the time is Go's package time. It returns a round in
// which the clock jumps.
func (r *Run) Clocks(ctx context.Context) (func(context.Context) error, error) {
	dir, err := filepath.Abs(filepath.Join(r.Service.Dir, ".."))
	if err != nil {
		return nil, err
	}
	list, err := overlay(ctx, dir)
	if err != nil {
		return nil, err
	}
	r.Say("building grow with a clock that can be set: the first time that takes minutes")
	r.Service.Env = append(r.Service.Env, clockEnv+"="+filepath.Join(dir, "clock"))
	return r.Clock, r.rebuilt(ctx, "-overlay", list)
}

// Clock is a round in which the clock jumps forth and back under load, the host
// is killed, a start with a clock far behind is refused, and one with the right clock
// has everything.
func (r *Run) Clock(ctx context.Context) error {
	if err := r.setClock(0); err != nil {
		return err
	}
	err := r.Round(ctx, r.between(loadMin, loadMax), func(h *Host) error {
		for range clockJumps {
			if err := r.setClock(r.between(-clockMax, clockMax)); err != nil {
				return err
			}
			time.Sleep(r.between(loadMin, loadMax))
			if h.Ended() {
				return errors.New("the host has ended because the clock jumped")
			}
		}
		h.Kill()
		if err := r.setClock(clockBehind); err != nil {
			return err
		}
		var refused *Refused
		if _, err := r.Service.Start(ctx); !errors.As(err, &refused) || refused.Code != "journal.clock" {
			return fmt.Errorf("with a clock that is far behind the start ends with %w, not journal.clock", err)
		}
		r.named(refused)
		return r.setClock(clockMax) // all that waits is due
	})
	if err != nil {
		return err
	}
	r.host.Kill()
	return r.All(ctx)
}

// setClock makes the clock wrong.
func (r *Run) setClock(by time.Duration) error {
	path := filepath.Join(r.Service.Dir, "..", "clock")
	if err := os.WriteFile(path+".next", fmt.Append(nil, int64(by.Seconds())), 0o600); err != nil {
		return err
	}
	if err := os.Rename(path+".next", path); err != nil {
		return err
	}
	time.Sleep(clockSeen)
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/testdata/hostile"
	"github.com/grow-platform/grow/testdata/hostile/trial"
)

// What accepting or refusing a module may take, whatever it is.
const (
	verdictTime   = 2 * time.Second // of a processor
	verdictMemory = 512 << 20       // bytes, with the file itself and all of the process
)

// verdictTries is how often a module is judged that takes too long.
const verdictTries = 3

// judgeEnv names the file that a process is to judge: the test's own binary is one then.
const judgeEnv = "GROW_HOSTILE_JUDGE"

// verdictsShown is how many of the dearest are named.
const verdictsShown = 10

// judged is what a verdict took.
type judged struct {
	Name string        `json:"name"`
	Size int           `json:"size"`
	Code string        `json:"code"` // handled: it was accepted
	Took time.Duration `json:"took"` // of processors
	Wall time.Duration `json:"wall"`
	Peak int64         `json:"peak"` // bytes
}

// verdicts has the hand-made modules that are not small, and those as large as may
// be, judged as grow vet and an upload do, each in a process of its own.
func (o *options) verdicts(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "hostile-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var all []judged
	var wrong []error
	for _, c := range append(hostile.Cases(), hostile.Huge()...) {
		if !strings.Contains(c.Name, o.only) {
			continue
		}
		binary := c.Binary()
		if len(binary) <= lightMax {
			continue
		}
		v, err := bestOf(ctx, filepath.Join(dir, "module.wasm"), binary)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		v.Name = c.Name
		all = append(all, v)
		if len(c.Want) > 0 && v.Code != hostile.Handled && !slices.Contains(c.Want, v.Code) {
			wrong = append(wrong, fmt.Errorf("%s: %s, want %s", v.Name, v.Code, strings.Join(c.Want, " or ")))
		}
		if v.Took > verdictTime && !o.slow || v.Peak > verdictMemory {
			wrong = append(wrong, fmt.Errorf("%s: took %v and %d MiB; %v and %d MiB are allowed", v.Name, v.Took, v.Peak>>20, verdictTime, verdictMemory>>20))
		}
	}
	sayVerdicts(all)
	if o.out != "" {
		b, err := json.MarshalIndent(all, "", "  ")
		if err == nil {
			err = os.WriteFile(o.out, append(b, '\n'), 0o644)
		}
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}

func sayVerdicts(all []judged) {
	slices.SortFunc(all, func(a, b judged) int { return int(b.Took - a.Took) })
	for _, v := range all[:min(len(all), verdictsShown)] {
		fmt.Printf("%5d ms  %4d MiB  %-16s %s\n", v.Took.Milliseconds(), v.Peak>>20, v.Code, v.Name)
	}
	var most judged
	for _, v := range all {
		if v.Peak > most.Peak {
			most = v
		}
	}
	fmt.Printf("%d modules; the most memory was %d MiB: %s\n", len(all), most.Peak>>20, most.Name)
}

// bestOf has a module judged again that took too long: others may use the processors.
func bestOf(ctx context.Context, path string, binary []byte) (best judged, err error) {
	for n := range verdictTries {
		v, err := verdictOf(ctx, path, binary)
		if err != nil {
			return v, err
		}
		if n == 0 || v.Took < best.Took {
			best = v
		}
		if best.Took <= verdictTime {
			break
		}
	}
	return best, nil
}

// verdictOf has a process judge a module.
func verdictOf(ctx context.Context, path string, binary []byte) (v judged, err error) {
	if err := os.WriteFile(path, binary, 0o600); err != nil {
		return v, err
	}
	self, err := os.Executable()
	if err != nil {
		return v, err
	}
	c := exec.CommandContext(ctx, self, "-judge", path)
	c.Env = append(os.Environ(), judgeEnv+"="+path)
	c.Stderr = os.Stderr
	begin := time.Now()
	said, err := c.Output()
	if err != nil {
		return v, fmt.Errorf("the process that judges it: %w", err)
	}
	if err := json.Unmarshal(said, &v); err != nil {
		return v, fmt.Errorf("the process that judges it said %q: %w", said, err)
	}
	v.Size, v.Wall = len(binary), time.Since(begin)
	v.Took = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	return v, nil
}

// judgeFile does what grow vet does with a module, and says what came of it.
func judgeFile(path string, w io.Writer) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	r := admission.Describe(b)
	if err := json.NewEncoder(io.Discard).Encode(r); err != nil {
		return err
	}
	v := judged{Code: hostile.Handled, Peak: trial.Peak()}
	if !r.OK {
		v.Code = r.Faults[0].Code
	}
	return json.NewEncoder(w).Encode(v)
}

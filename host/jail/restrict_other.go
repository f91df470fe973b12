//go:build !linux

package jail

import (
	"fmt"
	"os"
	"os/exec"
	"runtime/metrics"
	"time"
)

// program is this binary.
func program() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	return path, nil
}

// There is one way to start a worker here.

func bestWay() int           { return 0 }
func giveUp(int, error) bool { return false }
func confine(*exec.Cmd, int) {}

// cpuTime is not told here.
func cpuTime(int) (time.Duration, bool) { return 0, false }

// shed closes nothing here: what a host has been left with is handed on.
func shed(int) error { return nil }

// restrict takes on what can be had.
func restrict(o orders) ([]Measure, error) {
	os.Clearenv()
	list, err := limit(o)
	if err != nil {
		return nil, err
	}
	if o.Limits.MemoryMax > 0 {
		go watchMemory(o.Limits.MemoryMax) // ends with the process
	}
	const none = "this system has none"
	return append(list,
		Measure{Name: measureMemory, Holds: true, Note: "watched by the worker itself"},
		Measure{Name: measureParent, Note: "a worker ends when it next reads"},
		Measure{Name: measureNamespaces, Note: none}, Measure{Name: measureLandlock, Note: none},
		Measure{Name: measureSeccomp, Note: none}, Measure{Name: measurePrivileges, Note: none}), nil
}

// memoryEvery is how often a worker's memory is looked at where the system does not bound it.
const memoryEvery = 20 * time.Millisecond

// watchMemory ends the worker when it has more than it may. It is no defence
// against hostile code, but against modules that are dear to compile.
func watchMemory(most int64) {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	for range time.Tick(memoryEvery) {
		metrics.Read(sample)
		if sample[0].Value.Uint64()-sample[1].Value.Uint64() > uint64(most) {
			fmt.Fprintln(os.Stderr, "jail: out of memory")
			os.Exit(exitFailed + 1)
		}
	}
}

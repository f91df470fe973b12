package jail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync/atomic"
)

// workerName is the name that workers are started under, by which they know
// what they are.
const workerName = "grow-worker"

// orders is what a worker is told when it is started.
type orders struct {
	Limits Limits `json:"limits"`
	Nice   int    `json:"nice,omitempty"`
	Files  int    `json:"files"`
	Wait   bool   `json:"wait,omitempty"` // for other orders, on the connection
}

func (o orders) encode() (string, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return "", fmt.Errorf("write orders of a worker: %w", err)
	}
	return string(text), nil
}

// entered is set by Enter: without it, workers would run the whole program anew.
var entered atomic.Bool

// Entered reports whether this program can start workers: it began with [Enter].
func Entered() bool { return entered.Load() }

// Role is what a worker does with its connection. The worker ends when it returns.
type Role func(ctx context.Context, conn Conn) error

var roles = map[string]Role{}

// Register makes a role known by its name. It is called before [Enter], by init
// functions or above it, and panics when there is a role of that name.
func Register(name string, r Role) {
	if _, ok := roles[name]; ok {
		panic("jail: two roles of the name " + name)
	}
	roles[name] = r
}

// Enter turns a process that was started as a worker into one, and never
// returns then: it takes on its limits, does what its role says, and exits. In
// every other process it does nothing.
func Enter() {
	entered.Store(true)
	if len(os.Args) != 3 || os.Args[0] != workerName {
		return
	}
	if err := work(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFailed)
	}
	os.Exit(0)
}

func work(name, text string) error {
	role, ok := roles[name]
	if !ok {
		return fmt.Errorf("there is no role %q", name)
	}
	var o orders
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return fmt.Errorf("read orders: %w", err)
	}
	conn, err := inherited()
	if err != nil {
		return errors.Join(errors.New("a worker is started by grow alone"), err)
	}
	if err := shed(firstFile + o.Files); err != nil {
		return err
	}
	if o.Wait {
		if o, err = awaited(conn); errors.Is(err, io.EOF) {
			return nil // it was not needed
		} else if err != nil {
			return fmt.Errorf("read orders: %w", err)
		}
	}
	for i := range o.Files {
		given = append(given, os.NewFile(uintptr(firstFile+i), fmt.Sprintf("file %d", i)))
	}
	if o.Limits.MemoryMax > 0 {
		// Collecting begins well before the end, which is a crash.
		debug.SetMemoryLimit(o.Limits.MemoryMax / 4 * 3)
	}
	if held, err = restrict(o); err != nil {
		return err
	}
	return role(context.Background(), conn)
}

// held is what restrict has found to hold in this worker.
var held []Measure

// given are the files that this worker was handed.
var given []*os.File

// File is a file that was handed to this worker, by its place in [Options.Files];
// nil: there is none.
func File(i int) *os.File {
	if i < 0 || i >= len(given) {
		return nil
	}
	return given[i]
}

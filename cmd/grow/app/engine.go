package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/grow-platform/grow/host/compiled"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/jail"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/process"
	"github.com/grow-platform/grow/runtime/engine/wazero"
)

func init() { compiled.Serve(wazero.Build) }

// NewEngine starts the engine that services run on. dir is where it keeps
// modules and their machine code; "" is the user's cache folder. Modules are compiled in worker
// processes, unless the program does not begin with jail.Enter.
//
// A cache that cannot be had is done without, and log is told; nil: nobody is.
func NewEngine(ctx context.Context, dir string, log *slog.Logger) (engine.Engine, error) {
	e, err := newEngine(ctx, dir, log)
	if err != nil {
		return nil, err
	}
	return e, nil
}

func newEngine(ctx context.Context, dir string, log *slog.Logger) (*ownEngine, error) {
	spaceCollections()
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	o := wazero.Options{MemoryMax: hostMemory() / 4 * 3, Languages: languages(log)}
	cache, err := openCache(dir, log)
	if err != nil {
		log.Warn("machine code is not kept: every start compiles anew", "reason", err.Error())
	} else {
		o.Cache = cache
	}
	own := &ownEngine{}
	if jail.Entered() {
		own.queue = compiled.NewQueue(compiled.Workers)
		o.Compile = own.queue.Compile
		own.spare = jail.NewSpare(roleInstances)
		own.apart = isolating(o, own.spare, log)
	}
	if own.Engine, err = wazero.New(ctx, o); err != nil {
		return nil, fmt.Errorf("start engine: %w", err)
	}
	return own, nil
}

// ownEngine runs modules in this process, or in one of their own, and has the
// workers that compile them.
type ownEngine struct {
	engine.Engine
	queue *compiled.Queue // nil: it compiles itself, and isolates nothing
	apart *process.Engine
	spare *jail.Spare // of apart
}

// Compile implements engine.Engine.
func (e *ownEngine) Compile(ctx context.Context, binary []byte, c engine.Config) (engine.Module, error) {
	switch {
	case !c.Isolated:
		return e.Engine.Compile(ctx, binary, c)
	case e.apart == nil:
		return nil, &engine.Error{Code: engine.CodeUnsupported, Reason: "isolation: process needs worker processes, which this program cannot start"}
	}
	return e.apart.Compile(ctx, binary, c)
}

// Processes tells of the workers of isolated actors, of all services.
func (e *ownEngine) Processes() []control.Process {
	if e.apart == nil {
		return []control.Process{}
	}
	return processList(e.apart.Processes())
}

// processesOf tells of the workers of one service's isolated actors.
func (e *ownEngine) processesOf(owner string) []control.Process {
	if e.apart == nil {
		return []control.Process{}
	}
	return processList(e.apart.ProcessesOf(owner))
}

func processList(list []process.Process) []control.Process {
	out := make([]control.Process, 0, len(list))
	for _, p := range list {
		out = append(out, control.Process(p))
	}
	return out
}

// Close implements engine.Engine.
func (e *ownEngine) Close(ctx context.Context) error {
	if e.queue != nil {
		e.queue.Close()
		e.spare.Close()
	}
	return e.Engine.Close(ctx)
}

// CheckCache says where the user's machine code is kept, and whether it can be.
func CheckCache() (dir string, err error) {
	if dir, err = cacheDir(); err != nil {
		return "", err
	}
	c, err := openCache(dir, nil)
	if err == nil {
		err = c.Check()
	}
	return dir, err
}

// cacheDir is the user's folder of machine code.
func cacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache folder: %w", err)
	}
	return filepath.Join(base, "grow", "compiled"), nil
}

func openCache(dir string, log *slog.Logger) (*compiled.Cache, error) {
	if dir == "" {
		var err error
		if dir, err = cacheDir(); err != nil {
			return nil, err
		}
	}
	base, err := os.UserConfigDir()
	if err != nil {
		return nil, fmt.Errorf("find the user's folder of settings: %w", err)
	}
	return compiled.OpenCache(compiled.CacheOptions{
		Dir: dir, Secret: filepath.Join(base, "grow", "machine-code.key"), Recipe: wazero.Recipe(), Log: log,
	})
}

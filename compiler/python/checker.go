package python

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm/thin"
)

const checkerMain = "app/main.py"

//go:embed checker/main.py
var checkerSource string

// Limits of checking one file.
const (
	checkMemoryMax = 512 << 20        // bytes: a tree is about a hundred times as large as its source
	checkFuelMax   = 30_000_000_000   // units
	checkTimeMax   = 30 * time.Second // by the clock
)

// errTooMuch stops the check of a file that is over a limit.
var errTooMuch = errors.New("more time than the check of one file may take")

// errCheck is returned when the checker gave up on a file, which is then at fault.
type errCheck struct{ cause error }

func (e *errCheck) Error() string { return e.cause.Error() }
func (e *errCheck) Unwrap() error { return e.cause }

// checker runs the actor that checks sources. It is safe for concurrent use; one
// file is checked at a time.
type checker struct {
	runtime Runtime

	mu       sync.Mutex // guards what follows, which is kept from one build to the next
	engine   engine.Engine
	module   engine.Module
	instance engine.Instance // nil before the first check, and after one that broke it
	stdlib   []string
}

// open starts the interpreter when there is none. The caller holds mu.
func (c *checker) open(ctx context.Context) error {
	if c.instance != nil {
		return nil
	}
	if c.engine == nil {
		e, err := c.runtime.Engine(ctx)
		if err != nil {
			return fmt.Errorf("start engine: %w", err)
		}
		c.engine = e
	}
	if c.module == nil {
		l, err := c.runtime.Language()
		if err != nil {
			return err
		}
		binary, err := thin.Pack(&thin.Actor{Language: l.Name, Digest: l.Digest, Files: map[string][]byte{checkerMain: []byte(checkerSource)}})
		if err != nil {
			return err
		}
		if c.module, err = c.engine.Compile(ctx, binary, engine.Config{MemoryMax: checkMemoryMax, Name: "the checker of Python sources"}); err != nil {
			return fmt.Errorf("load checker: %w", err)
		}
	}
	i, err := c.module.Instantiate(ctx, newCheckHost(ctx))
	if err != nil {
		return fmt.Errorf("start checker: %w", err)
	}
	c.instance = i
	return nil
}

// ask sends one message to the checker and decodes what it answers.
func (c *checker) ask(ctx context.Context, answer any, data []byte, attrs ...string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.open(ctx); err != nil {
		return err
	}
	h := newCheckHost(ctx) // whose time begins here: opening may have compiled the interpreter
	out, err := c.instance.Handle(h, abi.NewMessage(data, append(attrs, "id", "check", "time", "1970-01-01T00:00:00Z", "attempt", "1")...))
	if err != nil {
		if _, whole := errors.AsType[*engine.Stopped](err); !whole {
			_ = c.instance.Close() // broken: the next check begins with another
			c.instance = nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &errCheck{err}
	}
	m, err := abi.ParseMessage(append([]byte(nil), out.Frame...))
	if err != nil {
		return &errCheck{fmt.Errorf("read answer of the checker: %w", err)}
	}
	if m.Type() == abi.TypeError {
		return &errCheck{errors.New(string(m.Data()))}
	}
	if err := json.Unmarshal(m.Data(), answer); err != nil {
		return &errCheck{fmt.Errorf("read answer of the checker: %w", err)}
	}
	return nil
}

// names are the modules of the standard library, for suggestions.
func (c *checker) names(ctx context.Context) []string {
	c.mu.Lock()
	have := c.stdlib
	c.mu.Unlock()
	if have != nil {
		return have
	}
	var said struct{ Names []string }
	if c.ask(ctx, &said, []byte("{}"), abi.Type, "names.list") != nil {
		return nil // a suggestion less
	}
	c.mu.Lock()
	c.stdlib = said.Names
	c.mu.Unlock()
	return said.Names
}

func (c *checker) close(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	if c.instance != nil {
		errs = append(errs, c.instance.Close())
	}
	if c.module != nil {
		errs = append(errs, c.module.Close(ctx))
	}
	if c.engine != nil {
		errs = append(errs, c.engine.Close(ctx))
	}
	c.instance, c.module, c.engine = nil, nil, nil
	return errors.Join(errs...)
}

// finding is a place in a file, and what is said of it.
type finding struct {
	Line int    `json:"line"`
	Col  int    `json:"col"`
	Text string `json:"text"`
}

// checked is what the checker says of one file.
type checked struct {
	Fault    *finding  `json:"fault"`
	Modules  []string  `json:"modules"`  // top-level, sorted
	Missing  []string  `json:"missing"`  // those that the runtime does not have
	On       bool      `json:"on"`       // it may register handlers
	Handlers []finding `json:"handlers"` // types of messages that it names with grow.on
	Open     bool      `json:"open"`     // it may name others, which are not texts at its top
	Warnings []finding `json:"warnings"`
}

// place is where a module is imported.
type place struct {
	Name string `json:"name"`
	Line int    `json:"line"`
	Col  int    `json:"col"`
	How  string `json:"how"` // plain, guarded or typing
}

func (c *checker) check(ctx context.Context, path string, source []byte) (checked, error) {
	var said checked
	err := c.ask(ctx, &said, source, abi.Type, "source.check", abi.OwnPrefix+"path", path)
	return said, err
}

func (c *checker) places(ctx context.Context, source []byte, names []string) ([]place, error) {
	var said struct{ Places []place }
	err := c.ask(ctx, &said, source, abi.Type, "source.places", abi.OwnPrefix+"names", strings.Join(names, ","))
	return said.Places, err
}

// taken returns those of some names that the standard library has, too.
func (c *checker) taken(ctx context.Context, names []string) ([]string, error) {
	data, err := json.Marshal(names)
	if err != nil {
		return nil, err
	}
	var said struct{ Names []string }
	err = c.ask(ctx, &said, data, abi.Type, "names.known")
	return said.Names, err
}

// checkHost serves the checker, which asks for nothing but time.
type checkHost struct {
	ctx   context.Context
	start time.Time
}

func newCheckHost(ctx context.Context) *checkHost { return &checkHost{ctx, time.Now()} }

// Call implements engine.Host: nothing is granted.
func (h *checkHost) Call(request []byte) ([]byte, error) {
	n := uint32(0)
	if len(request) >= 4 {
		n = uint32(request[0]) | uint32(request[1])<<8 | uint32(request[2])<<16 | uint32(request[3])<<24
	}
	n = min(n, abi.RequestsPerCallMax)
	b := abi.AppendCount(nil, int(n))
	for range n {
		b = abi.AppendAttrCount(b, 1)
		b = abi.AppendAttr(b, abi.Type, abi.TypeOK)
		b = abi.AppendData(b, nil)
	}
	return b, nil
}

// Now implements engine.Host: the time is no part of what is checked.
func (h *checkHost) Now() int64 { return 0 }

// Monotonic implements engine.Host.
func (h *checkHost) Monotonic() int64 { return 0 }

// Random implements engine.Host.
func (h *checkHost) Random(p []byte) { clear(p) }

// Output implements engine.Host.
func (h *checkHost) Output(int, []byte) {}

// Sleep implements engine.Host.
func (h *checkHost) Sleep(int64) error { return h.over(0) }

// Slice implements engine.Host.
func (h *checkHost) Slice(used uint64) (uint64, error) {
	if err := h.over(used); err != nil {
		return 0, err
	}
	return engine.SliceFuel, nil
}

func (h *checkHost) over(used uint64) error {
	if err := h.ctx.Err(); err != nil {
		return err
	}
	if used > checkFuelMax || time.Since(h.start) > checkTimeMax {
		return errTooMuch
	}
	return nil
}

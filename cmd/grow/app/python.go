package app

import (
	"context"
	"sync"

	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/python"
	"github.com/grow-platform/grow/compiler/python/interpreter"
	"github.com/grow-platform/grow/runtime/engine"
)

// pythonRuntime is the runtime of Python actors, which is looked for once.
var pythonRuntime = sync.OnceValues(func() (*engine.Language, error) {
	l, err := interpreter.Find()
	if err != nil {
		return nil, err
	}
	return &l, nil
})

// The compiler lives as long as the program, and so does the interpreter that it
// checks sources with: it is started by the first build that needs it.
func init() {
	compiler.Register(python.New(python.Runtime{
		Language: pythonRuntime,
		Engine:   func(ctx context.Context) (engine.Engine, error) { return NewEngine(ctx, "", nil) },
	}))
}

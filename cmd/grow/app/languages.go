package app

import (
	"errors"
	"log/slog"

	"github.com/grow-platform/grow/compiler/python/interpreter"
	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/debug/native"
	"github.com/grow-platform/grow/runtime/debug/python"
	"github.com/grow-platform/grow/runtime/engine"
)

// languages are the language runtimes that there are, in this binary or in the user's
// cache. One that is missing is an error of the actors alone that need it, which are
// refused by its name.
func languages(log *slog.Logger) []engine.Language {
	python, err := pythonRuntime()
	if err != nil {
		if !errors.Is(err, interpreter.ErrMissing) {
			log.Warn("the Python runtime cannot be used", "reason", err.Error())
		}
		return nil
	}
	return []engine.Language{*python}
}

// debuggers are the languages whose actors can be debugged; the last one takes any module.
func debuggers() []debug.Language { return []debug.Language{python.Language{}, native.New()} }

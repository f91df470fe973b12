package sweep

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// lines are what was logged: the message and its first two attributes.
type lines struct {
	mu   sync.Mutex // guards list
	list []string
}

func (l *lines) logger() *slog.Logger { return slog.New(l) }

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list)
}

// Enabled implements slog.Handler.
func (l *lines) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (l *lines) Handle(_ context.Context, r slog.Record) error {
	text := []string{r.Message}
	r.Attrs(func(a slog.Attr) bool {
		text = append(text, fmt.Sprint(a))
		return len(text) < 3
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, strings.Join(text, " "))
	return nil
}

// WithAttrs implements slog.Handler.
func (l *lines) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup implements slog.Handler.
func (l *lines) WithGroup(string) slog.Handler { return l }

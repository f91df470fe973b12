package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
)

// spokenMax is how many values of secrets are remembered as given; of more, the last ones.
const spokenMax = 10_000

// discretion hides, in what is told as it happens (log lines, answers to clients), the secrets
// that the host has given to actors: no actor knows another. It is safe for concurrent use.
type discretion struct {
	look func(name string) (string, bool) // where they come from

	mu    sync.Mutex // guards what follows
	given []string   // values, the last at the end
	known map[string]bool
	mask  *mask // of given; nil: to be made
}

func newDiscretion(look func(name string) (string, bool)) *discretion {
	return &discretion{look: look, known: map[string]bool{}}
}

// secret gives a secret, and remembers what it was.
func (d *discretion) secret(name string) (string, bool) {
	value, ok := d.look(name)
	if ok {
		d.remember(value)
	}
	return value, ok
}

func (d *discretion) remember(value string) {
	if len(value) < secretLeast {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known[value] {
		return
	}
	if len(d.given) == spokenMax {
		delete(d.known, d.given[0])
		d.given = slices.Delete(d.given, 0, 1)
	}
	d.given, d.known[value], d.mask = append(d.given, value), true, nil
}

// text hides what it knows in a text.
func (d *discretion) text(s string) string {
	d.mu.Lock()
	if d.mask == nil {
		m := newMask(d.given)
		d.mask = &m
	}
	m := d.mask
	d.mu.Unlock()
	return m.text(s)
}

// discreet is a log whose lines have no secrets.
type discreet struct {
	slog.Handler
	hide func(string) string
}

// Handle implements slog.Handler.
func (d discreet) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, d.hide(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(d.attr(a))
		return true
	})
	return d.Handler.Handle(ctx, out)
}

// WithAttrs implements slog.Handler.
func (d discreet) WithAttrs(attrs []slog.Attr) slog.Handler {
	hidden := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		hidden[i] = d.attr(a)
	}
	return discreet{d.Handler.WithAttrs(hidden), d.hide}
}

// WithGroup implements slog.Handler.
func (d discreet) WithGroup(name string) slog.Handler {
	return discreet{d.Handler.WithGroup(name), d.hide}
}

func (d discreet) attr(a slog.Attr) slog.Attr {
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, d.hide(v.String()))
	case slog.KindGroup:
		var all []any
		for _, inner := range v.Group() {
			all = append(all, d.attr(inner))
		}
		return slog.Group(a.Key, all...)
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			return slog.String(a.Key, d.hide(err.Error()))
		}
		return d.any(a.Key, v.Any())
	}
	return a
}

// any hides secrets in a list or structure: where there are some it is told as JSON, or as Go
// writes it where it has none.
func (d discreet) any(key string, v any) slog.Attr {
	text := fmt.Sprintf("%+v", v)
	found := d.hide(text) != text
	if b, err := json.Marshal(v); err == nil {
		text = string(b)
	}
	if told := d.hide(text); found || told != text {
		return slog.String(key, told)
	}
	return slog.Any(key, v)
}

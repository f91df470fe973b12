package logs

import (
	"context"
	"log/slog"
	"maps"
	"time"
)

// Handler is an slog.Handler that adds the host's own lines about a service to the store. An
// attribute named node or message becomes the record's.
func (s *Store) Handler(namespace, service string) slog.Handler {
	return handler{store: s, namespace: namespace, service: service}
}

type handler struct {
	store     *Store
	namespace string
	service   string
	group     string
	fields    map[string]string
}

// Enabled implements slog.Handler: the store keeps all.
func (handler) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (h handler) Handle(_ context.Context, r slog.Record) error {
	out := Record{Time: r.Time, Level: word(r.Level), Namespace: h.namespace, Service: h.service, Host: true, Text: r.Message, Fields: maps.Clone(h.fields)}
	if out.Time.IsZero() {
		out.Time = time.Now()
	}
	if out.Fields == nil {
		out.Fields = map[string]string{}
	}
	r.Attrs(func(a slog.Attr) bool {
		h.put(out.Fields, a)
		return true
	})
	out.Node, out.Message = out.Fields["node"], out.Fields["message"]
	delete(out.Fields, "node")
	delete(out.Fields, "message")
	h.store.Add(out)
	return nil
}

// word is the nearest of the four levels at or below l; below debug is debug.
func word(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "error"
	case l >= slog.LevelWarn:
		return "warn"
	case l >= slog.LevelInfo:
		return "info"
	}
	return "debug"
}

func (h handler) put(fields map[string]string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		inner := h
		if a.Key != "" { // a group without a name is no group (slog.Handler)
			inner.group = h.group + a.Key + "."
		}
		for _, one := range v.Group() {
			inner.put(fields, one)
		}
		return
	}
	if a.Key != "" {
		fields[h.group+a.Key] = v.String()
	}
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.fields = maps.Clone(h.fields)
	if h.fields == nil {
		h.fields = map[string]string{}
	}
	for _, a := range attrs {
		h.put(h.fields, a)
	}
	return h
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler {
	if name != "" {
		h.group += name + "."
	}
	return h
}

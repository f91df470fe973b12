package grow

import (
	"context"
	"log/slog"
	"strings"
	"unicode/utf8"

	"github.com/grow-platform/grow/sdk/go/internal/bridge"
	"github.com/grow-platform/grow/sdk/go/internal/frame"
)

// Limits of one log line; what is beyond them is cut off.
const (
	logTextMax   = 64 << 10 // bytes
	logFieldsMax = frame.AttrsMax - 1
)

// Handler returns an slog handler that writes to the host's log. [Context.Log]
// uses it, and so do slog.Default and package log inside an actor. Groups
// become prefixes of field names, with a dot between; of fields with the same
// name the last counts. It may be used from any goroutine.
func Handler() slog.Handler { return logHandler{} }

type logHandler struct {
	prefix string
	fields []field
}

type field struct{ name, value string }

// Enabled implements slog.Handler. The host decides what is kept.
func (logHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (h logHandler) Handle(_ context.Context, r slog.Record) error {
	fields := h.fields
	if r.NumAttrs() > 0 {
		fields = append(make([]field, 0, len(h.fields)+r.NumAttrs()), h.fields...)
		r.Attrs(func(a slog.Attr) bool {
			fields = appendFields(fields, h.prefix, a)
			return true
		})
	}
	level := "debug"
	switch {
	case r.Level >= slog.LevelError:
		level = "error"
	case r.Level >= slog.LevelWarn:
		level = "warn"
	case r.Level >= slog.LevelInfo:
		level = "info"
	}
	logLine(level, r.Message, fields)
	return nil
}

// WithAttrs implements slog.Handler.
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.fields = h.fields[:len(h.fields):len(h.fields)]
	for _, a := range attrs {
		h.fields = appendFields(h.fields, h.prefix, a)
	}
	return h
}

// WithGroup implements slog.Handler.
func (h logHandler) WithGroup(name string) slog.Handler {
	if name != "" {
		h.prefix += name + "."
	}
	return h
}

func appendFields(fields []field, prefix string, a slog.Attr) []field {
	v := a.Value.Resolve()
	if v.Kind() != slog.KindGroup {
		if a.Key == "" {
			return fields
		}
		return append(fields, field{prefix + a.Key, v.String()})
	}
	if a.Key != "" {
		prefix += a.Key + "."
	}
	for _, member := range v.Group() {
		fields = appendFields(fields, prefix, member)
	}
	return fields
}

// logRequest and logAnswer are apart from the buffers of the Context, so that
// logging is possible at any moment, as in a MarshalJSON.
var (
	logRequest []byte
	logAnswer  [128]byte
)

// logLine writes one line. What the host answers makes no difference: a
// failing log is no reason to fail a message.
func logLine(level, text string, fields []field) {
	fields = lastOfEach(fields)
	b := frame.AppendCount(logRequest[:0], 1)
	b = frame.AppendAttrs(b, 1+len(fields))
	b = frame.AppendAttr(b, "type", "log."+level)
	for _, f := range fields {
		b = frame.AppendAttr(b, f.name, f.value)
	}
	b = frame.AppendData(b, []byte(truncate(text, logTextMax)))
	logRequest = b
	bridge.Call(b, logAnswer[:])
}

// lastOfEach returns the fields under their attribute names, without those
// that a later one of the same name replaces.
func lastOfEach(fields []field) []field {
	var kept []field
	for i := len(fields) - 1; i >= 0 && len(kept) < logFieldsMax; i-- {
		f := field{truncate("x."+clean(fields[i].name), frame.NameMax), clean(fields[i].value)}
		if !containsName(kept, f.name) {
			kept = append(kept, f)
		}
	}
	for i, j := 0, len(kept)-1; i < j; i, j = i+1, j-1 {
		kept[i], kept[j] = kept[j], kept[i]
	}
	return kept
}

func containsName(fields []field, name string) bool {
	for _, f := range fields {
		if f.name == name {
			return true
		}
	}
	return false
}

// clean makes s fit for an attribute's value.
func clean(s string) string { return truncate(strings.ToValidUTF8(s, "\uFFFD"), frame.ValueMax) }

// truncate cuts s to at most n bytes, between two characters.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

package compare

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// grants compares what an actor may reach. What is more than before is a
// warning: nobody breaks, and somebody should agree to it.
func (r *report) grants(was, is []specs.Grant) {
	old, new := byName(was), byName(is)
	for _, name := range union(old, new) {
		a, had := old[name]
		b, has := new[name]
		path := "uses." + name
		switch {
		case !has:
			r.add(path, shape.Ok, Grants, "grant.removed", "the grant of kind %s is gone", a.Kind)
		case !had:
			r.add(path, shape.Warn, Grants, "grant.added", "may use %s now%s", b.Kind, params(b.Params))
		case a.Kind != b.Kind:
			r.add(path, shape.Warn, Grants, "grant.changed", "was a grant of kind %s, is of kind %s now%s", a.Kind, b.Kind, params(b.Params))
		default:
			r.params(path, a.Params, b.Params)
		}
	}
}

func byName(list []specs.Grant) map[string]specs.Grant {
	m := map[string]specs.Grant{}
	for _, g := range list {
		m[g.Name] = g
	}
	return m
}

func params(m map[string]any) string {
	var parts []string
	for _, k := range union(m, nil) {
		parts = append(parts, k+" "+text(m[k]))
	}
	if parts == nil {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

// params compares the parameters of one grant. A list names what is allowed,
// so that more in it is more; of anything else nothing is known but that it changed.
func (r *report) params(path string, a, b map[string]any) {
	for _, k := range union(a, b) {
		at := path + "." + k
		was, had := a[k]
		is, has := b[k]
		x, listed := was.([]any)
		y, still := is.([]any)
		switch {
		case reflect.DeepEqual(was, is):
		case listed && still:
			more, fewer := beyond(y, x), beyond(x, y)
			if more != "" {
				r.add(at, shape.Warn, Grants, "grant.widened", "gained %s", more)
			}
			if fewer != "" {
				r.add(at, shape.Ok, Grants, "grant.narrowed", "lost %s", fewer)
			}
		case !had:
			r.add(at, shape.Warn, Grants, "grant.changed", "is %s now, and was not given", text(is))
		case !has:
			r.add(at, shape.Warn, Grants, "grant.widened", "was %s, and is not given any more", text(was))
		case k == "access" && is == "read":
			r.add(at, shape.Ok, Grants, "grant.narrowed", "changed from %s to %s", text(was), text(is))
		default:
			r.add(at, shape.Warn, Grants, "grant.changed", "changed from %s to %s", text(was), text(is))
		}
	}
}

// beyond are the items of a list that another has not.
func beyond(a, b []any) string {
	var more []string
	for _, v := range a {
		if !slices.ContainsFunc(b, func(w any) bool { return reflect.DeepEqual(v, w) }) {
			more = append(more, text(v))
		}
	}
	return strings.Join(more, ", ")
}

// text shows a value in a sentence.
func text[T any](v T) string {
	if list, ok := any(v).([]any); ok {
		parts := make([]string, len(list))
		for i, item := range list {
			parts[i] = text(item)
		}
		return strings.Join(parts, " ")
	}
	if s, ok := any(v).(string); ok && s == "" {
		return "none"
	}
	return fmt.Sprint(v)
}

// bytes shows a size.
func bytes(n int64) string {
	for _, u := range []struct {
		suffix string
		size   int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.size && n%u.size == 0 {
			return fmt.Sprintf("%d%s", n/u.size, u.suffix)
		}
	}
	return fmt.Sprintf("%dB", n)
}

package specs

import (
	"strings"

	"github.com/grow-platform/grow/specs/schema"
)

// unserved lists what the formats have and this version does not serve: the
// definition, the path (* is any key) and when. Each is refused by name, so
// that nothing in a file is silently without effect. To serve one, remove its line.
var unserved = []struct {
	form, path string
	when       func(*schema.Node) bool
}{
	{"#Service", "alerts", present},
	{"#Service", "notify", present},
	{"#Service", "plans", present},
	{"#Service", "config", filled},
	{"#Service", "http.*.auth", is("key")},
	{"#Service", "http.*.limit", present},
	{"#Service", "http.*.stream", present},
}

func present(*schema.Node) bool { return true }

func filled(n *schema.Node) bool {
	return len(n.Fields) > 0 || n.Kind != schema.Map && n.Kind != schema.Null
}

func is(text string) func(*schema.Node) bool {
	return func(n *schema.Node) bool { return n.Kind == schema.String && n.Text == text }
}

// refuseUnserved reports what is not served and takes it out of the tree, so
// that nothing else is said about it.
func (l *loader) refuseUnserved(form, file string, root *schema.Node) {
	for _, u := range unserved {
		if u.form == form {
			l.prune(file, root, "", strings.Split(u.path, "."), u.when)
		}
	}
}

func (l *loader) prune(file string, n *schema.Node, path string, steps []string, when func(*schema.Node) bool) {
	if n == nil || n.Kind != schema.Map {
		return
	}
	kept := n.Fields[:0:0]
	for _, f := range n.Fields {
		at := schema.Join(path, f.Key)
		switch {
		case steps[0] != "*" && steps[0] != f.Key:
		case len(steps) > 1:
			if steps[1] == "stream" && f.Value.Get("stream") != nil {
				l.refuse(file, f.Value, at, "stream") // and with it the endpoint, which has no other field
				continue
			}
			l.prune(file, f.Value, at, steps[1:], when)
		case when(f.Value):
			l.refuse(file, n, path, f.Key)
			continue
		}
		kept = append(kept, f)
	}
	n.Fields = kept
}

func (l *loader) refuse(file string, n *schema.Node, path, key string) {
	for _, f := range n.Fields {
		if f.Key != key {
			continue
		}
		pos, what := f.Pos, "is"
		if f.Value.Kind == schema.String && key == "auth" {
			pos, what = f.Value.Pos, f.Value.Text+" is"
		}
		l.problem(file, pos, schema.Join(path, key), "spec.unserved", what+" not served by this version of grow")
	}
}

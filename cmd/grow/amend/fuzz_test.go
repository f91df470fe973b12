package amend

import (
	"encoding/json"
	"testing"

	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/actortest"
	"github.com/grow-platform/grow/specs"
	"go.yaml.in/yaml/v3"
)

// FuzzPlan: whatever a file of tests looks like and whatever came, planning
// ends, and what passes the check is YAML that is not changed again.
func FuzzPlan(f *testing.F) {
	f.Add("- test: a\n  then: [{m: {a: 1, b: [1, 2]}}] # c\n", `{"a":2,"c":null}`, uint8(0))
	f.Add("tests:\n- test: a\n  then:\n  - m:\n      a: |\n        x\n      b: 'it''s'\n", `{"a":"x","b":["="]}`, uint8(0))
	f.Add("- test: a\n  refused: {code: x, after: 1s}\n  state_after: {a: 1}\n  path:\n    - a\n    - b\n", `5`, uint8(1))
	f.Add("- {test: a, later: {}, states_after: [{key: a, value: {b: 1}}, {node: x, key: b, value: null}]}\n", `[]`, uint8(2))
	f.Add("\ufeff- test: a\r\n  then: {status: 200, body: {a: 1}, headers: {x-a: b}}\r\n", `{"...":1}`, uint8(3))
	f.Add("- test: a\n  then: &x\n  - <<: *x\n", `"= 1"`, uint8(0))
	f.Fuzz(func(t *testing.T, text, data string, kind uint8) {
		if !json.Valid([]byte(data)) {
			return
		}
		b, err := read(text)
		if err != nil {
			return
		}
		for i, item := range b.list.s.Items {
			r := &actortest.Result{Test: &specs.Test{Name: item.Get("test").String(), Of: specs.OfActor}, Failures: []actortest.Failure{{Where: "then[0]"}}}
			r.Seen.Messages = []actortest.Message{{Type: "m", Data: []byte(data), Attrs: []string{"x.a", data}}}
			r.Seen.Path = []string{"a", "c"}
			r.Seen.State = []actortest.Value{{Key: "a", Data: []byte(data)}}
			switch kind % 4 {
			case 1:
				r.Seen.Faults = []actortest.Fault{{Outcome: actor.Refused, Code: data}}
			case 2:
				r.Seen.Faults = []actortest.Fault{{Outcome: actor.Later, After: 1500}}
			case 3:
				r.Test.Of = specs.OfService
				r.Seen.Replies = []actortest.Reply{{Status: 404, Body: []byte(data)}}
			}
			service := &specs.Service{}
			e := b.plan(service, r, i)
			if b.check(service, r, i, e) != nil {
				continue
			}
			var any yaml.Node
			if err := yaml.Unmarshal([]byte(apply(text, e.changes)), &any); err != nil {
				t.Fatalf("%v\n%s", err, apply(text, e.changes))
			}
		}
	})
}

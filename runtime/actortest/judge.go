package actortest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/expect"
	"github.com/grow-platform/grow/specs/schema"
)

// judge holds what happened against what the test expects.
func (s *stage) judge(seen *Seen) []Failure {
	j := &judgement{test: s.test, seen: seen, service: s.service}
	if s.fault != "" {
		j.fail("when", s.test.At, "%s", s.fault)
	}
	unstarted := s.tape.notStarted()
	for _, node := range slices.Sorted(maps.Keys(unstarted)) {
		j.fail(strings.TrimSpace("start "+s.local(node)), s.test.At, "%v", unstarted[node])
	}
	if s.test.Of == specs.OfService {
		before := len(j.failures)
		j.replies()
		j.because(before)
	} else {
		j.faults()
		j.messages()
	}
	j.path()
	j.state()
	for _, path := range slices.Sorted(maps.Keys(s.doubles)) {
		j.doubles(s.local(path), s.doubles[path])
	}
	return j.failures
}

type judgement struct {
	test     *specs.Test
	service  *specs.Service
	seen     *Seen
	failures []Failure
}

func (j *judgement) fail(where string, at specs.Position, format string, args ...any) {
	j.failures = append(j.failures, Failure{Where: where, At: at, Text: fmt.Sprintf(format, args...)})
}

func (j *judgement) differ(where string, at specs.Position, diffs []expect.Difference) {
	if len(diffs) > 0 {
		j.failures = append(j.failures, Failure{Where: where, At: at, Differences: diffs})
	}
}

var outcomes = map[actor.Outcome]string{actor.Refused: "refused", actor.Later: "to be tried later", actor.Failed: "failed"}

// tell says in a sentence how a message was not handled.
func (f *Fault) tell() string {
	text := f.Type + " was " + outcomes[f.Outcome]
	if f.Outcome == actor.Failed {
		text = f.Type + " failed"
	}
	if f.Node != "" {
		text += " at " + f.Node
	}
	if f.Code != "" {
		text += ": " + f.Code
	}
	if f.Text != "" {
		text += ": " + f.Text
	}
	return text
}

// faults holds the messages that were not handled against those expected.
func (j *judgement) faults() {
	left := slices.Clone(j.seen.Faults)
	for _, want := range []struct {
		key     string
		fault   *specs.Fault
		outcome actor.Outcome
	}{
		{"refused", j.test.Refused, actor.Refused}, {"failed", j.test.Failed, actor.Failed}, {"later", j.test.Later, actor.Later},
	} {
		if want.fault == nil {
			continue
		}
		at := slices.IndexFunc(left, func(f Fault) bool {
			return f.Outcome == want.outcome && (want.fault.Node == "" || want.fault.Node == f.Node)
		})
		if at < 0 {
			j.missing(want.key, want.fault, left)
			left = nil // they are told of
			continue
		}
		j.fault(want.key, want.fault, &left[at])
		left = slices.Delete(left, at, at+1)
	}
	for _, f := range left {
		j.fail("", j.test.At, "%s", f.tell())
	}
}

// missing says what happened instead of a fault.
func (j *judgement) missing(key string, want *specs.Fault, faults []Fault) {
	instead := "it was handled"
	switch {
	case len(faults) > 0:
		instead = faults[0].tell()
	case len(j.seen.Messages) > 0:
		var types []string
		for _, m := range j.seen.Messages {
			types = append(types, m.Type)
		}
		instead += " and sent " + strings.Join(types, ", ")
	case len(j.seen.Path) == 0:
		instead = "nothing was handled"
	}
	what := map[string]string{"refused": "expected a refusal", "failed": "expected a failure", "later": "expected it to be tried later"}[key]
	if want.Node != "" {
		what += " at " + want.Node
	}
	j.fail(key, want.At, "%s; %s", what, instead)
}

func (j *judgement) fault(key string, want *specs.Fault, got *Fault) {
	var diffs []expect.Difference
	part := func(name string, v *expect.Value, text string) {
		if v == nil {
			return
		}
		for _, d := range v.MatchText(text) {
			d.Path = name
			diffs = append(diffs, d)
		}
	}
	part("code", want.Code, got.Code)
	part("text", want.Text, got.Text)
	if want.After > 0 && want.After != got.After {
		diffs = append(diffs, expect.Difference{Path: "after", Want: schema.Duration(want.After), Got: schema.Duration(got.After)})
	}
	j.differ(key, want.At, diffs)
}

// messages holds what was sent against what is expected.
func (j *judgement) messages() {
	if j.test.Then == nil {
		return
	}
	got := j.seen.Messages
	if j.test.Unordered {
		got = j.arranged()
	}
	for i, want := range j.test.Then {
		where := fmt.Sprintf("then[%d]", i)
		switch {
		case i >= len(got) || got[i].Type == "":
			j.fail(where, want.At, "expected %s; nothing came%s", want.Type, j.hint())
		case got[i].Type != want.Type:
			j.fail(where, want.At, "expected %s, got %s %s", want.Type, got[i].Type, text(got[i].Data))
		default:
			j.differ(where+" "+want.Type, want.At, j.message(&want, &got[i]))
		}
	}
	for i := len(j.test.Then); i < len(got); i++ {
		j.fail(fmt.Sprintf("then[%d]", i), j.test.ThenAt, "nothing more is expected; got %s %s", got[i].Type, text(got[i].Data))
	}
}

// hint says that what is missing may come later.
func (j *judgement) hint() string {
	if len(j.seen.Waiting) == 0 || len(j.seen.Faults) > 0 { // a retry of what is told of
		return ""
	}
	w := j.seen.Waiting[0]
	node := ""
	if w.Node != "" {
		node = " for " + w.Node
	}
	return fmt.Sprintf("; a message waits%s: move time on with {advance: %s}", node, schema.Duration(w.In))
}

// arranged puts what was sent into the order of what is expected, each where it
// differs least; a place that nothing is left for is empty.
func (j *judgement) arranged() []Message {
	left := slices.Clone(j.seen.Messages)
	list := make([]Message, len(j.test.Then))
	for _, exact := range []bool{true, false} { // what fits is not taken by what does not
		for i := range j.test.Then {
			want := &j.test.Then[i]
			if list[i].Type != "" {
				continue
			}
			best, least := -1, 0
			for k := range left {
				if left[k].Type != want.Type {
					continue
				}
				if n := len(j.message(want, &left[k])); best < 0 || n < least {
					best, least = k, n
				}
			}
			if best >= 0 && (!exact || least == 0) {
				list[i] = left[best]
				left = slices.Delete(left, best, best+1)
			}
		}
	}
	return append(list, left...)
}

func (j *judgement) message(want *specs.Wanted, got *Message) []expect.Difference {
	diffs := j.data(want.Data, want.Type, got.Data)
	for _, a := range want.Attrs {
		diffs = append(diffs, attribute(a, got.Attrs)...)
	}
	return diffs
}

func (j *judgement) data(want *expect.Value, typ string, got []byte) []expect.Difference {
	if t := j.service.Types[typ]; t != nil && t.Raw() {
		return want.MatchText(string(got))
	}
	return want.Match(got)
}

func attribute(want specs.WantedAttr, attrs []string) []expect.Difference {
	for i := 0; i+1 < len(attrs); i += 2 {
		if attrs[i] != want.Name {
			continue
		}
		diffs := want.Value.MatchText(attrs[i+1])
		for k := range diffs {
			diffs[k].Path = "_." + want.Name
		}
		return diffs
	}
	return []expect.Difference{{Path: "_." + want.Name, Pos: want.Value.Pos, Want: want.Value.String()}}
}

// replies holds the answers to requests against those expected.
func (j *judgement) replies() {
	for i := range j.test.Replies {
		want, where := &j.test.Replies[i], "then"
		if len(j.test.Replies) > 1 {
			where = fmt.Sprintf("then[%d]", i)
		}
		if i >= len(j.seen.Replies) {
			if len(j.failures) == 0 { // otherwise it is said why
				j.fail(where, want.At, "the request was not made")
			}
			continue
		}
		got := &j.seen.Replies[i]
		if got.Status == 0 {
			j.fail(where, want.At, "there is no answer while time stands%s", j.hint())
			continue
		}
		var diffs []expect.Difference
		if want.Status != 0 && want.Status != got.Status {
			diffs = append(diffs, expect.Difference{Path: "status", Want: fmt.Sprint(want.Status), Got: fmt.Sprint(got.Status)})
		}
		if want.Body != nil {
			diffs = append(diffs, body(want.Body, got.Body)...)
		} else if len(diffs) > 0 && len(got.Body) > 0 {
			diffs = append(diffs, expect.Difference{Path: "body", Got: strings.TrimSpace(text(got.Body))})
		}
		for _, h := range want.Headers {
			found := []expect.Difference{{Path: "headers." + h.Name, Want: h.Value.String()}}
			if got.Headers.Values(h.Name) != nil {
				found = h.Value.MatchText(got.Headers.Get(h.Name))
			}
			for _, d := range found {
				d.Path = "headers." + h.Name
				diffs = append(diffs, d)
			}
		}
		j.differ(where, want.At, diffs)
	}
}

// because tells ahead of answers that are not as expected which messages failed or wait for
// another attempt: a client is not told why. What was refused it is.
func (j *judgement) because(first int) {
	if len(j.failures) == first {
		return
	}
	answers := slices.Clone(j.failures[first:])
	j.failures = j.failures[:first]
	for _, f := range j.seen.Faults {
		if f.Outcome != actor.Refused {
			j.fail("", j.test.At, "%s", f.tell())
		}
	}
	j.failures = append(j.failures, answers...)
}

// body holds a body against what is expected: as JSON when it is that, else as text.
func body(want *expect.Value, got []byte) []expect.Difference {
	var diffs []expect.Difference
	if json.Valid(got) {
		diffs = want.Match(got)
	} else {
		diffs = want.MatchText(text(got))
	}
	for i := range diffs {
		switch {
		case diffs[i].Path == "":
			diffs[i].Path = "body"
		case strings.HasPrefix(diffs[i].Path, "["):
			diffs[i].Path = "body" + diffs[i].Path
		default:
			diffs[i].Path = "body." + diffs[i].Path
		}
	}
	return diffs
}

func (j *judgement) path() {
	if j.test.Path == nil || slices.Equal(j.test.Path, j.seen.Path) {
		return
	}
	j.fail("path", j.test.At, "expected %s; messages passed %s", way(j.test.Path), way(j.seen.Path))
}

func way(nodes []string) string {
	if len(nodes) == 0 {
		return "no node"
	}
	return strings.Join(nodes, " -> ")
}

// state holds values of the state against those expected.
func (j *judgement) state() {
	for _, want := range j.test.StateAfter {
		key, found := "", (*Value)(nil)
		known := want.Key != nil
		if known {
			key = *want.Key
		}
		for i := range j.seen.State {
			v := &j.seen.State[i]
			if v.Node != want.Node {
				continue
			}
			if !known { // the first key that the node was asked for
				key, known = v.Key, true
			}
			if v.Key == key && v.Name == want.Name {
				found = v
			}
		}
		where := "state_after"
		if want.Node != "" || want.Key != nil || want.Name != "" {
			where = "states_after"
			for _, part := range []string{want.Node, key, want.Name} {
				if part != "" {
					where += " " + part
				}
			}
		}
		switch {
		case found == nil && want.Value == nil:
		case found == nil:
			j.fail(where, want.At, "expected %s; there is no state", want.Value)
		case want.Value == nil:
			j.fail(where, want.At, "expected no state, got %s", text(found.Data))
		default:
			j.differ(where, want.At, want.Value.Match(found.Data))
		}
	}
}

// doubles tells of requests without a double, and of doubles that nobody asked for.
func (j *judgement) doubles(node string, d *doubles) {
	where := "given"
	if node != "" {
		where = "given." + node
	}
	for _, stray := range d.strays {
		j.fail(where, j.test.At, "%s", stray)
	}
	list, used := d.unused()
	for i, double := range list {
		what := double.Use + " " + double.Operation
		if double.Instead != nil {
			what = double.Instead.When.Type
		}
		switch {
		case used[i] == 0:
			j.fail(where, double.At, "the double of %s was not asked for", what)
		default:
			j.fail(where, double.At, "the double of %s was asked for %d of %d times", what, used[i], double.Times)
		}
	}
}

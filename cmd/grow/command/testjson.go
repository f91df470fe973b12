package command

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/grow-platform/grow/cmd/grow/coverage"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/actortest"
)

// testReport is a run of tests for programs.
type testReport struct {
	OK     bool         `json:"ok"`
	Passed int          `json:"passed"`
	Failed int          `json:"failed"`
	NotRun int          `json:"not_run,omitempty"`
	TookMS int64        `json:"took_ms"`
	Tests  []testResult `json:"tests"`
	// Update is what --update has changed, Coverage what --coverage has found.
	Update   *testUpdate      `json:"update,omitempty"`
	Coverage *coverage.Report `json:"coverage,omitempty"`
}

// testResult is one test; what was seen and logged stands with those that failed.
type testResult struct {
	Name     string        `json:"name"`
	Subject  string        `json:"subject"`
	Kind     string        `json:"kind"` // actor, workflow or service
	File     string        `json:"file"`
	Line     int           `json:"line"`
	OK       bool          `json:"ok"`
	TookMS   float64       `json:"took_ms"`
	Fuel     uint64        `json:"fuel"` // units used, the same each time
	Failures []testFailure `json:"failures"`
	Seen     *testSeen     `json:"seen,omitempty"`
	Logs     []testLog     `json:"logs,omitempty"`
}

type testFailure struct {
	Where       string           `json:"where,omitempty"`
	File        string           `json:"file,omitempty"`
	Line        int              `json:"line,omitempty"`
	Text        string           `json:"text,omitempty"`
	Differences []testDifference `json:"differences,omitempty"`
}

// testDifference is one place of a value; without want nothing was expected,
// without got nothing came.
type testDifference struct {
	Path string `json:"path"`
	Want string `json:"want,omitempty"`
	Got  string `json:"got,omitempty"`
	Why  string `json:"why,omitempty"`
}

// testSeen is what happened.
type testSeen struct {
	Messages []testMessage `json:"messages"`
	Faults   []testFault   `json:"faults,omitempty"`
	Path     []string      `json:"path"`
	State    []testState   `json:"state,omitempty"`
	Replies  []testReply   `json:"replies,omitempty"`
}

type testMessage struct {
	Type  string            `json:"type"`
	Data  any               `json:"data"` // text when it is not JSON
	Attrs map[string]string `json:"attributes,omitempty"`
}

type testFault struct {
	Outcome string `json:"outcome"` // refused, later or failed
	Node    string `json:"node,omitempty"`
	Type    string `json:"type"`
	Code    string `json:"code,omitempty"`
	Text    string `json:"text,omitempty"`
}

type testState struct {
	Node  string `json:"node,omitempty"`
	Key   string `json:"key"`
	Name  string `json:"name,omitempty"`
	Value any    `json:"value"`
}

type testReply struct {
	Status  int         `json:"status"`
	Body    any         `json:"body,omitempty"`
	Headers http.Header `json:"headers,omitempty"`
}

type testLog struct {
	Level  string            `json:"level"`
	Node   string            `json:"node"`
	Text   string            `json:"text"`
	Fields map[string]string `json:"fields,omitempty"`
}

func reportOf(run *testRun) testReport {
	failed := len(run.failed())
	r := testReport{
		OK: failed == 0, Passed: len(run.results) - failed, Failed: failed, NotRun: len(run.chosen) - len(run.results),
		TookMS: run.took.Milliseconds(), Tests: []testResult{},
	}
	for _, result := range run.results {
		r.Tests = append(r.Tests, resultOf(result))
	}
	return r
}

func resultOf(r *actortest.Result) testResult {
	t := r.Test
	out := testResult{
		Name: t.Name, Subject: t.Subject, Kind: t.Of.String(), File: t.At.File, Line: t.At.Line, OK: r.Passed(),
		TookMS: float64(r.Took.Round(10*time.Microsecond)) / float64(time.Millisecond), Fuel: r.Seen.Fuel, Failures: []testFailure{},
	}
	if out.OK {
		return out
	}
	for _, f := range r.Failures {
		failure := testFailure{Where: f.Where, File: f.At.File, Line: f.At.Line, Text: f.Text}
		for _, d := range f.Differences {
			failure.Differences = append(failure.Differences, testDifference{d.Path, d.Want, d.Got, d.Why})
		}
		out.Failures = append(out.Failures, failure)
	}
	out.Seen = seenOf(&r.Seen)
	for _, l := range r.Logs {
		out.Logs = append(out.Logs, testLog{l.Level, l.Node, l.Text, l.Fields})
	}
	return out
}

func seenOf(s *actortest.Seen) *testSeen {
	out := &testSeen{Messages: []testMessage{}, Path: append([]string{}, s.Path...)}
	for _, m := range s.Messages {
		out.Messages = append(out.Messages, testMessage{m.Type, jsonOrText(m.Data), pairs(m.Attrs)})
	}
	for _, f := range s.Faults {
		out.Faults = append(out.Faults, testFault{outcomeWord(f.Outcome), f.Node, f.Type, f.Code, f.Text})
	}
	for _, v := range s.State {
		out.State = append(out.State, testState{v.Node, v.Key, v.Name, jsonOrText(v.Data)})
	}
	for _, r := range s.Replies {
		reply := testReply{Status: r.Status, Headers: r.Headers}
		if len(r.Body) > 0 {
			reply.Body = jsonOrText(r.Body)
		}
		out.Replies = append(out.Replies, reply)
	}
	return out
}

// outcomeWord is an outcome as a test names it.
func outcomeWord(o actor.Outcome) string {
	return map[actor.Outcome]string{actor.Refused: "refused", actor.Later: "later", actor.Failed: "failed"}[o]
}

// jsonOrText is data as JSON when it is that, else as text.
func jsonOrText(data []byte) any {
	if json.Valid(data) {
		return json.RawMessage(data)
	}
	return string(data)
}

// pairs makes a map of names and values.
func pairs(list []string) map[string]string {
	m := map[string]string{}
	for i := 0; i+1 < len(list); i += 2 {
		m[list[i]] = list[i+1]
	}
	return m
}

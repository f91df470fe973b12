package amend

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/specs"
)

// exampleService is a service of one actor that uses capabilities.
func exampleService(t *testing.T) (*specs.Service, string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"grow.yaml":   "service: shop\nabout: Sells.\n",
		"types/t.cue": "\"asked\": {...}\n\"told\": {...}\n\"raw\": bytes\n\"kept\": {...}\n",
		"actors/price/actor.yaml": "actor: price\nabout: Prices.\ncode: {language: wasm, source: m.wasm}\nconfig: {currency: {type: string, default: EUR}}\nin: [asked, raw]\nout: [told, raw]\n" +
			"state: {now: kept, last: kept}\nuses: {key: {kind: secret, names: [KEY]}, web: {kind: http, hosts: [example.com], methods: [POST]}}\n",
		"actors/price/m.wasm": "",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	service, err := specs.Load(dir, specs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return service, dir
}

var exampleTime = time.Date(2026, 11, 29, 9, 15, 32, 123, time.UTC)

// TestExample: what was given and what came of it is in the test, as it can be read again:
// expressions are none in what is given, and are quoted in what is expected.
func TestExample(t *testing.T) {
	service, dir := exampleService(t)
	m := &control.RecordedMessage{
		ID: "01M8", Time: exampleTime, Revision: "abc", Type: "asked", Outcome: "handled",
		Data: []byte(`{"q":"= 1","num":1.50}`), Config: []byte(`{"currency":"= USD"}`), Attrs: []control.RecordAttr{{Name: "x.id", Value: "= 7"}},
		Before: []control.RecordedValue{{Name: "now", Data: []byte(`{"a":1}`)}, {Name: "last", Data: []byte(`{"b":"= 2"}`)}},
		After:  []control.RecordedValue{{Name: "now", Data: []byte(`{"a":"= 2"}`)}, {Name: "last"}},
		Given: []control.RecordedCall{
			{Use: "key", Operation: "secret.get", Attrs: []control.RecordAttr{{Name: "name", Value: "KEY"}}, Secret: true},
			{Use: "web", Operation: "http.request", Attrs: []control.RecordAttr{{Name: "method", Value: "POST"}, {Name: "timeout", Value: "100"}}, Data: []byte(`{"of":"= x"}`),
				Answer: control.RecordAnswer{Attrs: []control.RecordAttr{{Name: "status", Value: "200"}}, Data: []byte(`{"p":"= 3"}`)}},
			{Use: "web", Operation: "http.request", Answer: control.RecordAnswer{Code: "unavailable", Text: "shut: now", Retry: true}},
			{Use: "web", Operation: "http.request", Answer: control.RecordAnswer{Data: []byte(`"5"`)}},
		},
		Outputs: []control.RecordedSent{{Type: "told", Data: []byte(`{"r":"= 4","ok":true}`), Attrs: []control.RecordAttr{{Name: "delay", Value: "60000"}}}, {Type: "raw", Data: []byte("a: b")}},
	}
	text, err := Example(service, service.Actors["price"], m)
	if err != nil {
		t.Fatal(err)
	}
	want := `# Handled 2026-11-29T09:15:32Z by revision abc.
- test: asked 01M8 is handled as it was
  config: {currency: "= USD"}
  now: 2026-11-29T09:15:32.000000123Z
  states: {now: {a: 1}, last: {b: "= 2"}}
  given:
    - {key: get, request: {name: KEY}, answer: {data: "***"}, times: 1}
    - web: request
      request: {method: POST, data: {of: "= \"= x\""}}
      answer: {status: "200", data: {p: "= 3"}}
      times: 1
    - {web: request, answer: {error: unavailable, text: "shut: now", retry: true}, times: 1}
    - {web: request, answer: {data: "\"5\""}, times: 1}
  when: {asked: {q: "= 1", num: 1.50}, _: {x.id: "= 7"}}
  then: [{told: {r: "= \"= 4\"", ok: true}, _: {delay: 60000}}, {raw: "a: b"}]
  states_after: {now: {a: "= \"= 2\""}, last: null}
`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
	if err := os.MkdirAll(filepath.Join(dir, "actors/price/tests"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "actors/price/tests/r.yaml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := specs.Load(dir, specs.Options{})
	if err != nil {
		t.Fatalf("it cannot be read again: %v", err)
	}
	test := again.Actors["price"].Tests[0]
	if !test.Now.Equal(exampleTime) || string(test.Steps[0].Data) != `{"q":"= 1","num":1.50}` || string(test.Doubles[""][3].Answer.Data) != `"5"` || !test.Doubles[""][2].Answer.Retry {
		t.Errorf("%+v", test)
	}
	if d := test.Then[0].Data.Match([]byte(`{"r":"= 4","ok":true}`)); len(d) > 0 {
		t.Errorf("what came is not what is expected: %v", d)
	}
}

// TestExampleRefused: a refusal is expected with its code and text, and nothing besides.
func TestExampleRefused(t *testing.T) {
	service, _ := exampleService(t)
	m := &control.RecordedMessage{ID: "1", Time: exampleTime, Type: "raw", Data: []byte("x"), Outcome: "refused", Code: "full", Reason: "= no"}
	text, err := Example(service, service.Actors["price"], m)
	if err != nil || !strings.Contains(string(text), "\n  when: {raw: x}\n  refused: {code: full, text: \"= \\\"= no\\\"\"}\n") {
		t.Errorf("%s%v", text, err)
	}
}

// TestExampleCannot: what a file of tests cannot hold is refused, with the place.
func TestExampleCannot(t *testing.T) {
	service, _ := exampleService(t)
	for _, c := range []struct {
		name   string
		change func(*control.RecordedMessage)
		want   string
		is     error
	}{
		{"bytes", func(m *control.RecordedMessage) { m.Type, m.Data = "raw", []byte{0xff} }, "when: ", errBytes},
		{"state", func(m *control.RecordedMessage) {
			m.Before = []control.RecordedValue{{Name: "last", Data: []byte("a")}}
		}, "states: ", errBytes},
		{"dots", func(m *control.RecordedMessage) {
			m.Outputs = []control.RecordedSent{{Type: "told", Data: []byte(`{"...":1}`)}}
		}, "then: told: ", errMore},
		{"answer", func(m *control.RecordedMessage) {
			m.Given = []control.RecordedCall{{Use: "web", Operation: "http.request", Answer: control.RecordAnswer{Data: []byte{0xff}}}}
		}, "given: the answer to http.request of web: ", errBytes},
		{"length", func(m *control.RecordedMessage) { m.Data = []byte(`{"a":"` + strings.Repeat("x", ExampleMax) + `"}`) }, "", errTooLong},
	} {
		m := &control.RecordedMessage{ID: "1", Time: exampleTime, Type: "asked", Data: []byte(`{}`), Outcome: "handled"}
		c.change(m)
		if _, err := Example(service, service.Actors["price"], m); !errors.Is(err, c.is) || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

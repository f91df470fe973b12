package connector

import (
	"bytes"
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
	client "github.com/nats-io/nats.go"
)

func TestCheck(t *testing.T) {
	operations := map[string]any{"geo.lookup": "reads"}
	for _, c := range []struct {
		params map[string]any
		says   string // "": fine
	}{
		{map[string]any{"subject": "tools.geo", "operations": operations}, ""},
		{map[string]any{"subject": "tools.geo", "operations": operations, "server": "tools", "answer": 10, "request": 10}, ""},
		{map[string]any{"operations": operations}, "subject"},
		{map[string]any{"subject": "tools.geo"}, "operations"},
		{map[string]any{"subject": "tools.geo", "operations": map[string]any{}}, "operations"},
		{map[string]any{"subject": "tools.geo", "operations": map[string]any{"a b": "reads"}}, "operations"},
		{map[string]any{"subject": "tools.geo", "operations": map[string]any{"a": "writes"}}, "operations.a"},
		{map[string]any{"subject": "tools.geo", "operations": map[string]any{"grow.describe": "reads"}}, "names of operations do not begin with grow."},
		{map[string]any{"subject": "tools.>", "operations": operations}, "subject"},
		{map[string]any{"subject": "$SYS.REQ", "operations": operations}, "subject"},
		{map[string]any{"subject": "grow.j.main", "operations": operations}, `"grow.j.main" is the server's own`},
		{map[string]any{"subject": "tools.geo", "operations": operations, "answer": 0}, "answer"},
		{map[string]any{"subject": "tools.geo", "operations": operations, "url": "nats://h"}, "url"},
	} {
		err := capability.CheckGrant(specs.Grant{Kind: "connector", Params: c.params})
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want %q", c.params, err, c.says)
		}
	}
}

func open(t *testing.T, address, subject string, operations map[string]any) capability.Capability {
	t.Helper()
	c, err := kind{}.Open(t.Context(), specs.Grant{Params: map[string]any{"subject": subject, "operations": operations, "answer": 1000}}, environment(address))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// ask asks, and says what came of it.
func ask(ctx context.Context, c capability.Capability, stable, operation, data string, attrs ...string) string {
	each := func(yield func(string, string) bool) {
		for i := 0; i < len(attrs) && yield(attrs[i], attrs[i+1]); i += 2 {
		}
	}
	a := c.Do(ctx, &capability.Request{Operation: operation, Data: []byte(data), Stable: stable, Each: each})
	if a.Code == "" {
		return strings.TrimSpace(string(a.Data) + " " + strings.Join(a.Attrs, " "))
	}
	text := a.Code + ": " + a.Text
	if a.Retry {
		text += " (again)"
	}
	return text
}

const geo = `{"version": 1, "operations": {"look": {"effect": "reads",
	"request": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}, "answer": {"type": "number"}},
	"add": {"effect": "changes"}}}`

// TestRequest: what a service is sent.
func TestRequest(t *testing.T) {
	address, conn, _ := start(t)
	came := make(chan *client.Msg, 1)
	respond(t, conn, "a", func(m *client.Msg) *client.Msg {
		if m.Header.Get(headerOperation) == Describe {
			return says(geo)
		}
		came <- m
		return says("1")
	})
	c := open(t, address, "a", map[string]any{"look": "reads", "add": "changes"})
	if got := ask(t.Context(), c, "m1/1", "look", `{"name": "x"}`, "type", "look", "use", "g", "timeout", "5", "lang", "de\r\nGrow-Id: 1"); got != "1" {
		t.Fatal(got)
	}
	m := <-came
	h := maps.Clone(m.Header)
	if ms := m.Header.Get(headerTimeout); ms != "60000" {
		t.Errorf("%s ms are left", ms)
	}
	delete(h, headerTimeout)
	want := client.Header{headerVersion: {"1"}, headerOperation: {"look"}, headerID: {"main/shop/m1/1"}, headerAttributes: {`{"lang":"de\r\nGrow-Id: 1"}`}}
	if string(m.Data) != `{"name": "x"}` || !maps.EqualFunc(h, want, slices.Equal[[]string]) {
		t.Errorf("%s %q", m.Data, h)
	}
}

// TestAnswers: what is made of what services answer, be they wrong or lying.
func TestAnswers(t *testing.T) {
	address, conn, _ := start(t)
	for _, c := range []struct {
		describes *client.Msg // nil: geo
		operation string
		data      string
		answers   *client.Msg
		want      string
	}{
		{nil, "look", `{"name": "x"}`, says("1.5", headerAttributes, `{"b": "2", "a": "1"}`), "1.5 a 1 b 2"},
		{nil, "look", `{}`, nil, `invalid: the request is not what look takes: /name: is missing`},
		{nil, "look", `{"name": "x"}`, says(`"far"`), `unavailable: the service at S answered what it does not say that it answers: is the string "far", must be a number (again)`},
		{nil, "look", `{"name": "x"}`, says(strings.Repeat("1", 1001)), "limit: the service at S answered with 1001 bytes, 1000 are allowed"},
		{nil, "look", `{"name": "x"}`, says("1", headerAttributes, `{"a": 1}`), "unavailable: the service at S answered with a header Grow-Attributes that is not a JSON object of texts (again)"},
		{nil, "look", `{"name": "x"}`, says("1", headerAttributes, `{"type": "x"}`), `unavailable: the service at S answered with an attribute that is none: "type" (again)`},
		{nil, "look", `{"name": "x"}`, says("no place", headerCode, "not_found"), "not_found: no place"},
		{nil, "look", `{"name": "x"}`, says("", headerCode, "geo.closed", headerRetry, "yes"), "geo.closed: the service said no more (again)"},
		{nil, "look", `{"name": "x"}`, says("busy", headerCode, "unavailable", headerRetry, "no"), "unavailable: busy"},
		{nil, "look", `{"name": "x"}`, says("", headerServiceCode, "not_found", headerServiceText, "no place"), "not_found: no place"},
		{nil, "look", `{"name": "x"}`, says("", headerServiceCode, "418", headerServiceText, "no place"), "418: no place"}, // as micro services number them
		{nil, "look", `{"name": "x"}`, says("", headerCode, "Not Found!"), `unavailable: the service at S failed with the code "Not Found!", which is none (again)`},
		{nil, "look", `{"name": "x"}`, says(strings.Repeat("x", 2000), headerCode, "busy"), "busy: " + strings.Repeat("x", textMax)},
		{nil, "look", `{"name": "x"}`, says("+ACK"), "unavailable: the service at S acknowledged the request by +ACK in place of an answer: nothing else is sent to the reply subject (again)"},
		{nil, "look", `{"name": "x"}`, says("-NAK"), "unavailable: the service at S acknowledged the request by -NAK in place of an answer: nothing else is sent to the reply subject (again)"},
		{nil, "find", "", nil, "invalid: the service at S does not serve find"},
		{nil, "add", "", nil, "denied: add changes something, as the service says, and the grant is to read"},
		{says(`{"version": 2}`), "look", "", nil, "unavailable: the service at S speaks version 2 of the protocol, and this host version 1 (again)"},
		{says(`<html>`), "look", "", nil, "unavailable: the service at S says what it serves in a way that cannot be read (again)"},
		{says("", headerCode, "invalid"), "look", "", nil, "unavailable: the service at S does not say what it serves: invalid: the service said no more (again)"},
		{says(`{"version": 1, "operations": {"look": {}}}`), "look", "", nil, `unavailable: the service at S does not say whether "look" reads or changes something (again)`},
		{says(`{"version": 1, "operations": {"look": {"effect": "reads", "answer": {"not": {}}}}}`), "look", "", nil, "unavailable: the service at S has a type that cannot be read"},
		{says(strings.Repeat(" ", descriptionMax+1)), "look", "", nil, "limit: the service at S answered with 262145 bytes, 262144 are allowed"},
	} {
		subject := "tools." + client.NewInbox()[7:]
		respond(t, conn, subject, func(m *client.Msg) *client.Msg {
			switch {
			case m.Header.Get(headerOperation) != Describe:
				return c.answers
			case c.describes != nil:
				return c.describes
			}
			return says(geo)
		})
		o := open(t, address, subject, map[string]any{"look": "reads", "add": "reads", "find": "reads"})
		if got := ask(t.Context(), o, "m1/1", c.operation, c.data); !strings.HasPrefix(strings.ReplaceAll(got, subject, "S"), c.want) {
			t.Errorf("%s\nwant %s", strings.ReplaceAll(got, subject, "S"), c.want)
		}
	}
}

// TestAway: that nobody is there is told at once, in words that say nothing of where.
func TestAway(t *testing.T) {
	address, conn, s := start(t)
	c := open(t, address, "a", map[string]any{"look": "reads"})
	if got := ask(t.Context(), c, "m1/1", "look", ""); got != "unavailable: no service takes requests at a of server default (again)" {
		t.Error(got)
	}
	respond(t, conn, "a", func(m *client.Msg) *client.Msg { return says(geo) })
	if got := ask(t.Context(), c, "m1/1", "look", `{"name": ""}`); !strings.HasPrefix(got, "unavailable: the service at a answered what") {
		t.Error(got) // it answers all by its description
	}
	s.Shutdown()
	s.WaitForShutdown()
	for o := c.(*opened); o.conn.IsConnected() && t.Context().Err() == nil; { // until that is noticed
		runtime.Gosched()
	}
	if got := ask(t.Context(), c, "m1/2", "look", `{"name": ""}`); got != "unavailable: server default does not answer (again)" {
		t.Error(got)
	}
}

// document returns a block of docs/connectors.md by what stands behind its fence.
func document(t *testing.T, fence string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs/connectors.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?ms)^```" + regexp.QuoteMeta(fence) + "\n(.*?)^```$").FindSubmatch(text)
	if block == nil {
		t.Fatalf("the document has no %s", fence)
	}
	return block[1]
}

const root = "../../.." // of the module

// TestExample: the connector of docs/connectors.md is one.
func TestExample(t *testing.T) {
	dir := t.TempDir()
	source, program := filepath.Join(dir, "geo.go"), filepath.Join(dir, "geo")
	if err := os.WriteFile(source, document(t, "go geo.go"), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, source)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	address, conn, _ := start(t)
	run := exec.CommandContext(t.Context(), program)
	var said bytes.Buffer
	run.Env, run.Stderr = append(os.Environ(), "NATS_URL="+address), &said
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = run.Wait() // that it was killed, or what it has said
		close(ended)
	}()
	t.Cleanup(func() {
		_ = run.Process.Kill()
		<-ended
		if said.Len() > 0 {
			t.Error(said.String())
		}
	})
	for { // until it takes requests
		if _, err := conn.Request("tools.geo", nil, client.DefaultTimeout); err == nil {
			break
		}
		select {
		case <-ended:
			t.Fatal("it has ended")
		case <-t.Context().Done():
			t.Fatal("it takes no requests")
		default:
		}
	}
	c := open(t, address, "tools.geo", map[string]any{"geo.lookup": "reads", "geo.add": "changes"})
	for _, step := range []struct{ stable, operation, data, want string }{
		{"m1/1", "geo.lookup", `{"name": "Berlin"}`, `{"lat":52.5,"lon":13.4}`},
		{"m1/2", "geo.lookup", `{"name": "Bonn"}`, "not_found: nobody knows that place"},
		{"m1/3", "geo.add", `{"name": "Bonn", "lat": 50.7, "lon": 7.1}`, ""},
		{"m1/3", "geo.add", `{"name": "Bonn", "lat": 50.7, "lon": 7.1}`, ""},
		{"m2/1", "geo.add", `{"name": "Bonn", "lat": 50.7, "lon": 7.1}`, "conflict: the place is known"},
		{"m2/2", "geo.add", `{"name": "Bonn"}`, "invalid: the request is not what geo.add takes: "},
		{"m2/3", "geo.lookup", `{"name": "Bonn"}`, `{"lat":50.7,"lon":7.1}`},
	} {
		if got := ask(t.Context(), c, step.stable, step.operation, step.data); !strings.HasPrefix(got, step.want) || step.want == "" && got != "" {
			t.Errorf("%s %s: %s\nwant %s", step.operation, step.data, got, step.want)
		}
	}
}

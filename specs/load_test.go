package specs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
	"github.com/rogpeppe/go-internal/txtar"
)

// load loads a golden service that has no mistakes.
func load(t testing.TB, name string) *specs.Service {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	dir, _ := unpack(t, archive)
	s, err := specs.Load(dir, serves)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ignored are fields that other tests are about.
var ignored = cmp.Options{
	cmpopts.IgnoreFields(specs.Endpoint{}, "At"), cmpopts.IgnoreFields(specs.Actor{}, "At", "Dir"), cmpopts.IgnoreFields(specs.State{}, "Print"),
	cmpopts.IgnoreFields(specs.Grant{}, "At"), cmpopts.IgnoreFields(specs.Node{}, "At"),
	cmpopts.IgnoreFields(specs.Route{}, "At"), cmpopts.IgnoreTypes(&shape.Type{}),
}

func TestEndpoints(t *testing.T) {
	s := load(t, "good_shop")
	want := []*specs.Endpoint{
		{Method: "POST", Path: "/orders", Send: "order.placed", To: "checkout", Reply: map[string]int{"parcel.sent": 200, "order.refused": 409},
			Timeout: 10 * time.Second, Body: specs.BodyJSON, MaxBody: abi.DataMax},
		{Method: "GET", Path: "/orders/{id}", Params: []string{"id"}, Send: "order.get", To: "checkout/orders",
			Reply: map[string]int{"order.found": 200, "order.unknown": 404}, Timeout: 10 * time.Second, Direct: true, MaxBody: abi.DataMax},
		{Method: "POST", Path: "/hooks/shop", Send: "shop.hook", To: "hooks", Accepted: true, Timeout: 10 * time.Second, Body: specs.BodyRaw,
			Headers: []string{"x-shop-event"}, Webhook: &specs.Webhook{Scheme: "github", Secret: "SHOP_SECRET"}, Idempotency: "x-shop-delivery", MaxBody: abi.DataMax},
	}
	if diff := cmp.Diff(want, s.Endpoints, ignored); diff != "" {
		t.Error(diff)
	}
	if at := s.Endpoints[1].At; at != (specs.Position{File: "grow.yaml", Line: 8, Col: 3}) {
		t.Errorf("the second endpoint is at %+v", at)
	}
	if s.Name != "shop" || s.Version != "1.4.0" || !cmp.Equal(s.Docs, []string{"docs/service.md"}) {
		t.Errorf("service %q, version %q, docs %q", s.Name, s.Version, s.Docs)
	}
}

func TestActors(t *testing.T) {
	s := load(t, "good_shop")
	pricing := s.Actors["pricing"]
	want := &specs.Actor{
		Name: "pricing", About: "Prices an order with the customer's discount.",
		Docs:          []string{"docs/goals.md", "docs/requirements.md"},
		Code:          specs.Code{Language: "python", Source: filepath.Join(s.Dir, "actors", "pricing", "src", "python")},
		ConfigDefault: []byte(`{"currency":"EUR","rounding":"down"}`),
		In:            []string{"order.placed"}, Out: []string{"order.priced", "order.refused"},
		Key:   map[string]string{"": "data.customer"},
		State: []specs.State{{Name: "pricing.state"}},
		Uses: []specs.Grant{
			{Name: "catalogue", Kind: "sql", Params: map[string]any{"database": "catalogue", "access": "read"}},
			{Name: "tax", Kind: "http", Params: map[string]any{"hosts": []any{"tax.example.com"}, "methods": []any{"GET"}}},
			{Name: "token", Kind: "secret", Params: map[string]any{"names": []any{"TAX_TOKEN"}}},
		},
		Scale:  specs.Scale{Min: 0, Max: 8, Mailbox: 10000},
		Limits: specs.Limits{Memory: 32 << 20, Output: 1 << 20, Calls: 100, Answers: abi.AnswerBytesMax, Fuel: abi.FuelDefault},
		Retry:  specs.Retry{Max: 3, Backoff: time.Second, Factor: 2, Hold: true},
	}
	if diff := cmp.Diff(want, pricing, ignored); diff != "" {
		t.Error(diff)
	}
	if pricing.Config == nil || pricing.State[0].Type == nil {
		t.Error("config and state have no types")
	}
	want = &specs.Actor{ // everything is the default
		Name: "orders", Code: specs.Code{Language: "rust", Source: filepath.Join(s.Dir, "actors", "orders", "src", "rust")},
		In: []string{"order.get"}, Out: []string{"order.found", "order.unknown"},
		Scale:  specs.Scale{Max: 8, Mailbox: abi.MailboxDefault},
		Limits: specs.Limits{Memory: abi.MemoryDefault, Output: abi.OutputBytesMax, Calls: abi.RequestsMax, Answers: abi.AnswerBytesMax, Fuel: abi.FuelDefault},
		Retry:  specs.Retry{Max: 3, Backoff: time.Second, Factor: 2, Hold: true},
	}
	if diff := cmp.Diff(want, s.Actors["orders"], ignored); diff != "" {
		t.Error(diff)
	}
}

func TestLimits(t *testing.T) {
	for name, want := range map[string]specs.Limits{
		"good_limits":      {Memory: 64 << 20, Output: 2 << 20, Calls: 5, Answers: 1 << 20, Time: 90 * time.Second, Fuel: 200_000_000},
		"good_fuel_number": {Memory: abi.MemoryDefault, Output: abi.OutputBytesMax, Calls: abi.RequestsMax, Answers: abi.AnswerBytesMax, Fuel: 250_000},
	} {
		a := load(t, name).Actors["pricing"]
		if diff := cmp.Diff(want, a.Limits); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if isolated := name == "good_limits"; a.Isolated != isolated {
			t.Errorf("%s: isolated is %v", name, a.Isolated)
		}
	}
}

func TestWorkflows(t *testing.T) {
	s := load(t, "good_shop")
	w := s.Workflows["checkout"]
	scale := specs.Scale{Max: 8, Mailbox: 10000}
	nodes := []*specs.Node{
		{Name: "pricing", Actor: "pricing", Config: []byte(`{"currency":"EUR","rounding":"down"}`), Scale: scale},
		{Name: "orders", Actor: "orders", Scale: scale},
		{Name: "review", Actor: "human-review", Config: []byte(`{"queue":"fraud"}`), Scale: scale},
		{Name: "ship", Actor: "shipping", Scale: specs.Scale{Max: 2, Mailbox: 10000}},
	}
	if diff := cmp.Diff(nodes, w.Nodes, ignored); diff != "" {
		t.Error(diff)
	}
	routes := []*specs.Route{
		{From: specs.Input, To: []string{"pricing"}},
		{From: "pricing", Type: "order.priced", When: "data.total > 1000.0", To: []string{"review"}},
		{From: "pricing", Type: "order.priced", To: []string{"ship"}},
		{From: "pricing", Type: "order.refused", To: []string{specs.Output}},
		{From: "review", Type: "order.refused", To: []string{specs.Output}},
		{From: "review", To: []string{"ship"}},
		{From: "ship", To: []string{specs.Output}},
		{From: "orders", To: []string{specs.Output}},
	}
	if diff := cmp.Diff(routes, w.Routes, ignored); diff != "" {
		t.Error(diff)
	}
	nested := load(t, "good_nested")
	if n := nested.Workflows["checkout"].Nodes[0]; n.Workflow != "inner" || n.Actor != "" {
		t.Errorf("the nested node is %+v", n)
	}
}

// TestForms holds the CUE form of a definition to be the same as the YAML form.
func TestForms(t *testing.T) {
	yaml, cue := load(t, "good_small"), load(t, "good_cue")
	opts := append(ignored, cmpopts.IgnoreFields(specs.Service{}, "Dir", "Types"), cmpopts.IgnoreFields(specs.Workflow{}, "Dir", "At"),
		cmpopts.IgnoreFields(specs.Code{}, "Source"))
	if diff := cmp.Diff(yaml, cue, opts); diff != "" {
		t.Error(diff)
	}
}

func TestLoadNoFolder(t *testing.T) {
	_, err := specs.Load(filepath.Join(t.TempDir(), "none"), specs.Options{})
	var problems specs.Problems
	if !errors.Is(err, os.ErrNotExist) || errors.As(err, &problems) {
		t.Errorf("got %v", err)
	}
}

// TestNotPlain holds that what is no file is refused, and not waited for.
func TestNotPlain(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "grow.yaml"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := specs.Load(dir, specs.Options{}); err == nil || err.Error() != "grow.yaml:1:1: is a folder" {
		t.Errorf("a folder: %v", err)
	}
}

// TestHostile loads files that are meant to cost time or memory, or to lead out.
func TestHostile(t *testing.T) {
	const service = "service: shop\n"
	for _, test := range []struct{ name, file, text, want string }{
		{"large", "grow.yaml", service + strings.Repeat("# filler filler filler\n", 60000), "larger than 1024 KiB"},
		{"not utf-8", "grow.yaml", "service: shop\nabout: gr\xfcn\n", "grow.yaml:2:10: the byte 0xfc is not UTF-8; save the file as UTF-8"},
		{"control", "grow.yaml", "service: shop\nabout: \"a\x00b\"\n", "grow.yaml:2:10: the control character 0x00"},
		{"100,000 levels of YAML", "grow.yaml", "service: " + strings.Repeat("[", 100_000), "too many levels"},
		{"100,000 levels of CUE", "types/a.cue", "a: " + strings.Repeat("[", 100_000), "types/a.cue:1:204: values are more than 200 levels"},
		{"100,000 labels of CUE", "types/a.cue", strings.Repeat("a: ", 100_000) + "1", "levels inside each other"},
		{"100,000 signs of CUE", "types/a.cue", "a: " + strings.Repeat("- ", 100_000) + "1", "levels inside each other"},
		{"a loop that never ends", "types/a.cue", "import \"list\"\na: [for x in list.Range(0, 1e9, 1) for y in list.Range(0, 1e9, 1) {x}]\n", "a loop (for) cannot stand"},
		{"a chain of names", "types/a.cue", chain(30_000), "references repeat values"},
		{"repeated unions", "types/a.cue", strings.Repeat("\"a.b\": {x: 1} | {y: 2} | {z: 3}\n", 40), "unions multiply"},
		{"a bound among fields", "types/a.cue", "a: {x!: string, >=0}\n", "types/a.cue:1:17: a value stands among the fields without a name"},
		{"a bound among fields, by name", "types/a.cue", "#N: n: >=0\na: {x!: string, #N.n}\n", "types/a.cue:2:17: a value stands"},
		{"a bound among fields, by a circle", "types/a.cue", "#A: {#B}\n#B: {#A} | >=0\na: {x!: string, #A}\n", "a value stands"},
		{"100,000 maps of YAML", "grow.yaml", "service: " + strings.Repeat("{a: ", 100_000), "too many levels"},
		{"100,000 items of YAML", "grow.yaml", "service:\n  " + strings.Repeat("- ", 100_000), "too many levels"},
		{"100,000 values joined", "types/a.cue", "\"a.b\": {x: " + strings.Repeat("int & ", 100_000) + "int}\n", "more than 2500 values are joined here"},
		{"100,000 names joined", "types/a.cue", "\"a.b\": {x: y" + strings.Repeat(".a", 100_000) + "}\n", "more than 2500 values are joined here"},
		{"a number of 900,000 digits", "types/a.cue", "\"a.b\": {x: <" + strings.Repeat("9", 900_000) + "}\n", "more than 400 digits"},
		{"a pattern of 800,000 letters", "types/a.cue", "\"a.b\": {x: =~\"" + strings.Repeat("a?", 400_000) + "\"}\n", "a pattern is longer than 4096 bytes"},
		{"a type that holds itself", "types/a.cue", "#A: {x: #A}\n\"a.b\": #A\n", "types/a.cue:1:1: \"#A\".x: holds itself"},
		{"merges that multiply", "grow.yaml", service + "a: &a {b: 1}\n" + merges(20), "more than 100000 values"},
		{"a key of 100,000 letters", "grow.yaml", service + "? " + strings.Repeat("k", 100_000) + "\n: 1\n", "there is no such field"},
		{"a rule of many levels", "workflows/w.yaml", "workflow: w\nin: [a]\nnodes: {}\nroutes: [{from: input, to: output, when: '" + strings.Repeat("(", 2000) + "'}]\n", "workflows/w.yaml"},
		{"90,000 unknown keys", "grow.yaml", strings.ReplaceAll(service+manyFields(90_000), "  ", ""), "and 1500 problems more"},
		{"an alias of itself", "grow.yaml", "service: shop\nconfig: &a {b: *a}\n", "stands inside of what it repeats"},
		{"50,000 nodes", "workflows/w.yaml", "workflow: w\nin: [a]\nnodes:\n" + manyFields(50_000) + "routes: []\n", "more than 10000 nodes"},
		{"many mistakes", "grow.yaml", strings.ReplaceAll(service+manyFields(2000), "  ", ""), "and 1500 problems more"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, dir, "grow.yaml", service)
			write(t, dir, test.file, test.text)
			_, err := specs.Load(dir, serves)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %.300v\nwant … %s …", err, test.want)
			}
			if err != nil && len(err.Error()) > 200_000 {
				t.Errorf("what is said has %d bytes", len(err.Error()))
			}
		})
	}
}

func merges(n int) string {
	var b strings.Builder
	before := "a"
	for i := range n {
		fmt.Fprintf(&b, "m%d: &m%d {<<: [%s]}\n", i, i, strings.Repeat("*"+before+", ", 50))
		before = fmt.Sprintf("m%d", i)
	}
	return b.String()
}

func chain(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "#a%d: #a%d\n", i, i+1)
	}
	return b.String()
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  f%d: a\n", i)
	}
	return b.String()
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestProblem(t *testing.T) {
	for _, test := range []struct {
		p    specs.Problem
		want string
	}{
		{specs.Problem{Position: specs.Position{File: "grow.yaml", Line: 3, Col: 5}, Path: "http", Message: "is wrong", Hint: "did you mean x?"}, "grow.yaml:3:5: http: is wrong; did you mean x?"},
		{specs.Problem{Position: specs.Position{File: "grow.yaml"}, Message: "is\nwrong"}, "grow.yaml: is wrong"},
		{specs.Problem{Message: "is wrong"}, "is wrong"},
	} {
		if got := test.p.Error(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// BenchmarkLoad loads a service of 20 actors, each with two types of its own,
// a rule and a key: what grow vet does.
func BenchmarkLoad(b *testing.B) {
	const actors = 20
	dir := b.TempDir()
	var grow, nodes, routes strings.Builder
	grow.WriteString("service: shop\nhttp:\n")
	for i := range actors {
		name := fmt.Sprintf("a%d", i)
		write(b, dir, "types/"+name+".cue", fmt.Sprintf("%q: {id!: string, customer!: string, tier: \"gold\" | *\"none\", total!: number & >=0, lines?: [...{sku!: string, qty!: int & >0}]}\n%q: {id!: string, total!: number}\n", name+".in", name+".out"))
		write(b, dir, "actors/"+name+"/actor.yaml", fmt.Sprintf("actor: %s\ncode: {language: rust, source: src}\nin: [%[1]s.in]\nout: [%[1]s.out]\nkey: data.customer\nconfig: {currency: {type: string, default: EUR}}\n", name))
		write(b, dir, "actors/"+name+"/src/lib.rs", "")
		fmt.Fprintf(&grow, "  POST /%s: {send: %[1]s.in, to: all, reply: {%[1]s.out: 200}}\n", name)
		fmt.Fprintf(&nodes, "  %s: %[1]s\n", name)
		fmt.Fprintf(&routes, "  - {from: input, type: %s.in, to: %[1]s}\n  - {from: %[1]s, when: data.total > 10.0, to: output}\n  - {from: %[1]s, to: drop}\n", name)
	}
	var in, out []string
	for i := range actors {
		in, out = append(in, fmt.Sprintf("a%d.in", i)), append(out, fmt.Sprintf("a%d.out", i))
	}
	write(b, dir, "grow.yaml", grow.String())
	write(b, dir, "workflows/all.yaml", fmt.Sprintf("workflow: all\nin: [%s]\nout: [%s]\nnodes:\n%sroutes:\n%s", strings.Join(in, ", "), strings.Join(out, ", "), nodes.String(), routes.String()))
	for b.Loop() {
		if _, err := specs.Load(dir, serves); err != nil {
			b.Fatal(err)
		}
	}
}

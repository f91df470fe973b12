package compare

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// shop is the old revision of the tests.
var shop = map[string]string{
	"grow.yaml": `service: shop
version: 1.0.0
http:
  POST /orders:     {send: order.placed, to: checkout, reply: {order.priced: 200, order.refused: 409}, timeout: 10s}
  GET /orders/{id}: {send: order.get, to: orders, reply: {order.found: 200}, delivery: direct}
  POST /hooks:      {send: shop.hook, to: hooks, body: raw, headers: [x-event], auth: {webhook: github, secret: HOOK}, idempotency: x-delivery, reply: 202}
`,
	"types/order.cue": `"order.placed": {id!: string, tier: "gold" | *"none", total!: number & >=0}
"order.get": {id!: string, full?: bool}
"order.found": {id!: string, total!: number}
"order.priced": {id!: string, total!: number}
"order.refused": {id!: string}
"order.extra": {id!: string, total!: number, more?: int}
"shop.hook": _
"pricing.state": {spent: number | *0}
"pricing.other": {spent: int | *0}
`,
	"actors/pricing/actor.yaml": `actor: pricing
code: {language: rust, source: src}
in:  [order.placed]
out: [order.priced, order.refused]
key: data.id
state: pricing.state
config: {currency: {type: string, default: EUR}, rounding: {type: string, enum: [up, down], default: up}}
uses:
  tax: {kind: http, hosts: [a.example.com], methods: [GET]}
  db:  {kind: sql, database: shop, access: write}
`,
	"actors/pricing/src/lib.rs": "",
	"actors/orders/actor.yaml": `actor: orders
code: {language: rust, source: src}
in:  [order.get]
out: [order.found]
`,
	"actors/orders/src/lib.rs": "",
	"actors/hooks/actor.yaml": `actor: hooks
code: {language: rust, source: src}
in:  [shop.hook]
`,
	"actors/hooks/src/lib.rs": "",
	"workflows/checkout.yaml": `workflow: checkout
in:  [order.placed]
out: [order.priced, order.refused]
nodes: {price: {actor: pricing, config: {rounding: down}}}
routes:
  - {from: input, to: price}
  - {from: price, type: order.priced, when: data.total > 10, to: output}
  - {from: price, to: output}
`,
}

// load writes files and loads them as a service.
func load(t *testing.T, files map[string]string) *specs.Service {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := specs.Load(dir, specs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// edited is shop after some edits: file, old text, new text.
func edited(t *testing.T, edits ...string) map[string]string {
	t.Helper()
	files := maps.Clone(shop)
	for i := 0; i < len(edits); i += 3 {
		name, from, to := edits[i], edits[i+1], edits[i+2]
		if from != "" && !strings.Contains(files[name], from) {
			t.Fatalf("%s has no %q", name, from)
		}
		if from == "" {
			files[name] += to
		} else {
			files[name] = strings.Replace(files[name], from, to, 1)
		}
		if files[name] == "" {
			delete(files, name)
		}
	}
	return files
}

// lines are changes as the tests write them.
func lines(changes []Change) []string {
	var out []string
	for _, c := range changes {
		line := c.Verdict.String() + " " + c.Subject + ": "
		if c.Role != "" {
			line += c.Role + ": "
		}
		if c.Path != "" {
			line += c.Path + ": "
		}
		out = append(out, line+c.Message)
	}
	return out
}

const (
	web   = "grow.yaml"
	types = "types/order.cue"
	price = "actors/pricing/actor.yaml"
	flow  = "workflows/checkout.yaml"
)

// services are edits of shop, and every change that is found.
var services = []struct {
	name  string
	edits []string
	want  []string
}{
	{"nothing", nil, nil},
	{"version", []string{web, "1.0.0", "1.1.0"}, []string{"ok service shop: version: the version changed from 1.0.0 to 1.1.0"}},
	{"another service", []string{web, "service: shop", "service: store"}, []string{"warn service store: service: was shop"}},

	{"endpoint added", []string{web, "", "  GET /more/{id}: {send: order.get, to: orders, reply: {order.found: 200}}\n"}, []string{"ok endpoint GET /more/{id}: is new"}},
	{"endpoint removed", []string{web, `  POST /hooks:      {send: shop.hook, to: hooks, body: raw, headers: [x-event], auth: {webhook: github, secret: HOOK}, idempotency: x-delivery, reply: 202}
`, ""}, []string{"BREAK endpoint POST /hooks: is gone"}},
	{"method changed", []string{web, "POST /orders", "PUT /orders"}, []string{"BREAK endpoint POST /orders: is gone", "ok endpoint PUT /orders: is new"}},
	{"parameter renamed", []string{web, "/orders/{id}", "/orders/{nr}", types, `"order.get": {id!`, `"order.get": {nr!`}, []string{
		"ok endpoint GET /orders/{nr}: path: was /orders/{id}",
		`BREAK type order.get: in: /id: is gone, and "nr" of the same type is there instead`,
	}},
	{"parameter of a query gone", []string{types, ", full?: bool", ""}, []string{
		"BREAK endpoint GET /orders/{id}: send/full: is no parameter any more: a request that gives it is refused",
		"ok type order.get: in: /full: is gone; it was optional",
	}},
	{"timeout", []string{web, "timeout: 10s", "timeout: 20s"}, []string{"ok endpoint POST /orders: timeout: the timeout changed from 10s to 20s"}},
	{"no longer direct", []string{web, ", delivery: direct", ""}, []string{"ok endpoint GET /orders/{id}: delivery: is durable now"}},
	{"signature asked for", []string{web, "timeout: 10s", "auth: {webhook: standard, secret: S}"}, []string{"BREAK endpoint POST /orders: auth: requests must be signed now, as standard webhooks are"}},
	{"signature no longer asked for", []string{web, "auth: {webhook: github, secret: HOOK}, ", ""}, []string{"warn endpoint POST /hooks: auth: anybody may call now: no signature is asked for"}},
	{"signature of another scheme", []string{web, "github", "standard"}, []string{"BREAK endpoint POST /hooks: auth: signatures are those of standard webhooks now, were of github"}},
	{"secret", []string{web, "HOOK", "HOOK2"}, []string{"ok endpoint POST /hooks: auth.secret: the secret changed from HOOK to HOOK2"}},
	{"headers", []string{web, "[x-event]", "[x-kind]"}, []string{"ok endpoint POST /hooks: headers: x-event is no longer passed on", "ok endpoint POST /hooks: headers: x-kind is passed on now"}},
	{"idempotency gone", []string{web, "idempotency: x-delivery, ", ""}, []string{"warn endpoint POST /hooks: idempotency: requests sent again are handled again; x-delivery told them apart"}},
	{"idempotency changed", []string{web, "x-delivery", "x-id"}, []string{"warn endpoint POST /hooks: idempotency: x-delivery told requests apart, now it is x-id"}},
	{"idempotency added", []string{web, "timeout: 10s", "idempotency: x-id"}, []string{"ok endpoint POST /orders: idempotency: requests with the same x-id are handled once now"}},
	{"body read as JSON", []string{web, "body: raw, ", ""}, []string{"BREAK endpoint POST /hooks: body: takes JSON now, took raw bytes"}},
	{"answered at once", []string{web, "{order.priced: 200, order.refused: 409}", "202"}, []string{"BREAK endpoint POST /orders: reply: the answer is 202 and the message's id now, was what the message became"}},
	{"status changed", []string{web, "order.priced: 200", "order.priced: 201"}, []string{"BREAK endpoint POST /orders: out: reply.order.priced: the status changed from 200 to 201"}},
	{"reply gone", []string{web, ", order.refused: 409", ""}, []string{"ok endpoint POST /orders: out: reply.order.refused: is no answer any more; it had status 409"}},
	{"target", []string{web, "to: hooks", "to: more", "actors/more/actor.yaml", "", "actor: more\ncode: {language: rust, source: src}\nin: [shop.hook]\n", "actors/more/src/lib.rs", "", "\n"}, []string{
		"ok endpoint POST /hooks: to: the target changed from hooks to more", "ok actor more: is new",
	}},
	{"sends another type", []string{web, "send: order.get", "send: order.ask", types, "", `"order.ask": {id!: string, full!: bool}`, "actors/orders/actor.yaml", "[order.get]", "[order.get, order.ask]"}, []string{
		"ok endpoint GET /orders/{id}: send: makes order.ask now, made order.get",
		"BREAK endpoint GET /orders/{id}: in: send/full: is required now",
		"ok actor orders: in: in: order.ask is taken now",
	}},
	{"one more way to fail", []string{web, "order.found: 200", "order.found: 200, order.refused: 404", "actors/orders/actor.yaml", "[order.found]", "[order.found, order.refused]"}, []string{
		"warn endpoint GET /orders/{id}: out: reply.order.refused: is one more way to fail, with status 404",
		"warn actor orders: out: out: order.refused is sent now, which nothing of the old revision expects",
	}},
	{"one more answer that fits", []string{web, "order.found: 200", "order.found: 200, order.extra: 200", "actors/orders/actor.yaml", "[order.found]", "[order.found, order.extra]"}, []string{
		"ok endpoint GET /orders/{id}: out: reply.order.extra: is one more answer of status 200, and fits what there was",
		"warn actor orders: out: out: order.extra is sent now, which nothing of the old revision expects",
	}},
	{"one more answer that does not fit", []string{web, "order.found: 200", "order.found: 200, order.refused: 200", "actors/orders/actor.yaml", "[order.found]", "[order.found, order.refused]"}, []string{
		"BREAK endpoint GET /orders/{id}: out: reply.order.refused: is one more answer of status 200, and does not fit order.found",
		"warn actor orders: out: out: order.refused is sent now, which nothing of the old revision expects",
	}},
	{"one more answer of a new status", []string{web, "order.found: 200", "order.found: 200, order.refused: 201", "actors/orders/actor.yaml", "[order.found]", "[order.found, order.refused]"}, []string{
		"BREAK endpoint GET /orders/{id}: out: reply.order.refused: is one more answer, with status 201",
		"warn actor orders: out: out: order.refused is sent now, which nothing of the old revision expects",
	}},

	{"what clients send", []string{types, `"gold" | *"none"`, `*"none" | "silver"`}, []string{`BREAK type order.placed: in: /tier: the enum lost "gold" and gained "silver"`}},
	{"what clients may send in addition", []string{types, `"gold" | *"none"`, `"gold" | "silver" | *"none"`}, []string{`ok type order.placed: in: /tier: the enum gained "silver"`}},
	{"what clients receive", []string{types, `"order.found": {id!: string, total!`, `"order.found": {id!: string, total?`}, []string{`BREAK type order.found: out: /total: may be left out now`}},
	{"what clients receive in addition", []string{types, `"order.found": {`, `"order.found": {at!: string, `}, []string{`ok type order.found: out: /at: is new and required`}},
	{"type that nothing uses", []string{types, `more?: int`, `more!: string`}, nil},

	{"actor removed", []string{"actors/hooks/actor.yaml", shop["actors/hooks/actor.yaml"], "", web, `  POST /hooks:      {send: shop.hook, to: hooks, body: raw, headers: [x-event], auth: {webhook: github, secret: HOOK}, idempotency: x-delivery, reply: 202}
`, "", "actors/hooks/src/lib.rs", "", ""}, []string{"BREAK endpoint POST /hooks: is gone", "BREAK actor hooks: is gone: nothing takes what is sent to it"}},
	{"key changed where state is kept", []string{price, "data.id", "data.tier"}, []string{"BREAK actor pricing: key: changed from data.id to data.tier: what is kept under the old keys is not found"}},
	{"key added where none is kept", []string{"actors/orders/actor.yaml", "", "key: data.id\n"}, []string{"warn actor orders: key: is data.id now, there was none: messages are put in order by it"}},
	{"key of one type", []string{price, "key: data.id", "key: {order.placed: data.tier}"}, []string{"BREAK actor pricing: key.order.placed: changed from data.id to data.tier: what is kept under the old keys is not found"}},
	{"key gone", []string{price, "key: data.id\n", ""}, []string{"BREAK actor pricing: key: was data.id, there is none now: what is kept under the old keys is not found"}},
	{"key for each type, the same", []string{price, "key: data.id", "key: {order.placed: data.id}"}, nil},
	{"state narrowed", []string{types, `"pricing.state": {spent: number`, `"pricing.state": {spent: int`}, []string{"BREAK actor pricing: state: state/spent: was a number, is an integer now; there is no migration"}},
	{"state widened", []string{types, `"pricing.state": {spent: number | *0`, `"pricing.state": {spent: number | *0 | string`}, []string{
		"ok actor pricing: state: state/spent: may be a string too now",
		"warn actor pricing: state: state: the old revision cannot read what the new one keeps: there is no way back",
	}},
	{"state of another type", []string{price, "state: pricing.state", "state: pricing.other"}, []string{
		"ok actor pricing: state: the type is pricing.other now, was pricing.state",
		"BREAK actor pricing: state: state/spent: was a number, is an integer now; there is no migration",
	}},
	{"state gone", []string{price, "state: pricing.state\n", ""}, []string{"BREAK actor pricing: state: is gone: what was kept is no longer read, and there is no migration"}},
	{"state under another name", []string{price, "state: pricing.state", "state: {spent: pricing.state}"}, []string{
		"BREAK actor pricing: state: is gone: what was kept is no longer read, and there is no migration", "ok actor pricing: state.spent: is new, of type pricing.state",
	}},
	{"option required", []string{price, "currency: {type: string, default: EUR}", "currency: {type: string}", flow, "rounding: down", "rounding: down, currency: EUR"}, []string{
		"BREAK actor pricing: config: config/currency: is required now",
	}},
	{"option gone", []string{price, "currency: {type: string, default: EUR}, ", ""}, []string{
		"BREAK actor pricing: config: config/currency: is gone; it was optional",
		`ok workflow checkout: nodes.price.config: changed from {"currency":"EUR","rounding":"down"} to {"rounding":"down"}`,
	}},
	{"config where there was none", []string{"actors/orders/actor.yaml", "", "config: {depth: {type: int, default: 1}}\n"}, []string{"ok actor orders: config: is new, and may be left out"}},
	{"grant added", []string{price, "uses:\n", "uses:\n  key: {kind: secret, names: [K]}\n"}, []string{"warn actor pricing: uses.key: may use secret now: names K"}},
	{"grant gone", []string{price, "  db:  {kind: sql, database: shop, access: write}\n", ""}, []string{"ok actor pricing: uses.db: the grant of kind sql is gone"}},
	{"grant widened and narrowed", []string{price, "[a.example.com]", "[b.example.com]", price, "write", "read"}, []string{
		"ok actor pricing: uses.db.access: changed from write to read", "warn actor pricing: uses.tax.hosts: gained b.example.com", "ok actor pricing: uses.tax.hosts: lost a.example.com",
	}},
	{"grant without its limits", []string{price, ", methods: [GET]", ""}, []string{"warn actor pricing: uses.tax.methods: was GET, and is not given any more"}},
	{"grant of another kind", []string{price, "tax: {kind: http, hosts: [a.example.com], methods: [GET]}", "tax: {kind: mail}"}, []string{"warn actor pricing: uses.tax: was a grant of kind http, is of kind mail now"}},
	{"how it runs", []string{price, "", "limits: {memory: 64MiB, calls: 7, answers: 1MiB, time: 2s, fuel: 200M}\nisolation: process\nscale: {instances: {max: 3}, mailbox: 50}\nretry: {max: 5, backoff: 2s, hold: false}\n", price, "rust", "go"}, []string{
		"ok actor pricing: code.language: the language changed from rust to go", "ok actor pricing: limits.memory: memory changed from 32MiB to 64MiB",
		"ok actor pricing: limits.calls: calls a message changed from 1000 to 7", "ok actor pricing: limits.answers: answers a message changed from 16MiB to 1MiB",
		"ok actor pricing: limits.time: time a message changed from its default to 2s", "ok actor pricing: limits.fuel: fuel a message changed from 1G to 200M",
		"ok actor pricing: isolation: where instances run changed from the host's process to a process of their own",
		"ok actor pricing: scale.instances.max: the greatest number of instances changed from 8 to 3",
		"ok actor pricing: scale.mailbox: the mailbox changed from 10000 to 50", "ok actor pricing: retry.max: attempts after the first changed from 3 to 5",
		"ok actor pricing: retry.backoff: the wait before the second attempt changed from 1s to 2s", "ok actor pricing: retry.hold: holding the key while it waits changed from true to false",
	}},

	{"node renamed", []string{flow, "{price: {", "{cost: {", flow, "to: price", "to: cost", flow, "from: price", "from: cost", flow, "from: price", "from: cost"}, []string{
		"ok workflow checkout: nodes.cost: is new: the actor pricing", "warn workflow checkout: nodes.price: is gone; it was the actor pricing, whose state stays behind",
		"ok workflow checkout: routes: gone: input -> price", "ok workflow checkout: routes: gone: price -> output, order.priced, when data.total > 10", "ok workflow checkout: routes: gone: price -> output",
		"ok workflow checkout: routes: new: input -> cost", "ok workflow checkout: routes: new: cost -> output, order.priced, when data.total > 10", "ok workflow checkout: routes: new: cost -> output",
	}},
	{"rule", []string{flow, "> 10", "> 20"}, []string{
		"ok workflow checkout: routes: gone: price -> output, order.priced, when data.total > 10", "ok workflow checkout: routes: new: price -> output, order.priced, when data.total > 20",
	}},
	{"scale of a node", []string{flow, "config: {rounding: down}", "config: {rounding: down}, scale: {instances: {max: 2}}"}, []string{
		"ok workflow checkout: nodes.price.scale.instances.max: the greatest number of instances changed from 8 to 2",
	}},
	{"workflow takes less", []string{web, "send: order.placed", "send: order.get", flow, "in:  [order.placed]", "in:  [order.get]", price, "in:  [order.placed]", "in:  [order.placed, order.get]"}, []string{
		"ok endpoint POST /orders: send: makes order.get now, made order.placed", "ok endpoint POST /orders: in: send/tier: is gone; it was optional",
		"ok endpoint POST /orders: in: send/total: is gone; it was required", "ok endpoint POST /orders: in: send/full: is new and optional",
		"ok actor pricing: in: in: order.get is taken now", "BREAK workflow checkout: in: in: order.placed is no longer taken", "ok workflow checkout: in: in: order.get is taken now",
	}},
}

func TestServices(t *testing.T) {
	old := load(t, shop)
	for _, tt := range services {
		t.Run(tt.name, func(t *testing.T) {
			new := load(t, edited(t, tt.edits...))
			changes := Services(old, new, Options{})
			if got := lines(changes); !slices.Equal(got, tt.want) {
				t.Errorf("changes are\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(tt.want, "\n\t"))
			}
			for _, c := range changes {
				if c.Code == "" || c.Class == "" {
					t.Errorf("%s has no code or class", c.Message)
				}
				if (c.Class == Types || c.Class == State && c.Path != "state" && c.Role == roleState) && c.Verdict == shape.Break && (c.Example == nil || c.Refusal == "") {
					t.Errorf("%s %s: nothing shows it", c.Path, c.Message)
				}
			}
		})
	}
}

// TestActors compares an actor alone: what it sends now matters to whoever takes it.
func TestActors(t *testing.T) {
	old := load(t, shop)
	new := load(t, edited(t, price, "[order.priced, order.refused]", "[order.priced, order.refused, order.extra]", flow, ", when: data.total > 10", "",
		flow, "from: price, to: output", "from: price, type: order.refused, to: output", types, `"order.priced": {id!: string, total!: number}`, `"order.priced": {id!: string}`))
	want := []string{
		"BREAK actor pricing: out: out: order.extra is sent now, which nothing of the old revision expects",
		"BREAK type order.priced: out: /total: is gone; it was required",
	}
	changes := Actors(old, "pricing", new, "pricing", Options{})
	if got := lines(changes); !slices.Equal(got, want) {
		t.Errorf("changes are\n\t%s", strings.Join(got, "\n\t"))
	}
	if c := changes[1]; string(c.Example) != `{"id":"id"}` || c.Refusal != "/total: is missing" || c.Where != "actor pricing" {
		t.Errorf("%s %s %s", c.Example, c.Refusal, c.Where)
	}
	if got := lines(Actors(old, "orders", old, "hooks", Options{})); len(got) == 0 || got[0] != "BREAK actor hooks: actor: was orders" {
		t.Errorf("two actors: %v", got)
	}
}

func TestWorkflows(t *testing.T) {
	old := load(t, shop)
	new := load(t, edited(t, flow, "[order.priced, order.refused]", "[order.priced]", web, ", order.refused: 409", "", flow, "from: price, to: output", "from: price, type: order.refused, to: drop", types, `total!: number & >=0`, `total!: number & >=1`))
	want := []string{
		"ok workflow checkout: out: out: order.refused is no longer sent",
		"ok workflow checkout: routes: gone: price -> output", "ok workflow checkout: routes: new: price -> drop, order.refused",
		"BREAK type order.placed: in: /total: min rose from 0 to 1",
	}
	if got := lines(Workflows(old, "checkout", new, "checkout", Options{})); !slices.Equal(got, want) {
		t.Errorf("changes are\n\t%s", strings.Join(got, "\n\t"))
	}
}

// TestTypeSet judges types of which no use is known in both roles.
func TestTypeSet(t *testing.T) {
	was := load(t, shop).Types
	is := load(t, edited(t, types, `"order.get": {id!: string, full?: bool}`, `"order.get": {id!: string, full!: bool}`, types, "", `"order.new": {}`)).Types
	delete(is, "pricing.other")
	want := []string{
		"BREAK type order.get: in: /full: is required now", "ok type order.get: out: /full: is required now", "ok type order.new: is new", "BREAK type pricing.other: is gone",
	}
	if got := lines(TypeSet(was, is, Options{})); !slices.Equal(got, want) {
		t.Errorf("changes are\n\t%s", strings.Join(got, "\n\t"))
	}
	if got := lines(TypeSet(was, is, Options{}, shape.Out)); len(got) != 3 || got[0] != want[1] {
		t.Errorf("in one role: %v", got)
	}
}

// TestRecorded holds that recorded messages reach the comparison of their type.
func TestRecorded(t *testing.T) {
	old := load(t, edited(t, types, `total!: number & >=0}`, `total!: number & >=0, on?: time.Format("2006-01-02")}`, types, `"order.placed"`, "import \"time\"\n\n\"order.placed\""))
	new := load(t, edited(t, types, `total!: number & >=0}`, `total!: number & >=0, on?: time.Format("2006-1-2")}`, types, `"order.placed"`, "import \"time\"\n\n\"order.placed\""))
	if changes := Services(old, new, Options{}); len(changes) != 1 || changes[0].Verdict != shape.Break || !changes[0].Undecided {
		t.Errorf("nothing recorded: %v", lines(changes))
	}
	recorded := Options{Recorded: map[string][][]byte{"order.placed": {[]byte(`{"id":"a","total":1,"on":"2026-01-31"}`)}}}
	if changes := Services(old, new, recorded); Worst(changes) != shape.Warn || changes[0].Recorded != 1 {
		t.Errorf("recorded: %v", lines(changes))
	}
}

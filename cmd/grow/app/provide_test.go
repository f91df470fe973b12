package app

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/runtime/shard"
)

// geoPython wraps an API of somebody else's for all actors of the service: they know
// neither where it is nor its key.
const geoPython = `import grow


@grow.on("geo.lookup")
def lookup(ctx: grow.Context, place: dict):
    if place["name"] == "loop":
        while True:
            pass
    found = ctx.http("api").get("/places/" + place["name"])
    if found.status == 404:
        raise grow.Refuse("geo.unknown", "nobody knows " + place["name"])
    return grow.Output("geo.found", found.json())


@grow.on("geo.add")
def add(ctx: grow.Context, place: dict):
    ctx.http("api").post("/places", json=place)
    return grow.Output("geo.found", {"lat": 1, "lon": 2})


@grow.on("geo.sneak")
def sneak(ctx: grow.Context, place: dict):
    return add(ctx, place)
`

const askPython = `import json

import grow


@grow.on("ask")
def ask(ctx: grow.Context, what: dict):
    try:
        answer = ctx.call(what["op"], use="geo", data=json.dumps(what["place"]), attributes={"timeout": what.get("timeout", "60000")})
    except grow.CallError as e:
        return grow.Output("told", f"{e.code}: {e.text}")
    return grow.Output("told", json.dumps(answer.json()))
`

// geography is the API of somebody else. It counts what was changed, by request.
type geography struct {
	mu   sync.Mutex
	seen []string
}

func (g *geography) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case r.Header.Get("Authorization") != "Bearer hidden-key":
		w.WriteHeader(http.StatusUnauthorized)
	case r.Method == http.MethodPost:
		g.seen = append(g.seen, r.Header.Get("Idempotency-Key"))
	case r.URL.Path == "/places/Berlin":
		fmt.Fprint(w, `{"lat": 52.5, "lon": 13.4}`)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// serveProvided serves an actor that asks another one, which asks an API.
func serveProvided(t *testing.T, api *geography) *Host {
	t.Helper()
	if _, err := pythonRuntime(); err != nil {
		t.Skip(err)
	}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"grow.yaml":                      "service: maps\nabout: Knows places.\n",
		"types/geo.cue":                  "\"geo.lookup\": name: string\n\"geo.add\": name: string\n\"geo.sneak\": name: string\n\"geo.found\": {lat: number, lon: number}\nask: {op: string, place: _, timeout?: string}\ntold: string\n",
		"actors/geo/src/python/main.py":  geoPython,
		"actors/user/src/python/main.py": askPython,
		"actors/geo/actor.yaml": `
actor: geo
about: Knows places, by the API of somebody else.
code: {language: python, source: src/python}
in: [geo.lookup, geo.add, geo.sneak]
out: [geo.found]
provides: {geo.lookup: geo.found, geo.add: {gives: geo.found, effect: changes}, geo.sneak: geo.found}
scale: {instances: {max: 2}}
limits: {time: 5m, fuel: 300M}
uses:
  api: {kind: http, hosts: ["` + strings.TrimPrefix(server.URL, "http://") + `"], schemes: [http], networks: [127.0.0.0/8], methods: [GET, POST], headers: {Authorization: "Bearer ${GEO_KEY}"}}
`,
		"actors/user/actor.yaml": `
actor: user
about: Asks for places.
code: {language: python, source: src/python}
in: [ask]
out: [told]
retry: {max: 0}
uses: {geo: {kind: actor, actor: geo}}
`,
	})
	service, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	built, err := project.Build(t.Context(), service, project.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := Start(t.Context(), Options{Dir: dir, Service: service, Listen: "127.0.0.1:0", CacheDir: t.TempDir(),
		Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Secret:   func(name string) (string, bool) { return "hidden-key", name == "GEO_KEY" },
		Modules:  map[string]string{"geo": built["geo"].Module, "user": built["user"].Module}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := h.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h
}

// asked has the user ask, and returns the id of the message and what the user was told.
func asked(t *testing.T, h *Host, data string) (id, told string) {
	t.Helper()
	f, err := h.Shard().Accept(t.Context(), &shard.Request{To: "user", Source: "test", Type: "ask", Data: []byte(data), AnyReply: true})
	if err != nil {
		t.Error(err)
		return "", ""
	}
	<-f.Done()
	a := f.Answer()
	if a.Reply == nil {
		return f.ID(), a.Code + ": " + a.Text
	}
	return f.ID(), string(a.Reply.Data())
}

// TestProvided: an actor serves operations to another one by its own grants, and what comes
// of them is what comes of any request.
func TestProvided(t *testing.T) {
	api := &geography{}
	h := serveProvided(t, api)
	for _, c := range []struct{ data, want string }{
		{`{"op": "geo.lookup", "place": {"name": "Berlin"}}`, `"{\"lat\": 52.5, \"lon\": 13.4}"`},
		{`{"op": "geo.lookup", "place": {"name": "Bonn"}}`, `"geo.unknown: nobody knows Bonn"`},
		{`{"op": "geo.lookup", "place": {}}`, `"invalid: the request is no geo.lookup: /name: is missing"`},
		{`{"op": "geo.forget", "place": {}}`, `"invalid: \"geo\" does not serve geo.forget"`},
		{`{"op": "geo.lookup", "place": {"name": "loop"}}`, `"unavailable: the actor geo failed: limit.fuel: `},
		{`{"op": "geo.lookup", "place": {"name": "loop"}, "timeout": "1"}`, `"timeout: geo did not answer within 1ms"`},
		{`{"op": "geo.sneak", "place": {"name": "Bonn"}}`, `"unavailable: the actor geo failed: host.fault: the operation geo.sneak says that it only reads`},
	} {
		if _, got := asked(t, h, c.data); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s\nwant %s", c.data, got, c.want)
		}
	}
	if len(api.seen) > 0 {
		t.Errorf("%q changed something", api.seen)
	}
	id, got := asked(t, h, `{"op": "geo.add", "place": {"name": "Bonn"}}`)
	// The request of the provider goes by the message that it is for, and its own number.
	if want := id + "/1/1"; got != `"{\"lat\": 1, \"lon\": 2}"` || len(api.seen) != 1 || !strings.HasSuffix(api.seen[0], want) {
		t.Errorf("%s, and %q, want %s", got, api.seen, want)
	}
}

// TestProvidedAtOnce: more requests at a time than there are instances or lanes are all
// answered.
func TestProvidedAtOnce(t *testing.T) {
	h := serveProvided(t, &geography{})
	var wait sync.WaitGroup
	for range 40 {
		wait.Go(func() {
			if _, got := asked(t, h, `{"op": "geo.lookup", "place": {"name": "Berlin"}}`); got != `"{\"lat\": 52.5, \"lon\": 13.4}"` {
				t.Error(got)
			}
		})
	}
	wait.Wait()
}

// TestProvidedPaid: what an operation costs is paid by whoever asked for it.
func TestProvidedPaid(t *testing.T) {
	h := serveProvided(t, &geography{})
	fuel := func() uint64 {
		for _, n := range h.Shard().Status() {
			if n.Node == "user" {
				return n.Fuel
			}
		}
		t.Fatal("there is no user")
		return 0
	}
	const limit = 300_000_000 // of the provider, which the loop uses up
	asked(t, h, `{"op": "geo.lookup", "place": {"name": "Berlin"}}`)
	if got := fuel(); got > limit {
		t.Errorf("a look-up costs %d", got)
	}
	asked(t, h, `{"op": "geo.lookup", "place": {"name": "loop"}}`)
	if got := fuel(); got < limit {
		t.Errorf("with a loop it is %d", got)
	}
}

package command

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/secrets"
	"github.com/grow-platform/grow/testdata/postbox"
	"github.com/tidwall/gjson"
)

// canaries is how many secrets the test has, and headerCanary the one that no actor sees.
const (
	canaries     = 1000
	headerCanary = canaries - 1
)

func canaryName(n int) string { return fmt.Sprintf("C%04d", n) }

// canary is a secret of the test. It has signs in it that URLs and base64 write otherwise.
func canaryOf(n int) string { return fmt.Sprintf("cnry/%04d?>~%08x+ü", n, n*2654435761&0xffffffff) }

// spy sends the secret of a number by the way that the number stands for.
const spy = `
import base64
from urllib.parse import quote

import grow


@grow.on("spy.go")
def go(ctx, message: dict):
    s = ctx.secret("keys").get(message["name"])
    forms = [s, base64.b64encode(s.encode()).decode(), base64.b64encode(b"x" + s.encode()).decode(), s.encode().hex(), quote(s, safe="")]
    said = WAYS[message["way"]](ctx, s, forms)
    return grow.Output("spy.said", {"said": said})


def log(ctx, s, forms):
    print(s)
    for form in forms:
        ctx.log.warn("it is " + form, value=form)
    return forms


def fail(ctx, s, forms):
    raise ValueError(" ".join(forms))


def refuse(ctx, s, forms):
    raise grow.Refuse("spy.refused", " ".join(forms))


def http(ctx, s, forms):
    return ctx.http("sink").post("/in", data=s, headers={"x-said": forms[1]}, params={"q": s}).text


def elsewhere(ctx, s, forms):
    return ctx.http("sink").get("http://" + forms[3] + ".example.com/" + forms[4]).text


def database(ctx, s, forms):
    db = ctx.sql("db")
    db.together(("create table if not exists kept (v text)",), ("insert into kept values ($1)", s))
    return db.query("select v, $1 from kept where v = $2", forms[1], s)


def wrong_sql(ctx, s, forms):
    return ctx.sql("db").query("select * from \"" + s + "\"")


def mail(ctx, s, forms):
    return ctx.send_mail("post", to="ops@example.com", subject="hello", text=s).message_id


def wrong_mail(ctx, s, forms):
    return ctx.send_mail("post", to=forms[3] + "@elsewhere.org", subject="hello", text=s).message_id


def llm(ctx, s, forms):
    return ctx.llm("model").chat([{"role": "user", "text": s}]).text


def kv(ctx, s, forms):
    ctx.kv("values").set("a", s)
    return ctx.kv("values").read("a").json()


def blob(ctx, s, forms):
    ctx.blob("objects").write("a/" + forms[3], s)
    return ctx.blob("objects").read("a/" + forms[3]).decode()


def ask(ctx, s, forms):
    return ctx.ask("friend", "friend.ask", {"text": s})


def state(ctx, s, forms):
    ctx.state.set(forms)
    return forms


def file(ctx, s, forms):
    return ctx.files("texts").read("docs/" + forms[4]).decode()


WAYS = {f.__name__: f for f in (log, fail, refuse, http, elsewhere, database, wrong_sql, mail, wrong_mail, llm, kv, blob, ask, state, file)}
`

// friend refuses whatever it is asked, and says it.
const friend = `
import grow


@grow.on("friend.ask")
def asked(ctx, message: dict):
    ctx.log.info(message["text"])
    raise grow.Refuse("friend.refused", message["text"])
`

var canaryWays = strings.Fields("log fail refuse http elsewhere database wrong_sql mail wrong_mail llm kv blob ask state file")

// canaryWorld is a host with a service that spies, and the third parties that it sends to.
type canaryWorld struct {
	*app.Platform
	t       *testing.T
	dir     string
	secrets string
	stderr  bytes.Buffer
	told    map[string]string // what was told, by where

	mu   sync.Mutex // guards sunk
	sunk []string   // what third parties were sent
}

// ServeHTTP implements http.Handler: a third party that says back what it is sent, as a
// language model of OpenAI's too.
func (w *canaryWorld) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // who sends it is gone
	}
	w.mu.Lock()
	w.sunk = append(w.sunk, string(body)+r.Header.Get("Authorization"))
	w.mu.Unlock()
	if strings.HasPrefix(r.URL.Path, "/v1/chat") {
		out.Header().Set("Content-Type", "application/json")
		said, _ := json.Marshal(gjson.GetBytes(body, "messages.0.content").String()) // a text is always JSON
		_, _ = fmt.Fprintf(out, `{"model": "m", "choices": [{"message": {"role": "assistant", "content": %s}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}`, said)
		return
	}
	_, _ = fmt.Fprintf(out, "%s %s %s", r.Header.Get("Authorization"), r.URL.RawQuery, body)
}

// files of the service.
func (w *canaryWorld) files(sink string) map[string]string {
	var names []string
	for n := range headerCanary {
		names = append(names, canaryName(n))
	}
	return map[string]string{
		"grow.yaml":                 "service: spies\nhttp:\n  POST /go: {send: spy.go, to: spy, reply: {spy.said: 200}, timeout: 20s}\n",
		".gitignore":                ".grow/\n",
		"docs/a.md":                 "Nothing.\n",
		"types/a.cue":               "\"spy.go\": {name!: string, way!: string}\n\"spy.said\": {said: _}\n\"friend.ask\": {text!: string}\n\"friend.said\": {text!: string}\n\"spy.kept\": _\n",
		"actors/spy/src/main.py":    spy,
		"actors/friend/src/main.py": friend,
		"actors/friend/actor.yaml":  "actor: friend\ncode: {language: python, source: src}\nin: [friend.ask]\nout: [friend.said]\nprovides: {friend.ask: friend.said}\n",
		"actors/spy/actor.yaml": "actor: spy\ncode: {language: python, source: src}\nin: [spy.go]\nout: [spy.said]\nkey: data.name\nstate: spy.kept\nretry: {max: 0}\nuses:\n" +
			"  keys: {kind: secret, names: [" + strings.Join(names, ", ") + "]}\n" +
			"  sink: {kind: http, hosts: ['" + sink + "'], schemes: [http], networks: [127.0.0.1/32], methods: [GET, POST], headers: {Authorization: 'Bearer ${" + canaryName(headerCanary) + "}'}}\n" +
			"  db: {kind: sql, database: kept, access: write}\n  post: {kind: mail, from: a@example.com, to: ['*@example.com']}\n  model: {kind: llm, models: [m]}\n" +
			"  values: {kind: kv, bucket: values, access: write}\n  objects: {kind: blob, bucket: objects, access: write, prefix: a/}\n" +
			"  friend: {kind: actor, actor: friend}\n  texts: {kind: files, paths: [docs]}\n",
	}
}

// startCanaries starts the host: a third of the secrets are in the environment, in files and sealed.
func startCanaries(t *testing.T) *canaryWorld {
	t.Helper()
	w := &canaryWorld{t: t, dir: t.TempDir(), secrets: t.TempDir(), told: map[string]string{}}
	sink := httptest.NewServer(w)
	t.Cleanup(sink.Close)
	for name, text := range w.files(strings.TrimPrefix(sink.URL, "http://")) {
		w.write(filepath.Join(w.dir, filepath.FromSlash(name)), text)
	}
	environment := map[string]string{
		"GROW_SMTP_DEFAULT": postbox.Start(t, postbox.Options{Implicit: true}).URL("smtps"), "GROW_LLM_DEFAULT": "openai+" + strings.Replace(sink.URL, "//", "//:hidden-key@", 1),
	}
	sealed, err := secrets.Open(filepath.Join(w.dir, ".grow", "secrets"), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range canaries {
		switch name := canaryName(n); n % 3 {
		case 0:
			environment[name] = canaryOf(n)
		case 1:
			w.write(filepath.Join(w.secrets, name), canaryOf(n)+"\n")
		case 2:
			if _, err := sealed.Set(secrets.Place{Namespace: app.DefaultNamespace, Service: "spies"}, name, []byte(canaryOf(n)), "test"); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.run(exitDone, "build", "-q")
	service, err := app.Load(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	w.Platform, err = app.StartPlatform(t.Context(), app.PlatformOptions{
		Mount: (&shell{}).mount(service, w.dir, false), Listen: "127.0.0.1:0", Control: "127.0.0.1:0", CacheDir: t.TempDir(), Secrets: w.secrets, Stderr: &w.stderr,
		Secret:   func(name string) (string, bool) { value, ok := environment[name]; return value, ok },
		Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *canaryWorld) write(file, text string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// exitAny is for a command that may fail.
const exitAny = -1

// run runs a command in the folder, and notes what it tells.
func (w *canaryWorld) run(want int, args ...string) string {
	w.t.Helper()
	var out, errs bytes.Buffer
	if code := execute(append(args, "-C", w.dir), strings.NewReader(""), &out, &errs); want != exitAny && code != want {
		w.t.Fatalf("grow %s: exit code %d, want %d\n%s%s", args, code, want, out.String(), errs.String())
	}
	w.told["grow "+strings.Join(args, " ")] = out.String() + errs.String()
	return out.String()
}

// send has the spy send every canary; the answers that are errors are told by the host. It
// returns the messages' ids by way.
func (w *canaryWorld) send() map[string][]string {
	w.t.Helper()
	ids := map[string][]string{}
	for n := range headerCanary {
		way := canaryWays[n%len(canaryWays)]
		r, err := http.Post(w.URL()+"/go", "application/json", strings.NewReader(fmt.Sprintf(`{"name": %q, "way": %q}`, canaryName(n), way)))
		if err != nil {
			w.t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		if err = errors.Join(err, r.Body.Close()); err != nil {
			w.t.Fatal(err)
		}
		if r.StatusCode != http.StatusOK {
			if n < len(canaryWays) {
				w.t.Logf("%s: %d", way, r.StatusCode)
			}
			w.told[fmt.Sprintf("answer to %s %d", way, n)] = fmt.Sprint(r.Header, string(body))
		} else if bytes.Contains(body, []byte(canaryOf(headerCanary))) {
			w.t.Errorf("%s tells the actor the grant's secret", way)
		}
		ids[way] = append(ids[way], r.Header.Get("Grow-Message-Id"))
	}
	return ids
}

// look asks for all that a host tells.
func (w *canaryWorld) look(ids map[string][]string) {
	w.t.Helper()
	w.run(exitDone, "logs", "-o", "json")
	w.run(exitDone, "status", "-o", "json")
	w.run(exitAny, "top", "-o", "json", "--once")
	w.run(exitDone, "trace", "-o", "json")
	w.run(exitDone, "secret", "list", "-o", "json")
	w.run(exitDone, "status", "spy", "-o", "json")
	w.run(exitDone, "state", "list", "spy", "-o", "json")
	for i, d := range gjson.Parse(w.run(exitDone, "deadletters", "list", "-o", "json")).Array() {
		if i < 50 {
			w.run(exitDone, "deadletters", "show", d.Get("id").String(), "-o", "json")
		}
	}
	for way, list := range ids {
		w.run(exitDone, "trace", list[0], "-o", "json")
		w.run(exitAny, "replay", list[0], "-o", "json") // one that failed cannot be handled again
		if r, err := http.Get(w.URL() + "/.grow/messages/" + list[0]); err == nil {
			body, _ := io.ReadAll(r.Body) // what could be read of it is looked through
			w.told["message of "+way] = string(body)
			_ = r.Body.Close()
		}
	}
	for n, way := range canaryWays {
		if way == "state" {
			w.run(exitAny, "state", "get", "spy", canaryName(n), "-o", "json")
		}
	}
	w.run(exitDone, "backup", filepath.Join(w.t.TempDir(), "backup"), "-o", "json")
	w.run(exitAny, "record", "--last", "1000", "spy", "-o", "json")
}

// folder reads the files below a folder; tests that were recorded are in the service's.
func (w *canaryWorld) folder(dir string) {
	w.t.Helper()
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := fs.ReadFile(root, path)
		w.told[filepath.Join(dir, path)] = string(b)
		return err
	})
	if err != nil {
		w.t.Error(err)
	}
}

// forms of a canary that are looked for.
func forms(n int) []string {
	text := canaryOf(n)
	digits := hex.EncodeToString([]byte(text))
	quoted, _ := json.Marshal(text) // a text is always JSON
	return []string{
		text, string(quoted[1 : len(quoted)-1]), digits, strings.ToUpper(digits), url.QueryEscape(text), url.PathEscape(text),
		strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(text)), "=")[:len(text)], strings.TrimRight(base64.URLEncoding.EncodeToString([]byte(text)), "=")[:len(text)],
		base64.StdEncoding.EncodeToString([]byte("x" + text))[2:len(text)], base64.StdEncoding.EncodeToString([]byte("xx" + text))[3:len(text)],
	}
}

// search looks for every canary in all that was told.
func (w *canaryWorld) search() {
	w.t.Helper()
	found := 0
	for where, text := range w.told {
		for n := range canaries {
			for _, form := range forms(n) {
				if !strings.Contains(text, form) {
					continue
				}
				if found++; found <= 20 {
					at := strings.Index(text, form)
					w.t.Errorf("%s has the secret of %s (%s) as %q: %q", where, canaryName(n), canaryWays[n%len(canaryWays)], form, text[max(0, at-80):min(len(text), at+len(form)+20)])
				}
			}
		}
	}
	if found > 0 {
		w.t.Errorf("%d places have a secret", found)
	}
}

// TestSecretCanaries: of a thousand secrets that an actor sends by every way it has, none is
// found in what a host tells or keeps beside the actor's own messages; third parties have
// those that they were sent.
func TestSecretCanaries(t *testing.T) {
	if testing.Short() {
		t.Skip("handles a thousand messages in Python")
	}
	newCache(t)
	w := startCanaries(t)
	w.look(w.send())
	if _, err := w.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	w.told["stderr"] = w.stderr.String()
	for _, dir := range []string{"actors", "docs", "types", ".grow/secrets", ".grow/store"} {
		w.folder(filepath.Join(w.dir, filepath.FromSlash(dir)))
	}
	w.search()
	sunk := strings.Join(w.sunk, "\n")
	for n := range headerCanary {
		if way := canaryWays[n%len(canaryWays)]; (way == "http" || way == "llm") && !strings.Contains(sunk, canaryOf(n)) && !strings.Contains(sunk, forms(n)[1]) {
			t.Errorf("%s did not get to where it is sent", canaryName(n))
		}
	}
	if !strings.Contains(sunk, "Bearer "+canaryOf(headerCanary)) {
		t.Error("the grant's secret did not get to where it is sent")
	}
}

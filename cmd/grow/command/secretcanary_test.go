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
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/secrets"
	"github.com/grow-platform/grow/testdata/postbox"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/tidwall/gjson"
	"golang.org/x/tools/txtar"
)

// canaries is how many secrets the test has, and headerCanary the one that no actor sees.
const (
	canaries     = 1000
	headerCanary = canaries - 1
)

func canaryName(n int) string { return fmt.Sprintf("C%04d", n) }

// canaryOf is a secret of the test. It has signs in it that URLs and base64 write otherwise.
func canaryOf(n int) string { return fmt.Sprintf("cnry/%04d?>~%08x+ü", n, n*2654435761&0xffffffff) }

// canaryWays are the ways by which testdata/canaries.txtar sends a secret, with the status
// that a client is answered.
var canaryWays = []struct {
	name   string
	status int
}{
	{"log", 200}, {"fail", 500}, {"refuse", 422}, {"coded", 422}, {"named", 200}, {"http", 200}, {"elsewhere", 500}, {"database", 200}, {"wrong_sql", 500}, {"mail", 200}, {"wrong_mail", 500}, {"llm", 200},
	{"kv", 200}, {"blob", 200}, {"ask", 500}, {"publish", 200}, {"wrong_publish", 500}, {"connector", 200}, {"wrong_connector", 500}, {"state", 200}, {"file", 500},
}

// canaryWorld is a host with a service that spies, and the third parties that it sends to.
type canaryWorld struct {
	*app.Platform
	t       *testing.T
	dir     string
	secrets string
	address string // of the third party
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
	w.sink(string(body) + r.Header.Get("Authorization"))
	if strings.HasPrefix(r.URL.Path, "/v1/chat") {
		out.Header().Set("Content-Type", "application/json")
		said, _ := json.Marshal(gjson.GetBytes(body, "messages.0.content").String()) // a text is always JSON
		_, _ = fmt.Fprintf(out, `{"model": "m", "choices": [{"message": {"role": "assistant", "content": %s}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}`, said)
		return
	}
	_, _ = fmt.Fprintf(out, "%s %s %s", r.Header.Get("Authorization"), r.URL.RawQuery, body)
}

// sink notes what a third party was sent.
func (w *canaryWorld) sink(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sunk = append(w.sunk, text)
}

// files writes the service's files, with an actor that may have so many secrets.
func (w *canaryWorld) files(sink string, secrets int) {
	w.t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", "canaries.txtar"))
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for n := range secrets {
		names = append(names, canaryName(n))
	}
	fill := strings.NewReplacer("NAMES", strings.Join(names, ", "), "SINK", sink, "HEADER", canaryName(headerCanary))
	for _, f := range a.Files {
		w.write(filepath.Join(w.dir, filepath.FromSlash(f.Name)), fill.Replace(string(f.Data)))
	}
}

// nats starts a server with a stream of events, and a service that says what it is asked or
// refuses, and says it too.
func (w *canaryWorld) nats() (address string) {
	w.t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: w.t.TempDir(), NoSigs: true, Authorization: "hidden"})
	if err != nil {
		w.t.Fatal(err)
	}
	s.Start()
	w.t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(time.Minute) {
		w.t.Fatal("the server is not ready")
	}
	address = "nats://hidden@" + s.Addr().String()
	conn, err := nats.Connect(address)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err == nil {
		_, err = js.CreateStream(w.t.Context(), jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}})
	}
	if err == nil {
		_, err = conn.Subscribe("events.>", func(m *nats.Msg) { w.sink(string(m.Data)) })
	}
	if err == nil {
		_, err = conn.Subscribe("tool", func(m *nats.Msg) { _ = m.RespondMsg(w.tool(m)) }) // who asks may be gone
	}
	if err == nil {
		err = conn.Flush() // the server knows of both
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return address
}

// tool is the connector's answer to a request.
func (w *canaryWorld) tool(m *nats.Msg) *nats.Msg {
	answer := &nats.Msg{Data: m.Data, Header: nats.Header{}}
	switch m.Header.Get("Grow-Operation") {
	case "grow.describe":
		answer.Data = []byte(`{"version": 1, "operations": {"tool.say": {"effect": "changes"}, "tool.refuse": {"effect": "changes"}}}`)
	case "tool.refuse":
		answer.Header.Set("Grow-Code", "tool.refused")
	}
	w.sink(string(m.Data))
	return answer
}

// startCanaries starts the host: a third of the secrets are in the environment, in files and sealed.
func startCanaries(t *testing.T) *canaryWorld {
	t.Helper()
	w := &canaryWorld{t: t, dir: t.TempDir(), secrets: t.TempDir(), told: map[string]string{}}
	sink := httptest.NewServer(w)
	t.Cleanup(sink.Close)
	w.address = strings.TrimPrefix(sink.URL, "http://")
	w.files(w.address, headerCanary)
	environment := map[string]string{
		"GROW_SMTP_DEFAULT": postbox.Start(t, postbox.Options{Implicit: true}).URL("smtps"),
		"GROW_LLM_DEFAULT":  "openai+" + strings.Replace(sink.URL, "//", "//:hidden-key@", 1),
		"GROW_NATS_DEFAULT": w.nats(),
	}
	// With a key from outside, secrets of the environment are known after it is gone, too.
	key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	t.Setenv(secrets.KeyVariable, key)
	sealed, err := secrets.Open(filepath.Join(w.dir, ".grow", "secrets"), key, nil)
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
	return w.typed("", want, args...)
}

// typed is run with something on standard input.
func (w *canaryWorld) typed(in string, want int, args ...string) string {
	w.t.Helper()
	var out, errs bytes.Buffer
	if code := execute(append(args, "-C", w.dir), strings.NewReader(in), &out, &errs); want != exitAny && code != want {
		w.t.Fatalf("grow %s: exit code %d, want %d\n%s%s", args, code, want, out.String(), errs.String())
	}
	w.told[fmt.Sprintf("%d: grow %s", len(w.told), strings.Join(args, " "))] = out.String() + errs.String()
	return out.String()
}

// send has the spy send every canary; the answers that are errors are told by the host. It
// returns the id of one message by each way.
func (w *canaryWorld) send() map[string]string {
	w.t.Helper()
	ids := map[string]string{}
	for n := range headerCanary {
		way := canaryWays[n%len(canaryWays)]
		r, err := http.Post(w.URL()+"/go", "application/json", strings.NewReader(fmt.Sprintf(`{"name": %q, "way": %q}`, canaryName(n), way.name)))
		if err != nil {
			w.t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		if err = errors.Join(err, r.Body.Close()); err != nil {
			w.t.Fatal(err)
		}
		if r.StatusCode != way.status {
			w.t.Errorf("%s of %s: status %d, want %d", way.name, canaryName(n), r.StatusCode, way.status)
		}
		if r.StatusCode != http.StatusOK {
			w.told[fmt.Sprintf("answer to %s %d", way.name, n)] = fmt.Sprint(r.Header, string(body))
		} else if bytes.Contains(body, []byte(canaryOf(headerCanary))) {
			w.t.Errorf("%s tells the actor the grant's secret", way.name)
		}
		ids[way.name] = r.Header.Get("Grow-Message-Id")
	}
	return ids
}

// look asks for all that a host tells.
func (w *canaryWorld) look(ids map[string]string) {
	w.t.Helper()
	for _, args := range []string{"logs", "status", "trace", "secret list", "status spy", "state list spy"} {
		w.run(exitDone, append(strings.Fields(args), "-o", "json")...)
	}
	w.run(exitAny, "top", "-o", "json", "--once")
	letters := gjson.Parse(w.run(exitDone, "deadletters", "list", "-o", "json")).Array()
	if len(letters) < len(canaryWays) {
		w.t.Errorf("%d dead letters", len(letters))
	}
	for _, d := range letters[:min(len(letters), len(canaryWays))] {
		w.run(exitDone, "deadletters", "show", d.Get("id").String(), "-o", "json")
	}
	for n, way := range canaryWays {
		w.message(way.name, ids[way.name], way.status)
		if way.name == "coded" {
			w.run(exitAny, "send", "spy", "spy.go", "--wait", "-d", fmt.Sprintf(`{"name": %q, "way": "coded"}`, canaryName(n)), "-o", "json")
		}
		if way.name == "state" {
			w.run(exitDone, "state", "get", "spy", canaryName(n), "-o", "json")
			w.typed("last 5\nstate "+canaryName(n)+"\nlogs\ndeadletters\nconfig\nfork spy.go {\"name\": \"C0000\", \"way\": \"log\"}\n", exitDone, "shell", "spy", "--key", canaryName(n))
		}
	}
	w.run(exitDone, "backup", filepath.Join(w.t.TempDir(), "backup"), "-o", "json")
	w.run(exitAny, "record", "--last", "60", "spy", "-o", "json")
}

// message asks for all that a host tells of one message.
func (w *canaryWorld) message(way, id string, status int) {
	w.t.Helper()
	w.run(exitDone, "trace", id, "-o", "json")
	w.run(exitAny, "replay", id, "-o", "json") // one that failed cannot be handled again
	w.run(exitAny, "record", "--to-test", "spy", id)
	w.debug(id, status)
	r, err := http.Get(w.URL() + "/.grow/messages/" + id)
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err = errors.Join(err, r.Body.Close()); err != nil {
		w.t.Error(err)
	}
	w.told["message of "+way] = string(body)
}

// debug stops a message where all forms of its secret are known, and looks at them.
func (w *canaryWorld) debug(id string, status int) {
	w.t.Helper()
	said := w.typed("next\nnext\nlocals\nprint s\nprint forms\nprint s[1:]\nprint forms[3]\ncontinue\ncontinue\ncontinue\n", exitDone, "debug", "--message", id)
	if !strings.Contains(said, "forms") || !strings.Contains(said, "***") {
		w.t.Errorf("a debugger of a message of status %d shows no hidden secret:\n%s", status, said)
	}
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

// canaryMarks are what all canaries begin with, in clear, in hexadecimal digits and in base64,
// whatever goes before.
func canaryMarks() []string {
	const begins = "cnry"
	digits := hex.EncodeToString([]byte(begins))
	encode := base64.StdEncoding.EncodeToString
	return []string{begins, digits, strings.ToUpper(digits), encode([]byte(begins))[:5], encode([]byte("x" + begins))[2:6], encode([]byte("xx" + begins))[3:8]}
}

// search looks for every canary in all that was told.
func (w *canaryWorld) search() {
	w.t.Helper()
	found := 0
	for where, text := range w.told {
		for _, mark := range canaryMarks() {
			at := strings.Index(text, mark)
			if at < 0 {
				continue
			}
			if found++; found <= 20 {
				w.t.Errorf("%s has a secret: %q", where, text[max(0, at-120):min(len(text), at+60)])
			}
		}
	}
	if found > 0 {
		w.t.Errorf("%d places have a secret", found)
	}
}

// change has secrets that were sent have other values, more often than one before is remembered
// of each, deletes some, and has others in their files.
func (w *canaryWorld) change() {
	w.t.Helper()
	for _, n := range []int{998, 995} { // sealed, and sent by a way's last message
		for i := range 6 {
			w.typed(fmt.Sprintf("%s-changed-%d", canaryOf(n), i), exitDone, "secret", "set", canaryName(n))
		}
	}
	for _, n := range []int{995, 992} {
		w.run(exitDone, "secret", "delete", canaryName(n))
	}
	for n := 1; n < canaries; n += 3 {
		w.write(filepath.Join(w.secrets, canaryName(n)), "another-value")
	}
	w.run(exitDone, "secret", "history", "-n", "1000", "-o", "json")
}

// again asks for what is kept of the messages.
func (w *canaryWorld) again(ids map[string]string) {
	w.t.Helper()
	for n, way := range canaryWays {
		w.run(exitDone, "trace", ids[way.name], "-o", "json")
		if way.name == "state" {
			w.run(exitDone, "state", "get", "spy", canaryName(n), "-o", "json")
		}
	}
}

// TestSecretCanaries: of a thousand secrets that an actor sends by every way it has, none is
// found in what a host tells or keeps beside the actor's own messages; also when a secret has
// another value since, was deleted, or is named and given by nobody any more. Third parties have
// those that they were sent.
func TestSecretCanaries(t *testing.T) {
	if testing.Short() {
		t.Skip("handles a thousand messages in Python")
	}
	newCache(t)
	w := startCanaries(t)
	ids := w.send()
	w.look(ids)
	w.change()
	w.again(ids)
	w.run(exitDone, "deadletters", "list", "-o", "json")
	if _, err := w.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	w.told["stderr"] = w.stderr.String()
	w.files(w.address, 1) // no revision names the others any more, and no environment has them
	w.again(ids)
	for _, dir := range []string{"actors", "docs", "types", ".grow/secrets", ".grow/audit", ".grow/store"} {
		w.folder(filepath.Join(w.dir, filepath.FromSlash(dir)))
	}
	w.search()
	sunk := strings.Join(w.sunk, "\n")
	for n := range headerCanary {
		if way := canaryWays[n%len(canaryWays)].name; (way == "http" || way == "publish" || way == "connector") && !strings.Contains(sunk, canaryOf(n)) {
			t.Errorf("%s did not get to where it is sent", canaryName(n))
		}
	}
	if !strings.Contains(sunk, "Bearer "+canaryOf(headerCanary)) {
		t.Error("the grant's secret did not get to where it is sent")
	}
}

package command

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/testdata/wat"
	"github.com/tidwall/gjson"
)

// hosted is a host that services are deployed to, and commands that are given it.
type hosted struct {
	t       *testing.T
	options app.PlatformOptions
	*app.Platform
}

func newHosted(t *testing.T) *hosted {
	t.Helper()
	h := &hosted{t: t, options: app.PlatformOptions{Data: t.TempDir(), Listen: "127.0.0.1:0", Control: "127.0.0.1:0", CacheDir: t.TempDir()}}
	h.start()
	t.Cleanup(h.stop)
	token, err := h.FirstToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(envToken, token)
	return h
}

func (h *hosted) start() {
	h.t.Helper()
	var err error
	if h.Platform, err = app.StartPlatform(context.Background(), h.options); err != nil {
		h.t.Fatal(err)
	}
	h.t.Setenv(envHost, h.ControlURL())
}

func (h *hosted) stop() {
	if _, err := h.Stop(context.Background()); err != nil {
		h.t.Error(err)
	}
}

// run runs a command that must end with a code, and returns what it prints.
func (h *hosted) run(want int, line string) string {
	h.t.Helper()
	var out, errs bytes.Buffer
	if code := execute(strings.Fields(line), strings.NewReader(""), &out, &errs); code != want {
		h.t.Fatalf("grow %s: exit code %d, want %d\n%s%s", line, code, want, out.String(), errs.String())
	}
	return out.String() + errs.String()
}

// golive puts the folder on the host, and makes it live with modules of testdata/wat by
// the actors' names.
func (h *hosted) golive(modules map[string]string) {
	h.t.Helper()
	change := gjson.Get(h.run(exitDone, "push -o json"), "change").String()
	s := &shell{target: target{namespace: app.DefaultNamespace}}
	m, err := s.onHost()
	if err != nil {
		h.t.Fatal(err)
	}
	defer m.client.Close()
	q := api.Request{Change: change, Seen: -1, Artifacts: map[string]api.Artifact{}}
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		d, err := m.client.Upload(h.t.Context(), wat.Module(modules[name]), nil)
		if err != nil {
			h.t.Fatal(err)
		}
		q.Artifacts[name] = api.Artifact{Digest: string(d)}
	}
	if n, err := m.remote.Deploy(h.t.Context(), q, nil); err != nil {
		h.t.Fatalf("%v: %+v", err, n.Checks)
	}
}

// call asks an endpoint, and returns status and body.
func (h *hosted) call(path, data string) string {
	h.t.Helper()
	return post(h.t, h.URL()+path, data)
}

// post asks an endpoint, and returns status and body.
func post(t *testing.T, url, data string) string {
	t.Helper()
	answer, err := http.Post(url, "application/json", strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(answer.StatusCode, " ", string(b))
}

// holds holds that text has parts.
func holds(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("there is no %q in:\n%s", part, text)
		}
	}
}

// echoFolder makes a folder with a service of one actor.
func echoFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"grow.yaml":              "service: echoes\nhttp:\n  POST /: {send: echo.done, to: echo, reply: {echo.done: 200}, timeout: 20s}\n  POST /later: {send: echo.done, to: echo, reply: 202}\n",
		"types/echo.cue":         "\"echo.done\": string\n",
		"actors/echo/actor.yaml": "actor: echo\nabout: Says what it hears.\ncode: {language: wasm, source: module.wasm}\nin: [echo.done]\nout: [echo.done]\n",
		".gitignore":             ".grow/\n",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestLifecycle: a service is made, deployed, paused, drained, stopped, started and
// deleted; what was said holds when the host is started again.
func TestLifecycle(t *testing.T) {
	h := newHosted(t)
	t.Chdir(echoFolder(t))
	h.golive(map[string]string{"echo": "echo"})
	if got := h.call("/", `"a"`); got != `200 "a"` {
		t.Fatal(got)
	}
	holds(t, h.run(exitDone, "service list"), "main", "echoes", "1", "running")
	holds(t, h.run(exitDone, "actor list"), "echo", "running")

	holds(t, h.run(exitDone, "actor pause echo --plan"), "echo of main/echoes is running, with 0 messages waiting; it would be paused")
	holds(t, h.run(exitDone, "actor pause echo"), "echo of main/echoes is paused")
	if got := h.call("/later", `"b"`); !strings.HasPrefix(got, "202") {
		t.Error(got)
	}
	holds(t, h.run(exitDone, "actor list"), "paused")
	holds(t, h.run(exitDone, "status"), "paused")
	h.stop()
	h.start()
	if got := h.run(exitDone, "actor list -o json"); gjson.Get(got, "0.mode").String() != "paused" || gjson.Get(got, "0.mailbox").Int() != 1 {
		t.Errorf("after another start of the host: %s", got)
	}
	holds(t, h.run(exitDone, "actor drain echo"), "echo of main/echoes is drained")
	if got := h.call("/", `"c"`); !strings.HasPrefix(got, "503") || !strings.Contains(got, "service.stopped") {
		t.Errorf("drained: %s", got)
	}
	holds(t, h.run(exitDone, "actor start echo"), "is running; 0 messages waiting")
	holds(t, h.run(exitDone, "actor start echo"), "is running already")

	holds(t, h.run(exitDone, "service stop echoes"), "main/echoes is stopped")
	holds(t, h.run(exitNotFound, "status"), "main/echoes is stopped")
	h.stop()
	h.start()
	holds(t, h.run(exitDone, "service list"), "stopped")
	if got := h.call("/", `"d"`); !strings.HasPrefix(got, "503") || !strings.Contains(got, "service.stopped") {
		t.Errorf("stopped: %s", got)
	}
	h.run(exitDone, "service start echoes")
	if got := h.call("/", `"e"`); got != `200 "e"` {
		t.Errorf("started: %s", got)
	}
	holds(t, h.run(exitDone, "service drain echoes"), "main/echoes is drained")
	if got := h.call("/", `"f"`); !strings.HasPrefix(got, "503") || !strings.Contains(got, "service.stopped") {
		t.Errorf("drained: %s", got)
	}

	holds(t, h.run(exitDone, "service delete echoes --plan"), "would delete main/echoes: 1 change of documents, 1 deployment, 1 revision")
	holds(t, h.run(exitUsage, "service delete echoes"), "say --yes if that is meant")
	holds(t, h.run(exitDone, "service delete echoes --yes"), "deleted main/echoes")
	holds(t, h.run(exitNotFound, "service delete echoes --yes"), "there is no service main/echoes")
	if got := strings.TrimSpace(h.run(exitDone, "service list -o json")); got != "[]" {
		t.Error(got)
	}

	// One of the same name begins anew.
	h.golive(map[string]string{"echo": "echo"})
	if got := h.run(exitDone, "actor list -o json"); gjson.Get(got, "0.mode").String() != "running" || gjson.Get(got, "0.handled").Int() != 0 || gjson.Get(got, "0.revision").Int() != 1 {
		t.Errorf("made again: %s", got)
	}
	if got := h.call("/", `"g"`); got != `200 "g"` {
		t.Errorf("made again: %s", got)
	}
}

// TestDeployWhileStopped: what is deployed to a service that is stopped runs once it is
// started.
func TestDeployWhileStopped(t *testing.T) {
	h := newHosted(t)
	t.Chdir(echoFolder(t))
	h.golive(map[string]string{"echo": "echo"})
	h.run(exitDone, "service stop echoes")
	h.golive(map[string]string{"echo": "echo"})
	holds(t, h.run(exitDone, "service list"), "2", "stopped")
	h.run(exitDone, "service start echoes")
	if got := h.call("/", `"a"`); got != `200 "a"` {
		t.Error(got)
	}
}

// What asks a host for its answer is held where one runs.
func init() {
	for where, names := range map[string][]string{
		"testdata/script/token.txtar":     {"token create", "token list", "token revoke", "signkey create", "signkey list", "signkey trust", "signkey distrust"},
		"testdata/script/secret.txtar":    {"secret set", "secret list", "secret history", "secret delete", "secret rekey"},
		"testdata/script/push_pull.txtar": {"push", "pull"},
		"testdata/script/docs.txtar":      {"docs list", "docs get", "docs put", "docs diff", "docs history", "docs restore"},
		"testdata/script/service.txtar":   {"service list", "service create", "workflow list", "workflow create", "workflow delete", "actor delete"},
		"TestLifecycle":                   {"service delete", "service start", "service stop", "service pause", "service drain", "actor list", "actor start", "actor stop", "actor pause", "actor drain"},
	} {
		for _, name := range names {
			elsewhere[name] = "asks a host: " + where
		}
	}
}

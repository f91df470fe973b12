package main_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// TestStranger: a kind of capability in a module of its own, testdata/weather, is built outside of the tree, as
// docs/capabilities.md says: it passes the suite, types, doubles and documents know it, and actors have it.
func TestStranger(t *testing.T) {
	if testing.Short() {
		t.Skip("links a second grow")
	}
	tree, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	o := &outside{T: t, dir: t.TempDir(), env: append(os.Environ(), "GOFLAGS=-mod=mod -buildvcs=false", "GOWORK=off", "NO_COLOR=1")}
	if err := os.CopyFS(o.dir, os.DirFS(filepath.Join(tree, "testdata", "weather"))); err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(tree, "go.sum"))
	if err == nil {
		err = os.WriteFile(filepath.Join(o.dir, "go.sum"), sums, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	o.does(".", 0, "go", "mod", "edit", "-replace", "github.com/grow-platform/grow="+tree)
	o.does(".", 0, "go", "test", ".")
	grow := filepath.Join(o.dir, "grow")
	o.does(".", 0, "go", "build", "-o", grow, "./grow-weather")

	o.env = append(o.env, "XDG_CACHE_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir())
	holds(t, o.does("shop", 0, grow, "types", "umbrella"), "operations.py")
	o.does("shop", 0, grow, "vet")
	holds(t, o.does("shop", 0, grow, "test"), "ok   umbrella  1 test")
	o.refuses(grow)
	o.serves(grow)
}

// outside is a folder outside of the tree.
type outside struct {
	*testing.T
	dir string
	env []string
}

// does runs a program in a folder and returns what it printed.
func (o *outside) does(folder string, code int, name string, args ...string) string {
	o.Helper()
	c := exec.CommandContext(o.Context(), name, args...)
	c.Dir, c.Env = filepath.Join(o.dir, folder), o.env
	out, err := c.CombinedOutput()
	if c.ProcessState == nil || c.ProcessState.ExitCode() != code {
		o.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return string(out)
}

func holds(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
}

// refuses: what is no grant, and doubles that the kind would never be, are found before anything runs.
func (o *outside) refuses(grow string) {
	o.Helper()
	for file, change := range map[string][3]string{
		"actors/umbrella/actor.yaml":          {"cities: [Bonn]", "cites: [Bonn]", "weather grant: cites"},
		"actors/umbrella/tests/advises.yaml":  {"celsius: 3", "celsius: cold", "weather.now never answers this: /celsius"},
		"actors/umbrella/tests/advises.yaml ": {"{sky: report,", "{sky: rain,", "the kind weather has no operation weather.rain: it has weather.now, weather.report, weather.watch"},
	} {
		path := filepath.Join(o.dir, "shop", strings.TrimSpace(file))
		text, err := os.ReadFile(path)
		if err != nil {
			o.Fatal(err)
		}
		wrong := strings.Replace(string(text), change[0], change[1], 1)
		if err := os.WriteFile(path, []byte(wrong), 0o600); err != nil {
			o.Fatal(err)
		}
		holds(o.T, o.does("shop", 3, grow, "vet"), change[2])
		if err := os.WriteFile(path, text, 0o600); err != nil {
			o.Fatal(err)
		}
	}
}

var address = regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+`)

// serves runs the service, whose actor asks a weather office.
func (o *outside) serves(grow string) {
	o.Helper()
	var mu sync.Mutex
	asked := map[string]string{}
	office := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked[r.URL.Path] = r.Header.Get("Idempotency-Key")
		fmt.Fprint(w, map[string]string{"/now": `{"celsius": 19}`, "/report": `{"number": 7}`, "/watch": "{\"celsius\": 18}\n{\"celsius\": 9}"}[r.URL.Path])
	}))
	defer office.Close()
	ctx, cancel := context.WithCancel(o.Context())
	defer cancel()
	c := exec.CommandContext(ctx, grow, "run", "--listen", "127.0.0.1:0")
	c.Dir, c.Env = filepath.Join(o.dir, "shop"), append(o.env, "GROW_WEATHER="+office.URL)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		o.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	url := ""
	for url == "" && lines.Scan() {
		url = address.FindString(lines.Text())
	}
	if url == "" {
		o.Fatalf("it does not serve: %v", c.Wait())
	}
	var advice struct {
		Coat   bool
		Report int
	}
	if err := post(ctx, url+"/walk", `{"city": "Bonn"}`, &advice); err != nil || !advice.Coat || advice.Report != 7 {
		o.Errorf("%+v, %v", advice, err)
	}
	mu.Lock()
	if len(asked) != 3 || !strings.HasPrefix(asked["/report"], "main/shop/") || asked["/report"] == asked["/now"] {
		o.Errorf("the office was asked %q", asked)
	}
	mu.Unlock()
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		o.Error(err)
	}
	_, err = io.Copy(io.Discard, out)
	if ended := c.Wait(); err != nil || ended != nil {
		o.Errorf("%v, %v", err, ended)
	}
}

func post(ctx context.Context, url, data string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(data))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer a.Body.Close() // it was only read
	body, err := io.ReadAll(a.Body)
	if err != nil {
		return err
	}
	if a.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", a.Status, body)
	}
	return json.Unmarshal(body, into)
}

package command

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/testdata/wat"
	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "rewrite the golden files of testdata/json")

// answers are the command lines that show what each command prints for
// programs, asked of a service that runs.
var answers = map[string]string{
	"actor new":           "actor new pricing --lang wasm --plan",
	"build":               "build",
	"compare":             "compare . .",
	"deadletters list":    "deadletters list",
	"deadletters show":    "deadletters show $DEAD",
	"deadletters actions": "deadletters actions",
	"deadletters drop":    "deadletters drop $DEAD --plan",
	"deadletters edit":    `deadletters edit $DEAD --data {"text":"again"} --reason test --plan`,
	"deadletters redrive": "deadletters redrive $DEAD --plan",
	"graph":               "graph",
	"init":                "init made --plan --lang go",
	"logs":                "logs",
	"schema":              "schema",
	"send":                `send echo echo.asked --data {"text":"hello"} --wait`,
	"site":                "site --out pages",
	"state diff":          "state diff book alice",
	"state get":           "state get book alice",
	"state list":          "state list book",
	"state set":           `state set book alice --data {"entries":[]} --reason test --plan`,
	"status":              "status",
	"test":                "test --coverage",
	"replay":              "replay $POSTED",
	"trace":               "trace $POSTED",
	"top":                 "top --once --every 100ms",
	"types":               "types",
	"version":             "version",
	"vet":                 "vet",
	"workflow new":        "workflow new chain --nodes echo --plan",
}

// empty are lists of a service in which nothing has happened: each is [].
var empty = []string{"deadletters list", "deadletters actions"}

// elsewhere are the commands that do not answer once, or not in JSON, and why.
var elsewhere = map[string]string{
	"deadletters abort": "takes one that runs: testdata/script/deadletters_settle.txtar",
	"console":           "wants a host that is deployed to: testdata/script/console.txtar",
	"doctor":            "tells of the machine: testdata/script/doctor.txtar",
	"licenses":          "tells of the binary: testdata/script/licenses.txtar",
	"backup":            "goes with the next two: testdata/script/backup.txtar",
	"fsck":              "wants a service that is stopped: testdata/script/backup.txtar",
	"debug":             "goes on until somebody has enough: TestDebug",
	"shell":             "takes commands, each with an answer: testdata/script/shell.txtar",
	"restore":           "wants a service that is stopped: testdata/script/backup.txtar",
	"record":            "names files and times of messages: TestRecord",
	"serve":             "goes on until it is interrupted: testdata/script/serve.txtar",
	"deploy":            "wants a host: testdata/script/deploy.txtar",
	"upload":            "wants a host: testdata/script/upload.txtar",
	"history":           "wants a host: testdata/script/history.txtar",
	"diff":              "wants a host: testdata/script/history.txtar",
	"rollback":          "wants a host: testdata/script/history.txtar",
	"publish":           "wants a registry: testdata/script/publish.txtar",
	"run":               "goes on until it is interrupted: testdata/script/run.txtar",
	"help":              "is for people", "completion bash": "is a script", "completion zsh": "is a script", "completion fish": "is a script",
	"completion powershell": "is a script",
}

// TestJSON holds what every command prints with -o json against a golden file,
// but for what differs from run to run.
func TestJSON(t *testing.T) {
	dir, none := jsonService(t), t.TempDir()
	folder, err := filepath.Abs("testdata/json")
	if err != nil {
		t.Fatal(err)
	}
	host := controlled(t, dir)
	for _, name := range empty {
		if out := ask(t, dir, answers[name]); strings.TrimSpace(out) != "[]" {
			t.Errorf("grow %s -o json: an empty list is %q", name, out)
		}
	}
	ask(t, dir, `send trap echo.asked --data {"text":"over"}`)
	if err := host.Mounted().Shard().Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	dead := host.Mounted().Shard().DeadLetters(nil, 1)
	if len(dead) != 1 {
		t.Fatal("there is no dead letter")
	}
	sent := posted(t, dir)
	ask(t, dir, "deadletters drop --text nothing-like-it --name sweep --reason test")
	for _, name := range slices.Sorted(maps.Keys(answers)) {
		t.Run(name, func(t *testing.T) {
			in := dir
			if name == "init" { // a service cannot be made in another
				in = none
			}
			out := ask(t, in, strings.NewReplacer("$DEAD", dead[0].ID, "$POSTED", sent).Replace(answers[name]))
			golden(t, filepath.Join(folder, strings.ReplaceAll(name, " ", "_")+".json"), steady(t, in, out))
		})
	}
	walk((&shell{}).root(), func(c *cobra.Command) {
		name := strings.TrimPrefix(c.CommandPath(), "grow ")
		if c.HasSubCommands() || elsewhere[name] != "" {
			return
		}
		if answers[name] == "" {
			t.Errorf("what grow %s prints for programs is not held against anything", name)
		}
	})
}

// posted puts something into the state of the service in dir, and returns the id of
// the message that did it.
func posted(t *testing.T, dir string) string {
	t.Helper()
	var reply control.SendReply
	if err := json.Unmarshal([]byte(ask(t, dir, `send book ledger.post --data {"account":"alice","amount":5} --wait`)), &reply); err != nil {
		t.Fatal(err)
	}
	return reply.ID
}

// jsonService makes a service of an actor that echoes, one that falls over, and
// one that keeps a book.
func jsonService(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"grow.yaml": "service: small\nabout: Says what it is told.\nversion: 1.2.0\nhttp:\n" +
			"  POST /echo: {send: echo.asked, to: echo, reply: {echo.done: 200}}\n  POST /trap: {send: echo.asked, to: trap, reply: 202}\n",
		"types/echo.cue":           "\"echo.asked\": {text: string}\n\"echo.done\": {text: string}\n",
		"types/ledger.cue":         "\"ledger.post\": {account: string, amount: int}\n\"ledger.posted\": {...}\n\"book\": {entries: [...]}\n",
		"actors/book/actor.yaml":   "actor: book\nabout: Keeps a book.\ncode: {language: wasm, source: module.wasm}\nin: [ledger.post]\nout: [ledger.posted]\nkey: data.account\nstate: {type: book}\n",
		"actors/book/module.wasm":  string(wat.Module("ledger")),
		"actors/echo/actor.yaml":   "actor: echo\nabout: Sends back what it is sent.\ncode: {language: wasm, source: module.wasm}\nin: [echo.asked]\nout: [echo.done]\n",
		"actors/trap/actor.yaml":   "actor: trap\nabout: Falls over.\ncode: {language: wasm, source: module.wasm}\nin: [echo.asked]\nretry: {max: 0}\n",
		"workflows/twice.yaml":     "workflow: twice\nin: [echo.asked]\nout: [echo.done]\nnodes: {first: echo}\nroutes:\n  - {from: input, to: first}\n  - {from: first, to: output}\n",
		"actors/echo/module.wasm":  string(wat.Module("echo")),
		"actors/trap/module.wasm":  string(wat.Module("trap")),
		"actors/echo/docs/what.md": "# What it is for\n",
		"actors/echo/tests/a.yaml": "- test: it says what it is told\n  proves: docs/what.md\n  when: {echo.asked: {text: hello}}\n  then: [{echo.done: {text: hello}}]\n",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// controlled starts the service in dir with the socket that commands reach it by.
func controlled(t *testing.T, dir string) *app.Platform {
	t.Helper()
	service, err := app.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := project.Build(t.Context(), service, project.Options{}); err != nil {
		t.Fatal(err)
	}
	p, err := app.StartPlatform(t.Context(), app.PlatformOptions{
		Mount: (&shell{}).mount(service, dir, false), Listen: "127.0.0.1:0", Control: "127.0.0.1:0", Journal: app.Journal{At: app.Memory}, CacheDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

// ask runs a command in dir that must succeed, and returns what it prints.
func ask(t *testing.T, dir, line string) string {
	t.Helper()
	t.Chdir(dir)
	var out, errs bytes.Buffer
	args := append(strings.Fields(line), "-o", "json")
	if code := execute(args, strings.NewReader(""), &out, &errs); code != exitDone {
		t.Fatalf("grow %s: exit code %d\n%s%s", strings.Join(args, " "), code, out.String(), errs.String())
	}
	if errs.Len() > 0 {
		t.Errorf("grow %s writes to standard error: %s", strings.Join(args, " "), errs.String())
	}
	return out.String()
}

// unsteady are the keys whose values differ from run to run.
var unsteady = map[string]bool{
	"took_ms": true, "time": true, "started": true, "pid": true, "id": true, "digest": true, "revision": true, "busy": true,
	"go": true, "python": true, "version": true, "traceparent": true, "correlation": true, "causation": true, "found": true, "path": false, "instances": true,
	"interval_ms": true, "records": true, "rate": true, "fuel": true, "fuel_max": true, "fuel_mean": true, "fuel_rate": true, "memory": true,
	"by": true, "ended": true, "record": true, "since": true, "began": true,
}

var addresses, ids = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`), regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{26}\b`)

// steady is JSON with what differs from run to run replaced by a word.
func steady(t *testing.T, dir, text string) string {
	t.Helper()
	var b bytes.Buffer
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	for d.More() {
		var v any
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		out := json.NewEncoder(&b)
		out.SetIndent("", "  ")
		out.SetEscapeHTML(false)
		if err := out.Encode(replaced(v)); err != nil {
			t.Fatal(err)
		}
	}
	return ids.ReplaceAllString(addresses.ReplaceAllString(strings.ReplaceAll(b.String(), dir, "DIR"), "ADDRESS"), "ID")
}

func replaced(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = replaced(v[i])
		}
	case map[string]any:
		for k := range v {
			if _, deep := v[k].(map[string]any); unsteady[k] && !deep {
				v[k] = strings.ToUpper(k)
			} else {
				v[k] = replaced(v[k])
			}
		}
	}
	return v
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

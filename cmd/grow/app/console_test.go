package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/host/console"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/testdata/wat"
)

// consoleFiles are the documents of a service with an actor that answers, and one behind
// it that fails. Some of them would do harm in a page that took them for HTML.
func consoleFiles(test string) map[string]string {
	return map[string]string{
		"grow.yaml":                     "service: shop\nhttp:\n  POST /: {send: echo.done, to: checkout, reply: {echo.done: 200}, timeout: 1m}\n",
		"types/echo.cue":                "\"echo.done\": string\n",
		"actors/price/actor.yaml":       "actor: price\nabout: Says what it hears.\ncode: {language: wasm, source: module.wasm}\nin: [echo.done]\nout: [echo.done]\n",
		"actors/price/docs/goals.md":    "<script>alert(1)</script><img src=x onerror=alert(2)> left\u202eright\n",
		"actors/price/tests/first.yaml": test,
		"actors/ship/actor.yaml":        "actor: ship\nabout: Fails.\ncode: {language: wasm, source: module.wasm}\nin: [echo.done]\nout: [echo.done]\nretry: {max: 0}\n",
		"workflows/checkout.yaml":       "workflow: checkout\nin: [echo.done]\nout: [echo.done]\nnodes:\n  price: price\n  ship: ship\nroutes:\n  - {from: input, to: [price]}\n  - {from: price, when: \"data == 'ship'\", to: [ship]}\n  - {from: price, to: [output]}\n  - {from: ship, to: [output]}\n",
	}
}

// rowFiles are the documents of a service in which so many nodes stand in a row.
func rowFiles(nodes int) map[string]string {
	var flow strings.Builder
	flow.WriteString("workflow: all\nin: [echo.done]\nout: [echo.done]\nnodes:\n")
	for i := range nodes {
		fmt.Fprintf(&flow, "  step-%d: price\n", i)
	}
	flow.WriteString("routes:\n  - {from: input, to: step-0}\n")
	for i := range nodes - 1 {
		fmt.Fprintf(&flow, "  - {from: step-%d, to: step-%d}\n", i, i+1)
	}
	fmt.Fprintf(&flow, "  - {from: step-%d, to: output}\n", nodes-1)
	files := consoleFiles(echoTest)
	return map[string]string{
		"grow.yaml": "service: row\n", "types/echo.cue": files["types/echo.cue"],
		"actors/price/actor.yaml": files["actors/price/actor.yaml"], "workflows/all.yaml": flow.String(),
	}
}

// deployAs makes a service of files and modules live.
func (p *platform) deployAs(s documents.Service, files map[string]string, modules map[string][]byte) (deploy.Deployment, error) {
	p.t.Helper()
	r := deploy.Request{Service: s, Artifacts: map[string]deploy.Artifact{}, Seen: deploy.AnySeen, By: "ann", Text: "for the console"}
	for path, text := range files {
		f, err := p.Documents.Put(p.t.Context(), path, []byte(text), false)
		if err != nil {
			p.t.Fatal(err)
		}
		r.Documents = r.Documents.With(f)
	}
	change := documents.Change{By: "ann"}
	if last, err := p.Documents.Last(p.t.Context(), s); err == nil {
		change.Parent = last.ID
	}
	change, err := p.Documents.Revise(p.t.Context(), s, r.Documents, change)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Change = change.ID
	for name, module := range modules {
		d := store.DigestOf(module)
		if _, err := p.Uploads.Add(p.t.Context(), d, int64(len(module)), 0, bytes.NewReader(module)); err != nil {
			p.t.Fatal(err)
		}
		r.Artifacts[name] = deploy.Artifact{Digest: d, Size: int64(len(module))}
	}
	return p.Deployer.Deploy(p.t.Context(), r)
}

// TestConsole has Chromium look at a host, as host/console/web/test says.
func TestConsole(t *testing.T) {
	if _, err := console.Licenses(); errors.Is(err, console.ErrMissing) {
		t.Skip(err)
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("there is no chromium in PATH; on Debian: apt-get install chromium")
	}
	web, err := filepath.Abs("../../../host/console/web")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(web, "node_modules")); err != nil {
		t.Skip("what the test is driven by is not installed; it comes with: make build")
	}
	p := newPlatform(t)
	shop := documents.Service{Namespace: DefaultNamespace, Name: "shop"}
	modules := map[string][]byte{"price": wat.Module("echo"), "ship": wat.Module("trap")}
	if n, err := p.deployAs(shop, consoleFiles(echoTest), modules); err != nil {
		t.Fatalf("%v\n%+v", err, n.Checks)
	}
	row := documents.Service{Namespace: DefaultNamespace, Name: "row"}
	if n, err := p.deployAs(row, rowFiles(200), map[string][]byte{"price": modules["price"]}); err != nil {
		t.Fatalf("%v\n%+v", err, n.Checks)
	}
	var refused *deploy.RefusedError
	if n, err := p.deployAs(shop, consoleFiles(badTest), modules); !errors.As(err, &refused) {
		t.Fatalf("%v\n%+v", err, n.Checks)
	}
	sent, err := p.backendOf(shop).Send(t.Context(), control.SendRequest{To: "checkout/ship", Type: "echo.done", Data: []byte(`"<b>9007199254740993</b>"`), Wait: true})
	if err != nil || sent.Code == "" {
		t.Fatalf("%+v, %v", sent, err)
	}
	token, err := p.FirstToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), consoleTime)
	defer cancel()
	c := exec.CommandContext(ctx, "node", "--test", "--test-reporter=spec", "test/console.test.mjs")
	c.Dir = web
	c.Env = append(os.Environ(), "HOST="+p.ControlURL(), "TOKEN="+token, "SERVICE="+p.URL(), "DEAD="+sent.ID, "CHROMIUM="+browser)
	out, err := c.CombinedOutput()
	t.Logf("%s", bytes.TrimSpace(out))
	if err != nil {
		t.Errorf("%s: %v", strings.Join(c.Args, " "), err)
	}
}

// consoleTime is what a browser may take for all that TestConsole looks at.
const consoleTime = 5 * time.Minute

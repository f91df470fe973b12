package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/documents"
)

// emptyFolder makes an empty folder the current one, and returns what writes files there.
func emptyFolder(t *testing.T) (write func(name, text string)) {
	t.Helper()
	t.Chdir(t.TempDir())
	return func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUnchanged: a revision that outlives the deployment that made it, since its actor has
// not changed for long, can be compared with and gone back to.
func TestUnchanged(t *testing.T) {
	h := newHosted(t)
	write := emptyFolder(t)
	write("types/echo.cue", "\"echo.done\": {text: string}\n")
	golive := func(about, service string) {
		write("actors/echo/actor.yaml", fmt.Sprintf("actor: echo\nabout: %s.\ncode: {language: wasm, source: m.wasm}\nin: [echo.done]\nout: [echo.done]\n", about))
		write("grow.yaml", fmt.Sprintf("# %s\nservice: shop\nhttp:\n  POST /echo: {send: echo.done, to: echo, reply: {echo.done: 200}}\n", service))
		h.golive(map[string]string{"echo": "echo"})
	}
	golive("First", "0")
	for i := range 4 { // revision 2 is made by the first of them
		golive("Second", fmt.Sprint(i))
	}
	golive("Third", "5")
	n, err := h.Deployer.Retain(t.Context(), documents.Service{Namespace: app.DefaultNamespace, Name: "shop"}, deploy.Retention{Last: 2})
	if err != nil || n != (deploy.Forgotten{Deployments: 3}) {
		t.Fatalf("%+v, %v", n, err)
	}
	holds(t, h.run(exitNotFound, "history --deployment 2"), "it was old, and the host has removed it")
	holds(t, h.run(exitDone, "diff echo@2 echo@live"), "-about: Second.", "+about: Third.")
	holds(t, h.run(exitDone, "rollback echo --to 2"), "is live")
	holds(t, h.run(exitDone, "docs get echo"), "about: Second.")
}

// TestForgotten: history, diff and rollback say of what was removed that it was, and go
// on with what there is.
func TestForgotten(t *testing.T) {
	h := newHosted(t)
	write := emptyFolder(t)
	write("grow.yaml", "service: shop\nhttp:\n  POST /echo: {send: echo.done, to: echo, reply: {echo.done: 200}}\n")
	write("types/echo.cue", "\"echo.done\": {text: string}\n")
	for i := range 6 {
		write("actors/echo/actor.yaml", fmt.Sprintf("actor: echo\nabout: The %d.\ncode: {language: wasm, source: m.wasm}\nin: [echo.done]\nout: [echo.done]\n", i))
		h.golive(map[string]string{"echo": "echo"})
	}
	if text := h.run(exitDone, "history"); strings.Contains(text, "removed") {
		t.Errorf("nothing was removed yet:\n%s", text)
	}
	n, err := h.Deployer.Retain(t.Context(), documents.Service{Namespace: app.DefaultNamespace, Name: "shop"}, deploy.Retention{Last: 2})
	if err != nil || n != (deploy.Forgotten{Deployments: 3, Revisions: 3}) {
		t.Fatalf("%+v, %v", n, err)
	}
	for _, c := range []struct {
		line string
		code int
		want string
	}{
		{"history", exitDone, "3 old deployments among these or before them were removed: the host keeps the last ones only"},
		{"history echo", exitDone, "3 old revisions among these or before them were removed"},
		{"history --deployment 3", exitNotFound, "deployment 3 of main/shop: it was old, and the host has removed it"},
		{"history --deployment 9", exitNotFound, "there is no deployment 9"},
		{"diff 3 live", exitNotFound, "deployment 3 of main/shop: it was old"},
		{"diff echo@2 echo@live", exitNotFound, "revision 2 of echo: it was old"},
		{"diff echo@9 echo@live", exitNotFound, "echo has no revision 9"},
		{"diff 1 5 --brief", exitDone, "changed  actors/echo/actor.yaml"},
		{"rollback echo --to 2 --plan", exitNotFound, "revision 2 of echo was old, and the host has removed it"},
		{"rollback --service-wide --to 4 --plan", exitNotFound, "it was old, and the host has removed it"},
		{"rollback --service-wide --plan", exitDone, "this would go live"},
		{"rollback echo --plan", exitDone, "this would go live"},
	} {
		holds(t, h.run(c.code, c.line), c.want)
	}
	text := h.run(exitDone, "history -n 2")
	if strings.Contains(text, "removed") { // none between the two that are listed
		t.Error(text)
	}
	h.options.Keep = deploy.Retention{Last: 1}
	h.stop()
	h.start()
	if got := h.call("/echo", `{"text":"hello"}`); got != `200 {"text":"hello"}` {
		t.Error(got)
	}
}

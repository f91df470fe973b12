package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/testdata/wat"
)

// hostileEnv says how many hostile actors TestDeployHostile deploys.
const hostileEnv = "GROW_HOSTILE_ACTORS"

// hostiles are modules that do no good.
var hostiles = []string{"spin", "fill", "recurse", "flood", "trap", "hugelen", "allocnull", "exit"}

// writeService writes a service of one good actor behind an endpoint and n
// hostile ones, each with a module of its own, and returns it.
func writeService(t *testing.T, dir string, n int) Options {
	t.Helper()
	files := map[string]string{
		"grow.yaml":               "service: mixed\nabout: Good and bad.\nhttp:\n  POST /orders: {send: echo.done, to: good, reply: {echo.done: 200}}\n",
		"types/order.cue":         "\"echo.done\": _\n",
		"actors/good/module.wasm": string(wat.Module("echo")),
		"actors/good/actor.yaml":  "actor: good\nabout: Sends on what it gets.\ncode: {language: wasm, source: module.wasm}\nin: [echo.done]\nout: [echo.done]\n",
	}
	for i := range n {
		folder := fmt.Sprintf("actors/h%d/", i)
		custom := fmt.Sprintf("n%d", i)
		files[folder+"module.wasm"] = string(wat.Module(hostiles[i%len(hostiles)])) + string([]byte{0, byte(len(custom) + 2), byte(len(custom))}) + custom + "."
		files[folder+"actor.yaml"] = fmt.Sprintf("actor: h%d\nabout: Does no good.\ncode: {language: wasm, source: module.wasm}\nin: [echo.done]\nretry: {max: 0}\nlimits: {fuel: 20M}\n", i)
	}
	writeFiles(t, dir, files)
	service, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]string{}
	for name, a := range service.Actors {
		modules[name] = a.Code.Source
	}
	return Options{Dir: dir, Service: service, Modules: modules, Listen: "127.0.0.1:0", CacheDir: t.TempDir()}
}

// TestDeployHostile: while hostile actors are deployed, all at once, and get
// messages, every request to the good one is answered as it should be.
func TestDeployHostile(t *testing.T) {
	n := 40
	if text := os.Getenv(hostileEnv); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	h, err := Start(t.Context(), writeService(t, dir, 0))
	if err != nil {
		t.Fatal(err)
	}
	var done atomic.Bool
	var answered atomic.Int64
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for !done.Load() {
				if err := order(t.Context(), h.URL()); err != nil {
					t.Error(err)
					return
				}
				answered.Add(1)
			}
		})
	}
	next := writeService(t, dir, n)
	if _, err := h.Apply(t.Context(), next.Service, next.Modules); err != nil {
		t.Fatal(err)
	}
	deployed := answered.Load()
	var flows []*shard.Flow
	for i := range n {
		f, err := h.Shard().Accept(t.Context(), &shard.Request{To: fmt.Sprintf("h%d", i), Source: "test", Type: "echo.done", Data: []byte(`{}`), AnyReply: true})
		if err != nil {
			t.Fatal(err)
		}
		flows = append(flows, f)
	}
	for i, f := range flows {
		<-f.Done()
		if a := f.Answer(); a.Outcome != shard.Failed || a.Code == "" || strings.HasPrefix(a.Code, "host.") {
			t.Errorf("h%d, %s: %v %s: %s", i, hostiles[i%len(hostiles)], a.Outcome, a.Code, a.Text)
		}
	}
	done.Store(true)
	wait.Wait()
	t.Logf("%d hostile actors; %d good answers while they were deployed, %d while they ran", n, deployed, answered.Load()-deployed)
	if deployed == 0 || answered.Load() == deployed {
		t.Errorf("%d and %d requests were answered", deployed, answered.Load()-deployed)
	}
	if _, err := h.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// order posts an order and holds the answer against it.
func order(ctx context.Context, url string) error {
	body := []byte(`{"id":"o-1"}`)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/orders", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK || !bytes.Equal(got, body) {
		return fmt.Errorf("the good actor answered %s: %s", answer.Status, got)
	}
	return nil
}

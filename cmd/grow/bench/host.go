package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/testdata/wat"
)

const (
	uploadTests  = 10 // of the actor that is uploaded
	deployActors = 20 // of the service of which one is changed
)

// platform is a host that services are deployed to, and a client with its first token.
type platform struct {
	host    *app.Platform
	client  *api.Client
	service *api.Remote
	token   string
	parent  string // the last change of the documents
	live    int    // the deployment that runs
	files   map[string]string
}

// platform starts a host in a folder of its own; its journal is on disk.
func (w *workspace) platform(ctx context.Context, files map[string]string) (p *platform, err error) {
	dir, err := os.MkdirTemp(w.dir, "platform")
	if err != nil {
		return nil, err
	}
	p = &platform{files: files}
	p.host, err = app.StartPlatform(ctx, app.PlatformOptions{Data: dir, Listen: "127.0.0.1:0", Control: "127.0.0.1:0", CacheDir: filepath.Join(w.dir, "platform-cache")})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_, stopErr := p.host.Stop(ctx)
			err = errors.Join(err, stopErr)
		}
	}()
	p.token, err = p.host.FirstToken(ctx)
	if err != nil {
		return nil, err
	}
	p.client, err = api.NewClient(api.ClientOptions{URL: p.host.ControlURL(), Token: p.token})
	if err != nil {
		return nil, err
	}
	p.service = p.client.At(app.DefaultNamespace, "bench")
	return p, nil
}

func (p *platform) stop() error {
	p.client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), settlePeriod)
	defer cancel()
	_, err := p.host.Stop(ctx)
	return err
}

// deploy uploads what the host does not have, and makes it live.
func (p *platform) deploy(ctx context.Context, modules map[string][]byte) error {
	q := api.Request{Seen: p.live, Artifacts: map[string]api.Artifact{}}
	for name, b := range modules {
		d, err := p.client.Upload(ctx, b, nil)
		if err != nil {
			return err
		}
		q.Artifacts[name] = api.Artifact{Digest: string(d)}
	}
	v := api.Revise{Parent: p.parent}
	texts := map[string]string{}
	for _, path := range slices.Sorted(maps.Keys(p.files)) {
		d := string(store.DigestOf([]byte(p.files[path])))
		texts[d] = p.files[path]
		v.Files = append(v.Files, api.File{Path: path, Digest: d, Size: int64(len(p.files[path]))})
	}
	for {
		done, err := p.service.Revise(ctx, v)
		if err != nil {
			return err
		}
		if done.Change != nil {
			q.Change, p.parent = done.Change.ID, done.Change.ID
			break
		}
		for _, d := range done.Missing {
			if _, err := p.client.Upload(ctx, []byte(texts[d]), nil); err != nil {
				return err
			}
		}
	}
	n, err := p.service.Deploy(ctx, q, nil)
	if err != nil {
		return fmt.Errorf("%w: %+v", err, n.Failed())
	}
	if p.live = n.Number; n.State != deploy.Live {
		return fmt.Errorf("deployment %d is %s", n.Number, n.State)
	}
	return nil
}

// padded is a module with a custom section that makes it another one.
func padded(module []byte, n int) []byte {
	text := fmt.Sprintf("\x05bench%020d", n)
	return append(append(slices.Clone(module), 0, byte(len(text))), text...)
}

// uploads measures how long a module of a Rust actor with ten tests takes from the
// first request to its being live.
func uploads(ctx context.Context, w *workspace) (rounder, error) {
	binary, err := w.rust(ctx)
	if err != nil {
		return nil, err
	}
	var tests strings.Builder
	for i := range uploadTests {
		fmt.Fprintf(&tests, "- test: order %d is answered\n  when: {echo.done: {id: o-%d, customer: c-%d, total: %d.5}}\n  then: [{echo.done: {id: o-%d, customer: c-%d, total: = >=%d}}]\n", i, i, i, i, i, i, i)
	}
	p, err := w.platform(ctx, map[string]string{
		"grow.yaml":                      "service: bench\nabout: Measures.\nhttp:\n  POST /orders: {send: echo.done, to: order, reply: {echo.done: 200}}\n",
		"types/bench.cue":                "\"echo.done\": {id: string, customer: string, total: number}\n",
		"actors/order/actor.yaml":        "actor: order\nabout: Sends on what it gets.\ncode: {language: wasm, source: module.wasm}\nin: [echo.done]\nout: [echo.done]\n",
		"actors/order/tests/orders.yaml": tests.String(),
	})
	if err != nil {
		return nil, err
	}
	if err := p.deploy(ctx, map[string][]byte{"order": binary}); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	w.atEnd(p.stop)
	n := 0
	return func(ctx context.Context) (float64, float64, error) {
		n++
		begin := time.Now()
		err := p.deploy(ctx, map[string][]byte{"order": padded(binary, n)})
		return millis(time.Since(begin)), 1, err
	}, nil
}

// deploys measures how long a service of twenty actors, of which one is changed, takes
// from the first request to its being live.
func deploys(ctx context.Context, w *workspace) (rounder, error) {
	files := map[string]string{"types/bench.cue": orderType, "grow.yaml": "service: bench\nabout: Measures.\nhttp:\n  POST /orders: {send: echo.done, to: ring, reply: {echo.done: 200}}\n"}
	var nodes, routes strings.Builder
	modules, last := map[string][]byte{}, "input"
	for i := range deployActors {
		name := fmt.Sprintf("step-%d", i)
		fmt.Fprintf(&nodes, "  %s: %s\n", name, name)
		fmt.Fprintf(&routes, "  - {from: %s, to: %s}\n", last, name)
		files["actors/"+name+"/actor.yaml"] = fmt.Sprintf("actor: %s\nabout: Sends on what it gets.\ncode: {language: wasm, source: module.wasm}\nin: [echo.done]\nout: [echo.done]\nkey: data.customer\n", name)
		files["actors/"+name+"/tests/orders.yaml"] = "- test: an order goes on\n  when: {echo.done: {id: o-1, customer: c-1, tier: none, total: 5, currency: EUR, items: []}}\n  then: [{echo.done: {id: o-1, ...: _}}]\n"
		modules[name] = padded(wat.Module("echo"), i)
		last = name
	}
	files["workflows/ring.yaml"] = "workflow: ring\nabout: All steps.\nin: [echo.done]\nout: [echo.done]\nnodes:\n" + nodes.String() + "routes:\n" + routes.String() + "  - {from: " + last + ", to: output}\n"
	p, err := w.platform(ctx, files)
	if err != nil {
		return nil, err
	}
	if err := p.deploy(ctx, modules); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	w.atEnd(p.stop)
	n := deployActors
	return func(ctx context.Context) (float64, float64, error) {
		n++
		p.files["actors/step-7/docs/notes.md"] = fmt.Sprintf("Change %d.\n", n)
		begin := time.Now()
		err := p.deploy(ctx, map[string][]byte{"step-7": padded(wat.Module("echo"), n)})
		return millis(time.Since(begin)), 1, err
	}, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/cmd/grow/live"
	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/host/watch"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/testdata/wat"
)

const (
	editedActors = 20
	editedTimes  = 10 // in a round
)

// savedToLive measures edits of an actor in a service of many: the time from
// writing its module to the first answer of the new revision, without the time
// of the build. The reference is the build.
func savedToLive(ctx context.Context, w *workspace) (rounder, error) {
	dir := filepath.Join(w.dir, "watch")
	endpoints, files := "", map[string]string{}
	for i := range editedActors {
		name := fmt.Sprintf("a%d", i)
		files["actors/"+name+"/actor.yaml"] = "actor: " + name + "\nabout: Sends on what it gets.\ncode: {language: wasm, source: module.wasm}\nin: [echo.done]\nout: [echo.done]\n"
		files["actors/"+name+"/module.wasm"] = string(wat.Module("echo"))
		endpoints += fmt.Sprintf("  POST /%s: {send: echo.done, to: %s, reply: {echo.done: 200}}\n", name, name)
	}
	files["grow.yaml"] = "service: bench\nabout: Measures.\nhttp:\n" + endpoints
	files["types/bench.cue"] = orderType
	for path, text := range files {
		if err := write(filepath.Join(dir, path), text); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		e, err := openEdited(ctx, dir)
		if err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, e.close()) }()
		var took, built []float64
		for i := range editedTimes {
			t, b, err := e.edit(ctx, i)
			if err != nil {
				return 0, 0, err
			}
			took, built = append(took, micros(t-b)/1000), append(built, micros(b)/1000)
		}
		return median(took), median(built), nil
	}, nil
}

func write(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

// edited is a service whose edits take effect.
type edited struct {
	host    mounted
	watcher *watch.Watcher
	events  chan live.Event
	cancel  context.CancelFunc
	ended   chan struct{}
	dir     string
}

func openEdited(ctx context.Context, dir string) (*edited, error) {
	e := &edited{dir: dir, events: make(chan live.Event, 1), ended: make(chan struct{})}
	var err error
	if e.watcher, err = watch.Open(dir, watch.Options{}); err != nil {
		return nil, err
	}
	if err := e.start(ctx); err != nil {
		return nil, errors.Join(err, e.watcher.Close())
	}
	return e, nil
}

func (e *edited) start(ctx context.Context) error {
	files, err := watch.Scan(e.dir)
	if err != nil {
		return err
	}
	service, err := app.Load(e.dir)
	if err != nil {
		return err
	}
	modules := map[string]string{}
	built, err := project.Build(ctx, service, project.Options{})
	if err != nil {
		return err
	}
	for name, r := range built {
		modules[name] = r.Module
	}
	if e.host, err = mountOf(ctx, &app.Mount{Dir: e.dir, Service: service, Modules: modules, Watched: true}, app.Journal{At: app.Memory}); err != nil {
		return err
	}
	f, err := live.New(live.Options{
		Host: e.host.Mounted(), Service: service, Watcher: e.watcher, Files: files, Report: func(told live.Event) { e.events <- told },
		Record: func(service *specs.Service, _ live.Event) { e.host.Mounted().Record(service, modules, nil) },
	})
	if err != nil {
		return errors.Join(err, stop(e.host))
	}
	ctx, e.cancel = context.WithCancel(ctx)
	go func() { // ends with close
		defer close(e.ended)
		f.Run(ctx)
	}()
	return nil
}

// edit makes another module of an actor live, and returns the time until it
// answers and that of the build.
func (e *edited) edit(ctx context.Context, i int) (took, built time.Duration, err error) {
	note := fmt.Sprintf("%d %d", i, time.Now().UnixNano())
	section := "\x00" + string(rune(2+len(note))) + string(rune(len(note))) + note + "\x00" // a custom one, named by the note
	begin := time.Now()
	if err := write(filepath.Join(e.dir, "actors", "a7", "module.wasm"), string(wat.Module("echo"))+section); err != nil {
		return 0, 0, err
	}
	select {
	case told := <-e.events:
		if told.Kind != live.Swapped {
			return 0, 0, fmt.Errorf("the edit was not live: %s %w", told.Kind, told.Err)
		}
		built = told.Built
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.host.URL()+"/a7", strings.NewReader(string(order)))
	if err != nil {
		return 0, 0, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, 0, err
	}
	took = time.Since(begin)
	if answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("answered %s", answer.Status)
	}
	return took, built, errors.Join(err, answer.Body.Close())
}

func (e *edited) close() error {
	e.cancel()
	<-e.ended
	http.DefaultClient.CloseIdleConnections()
	return errors.Join(e.watcher.Close(), stop(e.host))
}

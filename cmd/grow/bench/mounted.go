package main

import (
	"context"
	"io/fs"
	"os"
	"strings"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
)

// mounted is a folder served as grow run serves it: by a platform, and behind its front.
type mounted struct {
	*app.Platform
}

// Shard is that of the folder's service.
func (m mounted) Shard() *shard.Shard { return m.Mounted().Shard() }

// mount serves the folder in dir.
func (w *workspace) mount(ctx context.Context, dir string, j app.Journal) (mounted, error) {
	service, err := app.Load(dir)
	if err != nil {
		return mounted{}, err
	}
	return mountOf(ctx, &app.Mount{Dir: dir, Service: service, Modules: sources(service)}, j)
}

// mountOf serves a folder.
func mountOf(ctx context.Context, m *app.Mount, j app.Journal) (mounted, error) {
	m.By = "bench"
	m.Documents = func(context.Context) (documents.Tree, string, error) {
		t, err := documentsIn(m.Dir)
		return t, "", err
	}
	p, err := app.StartPlatform(ctx, app.PlatformOptions{Mount: m, Listen: "127.0.0.1:0", Control: "127.0.0.1:0", Journal: j})
	return mounted{p}, err
}

// sources are the modules of a service whose actors are modules already.
func sources(service *specs.Service) map[string]string {
	modules := map[string]string{}
	for name, a := range service.Actors {
		modules[name] = a.Code.Source
	}
	return modules
}

// documentsIn are the files in a folder, but for what the host keeps there.
func documentsIn(dir string) (t documents.Tree, err error) {
	root := os.DirFS(dir)
	err = fs.WalkDir(root, ".", func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || path == ".":
			return err
		case e.IsDir() && strings.HasPrefix(e.Name(), "."):
			return fs.SkipDir
		case e.IsDir():
			return nil
		}
		b, err := fs.ReadFile(root, path)
		if err == nil {
			t = append(t, documents.File{Path: path, Digest: store.DigestOf(b), Size: int64(len(b))})
		}
		return err
	})
	return t, err
}

// stopper is what serves something: app.Host, app.Platform.
type stopper interface {
	Stop(ctx context.Context) (app.Leftover, error)
}

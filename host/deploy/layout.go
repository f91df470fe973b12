package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
)

// Folders of what is laid out, each below by digest.
const treesDir, artifactsDir = "trees", "artifacts"

// layOut makes files of a deployment's documents and modules: folders by digest, which
// are there whole or not at all, and are used again.
func (d *Deployer) layOut(ctx context.Context, n Deployment, t documents.Tree) (Candidate, error) {
	c := Candidate{Service: n.Service, Dir: filepath.Join(d.o.Dir, treesDir, string(n.Tree)), Modules: map[string]string{}, Actors: map[string]Artifact{}}
	if err := d.folder(c.Dir, func(dir string) error {
		for _, f := range t {
			mode := os.FileMode(0o600)
			if f.Exec {
				mode = 0o700
			}
			if err := d.file(ctx, f.Digest, filepath.Join(dir, filepath.FromSlash(f.Path)), mode); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return c, fmt.Errorf("lay out documents of %s: %w", n.Service, store.NoRoom(err))
	}
	for name, a := range n.Actors {
		folder := filepath.Join(d.o.Dir, artifactsDir, string(a.Digest))
		c.Modules[name], c.Actors[name] = filepath.Join(folder, "module.wasm"), a.Artifact
		if err := d.folder(folder, func(dir string) error {
			return d.file(ctx, a.Digest, filepath.Join(dir, "module.wasm"), 0o600)
		}); err != nil {
			return c, fmt.Errorf("lay out the module of %s: %w", name, store.NoRoom(err))
		}
	}
	return c, nil
}

// folder makes a folder with what fill puts into it, unless it is there.
func (d *Deployer) folder(path string, fill func(dir string) error) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(path), ".fresh-")
	if err != nil {
		return err
	}
	err = fill(temp)
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err == nil {
		return nil
	}
	if _, statErr := os.Stat(path); statErr == nil {
		err = nil // another deployment was quicker
	}
	return errors.Join(err, os.RemoveAll(temp))
}

// file writes an object to a path.
func (d *Deployer) file(ctx context.Context, digest store.Digest, path string, mode os.FileMode) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	r, _, err := d.o.Store.Get(ctx, digest)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

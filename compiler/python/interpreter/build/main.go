// Command build makes the Python runtime of this clone of grow, step by step; steps
// that the user's cache has are not done again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/grow-platform/grow/compiler/cache"
	"github.com/grow-platform/grow/compiler/python/interpreter"
)

func main() {
	ready := flag.Bool("ready", false, "only tell, by the exit status, whether the runtime is built")
	dist := flag.String("embed", "", "put the runtime into the folder that the binary is built with")
	where := flag.String("where", "", "print the folder of a step: compiler, library or runtime")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *ready, *dist, *where); err != nil {
		if !*ready {
			fmt.Fprintln(os.Stderr, "build the Python runtime:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, ready bool, dist, where string) error {
	var dirs []string
	for _, step := range interpreter.Steps() {
		dir, err := interpreter.Dir(step)
		if err != nil {
			return err
		}
		if where == step.Name {
			fmt.Println(dir)
			return nil
		}
		dirs = append(dirs, dir)
	}
	last := dirs[len(dirs)-1]
	_, err := os.Stat(last)
	switch {
	case where != "":
		return fmt.Errorf("there is no step %s", where)
	case ready:
		return err
	case errors.Is(err, fs.ErrNotExist):
		err = steps(ctx, dirs)
	}
	if err == nil && dist != "" {
		err = interpreter.Embed(last, dist)
	}
	return err
}

// steps does those that are missing.
func steps(ctx context.Context, dirs []string) error {
	unlock, err := cache.Lock(ctx, filepath.Dir(dirs[0]))
	if err != nil {
		return err
	}
	defer unlock()
	left, err := filepath.Glob(filepath.Join(filepath.Dir(dirs[0]), ".work-*")) // by builds that were killed
	for _, dir := range left {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(dirs[0]), ".work-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	recipe := filepath.Join(work, "recipe")
	if err := interpreter.Extract(recipe); err != nil {
		return err
	}
	list := interpreter.Steps()
	for i, step := range list {
		if _, err := os.Stat(dirs[i]); err == nil {
			continue
		}
		err := cache.Once(dirs[i], func(dir string) error {
			if i < len(list)-1 {
				return script(ctx, work, step.Name, dir, dirs[:i])
			}
			raw := filepath.Join(work, "raw")
			if err := os.Mkdir(raw, 0o755); err != nil {
				return err
			}
			if err := script(ctx, work, step.Name, raw, dirs[:i]); err != nil {
				return err
			}
			return interpreter.Pack(raw, dir)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", step.Name, err)
		}
	}
	return nil
}

// script runs the program of a step in a folder of its own, until ctx ends.
func script(ctx context.Context, work, step, out string, before []string) error {
	dir := filepath.Join(work, step)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	args := append([]string{filepath.Join(work, "recipe", step, "make"), out}, before...)
	c := exec.CommandContext(ctx, "bash", args...)
	c.Dir, c.Stdout, c.Stderr = dir, os.Stderr, os.Stderr
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 10 * time.Second
	return c.Run()
}

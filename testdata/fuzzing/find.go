package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

var declared = regexp.MustCompile(`(?m)^func (Fuzz[A-Za-z0-9_]+)\(\w+ \*testing\.F\)`)

// output is what a command writes.
func output(ctx context.Context, name string, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, name, args...)
	var said bytes.Buffer
	c.Stderr = &said
	b, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(said.Bytes()))
	}
	return b, nil
}

// find returns the targets of the repository that only picks, in its order, or
// all by name.
func find(ctx context.Context, only string) ([]*target, error) {
	files, err := output(ctx, "git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*_test.go")
	if err != nil {
		return nil, err
	}
	var all []*target
	digests := map[string]string{}
	for _, file := range strings.Fields(string(files)) {
		b, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue // it was removed and is not committed
		}
		if err != nil {
			return nil, err
		}
		for _, m := range declared.FindAllSubmatch(b, -1) {
			all = append(all, &target{dir: filepath.ToSlash(filepath.Dir(file)), name: string(m[1])})
		}
	}
	slices.SortFunc(all, func(a, b *target) int { return strings.Compare(a.id(), b.id()) })
	picked := pick(all, only)
	if len(picked) == 0 {
		return nil, fmt.Errorf("no target has %s in its name", only)
	}
	for _, t := range picked {
		if digests[t.dir] == "" {
			if digests[t.dir], err = digest(ctx, t.dir); err != nil {
				return nil, err
			}
		}
		t.digest = digests[t.dir]
	}
	return picked, nil
}

func pick(all []*target, only string) []*target {
	if only == "" {
		return all
	}
	var picked []*target
	for _, text := range strings.Split(only, ",") {
		for _, t := range all {
			if text != "" && strings.Contains(t.id(), text) && !slices.Contains(picked, t) {
				picked = append(picked, t)
			}
		}
	}
	return picked
}

// listed is what go list says of a package.
type listed struct {
	Dir, ImportPath                                                  string
	Standard                                                         bool
	Module                                                           *struct{ Main bool }
	GoFiles, CgoFiles, SFiles, EmbedFiles, TestGoFiles, XTestGoFiles []string
	TestEmbedFiles, XTestEmbedFiles                                  []string
}

// digest is of all sources of this module that the tests of a package are made of, of
// what others there are, and of the Go they are compiled by. Seeds are no part
// of it: an input that was found and mended leaves what has run as it was.
func digest(ctx context.Context, dir string) (string, error) {
	b, err := output(ctx, "go", "list", "-deps", "-test", "-json=Dir,ImportPath,Standard,Module,GoFiles,CgoFiles,SFiles,EmbedFiles,TestGoFiles,XTestGoFiles,TestEmbedFiles,XTestEmbedFiles", "./"+dir)
	if err != nil {
		return "", err
	}
	own, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	files := map[string]bool{"go.sum": true}
	for in := json.NewDecoder(bytes.NewReader(b)); ; {
		var p listed
		err := in.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", fmt.Errorf("read what go list says of %s: %w", dir, err)
		}
		if p.Standard || p.Module == nil || !p.Module.Main || strings.HasSuffix(p.ImportPath, ".test") {
			continue
		}
		lists := [][]string{p.GoFiles, p.CgoFiles, p.SFiles, p.EmbedFiles}
		if p.Dir == own {
			lists = append(lists, p.TestGoFiles, p.XTestGoFiles, p.TestEmbedFiles, p.XTestEmbedFiles)
		}
		for _, list := range lists {
			for _, name := range list {
				files[filepath.Join(p.Dir, name)] = true
			}
		}
	}
	return sum(files)
}

// sum is a digest of files, whatever folder the repository lies in.
func sum(files map[string]bool) (string, error) {
	root, err := os.Getwd()
	if err != nil {
		return "", err
	}
	var lines []string
	for name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		if rel, err := filepath.Rel(root, name); err == nil && filepath.IsAbs(name) {
			name = rel
		}
		lines = append(lines, fmt.Sprintf("%s %x\n", filepath.ToSlash(name), sha256.Sum256(b)))
	}
	slices.Sort(lines)
	h := sha256.Sum256([]byte(runtime.Version() + " " + runtime.GOARCH + "\n" + strings.Join(lines, "")))
	return hex.EncodeToString(h[:8]), nil
}

// commit is the one that is checked out, and whether something was changed since.
func commit(ctx context.Context) (string, error) {
	b, err := output(ctx, "git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
	return strings.TrimSpace(string(b)), err
}

package python

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/cache"
	"github.com/grow-platform/grow/compiler/toolchain"
)

// unpackedKept is how many sets of packages are kept in memory between builds.
const unpackedKept = 8

// packages returns the files of what the actor depends on, and what is to be said
// of them. While the lock is right and its wheels are in the cache no tool is
// started.
func (c *Compiler) packages(ctx context.Context, s compiler.Source) (*packages, string, error) {
	requirements, err := readRequirements(s)
	if err != nil || requirements == nil {
		return newPackages(), "", err
	}
	asked, fault := parseRequirements(requirements)
	if fault != nil {
		return nil, "", refuseLine(s, fault.line, fault.text)
	}
	for _, q := range asked {
		if why := natives[q.Name]; strings.HasPrefix(why, needsSockets) {
			return nil, "", refuseLine(s, q.Line, "the package "+q.Name+" "+why)
		}
	}
	root, err := cache.Dir()
	if err != nil {
		return nil, "", compiler.Fail(s, compiler.CodeFailed, "find cache", err)
	}
	store := filepath.Join(root, "python", "wheels")
	l, log, err := locked(ctx, s, store, requirements, asked)
	if err != nil {
		return nil, "", err
	}
	p, err := c.unpack(ctx, s, store, l)
	return p, log, err
}

// readRequirements returns requirements.txt, nil when there is none.
func readRequirements(s compiler.Source) ([]byte, error) {
	name := filepath.Join(s.Path, requirementsName)
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, compiler.Fail(s, compiler.CodeSource, "read "+requirementsName, err)
	case !info.Mode().IsRegular() || info.Size() > RequirementsMax:
		return nil, refuseLine(s, 0, fmt.Sprintf("not a file, or larger than %d KiB", RequirementsMax>>10))
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, compiler.Fail(s, compiler.CodeSource, "read "+requirementsName, err)
	}
	return data, nil
}

func refuseLine(s compiler.Source, line int, text string) error {
	return &compiler.Error{
		Code: compiler.CodeSource, Actor: s.Actor, Text: "read " + requirementsName,
		Diagnostics: []compiler.Diagnostic{{File: s.Relative(filepath.Join(s.Path, requirementsName)), Line: line, Text: text}},
	}
}

// locked returns the lock: the one that is there when it was made of these
// requirements, or a new one, which is written.
func locked(ctx context.Context, s compiler.Source, store string, requirements []byte, asked []requirement) (lock, string, error) {
	place := filepath.Join(s.Path, lockName)
	had, err := os.ReadFile(place)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return lock{}, "", compiler.Fail(s, compiler.CodeSource, "read "+lockName, err)
	}
	digest := digestOf(requirements)
	if l, ok := parseLock(had); ok && l.For == digest {
		return l, "", nil
	}
	l := lock{For: digest}
	if len(asked) > 0 {
		tool, found := findInstaller(ctx)
		if stopped := compiler.Stopped(ctx, s, ""); stopped != nil {
			return lock{}, "", stopped
		}
		if missing := compiler.Missing(s, []toolchain.Finding{found}); missing != nil {
			return lock{}, "", missing
		}
		s.Say("resolving " + requirementsName)
		if l, err = resolve(ctx, s, tool, store); err != nil {
			return lock{}, "", err
		}
		l.For = digest
	}
	if err := os.WriteFile(place, l.Bytes(), 0o644); err != nil {
		return lock{}, "", compiler.Fail(s, compiler.CodeFailed, "write "+lockName, err)
	}
	word := "made"
	if had != nil {
		word = "made anew, since " + requirementsName + " has changed"
	}
	return l, fmt.Sprintf("%s was %s: %d packages; commit it\n", s.Relative(place), word, len(l.Pins)), nil
}

// unpack returns the files of the packages of a lock.
func (c *Compiler) unpack(ctx context.Context, s compiler.Source, store string, l lock) (*packages, error) {
	key := cache.Digest(map[string]string{"lock": string(l.Bytes())})
	c.mu.Lock()
	have := c.unpacked[key]
	c.mu.Unlock()
	if have != nil {
		return have, nil
	}
	if err := fetch(ctx, s, store, l); err != nil {
		return nil, err
	}
	p := newPackages()
	for _, pin := range l.Pins {
		wheel, err := readWheel(wheelPath(store, pin.Digest))
		if err == nil {
			sum := sha256.Sum256(wheel)
			if hex.EncodeToString(sum[:]) != pin.Digest {
				err = wrong("its wheel in the cache is not the one that was locked; remove %s", wheelPath(store, pin.Digest))
			}
		}
		if err == nil {
			err = p.add(pin, wheel)
		}
		if err != nil {
			return nil, compiler.Fail(s, compiler.CodeFailed, "unpack package "+pin.Name+" "+pin.Version, err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.unpacked) >= unpackedKept {
		clear(c.unpacked)
	}
	c.unpacked[key] = p
	return p, nil
}

// fetch gets the wheels of a lock that are not in the cache. The tool holds them
// to their hashes, and so does unpack.
func fetch(ctx context.Context, s compiler.Source, store string, l lock) error {
	missing := map[bool][]pin{}
	for _, p := range l.Pins {
		if _, err := os.Stat(wheelPath(store, p.Digest)); err != nil {
			missing[p.Partly] = append(missing[p.Partly], p)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	tool, found := findInstaller(ctx)
	if e := compiler.Missing(s, []toolchain.Finding{found}); e != nil {
		return e
	}
	temp, err := os.MkdirTemp("", "grow-packages-")
	if err != nil {
		return compiler.Fail(s, compiler.CodeFailed, "fetch packages", err)
	}
	defer os.RemoveAll(temp)
	for partly, pins := range missing {
		kind := pure
		if partly {
			kind = natural
		}
		if err := fetchKind(ctx, s, tool, temp, store, kind, pins); err != nil {
			return err
		}
	}
	return nil
}

func fetchKind(ctx context.Context, s compiler.Source, tool installer, temp, store string, kind []string, pins []pin) error {
	s.Say(fmt.Sprintf("fetching %d packages of %s", len(pins), lockName))
	// Indexes that requirements.txt names are asked here, too.
	requirements, err := readRequirements(s)
	if err != nil {
		return err
	}
	list := filepath.Join(temp, "pinned.txt")
	text := indexes(requirements) + string(lock{Pins: pins}.Bytes())
	if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
		return compiler.Fail(s, compiler.CodeFailed, "fetch packages", err)
	}
	out, err := tool.download(ctx, temp, s.Progress, kind, "--no-deps", "--require-hashes", "--requirement", list)
	log := compiler.Clip(append(out.Stderr, out.Stdout...))
	if stopped := compiler.Stopped(ctx, s, log); stopped != nil {
		return stopped
	}
	if err != nil {
		e := compiler.Fail(s, compiler.CodeFailed, "fetch the packages of "+lockName, err)
		e.Hint = "when the index has them no more, remove " + lockName + " to have it made anew; else try again with a network"
		if strings.Contains(log, "DO NOT MATCH THE HASHES") {
			e.Text = "fetch the packages of " + lockName + ": the index has other files than those that were locked"
			e.Hint = "find out why before you trust them; removing " + lockName + " makes it anew"
		}
		e.Log = log
		return e
	}
	paths, err := wheelsIn(temp)
	if err != nil {
		return compiler.Fail(s, compiler.CodeFailed, "fetch packages", err)
	}
	for _, path := range paths {
		if _, err := storeWheel(path, store); err != nil {
			return compiler.Fail(s, compiler.CodeFailed, "keep packages", err)
		}
	}
	return nil
}

// indexes are the options of a requirements.txt that say where packages are.
func indexes(requirements []byte) string {
	var b strings.Builder
	for line := range strings.Lines(string(requirements)) {
		if optionsTaken.MatchString(strings.TrimSpace(line)) {
			b.WriteString(strings.TrimSpace(line) + "\n")
		}
	}
	return b.String()
}

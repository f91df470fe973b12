// Package smith has wasm-smith make modules of random bytes: a small program in
// Rust, built into the user's cache when it is first wanted.
package smith

import (
	"bufio"
	"context"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/grow-platform/grow/compiler/cache"
)

//go:embed Cargo.toml Cargo.lock src/main.rs
var source embed.FS

// moduleMax bounds the modules that are read, in bytes.
const moduleMax = 32 << 20

// Build returns the path of the program, building it (about 20 seconds) when
// this version of it was not built before. What cargo says goes to log.
func Build(ctx context.Context, log io.Writer) (string, error) {
	sum, err := cache.DigestFS(source)
	if err != nil {
		return "", fmt.Errorf("build smith: %w", err)
	}
	root, err := cache.Dir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "smith", sum[:16])
	program := filepath.Join(dir, "smith")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	err = cache.Once(dir, func(dir string) error {
		crate := filepath.Join(dir, "crate")
		if err := os.CopyFS(crate, source); err != nil {
			return err
		}
		cargo := exec.CommandContext(ctx, "cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", filepath.Join(crate, "Cargo.toml"), "--target-dir", filepath.Join(dir, "target"))
		cargo.Stdout, cargo.Stderr = log, log
		if err := cargo.Run(); err != nil {
			return fmt.Errorf("cargo build: %w", err)
		}
		if err := os.Rename(filepath.Join(dir, "target", "release", "smith"), filepath.Join(dir, "smith")); err != nil {
			return err
		}
		return errors.Join(os.RemoveAll(filepath.Join(dir, "target")), os.RemoveAll(crate))
	})
	if err != nil {
		return "", fmt.Errorf("build smith: %w", err)
	}
	return program, nil
}

// Stream yields modules of a kind (see src/main.rs) made of a seed, until yield
// returns false. Files are those that the kind wants.
func Stream(ctx context.Context, program, kind string, seed uint64, files []string, yield func([]byte) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	smith := exec.CommandContext(ctx, program, append([]string{kind, strconv.FormatUint(seed, 10)}, files...)...)
	smith.Stderr = os.Stderr
	out, err := smith.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start smith: %w", err)
	}
	if err := smith.Start(); err != nil {
		return fmt.Errorf("start smith: %w", err)
	}
	err = read(bufio.NewReaderSize(out, 1<<20), yield)
	cancel()
	_ = smith.Wait() // it was killed
	return err
}

func read(in io.Reader, yield func([]byte) bool) error {
	for {
		var head [4]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return fmt.Errorf("read from smith: %w", err)
		}
		n := binary.LittleEndian.Uint32(head[:])
		if n > moduleMax {
			return fmt.Errorf("read from smith: a module of %d bytes", n)
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(in, b); err != nil {
			return fmt.Errorf("read from smith: %w", err)
		}
		if !yield(b) {
			return nil
		}
	}
}

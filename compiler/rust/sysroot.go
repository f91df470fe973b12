package rust

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/cache"
	"github.com/grow-platform/grow/compiler/toolchain"
)

// seed is a crate with nothing in it: building it makes cargo build the
// standard library.
const seed = `[package]
name = "seed"
version = "0.0.0"
edition = "2021"

[lib]

[profile.release]
panic = "abort"

[workspace]
`

// standardLibrary returns the sysroot that has a standard library for the
// target: "" when that is the compiler's own. Otherwise it is built from the
// installed sources, once for each compiler, since it fits only the one that
// built it. This takes about a minute.
func standardLibrary(ctx context.Context, s compiler.Source, root string, tool toolchain.Rust) (string, error) {
	if tool.Std != "" {
		return "", nil
	}
	fail := func(text string, err error) (string, error) {
		if stopped := compiler.Stopped(ctx, s, ""); stopped != nil {
			return "", stopped
		}
		return "", compiler.Fail(s, compiler.CodeToolchain, text, err)
	}
	dir := filepath.Join(root, "rust-std", tool.Digest)
	unlock, err := cache.Lock(ctx, dir+".lock")
	if err != nil {
		return fail("wait for the standard library", err)
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	s.Say("building Rust's standard library for " + toolchain.Target + ", once: this takes about a minute")
	var log string
	err = cache.Once(dir, func(draft string) error {
		log, err = buildStandardLibrary(ctx, s, tool, draft)
		return err
	})
	if err != nil {
		e := &compiler.Error{Code: compiler.CodeToolchain, Actor: s.Actor, Log: log, Cause: err,
			Text: "build the standard library for " + toolchain.Target + ": " + err.Error(),
			Hint: "rustup target add " + toolchain.Target}
		if stopped := compiler.Stopped(ctx, s, log); stopped != nil {
			e = stopped
		}
		return "", e
	}
	return dir, nil
}

func buildStandardLibrary(ctx context.Context, s compiler.Source, tool toolchain.Rust, dir string) (string, error) {
	work, err := os.MkdirTemp("", "grow-rust-std-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if err := os.WriteFile(filepath.Join(work, "Cargo.toml"), []byte(seed), 0o644); err != nil {
		return "", err
	}
	if err := os.Mkdir(filepath.Join(work, "src"), 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(work, "src", "lib.rs"), nil, 0o644); err != nil {
		return "", err
	}
	target := filepath.Join(work, "target")
	out, err := toolchain.Run(ctx, toolchain.Command{
		Path: tool.Cargo, Dir: work, Progress: s.Progress,
		Args: []string{"build", "--release", "--target", toolchain.Target, "-Z", "build-std=std,panic_abort"},
		Env: toolchain.Environ(dropped, "CARGO_TARGET_DIR="+target, "RUSTC="+tool.Rustc, "CARGO_TERM_COLOR=never",
			// -Z asks for a nightly compiler, or for this.
			"RUSTC_BOOTSTRAP=1",
			// Bitcode, so that actors can be optimised together with it; and no path of this machine in it.
			"CARGO_ENCODED_RUSTFLAGS="+strings.Join([]string{"-Cembed-bitcode=yes", "--remap-path-prefix=" + filepath.Dir(tool.Source) + "=/rustc"}, "\x1f")),
	})
	if err != nil {
		return compiler.Clip(out.Stderr), err
	}
	return "", arrangeSysroot(tool, filepath.Join(target, toolchain.Target, "release", "deps"), dir)
}

// arrangeSysroot puts the libraries in deps where the compiler looks for them
// below dir, and links the rest of its own sysroot beside them.
func arrangeSysroot(tool toolchain.Rust, deps, dir string) error {
	rustlib := filepath.Join(dir, "lib", "rustlib")
	libs, err := filepath.Glob(filepath.Join(deps, "*.rlib"))
	if err != nil {
		return err
	}
	if len(libs) == 0 {
		return errors.New("cargo made no libraries")
	}
	for _, lib := range libs {
		if strings.HasPrefix(filepath.Base(lib), "libseed-") {
			continue
		}
		if _, err := cache.Place(lib, filepath.Join(rustlib, toolchain.Target, "lib", filepath.Base(lib))); err != nil {
			return err
		}
	}
	own := filepath.Join(tool.Root, "lib", "rustlib")
	entries, err := os.ReadDir(own)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == toolchain.Target || e.Name() == "src" {
			continue
		}
		if err := os.Symlink(filepath.Join(own, e.Name()), filepath.Join(rustlib, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

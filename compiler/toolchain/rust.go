package toolchain

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/compiler/cache"
)

// Target is what Rust actors are compiled for.
const Target = "wasm32-unknown-unknown"

// rustMin is the oldest minor release of Rust 1 that the SDK compiles with.
const rustMin = 85

// The commands that get what is missing. They are for Debian and its like, and
// rustup's is the same everywhere.
const (
	fixTarget = "rustup target add " + Target + ", or where that cannot be fetched: apt-get install -y rustc-web cargo-web rust-web-src lld"
	fixRust   = "install Rust with rustup (https://rustup.rs) and run: rustup target add " + Target + "; or: apt-get install -y rustc-web cargo-web rust-web-src lld"
	fixLinker = "apt-get install -y lld"
)

// Rust is a Rust toolchain that can build for Target.
type Rust struct {
	Rustc, Cargo string // paths of the programs
	Version      string // "1.95.0"
	Digest       string // of what `rustc -vV` says: 16 hex digits that name the compiler
	// Std is where the compiled standard library for Target is. It is "" when the
	// compiler has none of its own: then it is to be built from Source.
	Std    string
	Source string // folder of the standard library's sources (…/rust/library); "" when not installed
	Root   string // the compiler's own sysroot
	Linker string // a wasm-ld; "" when the compiler brings its own
}

// FindRust looks for a Rust toolchain that can build for Target, as it would
// run in the folder dir: the first in PATH, which may be rustup's, then those
// further down, such as that of Debian's packages. It prefers one with a compiled
// standard library to one that has the sources for it. Without any the findings
// tell what is missing in the first.
func FindRust(ctx context.Context, dir string) (Rust, []Finding) {
	best, findings, rank := Rust{}, []Finding(nil), -1
	for _, pair := range rustPairs() {
		r, found := inspectRust(ctx, dir, pair[0], pair[1])
		if n := rankOf(r, found); n > rank {
			best, findings, rank = r, found, n
		}
	}
	return best, findings
}

// rankOf orders toolchains: complete with a library, complete with sources for it, incomplete.
func rankOf(r Rust, found []Finding) int {
	for _, f := range found {
		if !f.OK {
			return 0
		}
	}
	if r.Std == "" {
		return 1
	}
	return 2
}

// rustPairs returns rustc and cargo of each folder in PATH that has both. RUSTC
// is how a user names another compiler to cargo, so it comes first. Without
// any pair it returns what there is, for the findings.
func rustPairs() [][2]string {
	rustc, _ := exec.LookPath("rustc")
	cargo, _ := exec.LookPath("cargo")
	var pairs [][2]string
	if named := os.Getenv("RUSTC"); named != "" {
		pairs = append(pairs, [2]string{named, cargo})
	}
	seen := map[string]bool{} // /bin is often a link to /usr/bin
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil || seen[real] {
			continue
		}
		seen[real] = true
		pair := [2]string{filepath.Join(dir, "rustc"), filepath.Join(dir, "cargo")}
		if executable(pair[0]) && executable(pair[1]) {
			pairs = append(pairs, pair)
		}
	}
	if len(pairs) == 0 {
		pairs = append(pairs, [2]string{rustc, cargo})
	}
	return pairs
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

func inspectRust(ctx context.Context, dir, rustc, cargo string) (Rust, []Finding) {
	r := Rust{Rustc: rustc, Cargo: cargo}
	fr, fc := Finding{Name: "rustc", Path: rustc}, Finding{Name: "cargo", Path: cargo}
	if rustc == "" {
		fr.Problem, fr.Fix = "not found in PATH", fixRust
	} else if said, err := Ask(ctx, Command{Path: rustc, Args: []string{"-vV"}, Dir: dir}); err != nil {
		fr.Problem, fr.Fix = err.Error(), fixRust
	} else {
		r.Version = field(said, "release: ")
		r.Digest = cache.Digest(map[string]string{"rustc": said})[:16]
		fr.Version, fr.OK = r.Version, true
		if minor(r.Version) < rustMin {
			fr.OK, fr.Problem, fr.Fix = false, "older than 1."+strconv.Itoa(rustMin)+", which the SDK needs", fixRust
		}
	}
	if cargo == "" {
		fc.Problem, fc.Fix = "not found in PATH", fixRust
	} else if said, err := Ask(ctx, Command{Path: cargo, Args: []string{"--version"}, Dir: dir}); err != nil {
		fc.Problem, fc.Fix = err.Error(), fixRust
	} else {
		fc.Version, fc.OK = strings.TrimPrefix(said, "cargo "), true
		fc.Version, _, _ = strings.Cut(fc.Version, " ")
	}
	findings := []Finding{fr, fc}
	if fr.OK && fc.OK {
		findings = append(findings, inspectTarget(ctx, dir, &r)...)
	}
	return r, findings
}

// inspectTarget finds out how r gets a standard library and a linker for Target.
func inspectTarget(ctx context.Context, dir string, r *Rust) []Finding {
	f := Finding{Name: "rust target " + Target, Version: r.Version}
	said, err := Ask(ctx, Command{Path: r.Rustc, Args: []string{"--print", "sysroot", "--print", "target-libdir", "--target", Target}, Dir: dir})
	root, libs, _ := strings.Cut(said, "\n")
	if err != nil {
		f.Problem, f.Fix = err.Error(), fixTarget
		return []Finding{f}
	}
	r.Root = strings.TrimSpace(root)
	libs = strings.TrimSpace(libs)
	if std, _ := filepath.Glob(filepath.Join(libs, "libstd-*.rlib")); len(std) > 0 {
		r.Std, f.Path, f.OK = libs, libs, true
	}
	source := filepath.Join(r.Root, "lib", "rustlib", "src", "rust", "library")
	if real, err := filepath.EvalSymlinks(filepath.Dir(source)); err == nil {
		source = filepath.Join(real, "library")
	}
	if _, err := os.Stat(filepath.Join(source, "std", "Cargo.toml")); err == nil {
		r.Source = source
	}
	switch {
	case f.OK:
	case r.Source != "":
		f.Path, f.OK = r.Source, true // built once into the cache, by the first build
	default:
		f.Problem, f.Fix = "the standard library for it is not installed", fixTarget
	}
	return append([]Finding{f}, inspectLinker(r)...)
}

// inspectLinker tells of the linker only when the compiler has none of its own.
func inspectLinker(r *Rust) []Finding {
	own, _ := filepath.Glob(filepath.Join(r.Root, "lib", "rustlib", "*", "bin", "rust-lld"))
	if len(own) > 0 {
		return nil
	}
	f := Finding{Name: "wasm-ld"}
	if r.Linker = wasmLinker(); r.Linker == "" {
		f.Problem, f.Fix = "no linker for Wasm is installed", fixLinker
	} else {
		f.Path, f.OK = r.Linker, true
	}
	return []Finding{f}
}

// wasmLinker finds lld in PATH, by the plain name or that of its newest release:
// Debian installs wasm-ld-19 and leaves the plain name to the package lld.
func wasmLinker() string {
	for _, name := range []string{"rust-lld", "wasm-ld"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	best, newest := "", -1
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		found, _ := filepath.Glob(filepath.Join(dir, "wasm-ld-*"))
		sort.Strings(found)
		for _, path := range found {
			n, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(path), "wasm-ld-"))
			if err == nil && n > newest && executable(path) {
				best, newest = path, n
			}
		}
	}
	return best
}

func field(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// minor returns 95 of "1.95.0-nightly", and 0 of what is no release of Rust 1.
func minor(release string) int {
	rest, ok := strings.CutPrefix(release, "1.")
	if !ok {
		return 0
	}
	text, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}

// Package rust builds actors written in Rust, for the language "rust".
//
// The source folder is a library crate, or just a lib.rs, for which a crate is
// made up in the cache. Its dependency `grow` is patched to the SDK that this
// program carries. The toolchain is rustup's with its target, or any other
// compiler whose sources of the standard library are installed, such as that of
// Debian's packages: then the library is built once into the cache.
package rust

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/cache"
	"github.com/grow-platform/grow/compiler/toolchain"
	"github.com/grow-platform/grow/runtime/wasm/sources"
	"github.com/grow-platform/grow/sdk"
)

// recipe changes whenever this package makes other modules of the same sources.
const recipe = "rust/2"

// stackSize is the shadow stack of an actor in bytes. It is part of each
// instance's memory, and the usual 1 MiB would be most of it. Code for the debugger
// is not optimised, and has frames that are four times as large.
const (
	stackSize      = 64 << 10
	stackSizeDebug = 4 * stackSize
)

// heeded are the variables of the environment by which cargo makes another module.
var heeded = []string{"RUSTUP_TOOLCHAIN", "RUSTC"}

// dropped are variables that would change flags, target or places: they are
// meant for the user's own builds, for the machine and not for Wasm.
var dropped = []string{
	"RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_BUILD_TARGET_DIR",
	"CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "RUSTC_BOOTSTRAP",
}

type rust struct{}

func init() { compiler.Register(rust{}) }

// New returns the compiler.
func New() compiler.Compiler { return rust{} }

func (rust) Language() string { return "rust" }

func (rust) Check(ctx context.Context) []toolchain.Finding {
	_, found := toolchain.FindRust(ctx, "")
	return append(found, compiler.SDK("rust", sdk.Rust()))
}

func (rust) Build(ctx context.Context, s compiler.Source) (compiler.Result, error) {
	sdkDigest, err := cache.DigestFS(sdk.Rust())
	if err != nil {
		return compiler.Result{}, compiler.Fail(s, compiler.CodeFailed, "read SDK", err)
	}
	parts := map[string]string{"recipe": recipe, "sdk": sdkDigest}
	if s.Debug {
		parts["sources"] = sources.Section
	}
	for _, name := range heeded {
		parts[name] = os.Getenv(name)
	}
	return compiler.Incremental(ctx, s, compiler.Recipe{
		Parts: parts,
		Tools: []string{"rustc", "cargo"},
		Locks: []string{"Cargo.lock"},
		Make:  func(ctx context.Context, draft string) (compiler.Made, error) { return build(ctx, s, draft) },
	})
}

func build(ctx context.Context, s compiler.Source, draft string) (compiler.Made, error) {
	fail := func(text string, err error) (compiler.Made, error) {
		if stopped := compiler.Stopped(ctx, s, ""); stopped != nil {
			return compiler.Made{}, stopped
		}
		return compiler.Made{}, compiler.Fail(s, compiler.CodeFailed, text, err)
	}
	root, err := cache.Dir()
	if err != nil {
		return fail("find cache", err)
	}
	sdkDir, err := cache.Extract(sdk.Rust(), "rust")
	if err != nil {
		return fail("write SDK", err)
	}
	c, err := crateOf(s, root, sdkDir)
	if err != nil {
		return compiler.Made{}, err
	}
	tool, found := toolchain.FindRust(ctx, s.Path)
	if stopped := compiler.Stopped(ctx, s, ""); stopped != nil {
		return compiler.Made{}, stopped
	}
	if missing := compiler.Missing(s, found); missing != nil {
		return compiler.Made{}, missing
	}
	sysroot, err := standardLibrary(ctx, s, root, tool)
	if err != nil {
		return compiler.Made{}, err
	}
	// One folder for all actors: they share what they depend on. Crates of the
	// same name would write the same file there, so one builds at a time.
	target := filepath.Join(root, "rust", tool.Digest)
	unlock, err := cache.Lock(ctx, target)
	if err != nil {
		return fail("wait for another build", err)
	}
	defer unlock()
	s.Say("cargo build " + s.Relative(s.Path))
	out, err := toolchain.Run(ctx, toolchain.Command{
		Path: tool.Cargo, Args: c.arguments(s, tool, sdkDir, sysroot), Dir: s.Path, Progress: s.Progress,
		Env: toolchain.Environ(dropped, "CARGO_TARGET_DIR="+target, "RUSTC="+tool.Rustc, "CARGO_TERM_COLOR=never"),
	})
	said := read(s, out.Stdout)
	log := compiler.Clip(append(out.Stderr, said.rendered...))
	if err != nil {
		if stopped := compiler.Stopped(ctx, s, log); stopped != nil {
			return compiler.Made{}, stopped
		}
		return compiler.Made{}, explain(s, said, string(out.Stderr), log, err)
	}
	made := said.moduleOf(c.manifest)
	if made == "" {
		return compiler.Made{}, &compiler.Error{Code: compiler.CodeFailed, Actor: s.Actor, Text: "cargo names no module that it built", Log: log}
	}
	if _, err := cache.Place(made, draft); err != nil {
		return fail("copy module", err)
	}
	if s.Debug {
		if err := note(draft, made); err != nil {
			return fail("note sources", err)
		}
	}
	return compiler.Made{Also: inputs(s, made, sdkDir), Log: compiler.Clip(said.rendered)}, nil
}

// arguments are those of cargo. What differs from the user's own builds is said
// by options only, so that their Cargo.toml stays an ordinary one.
func (c crate) arguments(s compiler.Source, tool toolchain.Rust, sdkDir, sysroot string) []string {
	args := []string{
		"rustc", "--manifest-path", c.manifest, "--lib", "--crate-type", "cdylib",
		"--release", "--target", toolchain.Target, "--message-format", "json",
		"--config", "patch.crates-io." + sdk.Crate + ".path=" + strconv.Quote(sdkDir),
		"--config", `profile.release.panic="abort"`,
	}
	switch {
	case s.Debug:
		args = append(args, "--config", "profile.release.debug=2", "--config", "profile.release.opt-level=0",
			"--config", "profile.release.lto=false", "--config", `profile.release.strip="none"`)
	case !c.profile:
		// The names of functions stay: they are what a trap's stack is made of.
		args = append(args, "--config", "profile.release.opt-level=3", "--config", "profile.release.lto=true",
			"--config", "profile.release.codegen-units=1", "--config", `profile.release.strip="debuginfo"`)
	}
	flags := ""
	if sysroot != "" {
		flags += `"--sysroot", ` + strconv.Quote(sysroot) + `, `
	}
	if tool.Linker != "" {
		flags += `"-Clinker=` + tool.Linker + `", `
	}
	if flags != "" {
		args = append(args, "--config", "target."+toolchain.Target+".rustflags=["+flags+"]")
	}
	stack := stackSize
	if s.Debug {
		stack = stackSizeDebug
	}
	return append(args, "--", "-C", "link-arg=-zstack-size="+strconv.Itoa(stack))
}

// crate is what cargo is told to build.
type crate struct {
	manifest string // path of the Cargo.toml
	profile  bool   // it sets its own [profile.release]
}

var ownProfile = regexp.MustCompile(`(?m)^\s*\[profile\.release\]`)

// crateOf returns the crate of the source folder, or makes one up around its
// lib.rs.
func crateOf(s compiler.Source, root, sdkDir string) (crate, error) {
	manifest := filepath.Join(s.Path, "Cargo.toml")
	if data, err := os.ReadFile(manifest); err == nil {
		return crate{manifest: manifest, profile: ownProfile.Match(data)}, nil
	}
	for _, name := range []string{"lib.rs", filepath.Join("src", "lib.rs")} {
		lib := filepath.Join(s.Path, name)
		if info, err := os.Stat(lib); err != nil || !info.Mode().IsRegular() {
			continue
		}
		made, err := madeUp(s, root, sdkDir, lib)
		if err != nil {
			return crate{}, compiler.Fail(s, compiler.CodeFailed, "make up Cargo.toml", err)
		}
		return crate{manifest: made}, nil
	}
	return crate{}, &compiler.Error{
		Code: compiler.CodeSource, Actor: s.Actor, Text: "no Cargo.toml and no lib.rs in " + s.Relative(s.Path),
		Hint: "put a lib.rs there, or run: cargo init --lib --name " + s.Actor,
	}
}

// madeUp writes a Cargo.toml for a lib.rs. It stays in the cache, one for each
// path, and with it the Cargo.lock that cargo writes: the same versions are
// used until one asks for others in a Cargo.toml of their own.
func madeUp(s compiler.Source, root, sdkDir, lib string) (string, error) {
	dir := filepath.Join(root, "crates", cache.Digest(map[string]string{"lib": lib})[:16])
	manifest := filepath.Join(dir, "Cargo.toml")
	text := "[package]\nname = \"actor-" + s.Actor + "\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n" +
		"[lib]\npath = " + strconv.Quote(lib) + "\n\n" +
		"[dependencies]\n" + sdk.Crate + " = { path = " + strconv.Quote(sdkDir) + " }\n" +
		"serde = { version = \"1\", features = [\"derive\"] }\nserde_json = \"1\"\n\n[workspace]\n"
	if have, err := os.ReadFile(manifest); err == nil && string(have) == text {
		return manifest, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return manifest, os.WriteFile(manifest, []byte(text), 0o644)
}

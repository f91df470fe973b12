package toolchain

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"

	"github.com/grow-platform/grow/compiler/cache"
)

// Fingerprint tells one installation of a program from another without
// starting it: path, size and time of the file that name leads to through PATH. It
// is "" when there is none. For the shims of rustup, which stay the same while
// the toolchains behind them change, it covers what rustup has installed and
// which of it is chosen.
func Fingerprint(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	print := fmt.Sprintf("%s %d %d", path, info.Size(), info.ModTime().UnixNano())
	if filepath.Base(path) == "rustup" || behindRustup(path) {
		print += " " + rustupState()
	}
	return print
}

// behindRustup tells whether path is a shim: rustup installs hard links of
// itself, all beside each other.
func behindRustup(path string) bool {
	shim, err := os.Stat(path)
	if err != nil {
		return false
	}
	rustup, err := os.Stat(filepath.Join(filepath.Dir(path), "rustup"))
	return err == nil && (os.SameFile(shim, rustup) || shim.Size() == rustup.Size())
}

// rustupState is a digest of rustup's settings and of the marks it leaves of
// each toolchain's release.
func rustupState() string {
	home := os.Getenv("RUSTUP_HOME")
	if home == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		home = filepath.Join(user, ".rustup")
	}
	marks, _ := filepath.Glob(filepath.Join(home, "update-hashes", "*"))
	sort.Strings(marks)
	parts := map[string]string{"RUSTUP_TOOLCHAIN": os.Getenv("RUSTUP_TOOLCHAIN")}
	for _, file := range append(marks, filepath.Join(home, "settings.toml")) {
		// A file that cannot be read counts as one that is not there.
		data, _ := os.ReadFile(file)
		parts[file] = string(data)
	}
	return cache.Digest(parts)[:16]
}

// Environ returns the environment of this process without the named variables,
// and with the given NAME=VALUE ones.
func Environ(without []string, with ...string) []string {
	drop := map[string]bool{}
	for _, name := range without {
		drop[name] = true
	}
	for _, entry := range with {
		name, _, _ := strings.Cut(entry, "=")
		drop[name] = true
	}
	var env []string
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); !drop[name] {
			env = append(env, entry)
		}
	}
	return append(env, with...)
}

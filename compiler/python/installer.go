package python

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/compiler/toolchain"
)

// pipMin is the oldest major version of pip whose resolver is used.
const pipMin = 21

const installerFix = "install Python with pip (python3 -m pip --version), or uv; only actors with a requirements.txt need it"

// installer is the user's tool that fetches packages, with the indexes that they
// have set up for it.
type installer struct {
	Path string
	Args []string // before the words of pip
}

// candidates are the ways to pip, the best first. uv brings it along.
var candidates = []installer{
	{"python3", []string{"-m", "pip"}}, {"python", []string{"-m", "pip"}}, {"py", []string{"-m", "pip"}}, {"pip3", nil}, {"pip", nil},
	{"uv", []string{"tool", "run", "pip"}},
}

var pipSays = regexp.MustCompile(`^pip ((\d+)[0-9A-Za-z.]*) `)

// findInstaller returns the first way to a pip that is good enough.
func findInstaller(ctx context.Context) (installer, toolchain.Finding) {
	f := toolchain.Finding{Name: "pip or uv", Problem: "not found in PATH", Fix: installerFix}
	for _, c := range candidates {
		path, err := exec.LookPath(c.Path)
		if err != nil {
			continue
		}
		said, err := toolchain.Ask(ctx, toolchain.Command{Path: path, Args: append(append([]string{}, c.Args...), "--version")})
		if err != nil {
			continue
		}
		m := pipSays.FindStringSubmatch(said + " ")
		if m == nil {
			continue
		}
		f.Path, f.Version = path, m[1]
		if major, err := strconv.Atoi(m[2]); err != nil || major < pipMin {
			f.Problem = "older than " + strconv.Itoa(pipMin)
			continue
		}
		return installer{path, c.Args}, toolchain.Finding{Name: "pip or uv", OK: true, Path: path, Version: "pip " + m[1]}
	}
	return installer{}, f
}

// The wheels that are asked for. Those that are only right for one machine are
// had for the sake of their Python part: which machine is then all the same.
var (
	pure    = []string{"--platform", "any", "--implementation", "py", "--abi", "none"}
	natural = []string{
		"--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_17_x86_64", "--platform", "manylinux_2_28_x86_64",
		"--platform", "manylinux1_x86_64", "--platform", "manylinux2010_x86_64", "--platform", "manylinux_2_5_x86_64", "--platform", "manylinux_2_12_x86_64",
		"--implementation", "cp", "--abi", "cp313", "--abi", "abi3",
	}
)

// download has pip put wheels into the folder to.
func (i installer) download(ctx context.Context, to string, progress func(string), kind []string, more ...string) (toolchain.Output, error) {
	args := append([]string{}, i.Args...)
	args = append(args, "download", "--no-input", "--progress-bar", "off", "--only-binary", ":all:", "--python-version", Version, "--dest", to)
	args = append(args, kind...)
	return toolchain.Run(ctx, toolchain.Command{
		Path: i.Path, Args: append(args, more...), Dir: to, Progress: progress,
		Env: toolchain.Environ(nil, "PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_COLOR=1", "PYTHONIOENCODING=utf-8"),
	})
}

// exists asks whether the index has any file of a package.
func (i installer) exists(ctx context.Context, name string) bool {
	args := append(append([]string{}, i.Args...), "index", "versions", name, "--no-input")
	_, err := toolchain.Run(ctx, toolchain.Command{Path: i.Path, Args: args})
	return err == nil
}

// wheelsIn lists the wheels in a folder.
func wheelsIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".whl") {
			all = append(all, filepath.Join(dir, e.Name()))
		}
	}
	return all, nil
}

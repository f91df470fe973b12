package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/python/interpreter"
	"github.com/grow-platform/grow/compiler/toolchain"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/jail"
	"github.com/grow-platform/grow/host/secrets"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
	"github.com/spf13/cobra"
)

// checkup is one thing doctor looked at.
type checkup struct {
	toolchain.Finding
	For    string `json:"for"`    // language, service or host
	Needed bool   `json:"needed"` // by the service in the folder
}

func (s *shell) doctor() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "check this machine, and say how to get what is missing", Args: cobra.NoArgs,
		Long:    "doctor looks for the tools that actors are built with and for what the service in the folder needs to run.\nThe exit code is 3 when something that the service needs is missing.",
		Example: "  grow doctor\n  grow doctor -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			service, found := s.serviceCheck()
			found = append(found, languageChecks(c.Context(), service)...)
			found = append(found, hostChecks(c.Context(), service)...)
			if err := s.print(found, func(w io.Writer) error { return writeCheckups(w, found) }); err != nil {
				return err
			}
			for _, f := range found {
				if !f.OK && f.Needed {
					return &told{fault: control.Error{Code: codeMissing, Message: "something that the service needs is missing", At: f.Name, Next: f.Fix}}
				}
			}
			if service != nil {
				s.say("everything that the service needs is there")
			}
			return nil
		},
	}
}

// languageChecks look at what actors are built with, those of the service and others.
func languageChecks(ctx context.Context, service *specs.Service) []checkup {
	sources := map[string][]string{} // of the service's actors, by language
	if service != nil {
		for _, a := range service.Actors {
			sources[a.Code.Language] = append(sources[a.Code.Language], a.Code.Source)
		}
	}
	var found []checkup
	for _, language := range compiler.Languages() {
		build, _ := compiler.For(language)
		for _, f := range build.Check(ctx) {
			found = append(found, checkup{f, language, len(sources[language]) > 0})
		}
		if fetcher, ok := build.(compiler.Fetcher); ok {
			f, needed := fetcher.CheckFetch(ctx, sources[language])
			found = append(found, checkup{f, language, needed})
		}
	}
	return found
}

// serviceCheck looks at the service in the folder, if there is one.
func (s *shell) serviceCheck() (*specs.Service, []checkup) {
	dir, err := s.folder(nil)
	if err != nil {
		return nil, []checkup{}
	}
	c := checkup{Finding: toolchain.Finding{Name: "files of the service", Path: dir}, For: "service", Needed: true}
	service, err := app.Load(dir)
	if err != nil {
		c.Problem, c.Fix = "they do not load", "grow vet"
		return nil, []checkup{c}
	}
	c.OK, c.Version = true, service.Name
	list := []checkup{c}
	for _, use := range app.SecretUses(service) {
		list = append(list, secretCheck(dir, service.Name, use))
	}
	return service, list
}

// secretCheck looks for a secret that something needs.
func secretCheck(dir, service string, use app.SecretUse) checkup {
	name := use.Name
	c := checkup{Finding: toolchain.Finding{Name: "secret " + name}, For: "service", Needed: !use.Optional}
	have, err := app.SecretsOf(dir, service)
	if err != nil {
		c.Problem, c.Fix = err.Error(), "give "+secrets.KeyVariable+" the key that sealed it"
		return c
	}
	value, from, err := have.Find(name)
	switch {
	case err != nil:
		c.Problem, c.Fix = "it is sealed, and cannot be opened: "+err.Error(), "set it again: grow secret set "+name
	case value == "" && capability.HostSecret(name): // is never sealed
		c.Problem, c.Fix = "not in the environment; "+use.By+" needs it", "export "+name+"=..."
	case value == "":
		c.Problem, c.Fix = "neither in the environment nor sealed; "+use.By+" needs it", "export "+name+"=..., or, while the service runs: grow secret set "+name
	default:
		c.OK, c.Version = true, from
	}
	return c
}

// hostChecks look at what running takes, whatever the service.
func hostChecks(ctx context.Context, service *specs.Service) []checkup {
	cache := checkup{Finding: toolchain.Finding{Name: "cache folder"}, For: "host"}
	if base, err := os.UserCacheDir(); err != nil {
		cache.Problem, cache.Fix = err.Error(), "export XDG_CACHE_HOME=FOLDER"
	} else {
		cache.Path = filepath.Join(base, "grow")
		if err := os.MkdirAll(cache.Path, 0o700); err != nil {
			cache.Problem, cache.Fix = err.Error(), "make it writable, or: export XDG_CACHE_HOME=FOLDER"
		} else {
			cache.OK = true
		}
	}
	port := checkup{Finding: toolchain.Finding{Name: "address " + app.DefaultListen, Version: "free", OK: true}, For: "host"}
	if l, err := net.Listen("tcp", app.DefaultListen); err != nil {
		port.OK, port.Version, port.Problem, port.Fix = false, "", "in use; it is where services are served when nothing else is said", "grow run --listen 127.0.0.1:0"
	} else {
		_ = l.Close() // nothing was served
	}
	cache.Needed = service != nil
	return []checkup{cache, machineCheck(), sandboxCheck(ctx), port}
}

// machineCheck says whether machine code is kept between starts.
func machineCheck() checkup {
	c := checkup{Finding: toolchain.Finding{Name: "machine code"}, For: "host"}
	dir, err := app.CheckCache()
	if c.Path = dir; err != nil {
		c.Problem, c.Fix = "it is not kept, every start compiles anew: "+err.Error(), "make it writable, or: export XDG_CACHE_HOME=FOLDER XDG_CONFIG_HOME=FOLDER"
		return c
	}
	c.OK, c.Version = true, "kept under a seal in"
	return c
}

// sandboxCheck says what holds the processes that compile modules, and run
// actors that are isolated.
func sandboxCheck(ctx context.Context) checkup {
	c := checkup{Finding: toolchain.Finding{Name: "sandbox"}, For: "host"}
	report, err := jail.Check(ctx)
	switch {
	case err != nil:
		c.Problem, c.Fix = err.Error(), "see whether this user may start processes"
	case !report.Tight():
		c.Problem, c.Fix = report.String(), "run what you do not trust on Linux, where seccomp is not forbidden to this process"
	default:
		c.OK, c.Version = true, report.String()
	}
	return c
}

func writeCheckups(w io.Writer, list []checkup) error {
	for _, c := range list {
		mark := "ok     "
		if !c.OK {
			mark = "no     "
		}
		if !c.OK && c.Needed {
			mark = "MISSING"
		}
		about := strings.TrimSpace(c.Version + " " + c.Path)
		if !c.OK {
			about = c.Problem
		}
		if _, err := fmt.Fprintf(w, "%s  %-8s %-34s %s\n", mark, c.For, c.Name, about); err != nil {
			return err
		}
		if !c.OK && c.Fix != "" {
			fmt.Fprintf(w, "         next: %s\n", c.Fix)
		}
	}
	return nil
}

// release is what version tells.
type release struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go"`
	System  string `json:"system"`
	ABI     int    `json:"abi"`
	Python  string `json:"python"` // what its runtime was made of; empty: it is not there
}

// thisRelease is that of the program that runs.
func thisRelease() release {
	r := release{Version: "devel", Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, ABI: abi.Version}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return r
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		r.Version = v
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			r.Commit = setting.Value
		}
	}
	return r
}

// String is the release in one line.
func (r release) String() string {
	return fmt.Sprintf("grow %s (actor ABI %d, %s, %s)", r.Version, r.ABI, r.Go, r.System)
}

func (s *shell) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "print the version of grow", Args: cobra.NoArgs, Example: "  grow version -o json",
		RunE: func(*cobra.Command, []string) error {
			r := thisRelease()
			var err error
			if r.Python, err = interpreter.Versions(); err != nil && !errors.Is(err, interpreter.ErrMissing) {
				return err
			}
			return s.print(r, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, r)
				if err == nil && r.Python != "" {
					_, err = fmt.Fprintln(w, "Python actors run on", r.Python)
				}
				return err
			})
		},
	}
}

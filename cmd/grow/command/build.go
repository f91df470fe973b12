package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/specs"
	"github.com/spf13/cobra"
)

// module is one actor's module for programs.
type module struct {
	Actor    string `json:"actor"`
	Language string `json:"language"`
	Module   string `json:"module"`
	Digest   string `json:"digest"`
	Cached   bool   `json:"cached"`
	TookMS   int64  `json:"took_ms"`
}

func (s *shell) build() *cobra.Command {
	var debug bool
	c := &cobra.Command{
		Use: "build [ACTOR...]", Short: "compile actors to Wasm", Args: cobra.ArbitraryArgs,
		Long: "build compiles the actors of a service, or those named, each by the compiler of its language, into .grow/build.\n" +
			"What has not changed is not compiled again.",
		Example: "  grow build\n  grow build pricing --debug",
		RunE: func(c *cobra.Command, args []string) error {
			service, err := s.load(nil)
			if err != nil {
				return err
			}
			built, err := s.compile(c.Context(), service, project.Options{Only: args, Debug: debug})
			if err != nil {
				return err
			}
			list := modulesOf(service, built)
			return s.print(list, func(w io.Writer) error {
				if len(list) == 0 {
					_, err := fmt.Fprintln(w, "the service has no actors")
					return err
				}
				var rows [][]string
				for _, m := range list {
					rows = append(rows, []string{m.Actor, m.Language, cut(m.Digest, len("sha256:")+12), nearby(m.Module)})
				}
				return table(w, "ACTOR LANGUAGE DIGEST MODULE", rows)
			})
		},
	}
	c.Flags().BoolVar(&debug, "debug", false, "keep names, lines and types for a debugger")
	return s.completes(c, actorsOf)
}

// load loads the service; its warnings are told.
func (s *shell) load(args []string) (*specs.Service, error) {
	dir, err := s.folder(args)
	if err != nil {
		return nil, err
	}
	service, err := app.Load(dir)
	if err != nil {
		return nil, err
	}
	for _, w := range service.Warnings {
		s.say("warning: %s", cell(w.Error()))
	}
	return service, nil
}

func modulesOf(service *specs.Service, built map[string]compiler.Result) []module {
	list := []module{}
	for name, r := range built {
		list = append(list, module{name, service.Actors[name].Code.Language, r.Module, r.Digest, r.Cached, r.Took.Milliseconds()})
	}
	sort.Slice(list, func(i, k int) bool { return list[i].Actor < list[k].Actor })
	return list
}

// compile builds with progress: on a terminal one line that changes, and
// wherever it goes a line for each actor that is done.
func (s *shell) compile(ctx context.Context, service *specs.Service, o project.Options) (map[string]compiler.Result, error) {
	width := 0
	for name := range service.Actors {
		width = max(width, len(name))
	}
	building := s.building(width)
	o.Progress = func(e project.Event) {
		building(e)
		switch {
		case e.Result != nil && e.Result.Cached:
			s.say("ready    %-*s  %s, unchanged", width, e.Actor, e.Language)
		case e.Result != nil:
			s.say("built    %-*s  %s, %s", width, e.Actor, e.Language, short(e.Result.Took))
		case errors.Is(e.Err, context.Canceled): // said once, at the end
		case e.Err != nil:
			s.say("failed   %-*s  %s", width, e.Actor, e.Language)
		}
	}
	return project.Build(ctx, service, o)
}

// building shows which actor is being built: on a terminal in a line that
// changes, and is gone when the actor is done.
func (s *shell) building(width int) func(project.Event) {
	live := obeys(s.stderr) && !s.quiet && !s.json()
	var busy []string
	return func(e project.Event) {
		switch {
		case live && e.Line == "":
			fmt.Fprint(s.stderr, "\r\x1b[K")
		case live:
			fmt.Fprintf(s.stderr, "\r\x1b[Kbuilding %-*s  %s", width, e.Actor, cut(cell(strings.TrimSpace(e.Line)), max(10, 68-width)))
		case e.Line != "" && terminal(s.stderr) && !slices.Contains(busy, e.Actor): // one that cannot take a line back
			busy = append(busy, e.Actor)
			s.say("building %-*s  %s", width, e.Actor, e.Language)
		case e.Line == "":
			busy = slices.DeleteFunc(busy, func(name string) bool { return name == e.Actor })
		}
	}
}

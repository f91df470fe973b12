package command

import (
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/specs"
	"github.com/spf13/cobra"
)

// completes gives commands the words that a shell completes their arguments
// with: one list for each argument, the last for those that follow too.
func (s *shell) completes(c *cobra.Command, lists ...func(*specs.Service) []string) *cobra.Command {
	c.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		service := s.silently()
		if service == nil || len(args) >= len(lists) && !repeats(c) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		words := lists[min(len(args), len(lists)-1)](service)
		return slices.DeleteFunc(words, func(w string) bool { return slices.Contains(args, w) }), cobra.ShellCompDirectiveNoFileComp
	}
	return c
}

// fixed has a flag completed with words that are always the same.
func fixed(c *cobra.Command, flag string, words ...string) {
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // which there is
}

// named has a flag completed with names of the service. Of several names that
// are joined by commas the last is completed.
func (s *shell) named(c *cobra.Command, flag string, list func(*specs.Service) []string) {
	_ = c.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, _ []string, given string) ([]string, cobra.ShellCompDirective) { // which there is
		service := s.silently()
		if service == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		before := given[:strings.LastIndex(given, ",")+1]
		words := slices.DeleteFunc(list(service), func(w string) bool { return slices.Contains(strings.Split(before, ","), w) })
		for i, w := range words {
			words[i] = before + w
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	})
}

// levels are those of log lines.
var levels = []string{"debug", "info", "warn", "error"}

// repeats reports whether a command takes any number of arguments.
func repeats(c *cobra.Command) bool { return c.Args != nil && c.Args(c, make([]string, 99)) == nil }

// silently loads the service in this folder, or returns nil.
func (s *shell) silently() *specs.Service {
	quiet := *s
	quiet.stdout, quiet.stderr = io.Discard, io.Discard
	dir, err := quiet.folder(nil)
	if err != nil {
		return nil
	}
	service, err := app.Load(dir)
	if err != nil {
		return nil
	}
	return service
}

func actorsOf(service *specs.Service) []string { return keysOf(service.Actors) }

func workflowsOf(service *specs.Service) []string { return keysOf(service.Workflows) }

func typesOf(service *specs.Service) []string { return keysOf(service.Types) }

// keysOf lists the keys of a map in order.
func keysOf[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// nodesOf are the paths of all nodes.
func nodesOf(service *specs.Service) []string {
	table, err := router.Compile(service)
	if err != nil {
		return nil
	}
	var paths []string
	for _, n := range table.Nodes {
		paths = append(paths, n.Path)
	}
	slices.Sort(paths)
	return paths
}

// targetsOf is what a message can be sent to.
func targetsOf(service *specs.Service) []string {
	list := slices.Concat(nodesOf(service), workflowsOf(service))
	slices.Sort(list)
	return list
}

package command

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/mitchellh/go-wordwrap"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Groups of commands, in the order in which help lists them.
const (
	groupWrite = "write"
	groupRun   = "run"
	groupHost  = "host"
	groupLook  = "look"
	groupSetUp = "set-up"
)

var groups = []*cobra.Group{
	{ID: groupWrite, Title: "Write and check a service:"},
	{ID: groupRun, Title: "Run it:"},
	{ID: groupHost, Title: "Work with a host:"},
	{ID: groupLook, Title: "Look at what runs:"},
	{ID: groupSetUp, Title: "Set up:"},
}

// in puts commands into a group.
func in(group string, list ...*cobra.Command) []*cobra.Command {
	for _, c := range list {
		c.GroupID = group
	}
	return list
}

// help writes what a command is for, for a person at a terminal of any width.
func (s *shell) help(c *cobra.Command, _ []string) {
	width := width(s.stdout)
	var b strings.Builder
	text := c.Long
	if text == "" {
		text = c.Short
	}
	b.WriteString(paragraphs(text, width))
	section := func(title, text string) {
		if text != "" {
			fmt.Fprintf(&b, "\n%s\n%s", title, text)
		}
	}
	use := "  " + c.UseLine() + "\n"
	if c.HasAvailableSubCommands() {
		use = "  " + c.CommandPath() + " COMMAND\n"
	}
	section("Usage:", use)
	section("Examples:", lines(c.Example))
	for _, g := range c.Groups() {
		section(g.Title, listed(c, g.ID, width))
	}
	section("Commands:", listed(c, "", width))
	section("Flags:", c.LocalFlags().FlagUsagesWrapped(width))
	section("Flags of every command:", c.InheritedFlags().FlagUsagesWrapped(width))
	if c.HasAvailableSubCommands() {
		b.WriteString("\n" + paragraphs(c.CommandPath()+" COMMAND --help says more of each.", width))
	}
	_, _ = io.WriteString(s.stdout, b.String()) // who asked has gone
}

// helpOf is `grow help COMMAND`: the help of a command that there is.
func helpOf(help *cobra.Command, args []string) error {
	c, rest, err := help.Root().Find(args)
	if err != nil {
		return err
	}
	if c.HasSubCommands() && len(rest) > 0 {
		return c.Args(c, rest) // as if it were called
	}
	c.InitDefaultHelpFlag()
	return c.Help()
}

// lines ends text with a line break, unless there is none.
func lines(text string) string {
	if text == "" {
		return ""
	}
	return strings.TrimRight(text, "\n") + "\n"
}

// listed are the commands of one group with what each is for.
func listed(c *cobra.Command, group string, width int) string {
	var b strings.Builder
	for _, sub := range c.Commands() {
		if !sub.IsAvailableCommand() && sub.Name() != "help" || sub.GroupID != group {
			continue
		}
		b.WriteString(hang(fmt.Sprintf("  %-12s ", sub.Name()), strings.Repeat(" ", 15), sub.Short, width) + "\n")
	}
	return b.String()
}

// paragraphs breaks the lines of text that are wider than width, but for those
// that begin with a blank; 0: none is.
func paragraphs(text string, width int) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		if !strings.HasPrefix(line, " ") {
			line = hang("", "", line, width)
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// hang is text behind lead, what is wider than width behind an indent; 0: all
// of it is on one line.
func hang(lead, indent, text string, width int) string {
	if room := width - len(indent); width > 0 && room > 0 {
		text = strings.ReplaceAll(wordwrap.WrapString(text, uint(room)), "\n", "\n"+indent)
	}
	return lead + text
}

// width is how wide lines may be: COLUMNS says it, or the terminal; 0: as wide
// as they are.
func width(w io.Writer) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if f, ok := w.(*os.File); ok && terminal(w) {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil {
			return n
		}
	}
	return 0
}

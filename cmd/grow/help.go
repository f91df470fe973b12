package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Groups of commands, in the order in which help lists them.
const (
	groupWrite = "write"
	groupRun   = "run"
	groupLook  = "look"
	groupSetUp = "set-up"
)

var groups = []*cobra.Group{
	{ID: groupWrite, Title: "Write and check a service:"},
	{ID: groupRun, Title: "Run it:"},
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

// columns is how wide a terminal is; 0 when w is none, and lines may be long.
func columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !terminal(w) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// help writes what a command is for, for a person at a terminal of any width.
func (s *shell) help(c *cobra.Command, _ []string) {
	width := columns(s.stdout)
	var b strings.Builder
	text := c.Long
	if text == "" {
		text = c.Short
	}
	b.WriteString(wrap(text, width, ""))
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
		fmt.Fprintf(&b, "\n%s COMMAND --help says more of each.\n", c.CommandPath())
	}
	_, _ = io.WriteString(s.stdout, b.String()) // who asked has gone
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
		name := fmt.Sprintf("  %-12s ", sub.Name())
		b.WriteString(strings.TrimPrefix(wrap(name+sub.Short, width, strings.Repeat(" ", 15)), "\n"))
	}
	return b.String()
}

// wrap breaks the lines of text that are longer than width, between words;
// indent begins what follows a break. Lines that begin with a blank are kept,
// unless there is an indent. 0: none is broken.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		for width > 0 && len([]rune(line)) > width && (indent != "" || !strings.HasPrefix(line, " ")) {
			at := strings.LastIndex(string([]rune(line)[:width+1]), " ")
			if at <= len(indent) || strings.TrimSpace(line[:at]) == "" {
				break // a word that is longer than a line
			}
			b.WriteString(strings.TrimRight(line[:at], " ") + "\n")
			line = indent + strings.TrimLeft(line[at:], " ")
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

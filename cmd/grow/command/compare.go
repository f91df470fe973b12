package command

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/versions"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/compare"
	"github.com/grow-platform/grow/specs/shape"
	"github.com/spf13/cobra"
)

// codeBreak is the code of a comparison that found what breaks.
const codeBreak = "compare.break"

// comparison is what compare answers.
type comparison struct {
	OK       bool              `json:"ok"`
	Old      string            `json:"old"`
	New      string            `json:"new"`
	Breaks   int               `json:"breaks"`
	Warnings int               `json:"warnings"`
	Changes  []versions.Change `json:"changes"`
}

func (s *shell) compare() *cobra.Command {
	var role, only string
	c := &cobra.Command{
		Use: "compare OLD [NEW]", Short: "say what a change breaks for those who use a service", Args: cobra.RangeArgs(1, 2),
		Long: "compare lists what is different between two revisions and what each change means:\n\n" +
			"  ok     nothing that worked fails\n  warn   nothing is refused, but look at it\n  BREAK  messages that passed are refused; one of them is shown\n\n" +
			"OLD and NEW are folders of a service, files of it (actors/NAME/actor.yaml, workflows/NAME.yaml,\ntypes/NAME.cue), or revisions of the git repository that the service is in: main, HEAD~1,\n" +
			"v1.2:actors/NAME/actor.yaml. NEW is the service in this folder when it is left out.\n\n" +
			"A type is judged in the role it has: \"in\" is what is sent to the service, so the new type must\naccept all that the old did; \"out\" is what is received from it, so the old type must accept all\n" +
			"that the new one sends. Code and tests are not looked at. The exit code is 3 when something breaks.\nSee docs/compatibility.md.",
		Example: "  grow compare main\n  grow compare HEAD~1 . -o json\n  grow compare v1.2 --only pricing\n  grow compare old.cue types/order.cue --role in",
		RunE: func(c *cobra.Command, args []string) error {
			roles, err := rolesOf(role)
			if err != nil {
				return err
			}
			old, new, closing, err := s.sides(c.Context(), args)
			defer closing()
			if err != nil {
				return err
			}
			changes, err := differences(old, new, roles)
			if err != nil {
				return err
			}
			if changes, err = onlyOf(changes, only, old, new); err != nil {
				return err
			}
			return s.tell(old.name, new.name, changes)
		},
	}
	c.Flags().StringVar(&role, "role", "", "judge types in one `role`: in or out")
	c.Flags().StringVar(&only, "only", "", "changes of one actor, workflow, type or endpoint, by its `name`")
	fixed(c, "role", "in", "out")
	s.named(c, "only", func(service *specs.Service) []string { return (&side{service: service}).names() })
	return c
}

func rolesOf(name string) ([]shape.Role, error) {
	switch name {
	case "":
		return nil, nil
	case "in":
		return []shape.Role{shape.In}, nil
	case "out":
		return []shape.Role{shape.Out}, nil
	}
	return nil, usage("--role takes in or out, not %q", name)
}

// differences compares two sides of one kind.
func differences(old, new *side, roles []shape.Role) ([]compare.Change, error) {
	if old.kind != new.kind {
		return nil, usage("%s is %s and %s is %s: there is nothing to compare", old.name, old.kind, new.name, new.kind)
	}
	if roles != nil && new.kind != kindTypes {
		return nil, usage("--role is for files of types; in a service it follows from where a type is used")
	}
	switch new.kind {
	case kindActor:
		return compare.Actors(old.service, old.which, new.service, new.which, compare.Options{}), nil
	case kindWorkflow:
		return compare.Workflows(old.service, old.which, new.service, new.which, compare.Options{}), nil
	case kindTypes:
		was, is := old.types, new.types
		if a, b := first(was), first(is); len(was) == 1 && len(is) == 1 && a != b {
			return compare.Type(b, was[a], is[b], compare.Options{}, roles...), nil
		}
		return compare.TypeSet(was, is, compare.Options{}, roles...), nil
	}
	return compare.Services(old.service, new.service, compare.Options{}), nil
}

// first is a key of a map.
func first[V any](m map[string]V) string {
	for k := range m {
		return k
	}
	return ""
}

// onlyOf keeps what is about one thing by its name.
func onlyOf(changes []compare.Change, name string, sides ...*side) ([]compare.Change, error) {
	if name == "" {
		return changes, nil
	}
	var known []string
	for _, s := range sides {
		known = append(known, s.names()...)
	}
	if !slices.Contains(known, name) {
		slices.Sort(known)
		return nil, &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("neither side has a %q", name), At: name,
			Next: meant(name, known, "it is one of "+cut(strings.Join(slices.Compact(known), ", "), 200))}
	}
	return slices.DeleteFunc(changes, func(c compare.Change) bool {
		_, subject, _ := strings.Cut(c.Subject, " ")
		return subject != name
	}), nil
}

// tell prints the changes; what breaks makes an error of exit code 3.
func (s *shell) tell(old, new string, changes []compare.Change) error {
	v := comparisonOf(old, new, versions.ChangesOf(changes))
	if err := s.print(&v, func(w io.Writer) error { return s.writeChanges(w, &v) }); err != nil {
		return err
	}
	if !v.OK {
		return &told{fault: control.Error{Code: codeBreak, Message: v.summary(), At: new, Next: "keep what the old revision accepts, or give the new type another name"}}
	}
	return nil
}

// comparisonOf is changes as they are printed.
func comparisonOf(old, new string, changes []versions.Change) comparison {
	v := comparison{OK: true, Old: old, New: new, Changes: changes}
	for _, c := range changes {
		switch c.Verdict {
		case versions.Break:
			v.OK = false
			v.Breaks++
		case versions.Warn:
			v.Warnings++
		}
	}
	return v
}

func (v *comparison) summary() string {
	if len(v.Changes) == 0 {
		return "no changes"
	}
	n := map[string]int{}
	for _, c := range v.merged() {
		n[c.Verdict]++
	}
	var parts []string
	if n["break"] > 0 {
		parts = append(parts, count(n["break"], "break"))
	}
	if n["warn"] > 0 {
		parts = append(parts, count(n["warn"], "warning"))
	}
	switch {
	case n["ok"] > 0 && parts != nil:
		parts = append(parts, count(n["ok"], "harmless change"))
	case n["ok"] > 0:
		parts = append(parts, "nothing breaks: "+count(n["ok"], "change"))
	}
	return strings.Join(parts, ", ")
}

// merged are the changes for people: one that is the same in both roles is told
// once, and one that is harmless in a role is not told again beside what it is
// in the other.
func (v *comparison) merged() []versions.Change {
	var out []versions.Change
	told := map[[4]string]int{}
	for _, c := range v.Changes {
		key := [4]string{c.Subject, c.Path, c.Code, c.Message}
		i, again := told[key]
		switch {
		case !again || out[i].Role == c.Role:
			told[key] = len(out)
			out = append(out, c)
		case c.Verdict == out[i].Verdict && c.Refusal == "" && out[i].Refusal == "":
			out[i].Role += " and " + c.Role
		case out[i].Verdict == "ok":
			out[i] = c
		case c.Verdict != "ok":
			told[key] = len(out)
			out = append(out, c)
		}
	}
	return out
}

// writeChanges writes the changes for people, subject by subject, the gravest first.
func (s *shell) writeChanges(w io.Writer, v *comparison) error {
	p := &page{w: w, width: width(w), color: s.color(w)}
	users := map[[2]string]string{} // of a type, by its subject and role
	for _, c := range v.Changes {
		users[[2]string{c.Subject, c.Role}] = c.Where
	}
	changes := v.merged()
	for i := 0; i < len(changes); {
		n := i + 1
		for n < len(changes) && changes[n].Subject == changes[i].Subject {
			n++
		}
		p.line("", changes[i].Subject)
		for _, role := range []string{"in", "out"} {
			if where := users[[2]string{changes[i].Subject, role}]; where != "" {
				p.line("  ", role+": "+where)
			}
		}
		p.changes(changes[i:n])
		i = n
	}
	if v.OK {
		p.line("", v.summary())
	}
	return p.err
}

// page writes lines no wider than the terminal.
type page struct {
	w     io.Writer
	width int // characters; 0: lines are not broken
	color bool
	err   error
}

// changes writes those of one subject, the gravest first.
func (p *page) changes(changes []versions.Change) {
	grave := func(c versions.Change) int { return slices.Index([]string{"break", "warn", "ok"}, c.Verdict) }
	slices.SortStableFunc(changes, func(a, b versions.Change) int { return grave(a) - grave(b) })
	for _, c := range changes {
		p.change(c)
	}
	p.line("", "")
}

// marks are the verdicts as people see them, with their colours.
var marks = map[string][2]string{"break": {"BREAK", "\x1b[31m"}, "warn": {"warn ", "\x1b[33m"}, "ok": {"ok   ", "\x1b[32m"}}

func (p *page) change(c versions.Change) {
	mark := marks[c.Verdict]
	lead := "  " + mark[0] + "  "
	if p.color {
		lead = "  " + mark[1] + mark[0] + "\x1b[0m  "
	}
	text := c.Message
	if c.Path != "" {
		text = c.Path + ": " + text
	}
	if c.Role != "" && !strings.HasPrefix(c.Path, c.Role) {
		text = c.Role + " " + text
	}
	if c.Class == compare.Grants {
		text += " [grants]"
	}
	const indent = "         "
	p.hang(lead, indent, text)
	switch {
	case c.Raw != nil:
		p.hang(indent, indent, "fails: "+strconv.Quote(string(c.Raw)))
	case c.Example != nil:
		p.plain(indent + "fails: " + string(c.Example))
	case c.Undecided && c.Verdict == "break":
		p.hang(indent, indent, "no message that fails was found, and no proof that there is none")
	case c.Verdict == "break" && c.Class == compare.Types:
		p.hang(indent, indent, "no message that shows it could be built")
	}
	if c.Refusal != "" {
		p.hang(indent, indent, "why:   "+strings.TrimPrefix(c.Refusal, "/: "))
	}
}

// line writes one line, or several where it is too wide.
func (p *page) line(indent, text string) { p.hang(indent, indent, text) }

// hang writes text behind lead, and what does not fit behind an indent.
func (p *page) hang(lead, indent, text string) {
	p.print(hang(lead, indent, cell(text), p.width))
}

// plain writes a message as it is, to be copied.
func (p *page) plain(text string) { p.print(cell(text)) }

func (p *page) print(text string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, strings.TrimRight(text, " "))
	}
}

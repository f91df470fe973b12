package debugger

import (
	"context"
	"slices"
	"strings"

	"github.com/google/go-dap"
)

// complete returns a line with what is before the cursor completed as far as it can
// only be one thing.
func (d *debugger) complete(ctx context.Context, line string, pos int) (string, int, bool) {
	before, after := line[:pos], line[pos:]
	start := strings.LastIndexAny(before, " ") + 1
	var offered []string
	name, rest, found := strings.Cut(before, " ")
	switch {
	case !found:
		for _, a := range actions {
			offered = append(offered, a.names...)
		}
	default:
		offered, start = d.arguments(ctx, name, rest, len(before))
	}
	word := before[min(start, len(before)):]
	offered = slices.DeleteFunc(offered, func(o string) bool { return !strings.HasPrefix(o, word) })
	slices.Sort(offered)
	offered = slices.Compact(offered)
	if len(offered) == 0 {
		return "", 0, false
	}
	common := offered[0]
	for _, o := range offered[1:] {
		for !strings.HasPrefix(o, common) {
			common = common[:len(common)-1]
		}
	}
	if len(offered) == 1 && !found {
		common += " "
	}
	if common == word && len(offered) > 1 {
		d.printf("%s\n", strings.Join(offered, "  "))
	}
	return before[:start] + common + after, start + len(common), true
}

// arguments offers what a command may be followed by, and where in the line that
// begins.
func (d *debugger) arguments(ctx context.Context, name, rest string, length int) (offered []string, start int) {
	start = length - len(rest[strings.LastIndexAny(rest, " ")+1:])
	a, err := find(name)
	if err != nil {
		return nil, start
	}
	switch a.names[0] {
	case "break", "tbreak", "until", "list", "log":
		for _, f := range d.files {
			offered = append(offered, f.Name+":")
		}
	case "catch", "uncatch":
		offered = filterNames
	case "help":
		for _, a := range actions {
			offered = append(offered, a.names...)
		}
	case "print", "set", "watch", "data":
		r, err := ask[*dap.CompletionsResponse](ctx, d.client, "completions", dap.CompletionsArguments{FrameId: d.id(), Text: rest, Column: len([]rune(rest)) + 1})
		if err != nil {
			return nil, start
		}
		for _, item := range r.Body.Targets {
			offered = append(offered, item.Label)
			start = length - len(string([]rune(rest)[min(item.Start-1, len([]rune(rest))):]))
		}
	}
	return offered, start
}

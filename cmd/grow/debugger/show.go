package debugger

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-dap"
)

// Limits of what is shown at once.
const (
	aroundMax = 5   // lines of source on each side of where a thread stands
	listMax   = 11  // lines that list shows
	partsMax  = 50  // parts of a value
	localsMax = 400 // variables of a frame
	depthMax  = 2   // parts of parts
	instrMax  = 16  // instructions
	bytesMax  = 1024
)

// Colours of a terminal, where it has some.
const (
	bold  = "\x1b[1m"
	dim   = "\x1b[2m"
	plain = "\x1b[0m"
)

// window shows the source around the frame that is looked at.
func (d *debugger) window(ctx context.Context) error {
	if len(d.frames) == 0 {
		return nil
	}
	f := d.frames[d.frame]
	d.printf("#%d  %s\n", d.frame, located(f))
	if f.Source == nil {
		return nil
	}
	d.source, d.listed = f.Source, f.Line+aroundMax
	return d.lines(ctx, f.Source, f.Line-aroundMax, f.Line+aroundMax, f.Line)
}

func located(f dap.StackFrame) string {
	if f.Source == nil {
		return f.Name + "  " + f.InstructionPointerReference
	}
	return fmt.Sprintf("%s  %s:%d", f.Name, f.Source.Path, f.Line)
}

// text is a file as it was built, by lines. Each is asked for once.
func (d *debugger) text(ctx context.Context, source *dap.Source) ([]string, error) {
	key := fmt.Sprintf("%d %s", source.SourceReference, source.Path)
	if lines, ok := d.texts[key]; ok {
		return lines, nil
	}
	r, err := ask[*dap.SourceResponse](ctx, d.client, "source", map[string]any{"source": source, "sourceReference": source.SourceReference})
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(r.Body.Content, "\n"), "\n")
	d.texts[key] = lines
	return lines, nil
}

// lines shows lines from first to last, the one where the thread is marked.
func (d *debugger) lines(ctx context.Context, source *dap.Source, first, last, at int) error {
	text, err := d.text(ctx, source)
	if err != nil {
		return err
	}
	columns, _ := d.input.size()
	for n := max(first, 1); n <= min(last, len(text)); n++ {
		mark := "  "
		for _, p := range d.points {
			if p.source != nil && p.source.Path == source.Path && p.line == n {
				mark = "* "
			}
		}
		if n == at {
			mark = "=>"
		}
		line := fitted(fmt.Sprintf("%s%5d  %s", mark, n, strings.ReplaceAll(text[n-1], "\t", "    ")), columns)
		switch {
		case d.color && n == at:
			d.colored(bold, line)
		case d.color:
			d.colored(dim, line[:min(7, len(line))])
			d.printf("%s\n", line[min(7, len(line)):])
			continue
		default:
			d.printf("%s", line)
		}
		d.printf("\n")
	}
	return nil
}

// colored shows a text between escapes.
func (d *debugger) colored(color, text string) {
	_, _ = fmt.Fprintf(d.input, "%s%s%s", color, clean(text), plain)
}

// fitted cuts a line to the width of the terminal.
func fitted(line string, columns int) string {
	if runes := []rune(line); columns > 10 && len(runes) > columns {
		return string(runes[:columns-1]) + "…"
	}
	return line
}

// list goes on with the source that was shown, or shows it around a line.
func (d *debugger) list(ctx context.Context, rest string) error {
	at := 0
	if len(d.frames) > 0 {
		at = d.frames[d.frame].Line
	}
	first := d.listed + 1
	if rest != "" {
		p, err := d.place(rest)
		if err != nil {
			return err
		}
		if p.source == nil {
			return errors.New("say which line: list [FILE:]LINE")
		}
		d.source, first = p.source, p.line-listMax/2
	}
	if d.source == nil {
		source, err := d.file("")
		if err != nil {
			return err
		}
		d.source = source
	}
	if len(d.frames) == 0 || d.frames[d.frame].Source == nil || d.frames[d.frame].Source.Path != d.source.Path {
		at = 0
	}
	text, err := d.text(ctx, d.source)
	if err != nil {
		return err
	}
	if first > len(text) {
		return fmt.Errorf("%s ends with line %d", d.source.Path, len(text))
	}
	first = max(first, 1)
	d.listed = first + listMax - 1
	return d.lines(ctx, d.source, first, d.listed, at)
}

func (d *debugger) sources(context.Context, string) error {
	for _, f := range d.files {
		d.printf("%s\n", f.Path)
	}
	return nil
}

// backtrace shows the frames, or so many of them.
func (d *debugger) backtrace(_ context.Context, rest string) error {
	n := len(d.frames)
	if rest != "" {
		wanted, err := strconv.Atoi(rest)
		if err != nil || wanted < 1 {
			return fmt.Errorf("%q: say how many frames", rest)
		}
		n = min(n, wanted)
	}
	for i, f := range d.frames[:n] {
		mark := "  "
		if i == d.frame {
			mark = "=>"
		}
		d.printf("%s #%d  %s\n", mark, i, located(f))
	}
	return nil
}

// goFrame looks at a frame of the thread.
func (d *debugger) goFrame(ctx context.Context, n int) error {
	switch {
	case n < 0:
		return errors.New("this is the innermost frame")
	case n >= len(d.frames):
		return errors.New("this is the outermost frame")
	}
	d.frame = n
	return d.window(ctx)
}

func (d *debugger) toFrame(ctx context.Context, rest string) error {
	if rest == "" {
		return d.window(ctx)
	}
	n, err := strconv.Atoi(rest)
	if err != nil {
		return fmt.Errorf("%q is no number of a frame; backtrace lists them", rest)
	}
	return d.goFrame(ctx, n)
}

func (d *debugger) threads(ctx context.Context, _ string) error {
	r, err := ask[*dap.ThreadsResponse](ctx, d.client, "threads", map[string]any{})
	if err != nil {
		return err
	}
	for _, t := range r.Body.Threads {
		mark := "  "
		if t.Id == d.thread {
			mark = "=>"
		}
		d.printf("%s %d  %s\n", mark, t.Id, t.Name)
	}
	return nil
}

// toThread looks at another thread that stands still.
func (d *debugger) toThread(ctx context.Context, rest string) error {
	n, err := strconv.Atoi(rest)
	i := slices.IndexFunc(d.stops, func(b dap.StoppedEventBody) bool { return b.ThreadId == n })
	if err != nil || i < 0 {
		return fmt.Errorf("no thread %q stands still; threads lists them", rest)
	}
	d.thread = n
	if err := d.look(ctx); err != nil {
		return err
	}
	return d.window(ctx)
}

// id is the number of the frame that is looked at.
func (d *debugger) id() int {
	if d.frame < len(d.frames) {
		return d.frames[d.frame].Id
	}
	return 0
}

func (d *debugger) evaluate(ctx context.Context, expression, how string) (*dap.EvaluateResponse, error) {
	return ask[*dap.EvaluateResponse](ctx, d.client, "evaluate", dap.EvaluateArguments{Expression: expression, FrameId: d.id(), Context: how})
}

func (d *debugger) print(ctx context.Context, expression string) error {
	if expression == "" {
		return errors.New("say what: print EXPRESSION")
	}
	r, err := d.evaluate(ctx, expression, "repl")
	if err != nil {
		return err
	}
	d.printf("%s = %s\n", expression, r.Body.Result)
	return d.parts(ctx, r.Body.VariablesReference, 1, partsMax)
}

// parts shows the parts of a value, one on a line.
func (d *debugger) parts(ctx context.Context, reference, depth, limit int) error {
	if reference == 0 || depth > depthMax {
		return nil
	}
	r, err := ask[*dap.VariablesResponse](ctx, d.client, "variables", dap.VariablesArguments{VariablesReference: reference, Count: limit + 1})
	if err != nil {
		return err
	}
	for i, v := range r.Body.Variables {
		if i == limit {
			d.printf("%s... and more, which print shows by name\n", strings.Repeat("  ", depth))
			break
		}
		d.printf("%s%s\n", strings.Repeat("  ", depth), described(v))
		if v.NamedVariables > 0 { // records in full; lists are shown by their value
			if err := d.parts(ctx, v.VariablesReference, depth+1, partsMax); err != nil {
				return err
			}
		}
	}
	return nil
}

func described(v dap.Variable) string {
	if v.Type == "" {
		return fmt.Sprintf("%s = %s", v.Name, v.Value)
	}
	return fmt.Sprintf("%s: %s = %s", v.Name, v.Type, v.Value)
}

func (d *debugger) locals(ctx context.Context, _ string) error {
	return d.scope(ctx, func(i int, s dap.Scope) bool { return i == 0 })
}

func (d *debugger) globals(ctx context.Context, _ string) error {
	return d.scope(ctx, func(i int, s dap.Scope) bool { return i > 0 })
}

// scope shows the variables of some of a frame's scopes.
func (d *debugger) scope(ctx context.Context, which func(int, dap.Scope) bool) error {
	r, err := ask[*dap.ScopesResponse](ctx, d.client, "scopes", dap.ScopesArguments{FrameId: d.id()})
	if err != nil {
		return err
	}
	for i, s := range r.Body.Scopes {
		if !which(i, s) {
			continue
		}
		d.printf("%s:\n", s.Name)
		if err := d.parts(ctx, s.VariablesReference, depthMax, localsMax); err != nil {
			return err
		}
	}
	return nil
}

func (d *debugger) set(ctx context.Context, rest string) error {
	path, value, ok := strings.Cut(strings.TrimPrefix(rest, "var "), "=")
	if !ok {
		return errors.New("say what: set PATH = VALUE")
	}
	path = strings.TrimSpace(path)
	r, err := ask[*dap.SetExpressionResponse](ctx, d.client, "setExpression", dap.SetExpressionArguments{Expression: path, Value: strings.TrimSpace(value), FrameId: d.id()})
	if err != nil {
		return err
	}
	d.printf("%s = %s\n", path, r.Body.Value)
	return nil
}

func (d *debugger) watch(ctx context.Context, expression string) error {
	if expression != "" {
		d.watches = append(d.watches, expression)
	}
	if d.thread == 0 {
		return nil
	}
	return d.showWatches(ctx)
}

// showWatches shows what is watched.
func (d *debugger) showWatches(ctx context.Context) error {
	for i, w := range d.watches {
		r, err := d.evaluate(ctx, w, "watch")
		switch {
		case errors.Is(err, errGone):
			return err
		case err != nil:
			d.printf("watch %d  %s: %s\n", i+1, w, uncoded(err))
		default:
			d.printf("watch %d  %s = %s\n", i+1, w, r.Body.Result)
		}
	}
	return nil
}

func (d *debugger) unwatch(_ context.Context, rest string) error {
	if rest == "" {
		d.watches = nil
		return nil
	}
	n, err := strconv.Atoi(rest)
	if err != nil || n < 1 || n > len(d.watches) {
		return fmt.Errorf("nothing is watched by number %q; watch lists what is", rest)
	}
	d.watches = slices.Delete(d.watches, n-1, n)
	return nil
}

func (d *debugger) memory(ctx context.Context, rest string) error {
	address, count, _ := strings.Cut(rest, " ")
	n := 64
	if count != "" {
		var err error
		if n, err = strconv.Atoi(strings.TrimSpace(count)); err != nil || n < 1 || n > bytesMax {
			return fmt.Errorf("%q: say how many bytes, from 1 to %d", count, bytesMax)
		}
	}
	r, err := ask[*dap.ReadMemoryResponse](ctx, d.client, "readMemory", dap.ReadMemoryArguments{MemoryReference: address, Count: n})
	if err != nil {
		return err
	}
	p, err := base64.StdEncoding.DecodeString(r.Body.Data)
	if err != nil {
		return fmt.Errorf("memory at %s: %w", address, err)
	}
	d.printf("%s", hex.Dump(p))
	return nil
}

func (d *debugger) disassemble(ctx context.Context, _ string) error {
	place := d.frames[d.frame].InstructionPointerReference
	if place == "" {
		return errors.New("where this frame's instructions are is not known")
	}
	r, err := ask[*dap.DisassembleResponse](ctx, d.client, "disassemble", dap.DisassembleArguments{MemoryReference: place, InstructionCount: instrMax})
	if err != nil {
		return err
	}
	for _, i := range r.Body.Instructions {
		if i.Address == "0x0" {
			break
		}
		mark := "  "
		if i.Address == place {
			mark = "=>"
		}
		d.printf("%s %8s  %s\n", mark, i.Address, i.Instruction)
	}
	return nil
}

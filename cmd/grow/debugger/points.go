package debugger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-dap"
)

// point is a breakpoint as its user set it. It is in a file, on a function, or on a
// variable.
type point struct {
	number    int // by which the user names it
	id        int // by which the server does
	source    *dap.Source
	line      int
	function  string
	variable  string // whose memory it is on
	data      string // what the server calls that; "": it is on none
	condition string
	hit       string
	log       string
	temporary bool   // removed once it was hit
	passing   bool   // removed at the next stop, whatever that is
	problem   string // why it lies nowhere
}

func (p *point) String() string {
	text := fmt.Sprintf("%d  %s", p.number, p.function)
	switch {
	case p.data != "":
		text = fmt.Sprintf("%d  changes of %s", p.number, p.variable)
	case p.source != nil:
		text = fmt.Sprintf("%d  %s:%d", p.number, p.source.Path, p.line)
	}
	for _, more := range [][2]string{{"if ", p.condition}, {"hits ", p.hit}, {"logs ", p.log}, {"is not set: ", p.problem}} {
		if more[1] != "" {
			text += "  " + more[0] + more[1]
		}
	}
	if p.temporary {
		text += "  once"
	}
	return text
}

// place reads [FILE:]LINE, or the name of a function.
func (d *debugger) place(text string) (*point, error) {
	if text == "" {
		if d.thread == 0 {
			return nil, errors.New("say where: [FILE:]LINE or FUNCTION")
		}
		f := d.frames[d.frame]
		return &point{source: f.Source, line: f.Line}, nil
	}
	file, number := "", text
	if cut := strings.LastIndexByte(text, ':'); cut >= 0 {
		file, number = text[:cut], text[cut+1:]
	}
	line, err := strconv.Atoi(number)
	if err != nil {
		return &point{function: text}, nil //nolint:nilerr // what is no number is a name
	}
	source, err := d.file(file)
	return &point{source: source, line: line}, err
}

// file is the source that a name means; "": the one that is shown, or the only one.
func (d *debugger) file(name string) (*dap.Source, error) {
	if name == "" {
		if d.source != nil {
			return d.source, nil
		}
		if len(d.files) == 1 {
			return &d.files[0], nil
		}
		return nil, fmt.Errorf("name one of the %d files, as FILE:LINE; sources lists them", len(d.files))
	}
	var found, own []*dap.Source
	for i, f := range d.files {
		path := strings.ReplaceAll(f.Path, `\`, "/")
		if path == name {
			return &d.files[i], nil
		}
		if strings.HasSuffix(path, "/"+name) || f.Name == name {
			found = append(found, &d.files[i])
			if f.PresentationHint != "deemphasize" {
				own = append(own, &d.files[i])
			}
		}
	}
	if len(own) > 0 { // a library has a file of that name too
		found = own
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("there is no file %s; sources lists them", name)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("%s may be %s or %s: say more of its path", name, found[0].Path, found[1].Path)
}

func (d *debugger) addPoint(ctx context.Context, rest string) error {
	where, condition, _ := strings.Cut(rest, " if ")
	p, err := d.place(strings.TrimSpace(where))
	if err != nil {
		return err
	}
	p.condition = strings.TrimSpace(condition)
	return d.add(ctx, p)
}

func (d *debugger) addTemporary(ctx context.Context, rest string) error {
	p, err := d.place(rest)
	if err != nil {
		return err
	}
	p.temporary = true
	return d.add(ctx, p)
}

func (d *debugger) addLog(ctx context.Context, rest string) error {
	where, text, _ := strings.Cut(rest, " ")
	p, err := d.place(where)
	if err != nil {
		return err
	}
	if p.source == nil || text == "" {
		return errors.New("say where, and what to write: log [FILE:]LINE TEXT")
	}
	p.log = text
	return d.add(ctx, p)
}

// addData stops once a variable of the frame that is looked at has changed.
func (d *debugger) addData(ctx context.Context, rest string) error {
	path, condition, _ := strings.Cut(rest, " if ")
	p := &point{variable: strings.TrimSpace(path), condition: strings.TrimSpace(condition)}
	if p.variable == "" {
		return errors.New("say which: data PATH [if CONDITION]")
	}
	r, err := ask[*dap.DataBreakpointInfoResponse](ctx, d.client, "dataBreakpointInfo", dap.DataBreakpointInfoArguments{Name: p.variable, FrameId: d.id()})
	if err != nil {
		return err
	}
	p.data, _ = r.Body.DataId.(string)
	if p.data == "" {
		return errors.New(r.Body.Description)
	}
	return d.add(ctx, p)
}

// add sets a new breakpoint, and takes it away again if it lies nowhere.
func (d *debugger) add(ctx context.Context, p *point) error {
	d.number++
	p.number = d.number
	d.points = append(d.points, p)
	err := d.send(ctx, p)
	if err == nil && p.problem != "" {
		err = errors.New(p.problem)
	}
	if err != nil {
		d.points = d.points[:len(d.points)-1]
		d.number--
		return errors.Join(err, d.send(ctx, p))
	}
	if !p.passing {
		d.printf("breakpoint %s\n", p)
	}
	return nil
}

// together says whether a server takes two breakpoints at once: they are in one file, or
// on functions both, or on variables.
func (p *point) together(o *point) bool {
	return (o.source == nil) == (p.source == nil) && (p.source == nil || o.source.Path == p.source.Path) && (o.data == "") == (p.data == "")
}

// send tells the server all breakpoints that p is together with.
func (d *debugger) send(ctx context.Context, p *point) error {
	var mine []*point
	for _, o := range d.points {
		if p.together(o) {
			mine = append(mine, o)
		}
	}
	bound, err := d.bind(ctx, p, mine)
	if err != nil {
		return err
	}
	for i, b := range bound[:min(len(bound), len(mine))] {
		o := mine[i]
		o.id, o.problem = b.Id, ""
		switch {
		case !b.Verified:
			o.problem = b.Message
		case b.Line != 0 && o.source != nil:
			o.line = b.Line
		}
	}
	return nil
}

// bind has the server take breakpoints that p is one of, in place of those like them.
func (d *debugger) bind(ctx context.Context, p *point, mine []*point) ([]dap.Breakpoint, error) {
	switch {
	case p.data != "":
		list := make([]dap.DataBreakpoint, len(mine))
		for i, o := range mine {
			list[i] = dap.DataBreakpoint{DataId: o.data, AccessType: "write", Condition: o.condition, HitCondition: o.hit}
		}
		r, err := ask[*dap.SetDataBreakpointsResponse](ctx, d.client, "setDataBreakpoints", dap.SetDataBreakpointsArguments{Breakpoints: list})
		if err != nil {
			return nil, err
		}
		return r.Body.Breakpoints, nil
	case p.source == nil:
		list := make([]dap.FunctionBreakpoint, len(mine))
		for i, o := range mine {
			list[i] = dap.FunctionBreakpoint{Name: o.function, Condition: o.condition, HitCondition: o.hit}
		}
		r, err := ask[*dap.SetFunctionBreakpointsResponse](ctx, d.client, "setFunctionBreakpoints", dap.SetFunctionBreakpointsArguments{Breakpoints: list})
		if err != nil {
			return nil, err
		}
		return r.Body.Breakpoints, nil
	}
	list := make([]dap.SourceBreakpoint, len(mine))
	for i, o := range mine {
		list[i] = dap.SourceBreakpoint{Line: o.line, Condition: o.condition, HitCondition: o.hit, LogMessage: o.log}
	}
	r, err := ask[*dap.SetBreakpointsResponse](ctx, d.client, "setBreakpoints", dap.SetBreakpointsArguments{Source: *p.source, Breakpoints: list})
	if err != nil {
		return nil, err
	}
	return r.Body.Breakpoints, nil
}

// numbered is the breakpoint that a command begins with, and what comes after it.
func (d *debugger) numbered(rest string) (*point, string, error) {
	word, rest, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(word)
	i := slices.IndexFunc(d.points, func(p *point) bool { return p.number == n })
	if err != nil || i < 0 {
		return nil, "", fmt.Errorf("there is no breakpoint %q; breakpoints lists them", word)
	}
	return d.points[i], strings.TrimSpace(rest), nil
}

// change sets a breakpoint anew, or leaves it as it was.
func (d *debugger) change(ctx context.Context, p *point, to func()) error {
	before := *p
	to()
	err := d.send(ctx, p)
	if err == nil && p.problem != "" {
		err = errors.New(p.problem)
	}
	if err != nil {
		*p = before
		return errors.Join(err, d.send(ctx, p))
	}
	d.printf("breakpoint %s\n", p)
	return nil
}

func (d *debugger) condition(ctx context.Context, rest string) error {
	p, condition, err := d.numbered(rest)
	if err != nil {
		return err
	}
	return d.change(ctx, p, func() { p.condition = condition })
}

func (d *debugger) hits(ctx context.Context, rest string) error {
	p, hit, err := d.numbered(rest)
	if err != nil {
		return err
	}
	return d.change(ctx, p, func() { p.hit = hit })
}

func (d *debugger) deletePoint(ctx context.Context, rest string) error {
	if rest != "" {
		p, _, err := d.numbered(rest)
		if err != nil {
			return err
		}
		return d.remove(ctx, func(o *point) bool { return o == p })
	}
	return d.remove(ctx, func(*point) bool { return true })
}

// dropTemporary removes breakpoints that have done what they were for at a stop.
func (d *debugger) dropTemporary(ctx context.Context, hit []int) error {
	return d.remove(ctx, func(p *point) bool { return p.passing || p.temporary && slices.Contains(hit, p.id) })
}

func (d *debugger) remove(ctx context.Context, which func(*point) bool) error {
	var gone []*point
	for _, p := range d.points {
		if which(p) {
			gone = append(gone, p)
		}
	}
	d.points = slices.DeleteFunc(d.points, which)
	for _, p := range gone {
		if err := d.send(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (d *debugger) listPoints(context.Context, string) error {
	for _, p := range d.points {
		d.printf("%s\n", p)
	}
	for _, name := range slices.Sorted(maps.Keys(d.filters)) {
		d.printf("%s\n", strings.TrimSpace("catch "+name+" "+d.filters[name]))
	}
	return nil
}

// filterNames are what catch takes.
var filterNames = []string{"raised", "uncaught", "output", "request"}

func (d *debugger) catch(ctx context.Context, rest string) error {
	name, names, _ := strings.Cut(rest, " ")
	if !slices.Contains(filterNames, name) {
		return fmt.Errorf("say what to stop on: %s", strings.Join(filterNames, ", "))
	}
	d.filters[name] = names
	return d.sendFilters(ctx)
}

func (d *debugger) uncatch(ctx context.Context, name string) error {
	if _, there := d.filters[name]; !there {
		return fmt.Errorf("%q stops nothing; breakpoints lists what does", name)
	}
	delete(d.filters, name)
	return d.sendFilters(ctx)
}

func (d *debugger) sendFilters(ctx context.Context) error {
	a := dap.SetExceptionBreakpointsArguments{Filters: []string{}}
	for _, name := range slices.Sorted(maps.Keys(d.filters)) {
		a.FilterOptions = append(a.FilterOptions, dap.ExceptionFilterOptions{FilterId: name, Condition: d.filters[name]})
	}
	_, err := ask[*dap.SetExceptionBreakpointsResponse](ctx, d.client, "setExceptionBreakpoints", a)
	return err
}

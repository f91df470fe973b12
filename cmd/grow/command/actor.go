package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/cmd/grow/starter"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/schema"
	"github.com/spf13/cobra"
)

func (s *shell) actor() *cobra.Command {
	return group(&cobra.Command{
		Use: "actor", Short: "make actors; list, pause, drain, stop and delete those on a host",
		Long: "An actor is a folder of actors/: what it is for, what it takes and sends, tests that prove it, and code.", Example: "  grow actor new pricing\n  grow actor list\n  grow actor pause pricing",
	}, append([]*cobra.Command{s.actorNew()}, s.actorsOnHost()...)...)
}

// wish is what actor new is asked for.
type wish struct {
	starter.Wish
	endpoint string
	plan     bool
}

func (s *shell) actorNew() *cobra.Command {
	var w wish
	c := &cobra.Command{
		Use: "new NAME", Short: "add an actor to a service", Args: cobra.ExactArgs(1),
		Long: "new makes actors/NAME: definition, documents, tests and code that builds and passes them. Types that the service\n" +
			"does not have are added to types/NAME.cue; without --in and --out they are NAME.asked and NAME.answered.\n\n" +
			"grow.yaml stays as it is, but for the endpoint that --endpoint names. With --lang wasm the module is built\n" +
			"elsewhere: what is made in its place handles messages and sends nothing.",
		Example: "  grow actor new pricing\n  grow actor new pricing --lang rust --in order.placed --out order.priced --state --key data.customer\n" +
			"  grow actor new pricing --endpoint 'POST /prices'",
		RunE: func(c *cobra.Command, args []string) error {
			w.Name = args[0]
			return s.addActor(c.Context(), w)
		},
	}
	f := c.Flags()
	f.StringVar(&w.Lang, "lang", "", "`language` of the code: go, rust, python, or wasm for a module built elsewhere")
	f.StringVar(&w.In, "in", "", "`type` of message that it takes")
	f.StringVar(&w.Out, "out", "", "`type` of message that it sends")
	f.StringVar(&w.About, "about", "", "what it is for, in a `sentence`")
	f.StringVar(&w.Key, "key", "", "CEL `expression` that orders messages and owns state, such as data.customer")
	f.BoolVar(&w.State, "state", false, "let it keep a count as its state")
	f.StringVar(&w.endpoint, "endpoint", "", "add this `endpoint` to grow.yaml, such as 'POST /prices'")
	f.BoolVar(&w.plan, "plan", false, "say what would be made, and make nothing")
	fixed(c, "lang", append(slices.Clone(starter.Languages), "wasm")...)
	s.named(c, "in", typesOf)
	s.named(c, "out", typesOf)
	return c
}

// check reports what of a wish makes no sense, whatever the service.
func (w *wish) check() error {
	for flag, name := range map[string]string{"--in": w.In, "--out": w.Out} {
		if name != "" && !schema.Lookup("#Type").Fits(name) {
			return usage("%s takes a type, lower-case words joined by dots such as order.placed, not %q", flag, name)
		}
		if strings.HasPrefix(name, "grow.") {
			return usage("%s: types that begin with grow. are the host's own", flag)
		}
	}
	if w.endpoint != "" && !schema.Lookup("#EndpointName").Fits(w.endpoint) {
		return usage("--endpoint takes a method and a path, such as 'POST /orders' or 'GET /orders/{id}', not %q", w.endpoint)
	}
	return checkName("NAME", w.Name)
}

func (s *shell) addActor(ctx context.Context, w wish) error {
	if err := w.check(); err != nil {
		return err
	}
	dir, service, before, err := s.outline()
	if err != nil {
		return err
	}
	if err := free(service, w.Name); err != nil {
		return err
	}
	var why string
	if w.Lang, why, err = pick(ctx, w.Lang, "wasm"); err != nil {
		return err
	}
	a, err := starter.NewActor(w.Wish, service.Types)
	if err != nil {
		return &control.Error{Code: codeExists, Message: err.Error() + "; nothing was made", At: w.Name, Next: "leave --state out, and write state and code by hand"}
	}
	d, err := actorDraft(dir, a, w.endpoint)
	if err != nil {
		return err
	}
	o := outcome{Name: a.Name, Language: a.Lang, Next: enter(dir, "grow vet", "grow test "+a.Name)}
	o.title = fmt.Sprintf("%s actor %s in %s%s, which takes %s and sends %s:", verb(w.plan), a.Name, starter.Title(a.Lang), why, a.In.Type, a.Out.Type)
	o.Notes = actorNotes(a, w, service)
	return s.make(d, o, "take another name, or move them away", w.plan, func() error { return fits(dir, before) })
}

// outline reads the service although it may not fit together yet. What keeps
// its types from being known is an error.
func (s *shell) outline() (dir string, service *specs.Service, before specs.Problems, err error) {
	if dir, err = s.folder(nil); err != nil {
		return "", nil, nil, err
	}
	service, before, err = app.Outline(dir)
	if err != nil {
		return "", nil, nil, err
	}
	types := slices.DeleteFunc(slices.Clone(before), func(p specs.Problem) bool { return !strings.HasPrefix(p.File, "types") })
	if len(types) > 0 {
		return "", nil, nil, types
	}
	return dir, service, before, nil
}

// free reports a name that is taken: targets are found by it.
func free(service *specs.Service, name string) error {
	what := ""
	if service.Actors[name] != nil {
		what = "an actor"
	}
	if service.Workflows[name] != nil {
		what = "a workflow"
	}
	if what == "" {
		return nil
	}
	return &control.Error{Code: codeExists, Message: "there is " + what + " " + name + " already; nothing was made", At: name, Next: "take another name"}
}

// actorDraft is what is made for an actor in the service's folder.
func actorDraft(dir string, a *starter.Actor, endpoint string) (*draft, error) {
	files, err := a.Files()
	if err != nil {
		return nil, err
	}
	d := &draft{dir: dir}
	if endpoint != "" {
		f, err := withEndpoint(dir, endpoint, a)
		if err != nil {
			return nil, err
		}
		d.refresh(f)
	}
	if types := a.NewTypes(); len(types) > 0 {
		f := starter.File{Path: "types/" + a.Name + ".cue", About: "what its messages look like", Data: types}
		have, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Path)))
		if err == nil {
			f.Data = append(append([]byte(strings.TrimRight(string(have), "\n")), "\n\n"...), types...)
		}
		d.refresh(f)
	}
	d.add(files...)
	d.refresh(starter.Schemas()...)
	return d, nil
}

// withEndpoint is grow.yaml with an endpoint of the actor.
func withEndpoint(dir, endpoint string, a *starter.Actor) (starter.File, error) {
	const name = "grow.yaml"
	f := starter.File{Path: name, About: "an endpoint more: " + endpoint}
	line := endpoint + ": " + a.Endpoint()
	text, err := insertable(filepath.Join(dir, name))
	if err == nil {
		f.Data, err = starter.Insert(text, endpoint, a.Endpoint())
	}
	var taken *starter.TakenError
	switch {
	case errors.As(err, &taken):
		return f, &control.Error{Code: codeExists, Message: err.Error() + "; nothing was made", At: fmt.Sprintf("%s:%d", name, taken.Line), Next: "take another method or path, or leave --endpoint out"}
	case errors.Is(err, starter.ErrLayout):
		return f, &control.Error{Code: "endpoint.layout", Message: "no endpoint can be inserted into grow.yaml as it is laid out; nothing was made", At: name, Next: "leave --endpoint out, and add under `http:` the line  " + line}
	}
	return f, err
}

// insertable is the text of a grow.yaml; there is none when the service is
// defined by grow.cue, or by more than would be read.
func insertable(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil || info.Size() > schema.SizeMax {
		return nil, starter.ErrLayout
	}
	return os.ReadFile(name)
}

// actorNotes are what a person should know of a new actor.
func actorNotes(a *starter.Actor, w wish, service *specs.Service) []string {
	var notes []string
	known := slices.Sorted(maps.Keys(service.Types))
	for _, given := range []string{w.In, w.Out} {
		if near := schema.Nearest(given, known); given != "" && service.Types[given] == nil {
			note := given + " is a new type, in types/" + a.Name + ".cue."
			if near != "" {
				note += " Was " + near + " meant?"
			}
			notes = append(notes, note)
		}
	}
	if a.State != "" && a.Key == "" {
		notes = append(notes, "It keeps one state for all messages; a key in actor.yaml gives each value of it its own: key: data.FIELD")
	}
	if a.Lang == "wasm" {
		notes = append(notes, "Put your module in the place of actors/"+a.Name+"/module.wasm; it keeps to the actor ABI (abi/README.md of grow).")
	}
	if w.endpoint == "" {
		notes = append(notes, "Nothing sends to it yet. In grow.yaml, under `http:`\n  POST /"+a.Name+": "+a.Endpoint()+"\nor in a workflow: grow workflow new NAME --nodes "+a.Name)
	}
	return notes
}

// fits reports what is wrong with a service that was not wrong before.
func fits(dir string, before specs.Problems) error {
	_, after, err := app.Outline(dir)
	if err != nil {
		return err
	}
	var fresh []string
	var first specs.Problem
	for _, p := range after {
		known := slices.ContainsFunc(before, func(b specs.Problem) bool { return b.File == p.File && b.Path == p.Path && b.Message == p.Message })
		if !known {
			if fresh = append(fresh, "  "+p.Error()); len(fresh) == 1 {
				first = p
			}
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	return &control.Error{
		Code: codeSpecInvalid, Message: "nothing was made, since it would not be right:\n" + strings.Join(fresh, "\n"), At: first.File,
		Next: "change what was asked for, and try again",
	}
}

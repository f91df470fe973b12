package replay

import (
	"fmt"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// stateOfType is a declaration of the value n.
func stateOfType(t *testing.T, name, def string) specs.State {
	t.Helper()
	s, err := shape.FromCUE(cuecontext.New().CompileString("m: " + def).LookupPath(cue.ParsePath("m")))
	if err != nil {
		t.Fatal(err)
	}
	return specs.State{Pattern: "n", Name: name, Type: s, Print: s.Print()}
}

// TestMigrated: a revision that keeps another type is run from the migrated state, and what
// it keeps is held against what the old one kept, migrated: a rewrite is right when it does
// not matter whether a value is migrated before a message or after it.
func TestMigrated(t *testing.T) {
	old := stateOfType(t, "n.v1", "int")
	next := stateOfType(t, "n", "{twice!: int}")
	double := func(_ engine.Host, m *abi.Message) (string, error) {
		n := 0
		_, err := fmt.Sscan(string(m.Data()), &n)
		return fmt.Sprintf(`{"twice":%d}`, 2*n), err
	}
	next.From = []specs.Migration{{Name: old.Name, Type: old.Type, Print: old.Print, Actor: &specs.Actor{
		Name: "double", In: []string{old.Name}, Out: []string{"out"}, Limits: specs.Limits{Output: abi.OutputBytesMax, Memory: abi.MemoryDefault},
	}}}
	// counts is an actor that counts in twos, from step to step.
	counts := func(step int) guest {
		return func(h engine.Host, m *abi.Message) (string, error) {
			twice := 0
			if data := ask(h, "", "type", "state.get", "name", "n").Data(); len(data) > 0 {
				if _, err := fmt.Sscanf(string(data), `{"twice":%d}`, &twice); err != nil {
					return "", err
				}
			}
			ask(h, fmt.Sprintf(`{"twice":%d}`, twice+step), "type", "state.set", "name", "n")
			ask(h, "", "type", "time.now") // requests are known by their number
			ask(h, plain(0), "type", "price.get", "use", "shop")
			return fmt.Sprintf(`{"n":%d,"of":%s}`, (twice+step)/2, m.Data()), nil
		}
	}
	w := handledAs(t, openMem(t), 30, []specs.State{old})
	w.def = &specs.Actor{Name: "facts", In: w.def.In, Out: w.def.Out, Key: w.def.Key, State: []specs.State{next}, Scale: w.def.Scale, Limits: w.def.Limits}
	by := actor.New(actor.Options{
		Node: "facts", Def: next.From[0].Actor, Module: guest(double), Broker: capability.Of(nil, 1), Context: t.Context(), Types: make([]*shape.Type, 1),
		Scale: w.def.Scale, RealTime: func() int64 { return 0 },
	})
	defer by.Close()
	// The old one says more than its count; that is not compared.
	mask := Mask{Ignore: []string{"data.at", "data.real", "data.drawn", "data.price"}}
	for _, c := range []struct {
		name  string
		guest guest
		want  string
	}{
		{"right", counts(2), "30 equal"},
		{"wrong", counts(4), "0 equal, output.out.data.n, state.n.twice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := w.run(t, c.guest, func(o *Options) {
				o.New.Migrations = map[string]*actor.Actor{"double": by}
				o.Mask = mask
				o.Each = func(c *Comparison) {
					if v, ok := c.State["n"]; ok && v.Type != old.Print {
						t.Errorf("%s ran from %s of type %d, want %d", c.ID, v.Data, v.Type, old.Print)
					}
				}
			})
			got := fmt.Sprint(r.Equal, " equal")
			for _, g := range r.Groups {
				got += fmt.Sprint(", ", g.Name)
			}
			if got != c.want {
				t.Errorf("%s, want %s: %+v", got, c.want, r.Groups)
			}
		})
	}
}

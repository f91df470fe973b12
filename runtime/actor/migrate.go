package actor

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
)

// migrationTime is what the message of a migration says its time is, and what its clock
// stands at: a value becomes the same whenever it is migrated.
const migrationTime = "1970-01-01T00:00:00Z"

// migrate has the values of older types become ones of the types that are declared, as
// writes of the message: they are kept when it is handled, and with it. It adds up fuel,
// and reports whether the message can be handled; r says why not.
func (i *Instance) migrate(t *Task, r *Result) bool {
	for _, o := range t.State.Older() {
		data, fuel, err := i.actor.Convert(o.From, o.Value.Data, t.Wait)
		r.Fuel += fuel
		if err == nil {
			_, err = t.State.Set(o.Name, data)
		}
		if err != nil {
			r.fail(CodeMigration, i.actor.shortened([]byte(fmt.Sprintf("%s is a %s, and did not become a %s by %s: %v", stateName(o.Name), o.From.Name, o.To, o.From.Actor.Name, err))))
			return false
		}
	}
	return true
}

// stateName is what a state value is called in an error.
func stateName(name string) string {
	if name == "" {
		return "the state"
	}
	return fmt.Sprintf("the state %q", name)
}

// Convert has the value of an older type become one of the type that is declared now, and
// returns it with the fuel that took. Before it waits for an instance or runs for long it
// calls wait, if that is not nil. It is safe for concurrent use, by as many as may use
// instances of the actor.
func (a *Actor) Convert(how *specs.Migration, data []byte, wait func()) (value []byte, fuel uint64, err error) {
	by := a.Migrations[how.Actor.Name]
	if by == nil {
		return nil, 0, errors.New("that actor does not run")
	}
	sum := sha256.Sum256(append([]byte(how.Name+"\x00"), data...))
	id := "state." + hex.EncodeToString(sum[:16])
	gone := by.Run(a.Context, &Task{
		Message: abi.NewMessage(data, abi.ID, id, abi.Source, a.Node, abi.Type, how.Name, abi.Time, migrationTime, abi.ContentType, abi.ContentJSON),
		ID:      id, Wait: wait,
	}, func(r *Result) {
		fuel = r.Fuel
		switch {
		case r.Outcome != Handled:
			err = fmt.Errorf("%s: %s", r.Code, r.Text)
		case len(r.Outputs) != 1:
			err = fmt.Errorf("it sent %d messages in place of one", len(r.Outputs))
		default:
			value = slices.Clone(r.Outputs[0].Data)
		}
	})
	return value, fuel, cmp.Or(gone, err)
}

// Migrated gives values as a message that the actor handles would find them. They are the
// caller's; base is not changed.
func (a *Actor) Migrated(base map[string]capability.Value) (map[string]capability.Value, error) {
	var s capability.State
	s.Reset(a.Def.State, base, capability.Size(base))
	values := map[string]capability.Value{}
	for name, v := range base {
		values[name] = v
	}
	for _, o := range s.Older() {
		data, _, err := a.Convert(o.From, o.Value.Data, nil)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", stateName(o.Name), err)
		}
		values[o.Name] = capability.Value{Data: data, Revision: o.Value.Revision + 1, Type: o.Print}
	}
	return values, nil
}

package starter

import (
	"fmt"
	"slices"
)

// Example is a test of an actor; its values are YAML in one line.
type Example struct {
	Says, Config, State, When, Then, Refused, StateAfter string
	Proves                                               int
}

// prove writes requirements, and an example for each.
func (a *Actor) prove() error {
	when, then, err := a.exchange()
	if err != nil {
		return err
	}
	first := Example{Says: "a message is answered", Proves: 1, When: when, Then: then}
	a.require("It answers each `%s` with one `%s`.", a.In.Type, a.Out.Type)
	if a.State != "" {
		first.StateAfter = "{count: 1}"
	}
	a.Tests = append(a.Tests, first)
	if a.State != "" {
		of := "messages"
		if a.Key != "" {
			of = "messages of each key"
		}
		a.require("It counts the %s in its state.", of)
		again := Example{Says: "messages are counted on", Proves: 2, State: "{count: 4}", When: when, StateAfter: "{count: 5}"}
		if again.Then, err = a.later(); err != nil {
			return err
		}
		a.Tests = append(a.Tests, again)
	}
	if a.Limited {
		a.require("A text that is longer than the config's `longest` is refused with `%s.long`.", a.Name)
		refused := Example{Says: "a text that is too long is refused", Config: "{longest: 4}", When: when, Refused: a.Name + ".long"}
		if refused.Proves = len(a.Requirements); a.State != "" {
			refused.State, refused.StateAfter = "{count: 4}", "{count: 4}"
		}
		a.Tests = append(a.Tests, refused)
	}
	return nil
}

func (a *Actor) require(format string, args ...any) {
	a.Requirements = append(a.Requirements, fmt.Sprintf(format, args...))
}

// exchange is the message of the examples and what is sent for it.
func (a *Actor) exchange() (when, then string, err error) {
	if when, err = step(a.In, a.In.sample); err != nil {
		return "", "", err
	}
	then, err = step(a.Out, a.Out.sample)
	return when, "[" + then + "]", err
}

// later is what is sent for the fifth message.
func (a *Actor) later() (string, error) {
	fields := slices.Clone(a.Out.Fields)
	for i := range fields {
		if fields[i].GoValue == "known.Count" {
			fields[i].raw = []byte("5")
		}
	}
	sample := a.Out.sample
	if len(fields) > 0 {
		sample = objectOf(fields)
	}
	then, err := step(a.Out, sample)
	return "[" + then + "]", err
}

// step is a message in a test: {order.placed: {id: o-1}}.
func step(m Message, sample []byte) (string, error) {
	if m.Raw {
		return "{" + m.Type + ": hello}", nil
	}
	data, err := flowJSON(sample)
	return "{" + m.Type + ": " + data + "}", err
}

// silent is what the module that a wasm actor begins with does: nothing.
func (a *Actor) silent() error {
	when, err := step(a.In, a.In.sample)
	a.require("It handles each `%s`, and sends nothing yet: `module.wasm` is a place to put a module.", a.In.Type)
	a.Tests = []Example{{Says: "a message is handled", Proves: 1, When: when, Then: "[]"}}
	return err
}

// Package hostile makes modules that mean harm: by hand, each with what must
// come of it, and out of others, by changing bytes and sections. Nothing here
// runs them; package trial does, and the command in cmd.
package hostile

import (
	"slices"
	"time"
)

// Class is a kind of harm.
type Class string

// The classes of hand-made modules.
const (
	CPU     Class = "cpu"     // never ends
	Stack   Class = "stack"   // calls too deep
	Memory  Class = "memory"  // wants all memory there is
	Decode  Class = "decode"  // is none, or says there is more of something than there is
	Invalid Class = "invalid" // is well-formed and not valid
	Feature Class = "feature" // needs what is not accepted
	Compile Class = "compile" // is dear to compile
	Trap    Class = "trap"    // ends the hard way
	Import  Class = "import"  // asks for what nobody serves
	WASI    Class = "wasi"    // asks WASI for too much
	ABI     Class = "abi"     // lies to its host
)

// Case is one module and what must come of it.
type Case struct {
	Name   string
	Class  Class
	Binary func() []byte
	place  int // where its code runs, of places; 0 also when it runs in one place only
	// Inputs are the data of the messages it is handed; none: two, one of them
	// empty.
	Inputs [][]byte
	// Want are the codes of which one must come out; none: any, as long as
	// limits hold and nothing is a fault of the host.
	Want   []string
	Limits Limits
}

// Whole is the name of a case that no other has.
func (c *Case) Whole() string { return string(c.Class) + ": " + c.Name }

// Handles says whether its code runs when a message is handled, and not before the
// first: there it has what starting an instance may take, seconds where it never ends.
func (c *Case) Handles() bool { return c.place == 0 }

// Limits are those a case is run with; zero ones are [Defaults].
type Limits struct {
	Memory int64  // bytes
	Fuel   uint64 // units a message
	Output int64  // bytes a message
	Calls  int    // requests a message
	Time   time.Duration
}

// Defaults are low, so that hitting them takes a moment only.
var Defaults = Limits{Memory: 1 << 20, Fuel: 5_000_000, Output: 64 << 10, Calls: 20, Time: 500 * time.Millisecond}

// Or fills in what is zero.
func (l Limits) Or(d Limits) Limits {
	if l.Memory == 0 {
		l.Memory = d.Memory
	}
	if l.Fuel == 0 {
		l.Fuel = d.Fuel
	}
	if l.Output == 0 {
		l.Output = d.Output
	}
	if l.Calls == 0 {
		l.Calls = d.Calls
	}
	if l.Time == 0 {
		l.Time = d.Time
	}
	return l
}

// Codes that the engine's and the actor's packages do not name.
const (
	Handled = "handled"
	Refused = "refused"
	Later   = "later"
)

// Cases are all that are made by hand, in an order that stays.
func Cases() []Case {
	var list []Case
	for _, make := range []func() []Case{
		cpuCases, stackCases, memoryCases, decodeCases, truncated, invalidCases, featureCases,
		compileCases, trapCases, importCases, wasiCases, abiCases, answerCases,
	} {
		list = append(list, make()...)
	}
	return list
}

// Light are the cases that every run of the tests tries. Where guests run until a
// limit stops them, each case is there in grow_handle and, by turns, in one of the
// other places.
func Light() []Case {
	turns := map[Class]int{CPU: 0, Stack: 0, WASI: 0}
	return slices.DeleteFunc(Cases(), func(c Case) bool {
		turn, long := turns[c.Class]
		if !long || c.place == 0 {
			return false
		}
		turns[c.Class]++
		others := len(places) - 1
		return c.place-1 != turn/others%others
	})
}

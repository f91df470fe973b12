package capability

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// Describer is a kind that says in words and types what it is: methods of SDKs, checks of
// doubles and documents come from it.
type Describer interface {
	// Describe returns the description, which nobody changes.
	Describe() *Description
}

// Description is what a kind is.
type Description struct {
	// Grant are the fields of a grant, in order.
	Grant []Field
	// Operations are those that have types, in order of their names; none: the kind does
	// not say what they take.
	Operations []Operation
}

// Field is one of a grant, or of the data of a request or answer.
type Field struct {
	Name  string
	About string // what it is for, one line; may be ""
	// Type is what its JSON is: string, integer, number, boolean, array, object; "": any.
	Type string
	// Item is the Type of an array's items.
	Item    string
	Needed  bool
	Default string // as JSON; "": there is none
}

// Operation is what a kind says of an operation.
type Operation struct {
	Name, About     string
	Effect          Effect // Reads or Changes
	Stream          Pieces // without a type of its answer, as a stream only
	Request, Answer Data
}

// Pieces says what of an operation may go in pieces, as a stream; see [Streamer].
type Pieces int

// What may go in pieces.
const (
	NoPieces     Pieces = iota
	AnswerPieces        // the answer
	BothPieces          // the request and the answer; neither has a type
)

// Data is what a request or an answer holds.
type Data struct {
	Fields []Field     // of an object; none: it is not one
	Type   *shape.Type // nil: anything
}

// Check says what keeps data from being that.
func (d *Data) Check(data []byte) error {
	if d.Type == nil {
		return nil
	}
	return d.Type.Check(data)
}

// Find is the operation of that name; nil: the kind does not describe it.
func (d *Description) Find(name string) *Operation {
	i := slices.IndexFunc(d.Operations, func(o Operation) bool { return o.Name == name })
	if i < 0 {
		return nil
	}
	return &d.Operations[i]
}

// Described is the description of a kind by its name; nil: there is none.
func Described(kind string) *Description {
	if k, ok := Lookup(kind); ok {
		if d, ok := k.(Describer); ok {
			return d.Describe()
		}
	}
	return nil
}

// CheckDouble says what of a test's double the grant's kind never asks for or answers.
func CheckDouble(g specs.Grant, double *specs.Double) error {
	d := Described(g.Kind)
	if d == nil || len(d.Operations) == 0 {
		return nil
	}
	op := d.Find(double.Operation)
	if op == nil {
		var names []string
		for _, o := range d.Operations {
			names = append(names, o.Name)
		}
		return fmt.Errorf("the kind %s has no operation %s: it has %s", g.Kind, double.Operation, strings.Join(names, ", "))
	}
	if double.Answer.Error != "" {
		return nil
	}
	if err := op.Answer.Check(double.Answer.Data); err != nil {
		return fmt.Errorf("%s never answers this: %w", op.Name, err)
	}
	return nil
}

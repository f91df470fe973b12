package grants

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs/shape"
)

// operationsName are the operations in a definition, by name: of each, effect, request, answer
// and stream, with what it is for above it.
const operationsName = "#Operations"

// Describe implements capability.Describer. It panics when the definition is wrong: that is a fault of the build.
func (f *Form[T]) Describe() *capability.Description { return f.described() }

// Effects are the operations of the definition with what they do to the outside, as
// capability.Capability has them. Those of streams are among them when there is an operation that
// goes in pieces: what begins one changes something when any operation does, since it names which
// in an attribute; what writes one, when any such operation does.
func (f *Form[T]) Effects() map[string]capability.Effect {
	effects := map[string]capability.Effect{}
	most, pieces := capability.Reads, false
	for _, o := range f.Describe().Operations {
		effects[o.Name] = o.Effect
		most = max(most, o.Effect)
		if o.Stream == capability.NoPieces {
			continue
		}
		pieces = true
		effects[capability.StreamRead], effects[capability.StreamClose] = capability.Reads, capability.Reads
		if o.Stream == capability.BothPieces {
			effects[capability.StreamWrite] = max(effects[capability.StreamWrite], o.Effect)
		}
	}
	if pieces {
		effects[capability.StreamOpen] = most
	}
	return effects
}

// CheckRequest says what keeps data from being a request of an operation.
func (f *Form[T]) CheckRequest(operation string, data []byte) error {
	return f.check(operation, data, func(o *capability.Operation) *capability.Data { return &o.Request })
}

// CheckAnswer says what keeps data from being an answer of an operation.
func (f *Form[T]) CheckAnswer(operation string, data []byte) error {
	return f.check(operation, data, func(o *capability.Operation) *capability.Data { return &o.Answer })
}

func (f *Form[T]) check(operation string, data []byte, part func(*capability.Operation) *capability.Data) error {
	o := f.Describe().Find(operation)
	if o == nil {
		return fmt.Errorf("the kind %s has no operation %.80q", f.kind, operation)
	}
	if err := part(o).Check(data); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	return nil
}

// describe reads the description from a definition.
func describe(kind string, whole cue.Value) *capability.Description {
	fault := func(err error) { panic("capability: kind " + kind + ": " + err.Error()) }
	grant, served := whole.LookupPath(cue.ParsePath(definitionName)), whole.LookupPath(cue.ParsePath(operationsName))
	for _, err := range []error{whole.Err(), grant.Err()} {
		if err != nil {
			fault(err)
		}
	}
	d := &capability.Description{Grant: fieldsOf(grant)}
	if !served.Exists() {
		return d
	}
	operations, err := served.Fields()
	if err != nil {
		fault(fmt.Errorf("%s: %w", operationsName, err))
	}
	for operations.Next() {
		o, err := operationOf(operations.Selector().Unquoted(), operations.Value())
		if err != nil {
			fault(err)
		}
		d.Operations = append(d.Operations, *o)
	}
	slices.SortFunc(d.Operations, func(a, b capability.Operation) int { return strings.Compare(a.Name, b.Name) })
	return d
}

func operationOf(name string, v cue.Value) (*capability.Operation, error) {
	o := &capability.Operation{Name: name, About: about(v)}
	effect, err := v.LookupPath(cue.ParsePath("effect")).String()
	switch {
	case err != nil || effect != "reads" && effect != "changes":
		return nil, fmt.Errorf("operation %s: effect is reads or changes", name)
	case effect == "changes":
		o.Effect = capability.Changes
	}
	if o.Stream, err = piecesOf(v); err != nil {
		return nil, fmt.Errorf("operation %s: %w", name, err)
	}
	for part, into := range map[string]*capability.Data{"request": &o.Request, "answer": &o.Answer} {
		value := v.LookupPath(cue.ParsePath(part))
		if !value.Exists() {
			continue
		}
		if into.Type, err = shape.FromCUE(value); err != nil {
			return nil, fmt.Errorf("operation %s: %s: %w", name, part, err)
		}
		into.Fields = fieldsOf(value)
	}
	return o, nil
}

// piecesOf is what of an operation may go in pieces.
func piecesOf(v cue.Value) (capability.Pieces, error) {
	stream := v.LookupPath(cue.ParsePath("stream"))
	if !stream.Exists() {
		return capability.NoPieces, nil
	}
	switch what, err := stream.String(); {
	case err == nil && what == "answer":
		return capability.AnswerPieces, nil
	case err != nil || what != "both":
		return 0, errors.New("stream is answer or both")
	}
	if v.LookupPath(cue.ParsePath("request")).Exists() || v.LookupPath(cue.ParsePath("answer")).Exists() {
		return 0, errors.New("with stream: both there are bytes each way, and neither request nor answer has a type")
	}
	return capability.BothPieces, nil
}

// fieldsOf are the fields of a struct; none when it is no struct.
func fieldsOf(v cue.Value) []capability.Field {
	iterator, err := v.Fields(cue.Optional(true))
	if err != nil {
		return nil
	}
	var list []capability.Field
	for iterator.Next() {
		value := iterator.Value()
		field := capability.Field{Name: iterator.Selector().Unquoted(), About: about(value), Type: typeOf(value)}
		if field.Type == "array" {
			field.Item = typeOf(value.LookupPath(cue.MakePath(cue.AnyIndex)))
		}
		standard, has := value.Default()
		if !iterator.IsOptional() && (has || value.IsConcrete()) {
			if text, err := standard.MarshalJSON(); err == nil {
				field.Default = string(text)
			}
		}
		if field.Needed = iterator.FieldType().ConstraintType() == cue.RequiredConstraint || !iterator.IsOptional() && field.Default == ""; field.Needed {
			field.Default = ""
		}
		list = append(list, field)
	}
	return list
}

// about is what stands above a value, in one line.
func about(v cue.Value) string {
	for _, group := range v.Doc() {
		return strings.Join(strings.Fields(group.Text()), " ")
	}
	return ""
}

// typeOf is what the JSON of a value is; "": one of several, or anything.
func typeOf(v cue.Value) string {
	switch v.IncompleteKind() {
	case cue.StringKind:
		return "string"
	case cue.IntKind:
		return "integer"
	case cue.NumberKind, cue.FloatKind:
		return "number"
	case cue.BoolKind:
		return "boolean"
	case cue.ListKind:
		return "array"
	case cue.StructKind:
		return "object"
	}
	return ""
}

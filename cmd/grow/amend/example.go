package amend

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/expect"
	"github.com/grow-platform/grow/specs/schema"
)

// ExampleMax is how many bytes a test has that is written of a message.
const ExampleMax = 1 << 20

// The reasons why no test can be written of a message.
var (
	errBytes   = errors.New("it is neither JSON nor text, which is all that a file of tests can hold")
	errMore    = errors.New("it has a field or an item named ..., which a test cannot expect")
	errTooLong = fmt.Errorf("the test would have more than %d bytes", ExampleMax)
)

// SecretText is what a double answers in the place of a secret.
const SecretText = "***"

// Example writes a message that an actor has handled as a test: what it was given, and
// what came of it. It fails when a file of tests cannot hold that.
func Example(service *specs.Service, a *specs.Actor, m *control.RecordedMessage) ([]byte, error) {
	x := example{service: service, actor: a, message: m}
	test := &schema.Node{Kind: schema.Map}
	test.Fields = append(test.Fields, &schema.Field{Key: "test", Value: text(fmt.Sprintf("%s %s is %s as it was", m.Type, m.ID, m.Outcome))})
	for _, part := range []struct {
		name  string
		write func() (*schema.Node, error)
	}{
		{"config", x.config}, {"now", x.now}, {"state", x.before}, {"states", x.others}, {"given", x.given}, {"when", x.when},
		{"then", x.then}, {"refused", x.refused}, {"state_after", x.after}, {"states_after", x.othersAfter},
	} {
		v, err := part.write()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		if v != nil {
			test.Fields = append(test.Fields, &schema.Field{Key: part.name, Value: v})
		}
	}
	lines := blockLines(&schema.Node{Kind: schema.List, Items: []*schema.Node{test}}, 0)
	out := fmt.Sprintf("# Handled %s by revision %s.\n%s\n", m.Time.Format(time.RFC3339), m.Revision, strings.Join(lines, "\n"))
	if len(out) > ExampleMax {
		return nil, errTooLong
	}
	return []byte(out), nil
}

// example is a message that becomes a test.
type example struct {
	service *specs.Service
	actor   *specs.Actor
	message *control.RecordedMessage
}

// verbatim is a scalar that is written as it stands.
func verbatim(s string) *schema.Node { return &schema.Node{Kind: schema.Float, Text: s} }

// plain has what is given, and not expected, be written without marks.
func plain(n *schema.Node) *schema.Node {
	if n.Kind == schema.String && strings.HasPrefix(n.Text, expect.Mark) {
		return verbatim(quoted(n.Text))
	}
	for i, item := range n.Items {
		n.Items[i] = plain(item)
	}
	for _, f := range n.Fields {
		f.Value = plain(f.Value)
	}
	return n
}

// wantedData is data that is expected.
func wantedData(b []byte, raw bool) (*schema.Node, error) {
	n, err := data(b, raw)
	switch {
	case err != nil:
		return nil, errBytes
	case unwritable(&schema.Node{Kind: schema.List, Items: []*schema.Node{n}}):
		return nil, errMore
	}
	return n, nil
}

func (x *example) raw(typ string) bool {
	t := x.service.Types[typ]
	return t != nil && t.Raw()
}

func (x *example) config() (*schema.Node, error) {
	if x.message.Config == nil {
		return nil, nil
	}
	n, err := decode(x.message.Config)
	if err != nil {
		return nil, errBytes
	}
	return plain(n), nil
}

func (x *example) now() (*schema.Node, error) {
	return verbatim(x.message.Time.UTC().Format(time.RFC3339Nano)), nil
}

// kept is the state before, as JSON.
func kept(v *control.RecordedValue) (*schema.Node, error) {
	if !json.Valid(v.Data) {
		return nil, errBytes
	}
	return decode(v.Data)
}

// before is the single value of the state, others are those with names.
func (x *example) before() (*schema.Node, error) {
	for i := range x.message.Before {
		if v := &x.message.Before[i]; v.Name == "" {
			n, err := kept(v)
			if err != nil {
				return nil, err
			}
			return plain(n), nil
		}
	}
	return nil, nil
}

func (x *example) others() (*schema.Node, error) {
	return named(x.message.Before, func(v *control.RecordedValue) (*schema.Node, error) {
		n, err := kept(v)
		if err != nil {
			return nil, err
		}
		return plain(n), nil
	})
}

// named are the values that have names, each written; nil: there are none.
func named(list []control.RecordedValue, write func(*control.RecordedValue) (*schema.Node, error)) (*schema.Node, error) {
	all := &schema.Node{Kind: schema.Map}
	for i := range list {
		if list[i].Name == "" {
			continue
		}
		v, err := write(&list[i])
		if err != nil {
			return nil, err
		}
		all.Fields = append(all.Fields, &schema.Field{Key: list[i].Name, Value: v})
	}
	if len(all.Fields) == 0 {
		return nil, nil
	}
	return all, nil
}

// left is the whole state afterwards: that before, and what has changed.
func (x *example) left() []control.RecordedValue {
	list := slices.Clone(x.message.Before)
	for _, v := range x.message.After {
		i := slices.IndexFunc(list, func(have control.RecordedValue) bool { return have.Name == v.Name })
		if i < 0 {
			list = append(list, v)
			continue
		}
		list[i] = v
	}
	return list
}

// keptAfter is a value that is expected; null when there is none.
func keptAfter(v *control.RecordedValue) (*schema.Node, error) {
	if v.Data == nil {
		return &schema.Node{Kind: schema.Null}, nil
	}
	if !json.Valid(v.Data) {
		return nil, errBytes
	}
	return wantedData(v.Data, false)
}

func (x *example) after() (*schema.Node, error) {
	if !slices.ContainsFunc(x.actor.State, func(s specs.State) bool { return s.Pattern == "" }) {
		return nil, nil
	}
	for _, v := range x.left() {
		if v.Name == "" {
			return keptAfter(&v)
		}
	}
	return &schema.Node{Kind: schema.Null}, nil
}

func (x *example) othersAfter() (*schema.Node, error) { return named(x.left(), keptAfter) }

func (x *example) when() (*schema.Node, error) {
	m := x.message
	n, err := data(m.Data, x.raw(m.Type))
	if err != nil {
		return nil, errBytes
	}
	return beside(m.Type, plain(n), m.Attrs, func(s string) *schema.Node { return plain(text(s)) }), nil
}

// beside is a message with its attributes.
func beside(typ string, data *schema.Node, attrs []control.RecordAttr, write func(string) *schema.Node) *schema.Node {
	m := &schema.Node{Kind: schema.Map, Fields: []*schema.Field{{Key: typ, Value: data}}}
	if len(attrs) == 0 {
		return m
	}
	list := &schema.Node{Kind: schema.Map}
	for _, a := range attrs {
		list.Fields = append(list.Fields, &schema.Field{Key: a.Name, Value: write(a.Value)})
	}
	m.Fields = append(m.Fields, &schema.Field{Key: "_", Value: list})
	return m
}

func (x *example) then() (*schema.Node, error) {
	if x.message.Outcome == "refused" {
		return nil, nil
	}
	list := &schema.Node{Kind: schema.List}
	for i := range x.message.Outputs {
		o := &x.message.Outputs[i]
		n, err := wantedData(o.Data, x.raw(o.Type))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.Type, err)
		}
		list.Items = append(list.Items, beside(o.Type, n, o.Attrs, func(s string) *schema.Node { return verbatim(attributeText(s)) }))
	}
	return list, nil
}

func (x *example) refused() (*schema.Node, error) {
	m := x.message
	if m.Outcome != "refused" {
		return nil, nil
	}
	f := &schema.Node{Kind: schema.Map}
	if m.Code != "" {
		f.Fields = append(f.Fields, &schema.Field{Key: "code", Value: text(m.Code)})
	}
	if m.Reason != "" {
		f.Fields = append(f.Fields, &schema.Field{Key: "text", Value: text(m.Reason)})
	}
	return f, nil
}

// given are the doubles of capabilities, each asked for once.
func (x *example) given() (*schema.Node, error) {
	list := &schema.Node{Kind: schema.List}
	for i := range x.message.Given {
		c := &x.message.Given[i]
		answer, err := answered(c)
		if err != nil {
			return nil, fmt.Errorf("the answer to %s of %s: %w", c.Operation, c.Use, err)
		}
		d := &schema.Node{Kind: schema.Map, Fields: []*schema.Field{{Key: c.Use, Value: text(x.operation(c))}}}
		if q := requested(c); len(q.Fields) > 0 {
			d.Fields = append(d.Fields, &schema.Field{Key: "request", Value: q})
		}
		d.Fields = append(d.Fields, &schema.Field{Key: "answer", Value: answer}, &schema.Field{Key: "times", Value: verbatim("1")})
		list.Items = append(list.Items, d)
	}
	if len(list.Items) == 0 {
		return nil, nil
	}
	return list, nil
}

// operation is what is asked of a grant, without the name of its kind where that is understood.
func (x *example) operation(c *control.RecordedCall) string {
	for _, g := range x.actor.Uses {
		if short, ok := strings.CutPrefix(c.Operation, g.Kind+"."); ok && g.Name == c.Use && !strings.Contains(short, ".") {
			return short
		}
	}
	return c.Operation
}

// requested is what is expected of a request: its attributes, and its data as far as a
// file of tests can hold it.
func requested(c *control.RecordedCall) *schema.Node {
	q := &schema.Node{Kind: schema.Map}
	for _, a := range c.Attrs {
		if a.Name != timeoutAttr && a.Name != dataField {
			q.Fields = append(q.Fields, &schema.Field{Key: a.Name, Value: verbatim(attributeText(a.Value))})
		}
	}
	if n, err := wantedData(c.Data, false); err == nil && len(c.Data) > 0 {
		q.Fields = append(q.Fields, &schema.Field{Key: dataField, Value: n})
	}
	return q
}

const (
	timeoutAttr = "timeout" // how long a request may take is no part of what it asks
	dataField   = "data"
)

// answered is what a double answers.
func answered(c *control.RecordedCall) (*schema.Node, error) {
	n := &schema.Node{Kind: schema.Map}
	put := func(key string, v *schema.Node) { n.Fields = append(n.Fields, &schema.Field{Key: key, Value: v}) }
	a := &c.Answer
	switch {
	case c.Secret:
		put(dataField, text(SecretText))
		return n, nil
	case a.Code != "":
		put("error", text(a.Code))
		if a.Text != "" {
			put("text", plain(text(a.Text)))
		}
		if a.Retry {
			put("retry", verbatim("true"))
		}
		return n, nil
	}
	for _, at := range a.Attrs {
		if at.Name == dataField || at.Name == "error" || at.Name == abi.Type {
			return nil, fmt.Errorf("it has an attribute %s, which a double cannot", at.Name)
		}
		put(at.Name, plain(text(at.Value)))
	}
	if len(a.Data) == 0 {
		return n, nil
	}
	v, err := data(a.Data, false)
	if err != nil {
		return nil, errBytes
	}
	if v.Kind == schema.String { // of JSON, or text: a double's text is bytes as they are
		v = text(string(a.Data))
	}
	put(dataField, plain(v))
	return n, nil
}

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// inspectTime is how long lanes have to tell what they know.
const inspectTime = 10 * time.Second

// Inspect implements control.Backend.
func (b backend) Inspect(ctx context.Context, r control.InspectRequest) (control.Inspection, error) {
	if r.Keys < 0 || r.Keys > control.InspectKeys {
		return control.Inspection{}, &control.Error{Code: control.CodeInvalid, Message: fmt.Sprintf("%d mailboxes cannot be listed", r.Keys), Next: fmt.Sprintf("ask for 1 to %d", control.InspectKeys)}
	}
	service := b.service.Load()
	n, err := inspected(service, r.Node)
	if err != nil {
		return control.Inspection{}, err
	}
	if r.Key != nil && !n.Keyed() {
		return control.Inspection{}, &control.Error{Code: control.CodeInvalid, Message: n.Path + " has no keys", At: n.Path, Next: "leave the key out"}
	}
	ctx, cancel := context.WithTimeout(ctx, inspectTime)
	defer cancel()
	in, err := b.shard.Inspect(ctx, &shard.InspectFilter{Node: n.Path, Key: r.Key, Keys: cmp.Or(r.Keys, control.InspectKeys)})
	switch {
	case errors.Is(err, shard.ErrStopping):
		return control.Inspection{}, &control.Error{Code: "host.stopping", Message: err.Error(), At: n.Path}
	case errors.Is(err, shard.ErrUnknownTarget):
		return control.Inspection{}, &control.Error{Code: control.CodeNotFound, Message: "nothing runs at " + n.Path + " at the moment", At: n.Path, Next: "see what there is: grow status"}
	case errors.Is(err, context.DeadlineExceeded):
		return control.Inspection{}, &control.Error{Code: control.CodeTimeout, Message: err.Error(), At: n.Path, Next: "see what uses the processor: grow top"}
	case err != nil:
		return control.Inspection{}, err
	}
	return toldInspection(n, in, b.mask(service)), nil
}

// inspected is the node of a path, or the only one that an actor fills; what may have been
// meant is said.
func inspected(s *specs.Service, name string) (*router.Node, error) {
	table, err := router.Compile(s)
	if err != nil {
		return nil, err
	}
	n, err := nodeOf(table, name)
	var e *control.Error
	if errors.As(err, &e) && e.Code == control.CodeNotFound {
		var names []string
		for _, n := range table.Nodes {
			names = append(names, n.Path, n.Actor.Name)
		}
		if near := shape.Near(name, names); near != "" {
			e.Next = "did you mean " + near + "?"
		}
	}
	return n, err
}

func toldInspection(n *router.Node, in *shard.Inspection, m mask) control.Inspection {
	st := &in.Status
	out := control.Inspection{
		Node: st.Node, Actor: st.Actor, Language: n.Actor.Code.Language, About: strings.TrimSpace(n.Actor.About), Keyed: n.Keyed(), Revision: st.Revision, Time: time.Now(),
		Mailbox: control.Mailbox{
			Mode: st.Mode, Waiting: st.Mailbox, Capacity: st.Capacity, Bytes: in.Bytes, BytesMax: in.BytesMax, Later: st.Waiting, Oldest: in.Oldest, Keys: []control.KeyMailbox{}, More: in.More,
		},
		Instances: []control.Instance{}, Flight: []control.InFlight{}, In: append([]string{}, n.Actor.In...), State: []control.StateType{}, Counters: *st,
	}
	for _, k := range in.Keys {
		k.Key = m.text(k.Key)
		out.Mailbox.Keys = append(out.Mailbox.Keys, control.KeyMailbox(k))
	}
	for _, i := range in.Instances {
		out.Instances = append(out.Instances, control.Instance(i))
	}
	for _, f := range in.Flight {
		out.Flight = append(out.Flight, control.InFlight{ID: f.ID, Type: f.Type, Key: m.text(f.Key), Began: f.Since, Attempt: f.Attempt, Revision: f.Revision})
	}
	for _, d := range n.Actor.State {
		out.State = append(out.State, control.StateType{Name: d.Pattern, Type: d.Name})
	}
	out.Config, _ = m.value(n.Config)
	out.Limits = limitsOf(n, in)
	return out
}

// limitsOf are the limits of a node whose use is known.
func limitsOf(n *router.Node, in *shard.Inspection) []control.Limit {
	st, most := &in.Status, int64(0)
	for _, i := range in.Instances {
		most = max(most, i.Memory)
	}
	list := []control.Limit{
		{Name: "mailbox.messages", Max: float64(st.Capacity), Used: float64(st.Mailbox), Unit: "messages"},
		{Name: "mailbox.bytes", Max: float64(in.BytesMax), Used: float64(in.Bytes), Unit: "bytes"},
		{Name: "instances", Max: float64(n.Scale.Max), Used: float64(st.Instances), Unit: "instances"},
		{Name: "memory", Max: float64(n.Actor.Limits.Memory), Used: float64(most), Unit: "bytes"},
		{Name: "fuel", Max: float64(cmp.Or(n.Actor.Limits.Fuel, abi.FuelDefault)), Used: float64(st.FuelMax), Unit: "fuel"},
	}
	return slices.DeleteFunc(list, func(l control.Limit) bool { return l.Max == 0 }) // it has none
}

package command

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/grow-platform/grow/host/control"
)

// fork has a copy of the actor handle a message, and shows what would come of it.
func (v *visit) fork(ctx context.Context, rest string) error {
	kind, data, _ := strings.Cut(rest, " ")
	if kind == "" {
		return usage("fork takes the type of a message, and its data as JSON; it takes %s", strings.Join(v.types, ", "))
	}
	if data = strings.TrimSpace(data); data == "" {
		data = "{}"
	}
	host, err := v.host()
	if err != nil {
		return err
	}
	defer host.Close()
	f, err := host.Fork(ctx, control.ForkRequest{Node: v.node, Type: kind, Data: []byte(data)})
	if err != nil {
		return err
	}
	return v.print(f, func(w io.Writer) error { return writeForked(w, &f) })
}

func writeForked(w io.Writer, f *control.Forked) error {
	what := f.Now.Outcome
	if f.Now.Code != "" {
		what += " with " + f.Now.Code
	}
	of := ""
	if f.Key != "" {
		of = " of the key " + cell(f.Key)
	}
	fmt.Fprintf(w, "a copy has %s the message%s, with %s of fuel\n", cell(what), of, amount(f.Now.Fuel))
	if f.Now.Reason != "" {
		fmt.Fprintf(w, "  %s\n", within(f.Now.Reason))
	}
	for _, o := range f.Now.Outputs {
		fmt.Fprintf(w, "would send %s %s\n", cell(o.Type), cell(given(o.Data, o.Raw)))
	}
	for _, s := range f.Now.State {
		name := ""
		if s.Name != "" {
			name = " " + s.Name
		}
		if s.Revision == 0 {
			fmt.Fprintf(w, "would delete the state%s\n", cell(name))
			continue
		}
		fmt.Fprintf(w, "would keep the state%s %s\n", cell(name), cell(given(s.Data, s.Raw)))
	}
	for _, a := range f.Now.Unknown {
		fmt.Fprintf(w, "asked %s of %s, and was refused%s\n", cell(a.Operation), cell(a.Use), cell(askedWith(a.Data)))
	}
	_, err := fmt.Fprintln(w, "nothing was sent, kept or asked for outside")
	return err
}

// given is data as it is: JSON, or else bytes.
func given(data, raw []byte) string {
	if data != nil {
		return string(data)
	}
	return string(raw)
}

// askedWith is what a request was asked with, if it was with anything.
func askedWith(data string) string {
	if data == "" {
		return ""
	}
	return ": " + data
}

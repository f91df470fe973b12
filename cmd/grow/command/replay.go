package command

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/host/control"
	"github.com/spf13/cobra"
)

func (s *shell) replay() *cobra.Command {
	var r control.ReplayRequest
	var on, with string
	c := &cobra.Command{
		Use: "replay ID", Short: "handle a message again, apart from all that runs, and show what comes of it", Args: cobra.ExactArgs(1),
		Long: "replay has a message that was handled be handled again, from the state, clock, random numbers and answers of capabilities that it had then, " +
			"and shows what comes of it beside what came of it then. Nothing outside is asked, nothing is sent and no state changes. The beginning of an id is enough.\n\n" +
			"--on has another module handle it: that of a revision of its actor, on a host, or one in a file; its definition stays that which runs. " +
			"--with gives answers in place of the recorded ones, as a JSON list of {use, operation, call, data, attrs, code, text}: call is the number of the request " +
			"within the message; what is left out of use, operation and call fits any.",
		Example: "  grow replay 01JBZ5V6XQ7N8M2K4D3C1B0A9Z\n  grow replay 01JBZ5V6 --on 3\n  grow replay 01JBZ5V6 --on price.wasm --with answers.json -o json",
		RunE: func(c *cobra.Command, args []string) error {
			if r.ID = args[0]; r.ID == "" {
				return usage("the id of a message is not empty")
			}
			return s.replayMessage(c.Context(), &r, on, with)
		},
	}
	c.Flags().StringVar(&on, "on", "", "have the module of a `REVISION|FILE.wasm` handle it")
	c.Flags().StringVar(&with, "with", "", "give the answers in a JSON `file` in place of those recorded")
	return c
}

func (s *shell) replayMessage(ctx context.Context, r *control.ReplayRequest, on, with string) (err error) {
	if with != "" {
		if r.With, err = readAnswers(with); err != nil {
			return err
		}
	}
	host, err := s.host()
	if err != nil {
		return err
	}
	defer host.Close()
	if r.On, err = s.moduleOn(ctx, on); err != nil {
		return err
	}
	out, err := host.Replay(ctx, *r)
	if err != nil {
		return err
	}
	return s.print(out, func(w io.Writer) error { return writeReplayed(w, &out) })
}

// moduleOn is what a host knows a module by: the number of a revision as it is, a file by
// its digest once it is uploaded, or, in a folder, by its path.
func (s *shell) moduleOn(ctx context.Context, on string) (string, error) {
	if _, err := strconv.Atoi(on); err == nil || on == "" {
		return on, nil
	}
	if s.target.named() == "" {
		return filepath.Abs(on)
	}
	b, err := os.ReadFile(on)
	if err != nil {
		return "", err
	}
	m, err := s.onHost()
	if err != nil {
		return "", err
	}
	defer m.client.Close()
	d, err := m.client.Upload(ctx, b, nil)
	return string(d), err
}

// readAnswers reads answers that are given in place of the recorded ones.
func readAnswers(file string) (list []control.ReplayAnswer, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var told []struct {
		control.ReplayAnswer
		Data json.RawMessage `json:"data"`
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&told); err != nil {
		return nil, &control.Error{Code: control.CodeInvalid, Message: "read answers: " + unreadable(err), At: file, Next: `write a list such as [{"use": "shop", "operation": "http.fetch", "data": {"price": 5}}]`}
	}
	for i := range told {
		told[i].ReplayAnswer.Data = told[i].Data
		list = append(list, told[i].ReplayAnswer)
	}
	return list, nil
}

// unreadable says why JSON cannot be read, in words of JSON.
func unreadable(err error) string {
	var kind *json.UnmarshalTypeError
	if errors.Is(err, io.EOF) {
		return "there is no JSON in it"
	}
	if !errors.As(err, &kind) {
		return strings.TrimPrefix(err.Error(), "json: ")
	}
	place := kind.Field[strings.LastIndexByte(kind.Field, '.')+1:]
	names := map[reflect.Kind]string{reflect.Int: "whole number", reflect.Bool: "bool", reflect.String: "string", reflect.Slice: "list", reflect.Map: "object", reflect.Struct: "object"}
	return fmt.Sprintf("%s is of the kind %s, and must be of the kind %s", cmp.Or(place, "what it holds"), kind.Value, names[kind.Type.Kind()])
}

// writeReplayed writes what came of a message then and now.
func writeReplayed(w io.Writer, r *control.Replayed) error {
	of := r.Node
	if r.Key != "" {
		of += fmt.Sprintf(", key %q", r.Key)
	}
	fmt.Fprintf(w, "%s of %s: %s %s\n\n", r.ID, cell(of), cell(r.Type), within(shownData(r.Data, r.Raw)))
	var rows [][]string
	for _, side := range []struct {
		when string
		of   *control.ReplayOutcome
	}{{"then", &r.Then}, {"now", &r.Now}} {
		o := side.of
		rows = append(rows, []string{side.when, cmp.Or(o.Revision, "-"), strings.TrimSpace(o.Outcome + " " + o.Code), fmt.Sprint(o.Fuel), cmp.Or(o.Reason, "-")})
	}
	if err := table(w, "WHEN REVISION OUTCOME FUEL REASON", rows); err != nil {
		return err
	}
	fmt.Fprintln(w)
	then, now := linesOf(&r.Then), linesOf(&r.Now)
	for _, l := range then {
		fmt.Fprintf(w, "then  %s\n", within(l))
	}
	for _, l := range now {
		fmt.Fprintf(w, "now   %s\n", within(l))
	}
	for _, a := range r.Now.Unknown {
		fmt.Fprintf(w, "asked %s of %s, request %d, which the journal has no answer for: %s\n", cell(a.Operation), cell(a.Use), a.Call, within(a.Data))
	}
	for _, n := range r.Ungiven {
		fmt.Fprintf(w, "answer %d of those given was told to nobody: nothing is asked that it fits, or another one fits first\n", n)
	}
	if len(then)+len(now)+len(r.Now.Unknown)+len(r.Ungiven) > 0 {
		fmt.Fprintln(w)
	}
	if len(r.Differences) == 0 {
		_, err := fmt.Fprintln(w, "it came out the same")
		return err
	}
	for _, d := range r.Differences {
		fmt.Fprintf(w, "%s\n", cell(d.Path))
		if d.Was != "" {
			fmt.Fprintf(w, "  -%s\n", within(d.Was))
		}
		if d.Is != "" {
			fmt.Fprintf(w, "  +%s\n", within(d.Is))
		}
	}
	return nil
}

// linesOf tells what a handling sent and what state it left.
func linesOf(o *control.ReplayOutcome) (list []string) {
	for i := range o.Outputs {
		list = append(list, "sent  "+o.Outputs[i].Type+" "+shownData(o.Outputs[i].Data, o.Outputs[i].Raw))
	}
	for _, v := range o.State {
		name := "state"
		if v.Name != "" {
			name += " " + v.Name
		}
		if v.Revision == 0 {
			list = append(list, name+" deleted")
			continue
		}
		list = append(list, name+" "+shownData(v.Data, v.Raw))
	}
	return list
}

func shownData(data json.RawMessage, raw []byte) string {
	if data != nil {
		return string(data)
	}
	return strconv.Quote(string(raw))
}

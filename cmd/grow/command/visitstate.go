package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/control"
)

// state shows what the node keeps, or goes on to what changes that.
func (v *visit) state(ctx context.Context, rest string) error {
	name, arguments, _ := strings.Cut(rest, " ")
	for _, o := range orders {
		if o.name == "state "+name && name != "" {
			return o.do(v, ctx, strings.TrimSpace(arguments))
		}
	}
	args, err := words(rest)
	switch {
	case err != nil:
		return err
	case len(args) == 0 && v.key == nil && v.keyed:
		return v.grow(ctx, "state", "list", v.node)
	case len(args) > 2:
		return usage("state takes a key, and the name of a value where there are several")
	case len(args) == 0 && v.key != nil:
		args = []string{*v.key}
	case len(args) > 0 && !v.keyed: // what it names is a value
		args = append([]string{""}, args...)
	}
	return v.grow(ctx, append([]string{"state", "get", "--", v.node}, args...)...)
}

func (v *visit) diffState(ctx context.Context, rest string) error {
	at, args, err := v.place("state diff", rest)
	if err != nil {
		return err
	}
	if len(args) > 0 {
		return usage("state diff takes one key")
	}
	return v.grow(ctx, "state", "diff", "--", v.node, at.Key)
}

// place reads the key that a command begins with, or takes that of the command key.
func (v *visit) place(command, rest string) (at control.StateRequest, args []string, err error) {
	args, err = words(rest)
	at.Node = v.node
	switch {
	case err != nil || !v.keyed:
	case len(args) > 0 && !isAssignment(args[0]):
		at.Key, args = args[0], args[1:]
	case v.key != nil:
		at.Key = *v.key
	default:
		err = usage("%s takes a key first, unless one is looked at: key KEY", command)
	}
	return at, args, err
}

// isAssignment reports whether a word is FIELD=VALUE.
func isAssignment(word string) bool { return strings.IndexByte(word, '=') > 0 }

// setState changes fields of a value.
func (v *visit) setState(ctx context.Context, rest string) error {
	at, args, err := v.place("state set", rest)
	if err != nil {
		return err
	}
	name := ""
	if len(args) > 0 && !isAssignment(args[0]) {
		name, args = args[0], args[1:]
	}
	if len(args) == 0 {
		return usage("state set takes what is to change: FIELD=VALUE, such as times=3 or items[0].name=Ada; the name of a value goes before it where there are several")
	}
	return v.changeState(ctx, at, name, func(was *control.StateValue) ([]byte, error) {
		var all any = map[string]any{}
		if was.Revision > 0 {
			in := json.NewDecoder(bytes.NewReader(was.Data))
			in.UseNumber()
			if err := in.Decode(&all); err != nil {
				return nil, &control.Error{Code: app.CodeState, Message: "what is kept is no JSON, and has no fields", Next: "replace it: grow state set " + v.node + " --file FILE"}
			}
		}
		for _, a := range args {
			path, value, _ := strings.Cut(a, "=")
			if all, err = assign(all, path, valueTyped(value)); err != nil {
				return nil, err
			}
		}
		return json.Marshal(all)
	})
}

// valueTyped is a value as it was typed: JSON, or else text.
func valueTyped(text string) any {
	in := json.NewDecoder(strings.NewReader(text))
	in.UseNumber()
	var v any
	if !json.Valid([]byte(text)) || in.Decode(&v) != nil {
		return text
	}
	return v
}

// assign sets the field at a path, such as items[0].name; the fields before the last must
// be there. The element after the last of a list is added to it.
func assign(of any, path string, value any) (any, error) {
	of, err := assignAt(of, path, value)
	if err != nil {
		return nil, &control.Error{Code: app.CodeState, Message: fmt.Sprintf("%v, so %s cannot be set", err, cut(path, maxGiven)), Next: "look at it: state"}
	}
	return of, nil
}

func assignAt(of any, path string, value any) (any, error) {
	if path == "" {
		return value, nil
	}
	if index, rest, ok := strings.Cut(strings.TrimPrefix(path, "["), "]"); ok && path[0] == '[' {
		list, isList := of.([]any)
		n, err := strconv.Atoi(index)
		switch {
		case !isList:
			return nil, errors.New("there is no list")
		case err != nil || n < 0 || n > len(list):
			return nil, fmt.Errorf("the list has %d elements", len(list))
		case n == len(list):
			list = append(list, nil)
		}
		list[n], err = assignAt(list[n], strings.TrimPrefix(rest, "."), value)
		return list, err
	}
	end := strings.IndexAny(path, ".[")
	name, rest := path, ""
	if end > 0 {
		name, rest = path[:end], strings.TrimPrefix(path[end:], ".")
	}
	object, isObject := of.(map[string]any)
	if !isObject {
		return nil, errors.New("there is no object")
	}
	if _, there := object[name]; !there && rest != "" {
		return nil, fmt.Errorf("there is no field %s", cut(name, maxGiven))
	}
	var err error
	object[name], err = assignAt(object[name], rest, value)
	return object, err
}

// editState changes a value in an editor.
func (v *visit) editState(ctx context.Context, rest string) error {
	at, args, err := v.place("state edit", rest)
	if err != nil {
		return err
	}
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	return v.changeState(ctx, at, name, func(was *control.StateValue) ([]byte, error) {
		text := was.Raw
		if was.Data != nil {
			var b bytes.Buffer
			if err := json.Indent(&b, was.Data, "", "  "); err != nil {
				return nil, err
			}
			b.WriteByte('\n')
			text = b.Bytes()
		}
		return v.edited(ctx, text)
	})
}

// edited has a person edit a text.
func (v *visit) edited(ctx context.Context, text []byte) (_ []byte, err error) {
	editor := os.Getenv("VISUAL")
	if editor == "" {
		editor = os.Getenv("EDITOR")
	}
	command := strings.Fields(editor)
	if len(command) == 0 {
		return nil, usage("say which editor: export EDITOR; or change a field: state set")
	}
	dir, err := os.MkdirTemp("", "grow-state-")
	if err != nil {
		return nil, fmt.Errorf("make a file to edit: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "state.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, fmt.Errorf("make a file to edit: %w", err)
	}
	c := exec.CommandContext(ctx, command[0], append(command[1:], file)...)
	c.Stdout, c.Stderr = v.stdout, v.stderr
	if v.lines.AtTerminal() { // else what is there are commands
		c.Stdin = v.stdin
	}
	if err := c.Run(); err != nil {
		return nil, &control.Error{Code: control.CodeInvalid, Message: fmt.Sprintf("the editor %s: %v; nothing is changed", command[0], err), Next: "see that EDITOR names one"}
	}
	return readFile(file)
}

// changeState replaces a value by what change makes of it, unless somebody was quicker:
// then it shows what they changed. A value that is not there has revision 0.
func (v *visit) changeState(ctx context.Context, at control.StateRequest, name string, change func(*control.StateValue) ([]byte, error)) error {
	host, err := v.host()
	if err != nil {
		return err
	}
	defer host.Close()
	was, err := v.valueOf(ctx, host, at, name)
	if err != nil {
		return err
	}
	data, err := change(was)
	if err != nil {
		return err
	}
	if bytes.Equal(bytes.TrimSpace(data), bytes.TrimSpace(was.Raw)) || len(app.Differences(was.Data, data)) == 0 && was.Data != nil {
		v.say("nothing is changed")
		return nil
	}
	reply, err := host.SetState(ctx, control.StateSet{Node: at.Node, Key: at.Key, Name: name, Data: data, Revision: &was.Revision, Act: act("grow shell")})
	if isCode(err, control.CodeConflict) {
		return v.overtaken(ctx, host, at, name, was, err)
	}
	if err != nil {
		return err
	}
	return v.print(reply, func(w io.Writer) error { return v.writeSet(w, &reply) })
}

// valueOf is one value of a key, of revision 0 if there is none.
func (v *visit) valueOf(ctx context.Context, host *control.Client, at control.StateRequest, name string) (*control.StateValue, error) {
	st, err := host.State(ctx, at)
	if err != nil && !isCode(err, control.CodeNotFound) {
		return nil, err
	}
	for i := range st.Values {
		if st.Values[i].Name == name {
			return &st.Values[i], nil
		}
	}
	return &control.StateValue{Name: name}, nil
}

// overtaken says that somebody was quicker, and what they have changed.
func (v *visit) overtaken(ctx context.Context, host *control.Client, at control.StateRequest, name string, was *control.StateValue, cause error) error {
	is, err := v.valueOf(ctx, host, at, name)
	if err != nil {
		return errors.Join(cause, err)
	}
	e := &control.Error{
		Code: control.CodeConflict, Message: fmt.Sprintf("somebody was quicker: it was revision %d and is %d; yours is not set", was.Revision, is.Revision), At: at.Node,
		Next: "do it again, on top of theirs",
	}
	if !v.json() {
		fmt.Fprintln(v.stdout, "they have changed:")
		if err := v.writeDifferences(v.stdout, app.Differences(was.Data, is.Data), 0, "  "); err != nil {
			return err
		}
	}
	return e
}

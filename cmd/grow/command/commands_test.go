package command

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func walk(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		walk(sub, visit)
	}
}

// TestEveryCommandExplainsItself holds what a person may count on: a line of
// what a command is for, examples, and words on each flag.
func TestEveryCommandExplainsItself(t *testing.T) {
	root := (&shell{}).root()
	walk(root, func(c *cobra.Command) {
		path := c.CommandPath()
		if c != root && (c.Short == "" || unicode.IsUpper(rune(c.Short[0])) || strings.HasSuffix(c.Short, ".")) {
			t.Errorf("%s: %q is not a line in lower case", path, c.Short)
		}
		if c.Example == "" {
			t.Errorf("%s has no example", path)
		}
		if !c.Runnable() && !c.HasSubCommands() {
			t.Errorf("%s does nothing", path)
		}
		if c.Args == nil && c.Name() != "help" {
			t.Errorf("%s takes any arguments", path)
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s is not explained", path, f.Name)
			}
		})
	})
}

// TestExamples parses every example as a command line: its command is the one
// it stands with, its flags and arguments are taken.
func TestExamples(t *testing.T) {
	var list [][2]string // command, line
	walk((&shell{}).root(), func(c *cobra.Command) {
		for line := range strings.Lines(c.Example) {
			if _, line, ok := strings.Cut(line, "grow "); ok {
				line, _, _ = strings.Cut(strings.TrimRight(line, ")\n"), " | ")
				list = append(list, [2]string{c.CommandPath(), line})
			}
		}
	})
	for _, e := range list {
		path, line := e[0], e[1]
		root := (&shell{}).root()
		var args []string
		for i, part := range strings.Split(line, "'") { // every second part is quoted
			if i%2 == 1 {
				args = append(args, part)
			} else {
				part, _, _ = strings.Cut(part, "   ") // what it does stands after it
				args = append(args, strings.Fields(part)...)
			}
		}
		c, rest, err := root.Find(args)
		if err != nil || !strings.HasPrefix(c.CommandPath()+" ", path+" ") {
			t.Errorf("%s: grow %s is %s, %v", path, line, c.CommandPath(), err)
			continue
		}
		if err := c.ParseFlags(rest); err != nil {
			t.Errorf("%s: grow %s: %v", path, line, err)
		}
		if err := c.ValidateArgs(c.Flags().Args()); err != nil {
			t.Errorf("%s: grow %s: %v", path, line, err)
		}
	}
	if len(list) < 15 {
		t.Errorf("%d examples were found", len(list))
	}
}

// TestFail holds how errors look to a person and to a program.
func TestFail(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("a b", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name        string
		err         error
		code        int
		human, json string
	}{
		{
			"any", errors.New("read x: broken"), exitFailed,
			"error: read x: broken\n", `{"error":{"code":"failed","message":"read x: broken"}}`,
		},
		{
			"of a host", &control.Error{Code: control.CodeNotFound, Message: "there is none", At: "x", Next: "look"}, exitNotFound,
			"error: there is none\n  at:   x\n  next: look\n", `{"error":{"code":"not_found","message":"there is none","at":"x","next":"look"}}`,
		},
		{
			"what the message names already", &control.Error{Code: "c", Message: "there is no x", At: "x"}, exitFailed,
			"error: there is no x\n", `{"error":{"code":"c","message":"there is no x","at":"x"}}`,
		},
		{
			"text of an actor", &control.Error{Code: "c", Message: "a\x1b[2J\rb"}, exitFailed,
			"error: a\\x1b[2J\\rb\n", `{"error":{"code":"c","message":"a\u001b[2J\rb"}}`,
		},
		{
			"of a start", fmt.Errorf("start: %w", &app.Error{Code: "run.port", Hint: "another", Err: errors.New("taken")}), exitConflict,
			"error: taken\n  next: another\n", `{"error":{"code":"run.port","message":"taken","next":"another"}}`,
		},
		{
			"of another's file", fmt.Errorf("keep: %w", &fs.PathError{Op: "open", Path: "a b", Err: fs.ErrPermission}), exitPermission,
			"error: keep: open a b: permission denied\n  next: look whose it is: ls -ld 'a b'; and do it as that user\n",
			`{"error":{"code":"permission","message":"keep: open a b: permission denied","at":"a b","next":"look whose it is: ls -ld 'a b'; and do it as that user"}}`,
		},
		{
			"of a module", fmt.Errorf("actor price: %w", &engine.Error{Code: engine.CodeInvalid, Reason: "cut"}), exitFailed,
			"error: actor price: module.invalid: cut\n  next: compile it for wasm32, as a core module; grow build does\n",
			`{"error":{"code":"module.invalid","message":"actor price: module.invalid: cut","at":"price","next":"compile it for wasm32, as a core module; grow build does"}}`,
		},
		{
			"the end of following", errFollowed, exitInterrupted, "", "",
		},
		{
			"of a compiler", &compiler.Error{
				Code: compiler.CodeFailed, Actor: "a", Text: "go build", Diagnostics: []compiler.Diagnostic{{File: "m.go", Line: 3, Col: 1, Text: "one\nmore"}, {Text: "two"}},
			}, exitFailed,
			"error: build a: go build\n  m.go:3:1: one\n  more\n  two\n",
			`{"error":{"code":"build.failed","message":"build a: go build\n  m.go:3:1: one\n  more\n  two","at":"m.go:3:1"}}`,
		},
		{
			"several", errors.Join(&control.Error{Code: "a", Message: "one"}, fmt.Errorf("two"), nil), exitFailed,
			"error: one\nerror: two\n", `{"error":{"code":"a","message":"one","all":[{"code":"a","message":"one"},{"code":"failed","message":"two"}]}}`,
		},
		{
			"a name that is near", &project.UnknownError{Name: "prise", Have: []string{"desk", "price"}}, exitNotFound,
			"error: there is no actor \"prise\"\n  next: did you mean price?\n",
			`{"error":{"code":"not_found","message":"there is no actor \"prise\"","at":"prise","next":"did you mean price?"}}`,
		},
		{
			"of another's folder", fmt.Errorf("build: %w", &fs.PathError{Op: "open", Path: "none/draft", Err: fs.ErrPermission}), exitPermission,
			"error: build: open none/draft: permission denied\n  next: look whose it is: ls -ld .; and do it as that user\n",
			`{"error":{"code":"permission","message":"build: open none/draft: permission denied","at":"none/draft","next":"look whose it is: ls -ld .; and do it as that user"}}`,
		},
		{
			"of files", specs.Problems{{Position: specs.Position{File: "grow.yaml", Line: 2, Col: 3}, Path: "http", Message: "m", Hint: "h"}, {Message: "n"}}, exitNo,
			"error: grow.yaml:2:3: http: m; h\nn\n  next: mend them, then look again: grow vet\n",
			`{"error":{"code":"spec.invalid","message":"grow.yaml:2:3: http: m; h\nn","at":"grow.yaml:2:3","next":"mend them, then look again: grow vet"}}`,
		},
		{"told already", &told{fault: control.Error{Code: codeSpecInvalid, Message: "2 problems"}}, exitNo, "2 problems\n", `{"error":{"code":"spec.invalid","message":"2 problems"}}`},
		{"usage", usage("no %s", "x"), exitUsage, "error: no x\n", `{"error":{"code":"usage","message":"no x"}}`},
		{"another user's", &control.Error{Code: control.CodePermission, Message: "m"}, exitPermission, "error: m\n", `{"error":{"code":"host.permission","message":"m"}}`},
		{"late", &control.Error{Code: "reply.timeout", Message: "m"}, exitUnreachable, "error: m\n", `{"error":{"code":"reply.timeout","message":"m"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			for form, want := range map[string]string{"table": c.human, "json": line(c.json)} {
				var b bytes.Buffer
				if got := (&shell{stderr: &b, output: form}).fail(t.Context(), c.err); got != c.code {
					t.Errorf("exit code %d, want %d", got, c.code)
				}
				if diff := cmp.Diff(want, b.String()); diff != "" {
					t.Errorf("%s:\n%s", form, diff)
				}
			}
		})
	}
}

// line is a text with its end, when there is one.
func line(text string) string {
	if text == "" {
		return ""
	}
	return text + "\n"
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "1 ms", 14 * time.Millisecond: "14 ms", 1240 * time.Millisecond: "1.2 s", 125 * time.Second: "2 min 5 s",
		90 * time.Minute: "1 h 30 min", 75 * time.Hour: "3 days",
	} {
		if got := short(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

// TestTable: what others wrote cannot make a row of its own.
func TestTable(t *testing.T) {
	var b bytes.Buffer
	if err := table(&b, "A B", [][]string{{"x\ny", "\x1b[1mz\t"}, {"", "1"}}); err != nil {
		t.Fatal(err)
	}
	if want := "A     B\nx\\ny  \\x1b[1mz \n      1\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

func TestBlocks(t *testing.T) {
	text := "# a\n```sh\ncurl 1\n```\n```go\ncurl 2\n```\n  ```bash\ncurl 3\ncurl 4\n  ```\n```sh\nopen"
	var got []string
	for b := range blocks(text) {
		got = append(got, b)
	}
	if diff := cmp.Diff([]string{"curl 1\n", "curl 3\ncurl 4\n"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestQuote(t *testing.T) {
	for text, want := range map[string]string{"": "''", "a-b.c/1": "a-b.c/1", "a b": "'a b'", "it's": `'it'\''s'`, "$x": "'$x'", "a?b&c": "'a?b&c'"} {
		if got := quote(text); got != want {
			t.Errorf("%q is quoted %s, want %s", text, got, want)
		}
	}
}

func TestWantsJSON(t *testing.T) {
	for line, want := range map[string]bool{
		"status -o json": true, "-o=json x": true, "--output json": true, "--bad --output=json": true, "-ojson": true,
		"status": false, "-o table": false, "send -- -o json": false, "-o": false,
	} {
		if got := wantsJSON(strings.Fields(line)); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}

package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/grow-platform/grow/testdata/wat"
	"github.com/tidwall/gjson"
	"go.yaml.in/yaml/v3"
)

// action is action/action.yml as far as a runner knows it.
type action struct {
	Inputs map[string]struct{ Default string }
	Runs   struct {
		Using string
		Steps []struct {
			Name, Shell, Run string
			Folder           string `yaml:"working-directory"`
			Env              map[string]string
		}
	}
}

func readAction(t *testing.T) *action {
	t.Helper()
	b, err := os.ReadFile("../../../action/action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var a action
	if err := yaml.Unmarshal(b, &a); err != nil {
		t.Fatal(err)
	}
	if a.Runs.Using != "composite" || len(a.Runs.Steps) < 4 {
		t.Fatalf("%+v", a)
	}
	return &a
}

var expression = regexp.MustCompile(`\$\{\{ *([a-z_.]+) *\}\}`)

// run runs the steps in a checkout as a runner does, until one fails: with the values
// of inputs and of github.* that are given.
func (a *action) run(t *testing.T, checkout string, given map[string]string) (out string, err error) {
	t.Helper()
	value := func(text string) string {
		return expression.ReplaceAllStringFunc(text, func(e string) string {
			name := expression.FindStringSubmatch(e)[1]
			v, ok := given[name]
			input, known := a.Inputs[strings.TrimPrefix(name, "inputs.")]
			if !ok && !known {
				t.Fatalf("the action asks for %s, which it has no input for", name)
			}
			if !ok {
				v = input.Default
			}
			return v
		})
	}
	temp := t.TempDir()
	for _, s := range a.Runs.Steps {
		script := filepath.Join(temp, "step.sh")
		if err := os.WriteFile(script, []byte(s.Run), 0o600); err != nil {
			t.Fatal(err)
		}
		c := exec.CommandContext(t.Context(), s.Shell, "--noprofile", "--norc", "-eo", "pipefail", script)
		c.Dir = filepath.Join(checkout, value(s.Folder))
		c.Env = append(os.Environ(), "RUNNER_TEMP="+temp, "GITHUB_PATH="+filepath.Join(temp, "path"), envHost+"=", envToken+"=", "XDG_CACHE_HOME="+filepath.Join(temp, "cache"))
		for name, v := range s.Env {
			c.Env = append(c.Env, name+"="+value(v))
		}
		b, err := c.CombinedOutput()
		out += "== " + s.Name + "\n" + string(b)
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// commit commits all of a checkout, and returns the commit.
func commit(t *testing.T, dir, message string) string {
	t.Helper()
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=ann", "-c", "user.email=ann@example.org", "commit", "-q", "-m", message}} {
		c := gitCommand(t.Context(), dir, args...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	id, err := git(t.Context(), dir, "rev-parse", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestAction runs the steps of the GitHub Action against a host: a pull request is
// vetted and tested, and the host says what would happen; a merge is deployed; one that
// fails its tests is not.
func TestAction(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash")
	}
	a := readAction(t)
	for _, s := range a.Runs.Steps {
		if strings.Contains(s.Run, "${{") {
			t.Errorf("%s: a value becomes part of the script, which whoever names a branch could write", s.Name)
		}
	}
	h := newHosted(t)
	checkout := t.TempDir()
	dir := filepath.Join(checkout, "echoes")
	if err := os.CopyFS(dir, os.DirFS(echoFolder(t))); err != nil {
		t.Fatal(err)
	}
	put := func(name, text string) {
		block{file: name, text: text}.put(t, dir)
	}
	put("actors/echo/module.wasm", string(wat.Module("echo")))
	const passes = "- test: it says what it hears\n  when: {echo.done: a}\n  then: [{echo.done: a}]\n"
	put("actors/echo/tests/a.yaml", passes)
	id := commit(t, checkout, "one")
	given := map[string]string{
		"inputs.folder": "echoes", "inputs.host": h.ControlURL(), "inputs.token": os.Getenv(envToken),
		"github.event_name": "pull_request", "github.actor": "ann",
	}

	out, err := a.run(t, checkout, given)
	if err != nil {
		t.Fatalf("a pull request: %v\n%s", err, out)
	}
	if got := strings.TrimSpace(h.run(exitDone, "service list -o json")); got != "[]" && gjson.Get(got, "0.live").Int() != 0 {
		t.Errorf("a pull request is live: %s\n%s", got, out)
	}

	given["github.event_name"] = "push"
	if out, err = a.run(t, checkout, given); err != nil {
		t.Fatalf("a merge: %v\n%s", err, out)
	}
	if got := h.call("/", `"a"`); got != `200 "a"` {
		t.Errorf("a merge: %s\n%s", got, out)
	}
	t.Chdir(dir)
	if got := h.run(exitDone, "docs history echo -o json"); gjson.Get(got, "0.commit").String() != id {
		t.Errorf("the commit is %s, and on record:\n%s", id, got)
	}

	put("actors/echo/tests/a.yaml", "- test: it says what it hears\n  when: {echo.done: a}\n  then: [{echo.done: b}]\n")
	commit(t, checkout, "two")
	if out, err = a.run(t, checkout, given); err == nil || strings.Contains(out, "== Deploy") {
		t.Errorf("a merge that fails its tests: %v\n%s", err, out)
	}

	given["inputs.token"] = "" // a fork
	put("actors/echo/tests/a.yaml", passes)
	if out, err = a.run(t, checkout, given); err != nil || !strings.Contains(out, "nothing is deployed") {
		t.Errorf("a fork: %v\n%s", err, out)
	}
}

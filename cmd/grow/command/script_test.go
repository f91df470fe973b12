package command

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/grow-platform/grow/host/jail"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tidwall/gjson"
)

func TestMain(m *testing.M) {
	jail.Enter()
	testscript.Main(m, map[string]func(){"grow": func() { beforeStep = dying(); Main() }})
}

// TestScript runs command lines as a person types them: testdata/script/*.txtar.
// Besides testscript's own commands there are
//
//	serve [NAME=VALUE…] ARGUMENTS   start grow run and go on when it serves; sets $URL, $PORT and $PID, writes run.out
//	platform [NAME=VALUE…] ARGUMENTS              start grow serve in the folder data, go on when it serves; sets $URL, $GROW_HOST and, the first time, $GROW_TOKEN; else as serve
//	registry                        start an OCI registry, set $REGISTRY to its address
//	until out|err PATTERN           wait until the service prints a line like that, after the one that was waited for last
//	signal NAME [CODE] [again]      end it, hold its exit code against CODE (0), write run.out and run.err; again: until it has ended
//	http METHOD PATH [FILE] [NAME=VALUE…]  call the service, with headers; status and body go to stdout
//	json stdout|stderr PATH VALUE   hold a value of what was printed against VALUE (gjson paths)
//	take NAME PATH                  set $NAME to a value of what was printed as JSON
//	unspoilt stdout|stderr|FILE     hold that it is lines of text, with nothing in them that a terminal obeys
//	section MODULE NAME [FILE]      add a custom section to a module, with what is in FILE
//	models                          start a server of language models, set $MODELS to its address
//	mailbox                         start mail servers, set $SMTP and others to where they are; mails prints what came
//	timeless FILE                   write what was printed into FILE, with N for each number of ms or s
func TestScript(t *testing.T) {
	modules, err := filepath.Abs("../../../testdata/wat")
	if err != nil {
		t.Fatal(err)
	}
	caches, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	kept := strings.Fields(string(caches)) // what Go keeps is not made anew for each script
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("WAT", modules)
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache"))
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, ".config"))
			env.Setenv("GOCACHE", kept[0])
			env.Setenv("GOMODCACHE", kept[1])
			env.Setenv("NO_COLOR", "1")
			bin, _, _ := strings.Cut(env.Getenv("PATH"), string(os.PathListSeparator))
			env.Setenv("GROW", filepath.Join(bin, "grow"))
			env.Values[running{}], env.Values[boxes{}] = &served{vars: env}, &posts{}
			return errors.Join(keepMachineCode(env.Getenv("XDG_CACHE_HOME")), keepSeal(env.Getenv("XDG_CONFIG_HOME")))
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"serve": serve, "platform": servePlatform, "until": until, "signal": end, "http": call, "json": holdJSON, "take": take, "timeless": timeless, "unspoilt": unspoilt, "section": addSection, "registry": startRegistry,
			"models": startModels, "mailbox": startMailbox(t), "mails": mails,
		},
	})
}

// running is the key of a script's service.
type running struct{}

// served is the service of a script. It belongs to the script's goroutine;
// the output to the reader's until read is closed.
type served struct {
	vars    *testscript.Env
	process *exec.Cmd
	out     printed
	err     printed
	read    chan struct{}
}

var address = regexp.MustCompile(`http://[0-9.]+:[0-9]+`)

func serve(ts *testscript.TestScript, _ bool, args []string) {
	s := ts.Value(running{}).(*served)
	s.process = exec.Command(ts.Getenv("GROW"))
	s.process.Dir, s.process.Env = ts.MkAbs("."), s.vars.Vars
	for len(args) > 0 && strings.Contains(args[0], "=") {
		s.process.Env, args = append(s.process.Env, args[0]), args[1:]
	}
	text := s.start(ts, append([]string{"grow", "run", "--listen", "127.0.0.1:0"}, args...))
	ts.Setenv("URL", address.FindString(text))
}

func servePlatform(ts *testscript.TestScript, _ bool, args []string) {
	s := ts.Value(running{}).(*served)
	s.process = exec.Command(ts.Getenv("GROW"))
	s.process.Dir, s.process.Env = ts.MkAbs("."), s.vars.Vars
	for len(args) > 0 && strings.Contains(args[0], "=") {
		s.process.Env, args = append(s.process.Env, args[0]), args[1:]
	}
	text := s.start(ts, append([]string{"grow", "serve", "--data", "data", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "-o", "json"}, args...))
	ts.Setenv("URL", gjson.Get(text, "url").String())
	ts.Setenv("GROW_HOST", gjson.Get(text, "control").String())
	if token := gjson.Get(text, "token"); token.Exists() {
		ts.Setenv("GROW_TOKEN", token.String())
	}
}

func startRegistry(ts *testscript.TestScript, _ bool, _ []string) {
	r := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	ts.Defer(r.Close)
	ts.Setenv("REGISTRY", strings.TrimPrefix(r.URL, "http://"))
}

// start starts the process, and returns what it has printed when it serves.
func (s *served) start(ts *testscript.TestScript, args []string) (text string) {
	s.process.Args = args
	s.out.Reset()
	s.err.Reset()
	s.process.Stderr = &s.err
	pipe, err := s.process.StdoutPipe()
	ts.Check(err)
	ts.Check(s.process.Start())
	ts.Defer(func() { _ = s.process.Process.Kill() }) // it has ended where all went well
	up := make(chan string, 1)
	s.read = make(chan struct{})
	go func() { // ends with the process
		defer close(s.read)
		in := bufio.NewScanner(pipe)
		for in.Scan() {
			s.out.WriteString(in.Text() + "\n")
			if strings.Contains(in.Text(), "Ctrl-C ends it") || strings.Contains(in.Text(), `"event":"serving"`) || strings.Contains(in.Text(), `"stage":"start"`) {
				select {
				case up <- s.out.String():
				default: // it was up before
				}
			}
		}
	}()
	select {
	case text = <-up:
		url := address.FindString(text)
		ts.Setenv("PORT", url[strings.LastIndex(url, ":")+1:])
		ts.Setenv("PID", strconv.Itoa(s.process.Process.Pid))
		ts.Check(os.WriteFile(ts.MkAbs("run.out"), []byte(text), 0o600))
	case <-s.read:
		err := s.process.Wait()
		ts.Fatalf("run ended: %v\n%s%s", err, s.out.String(), s.err.String())
	}
	return text
}

func end(ts *testscript.TestScript, _ bool, args []string) {
	s := ts.Value(running{}).(*served)
	by := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM, "KILL": os.Kill}[args[0]]
	ts.Check(s.process.Process.Signal(by))
	for wait, again := 500*time.Microsecond, len(args) > 2; again; wait = time.Second {
		select {
		case <-s.read:
			again = false
		case <-time.After(wait): // soon; later only when the system made one of the two
			ts.Check(s.process.Process.Signal(by))
		}
	}
	<-s.read
	err := s.process.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Check(err)
	}
	ts.Check(os.WriteFile(ts.MkAbs("run.out"), s.out.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("run.err"), s.err.Bytes(), 0o600))
	want := "0"
	if len(args) > 1 {
		want = args[1]
	}
	if got := fmt.Sprint(s.process.ProcessState.ExitCode()); got != want && by != os.Kill {
		ts.Fatalf("run ended with code %s, want %s\n%s%s", got, want, s.out.String(), s.err.String())
	}
}

func call(ts *testscript.TestScript, _ bool, args []string) {
	var body io.Reader
	if len(args) > 2 && args[2] != "-" {
		body = strings.NewReader(ts.ReadFile(args[2]))
	}
	r, err := http.NewRequest(args[0], ts.Getenv("URL")+args[1], body)
	ts.Check(err)
	r.Header.Set("content-type", "application/json")
	for _, header := range args[min(3, len(args)):] {
		name, value, _ := strings.Cut(header, "=")
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d\n%s\n", response.StatusCode, text)
	if fault := response.Header.Get("Grow-Dev-Error"); fault != "" {
		fmt.Fprintf(ts.Stdout(), "Grow-Dev-Error: %s\n", fault)
	}
}

func holdJSON(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile(args[0])
	if !strings.HasPrefix(args[1], "..") && !gjson.Valid(text) { // ..: JSON, a value a line
		ts.Fatalf("%s is not JSON:\n%s", args[0], text)
	}
	got := gjson.Get(text, args[1])
	if (got.String() == args[2]) == neg {
		ts.Fatalf("%s is %q in %s", args[1], got.String(), text)
	}
}

var duration = regexp.MustCompile(`\b[0-9.]+ (ms|s)\b`)

func timeless(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), duration.ReplaceAll([]byte(ts.ReadFile("stdout")), []byte("N ms")), 0o600))
}

func unspoilt(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	if text == "" {
		ts.Fatalf("%s is empty", args[0])
	}
	spoils := func(r rune) bool {
		return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError)
	}
	if i := strings.IndexFunc(strings.ReplaceAll(text, "\ufffd", "?"), spoils); i >= 0 || !utf8.ValidString(text) {
		ts.Fatalf("%s has something at %d that a terminal obeys: %q", args[0], i, text)
	}
}

func take(ts *testscript.TestScript, _ bool, args []string) {
	got := gjson.Get(ts.ReadFile("stdout"), args[1])
	if !got.Exists() {
		ts.Fatalf("there is no %s in %s", args[1], ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], got.String())
}

// TestExitCodes runs command lines and holds the code each ends with, and that
// with -o json errors are one object on one line.
func TestExitCodes(t *testing.T) {
	none, empty := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(empty, "grow.yaml"), []byte("service: empty\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "grow.yaml"), []byte("servce: broken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(none)
	for _, c := range []struct {
		want int
		line string
	}{
		{exitDone, ""},
		{exitDone, "--help"},
		{exitDone, "help send"},
		{exitDone, "deadletters"},
		{exitDone, "version"},
		{exitDone, "completion bash"},
		{exitDone, "doctor"},
		{exitDone, "vet " + empty},
		{exitDone, "vet --explain spec.type"},
		{exitDone, "build -C " + empty},
		{exitDone, "test -C " + empty},
		{exitDone, "test --coverage --junit " + filepath.Join(none, "tests.xml") + " -C " + empty},
		{exitDone, "actor"},
		{exitDone, "workflow"},
		{exitDone, "init new --bare --plan"},
		{exitDone, "actor new a --lang wasm --plan -C " + empty},
		{exitDone, "compare " + empty + " " + empty},
		{exitDone, "graph -C " + empty},
		{exitDone, "site -C " + empty},
		{exitDone, "schema"},
		{exitDone, "schema actor"},
		{exitDone, "schema --openapi -C " + empty},
		{exitUsage, "schema actor --openapi"},
		{exitUsage, "schema actor --out " + none},
		{exitNotFound, "schema no-such-type"},
		{exitNotFound, "schema no-such-type -C " + empty},
		{exitNotFound, "schema --openapi"},
		{exitNo, "schema no.such -C " + broken},
		{exitUsage, "top --sort size"},
		{exitUsage, "top --every 1ms"},
		{exitUnreachable, "top -C " + empty},
		{exitNotFound, "top"},
		{exitUsage, "send a b --verbose"},
		{exitUsage, "no-such-command"},
		{exitUsage, "init a b"},
		{exitUsage, "init new --lang ruby"},
		{exitUsage, "init new --name A"},
		{exitUsage, "actor nwe a"},
		{exitUsage, "actor new"},
		{exitUsage, "actor new A -C " + empty},
		{exitUsage, "actor new a --in A -C " + empty},
		{exitUsage, "workflow new A -C " + empty},
		{exitUsage, "workflow new a -C " + empty},
		{exitUsage, "vet --no-such-flag"},
		{exitUsage, "version -o xml"},
		{exitUsage, "version more"},
		{exitUsage, "vet a b"},
		{exitUsage, "graph --format png -C " + empty},
		{exitUsage, "graph --width -1 -C " + empty},
		{exitUsage, "send only-a-name"},
		{exitUsage, "compare"},
		{exitUsage, "compare a b c"},
		{exitUsage, "compare " + empty + " " + empty + " --role up"},
		{exitUsage, "deadletters no-such-command"},
		{exitUsage, "deadletters show"},
		{exitUsage, "logs --level loud"},
		{exitUsage, "logs --since yesterday"},
		{exitUsage, "logs -n -1"},
		{exitUsage, "run --level loud"},
		{exitUsage, "test --run ["},
		{exitUsage, "test --parallel -1"},
		{exitUsage, "test --plan"},
		{exitUsage, "test --update --watch"},
		{exitUsage, "test --coverage name"},
		{exitUsage, "run --listen nowhere -C " + empty},
		{exitUsage, "run --journal folder -C " + empty},
		{exitUnreachable, "run --journal nats://127.0.0.1:1 --listen 127.0.0.1:0 -C " + empty},
		{exitUsage, "run --listen 127.0.0.1 -C " + empty},
		{exitUsage, "run --listen 127.0.0.1:99999 -C " + empty},
		{exitUsage, "completion tcsh"},
		{exitUsage, "send a b --attr c=d -C " + empty},
		{exitUsage, "send a b --timeout 0s -C " + empty},
		{exitNo, "vet " + broken},
		{exitNo, "build -C " + broken},
		{exitNo, "compare " + empty + " " + broken},
		{exitNo, "graph -C " + broken},
		{exitNo, "site " + broken},
		{exitNo, "run -C " + broken},
		{exitNo, "test -C " + broken},
		{exitNo, "doctor -C " + broken},
		{exitNo, "init --plan --bare -C " + empty},
		{exitConflict, "init -C " + empty},
		{exitConflict, "init " + empty + "/inner"},
		{exitNotFound, "actor new a"},
		{exitNotFound, "workflow new a --nodes b"},
		{exitNotFound, "workflow new a --nodes b -C " + empty},
		{exitNotFound, "vet"},
		{exitNotFound, "vet no-such-folder"},
		{exitNotFound, "vet no-such-module.wasm"},
		{exitNotFound, "vet --explain no.such.code"},
		{exitNotFound, "compare no-such-revision " + empty},
		{exitNotFound, "compare " + empty},
		{exitNotFound, "compare " + empty + " " + empty + " --only nothing"},
		{exitNotFound, "run"},
		{exitNotFound, "test"},
		{exitNotFound, "test no-such-test -C " + empty},
		{exitNotFound, "graph no-such-workflow -C " + empty},
		{exitNotFound, "site no-such-folder"},
		{exitConflict, "site --force --out " + empty + " " + empty},
		{exitNotFound, "build no-such-actor -C " + empty},
		{exitNotFound, "send a b --data @no-such-file -C " + empty},
		{exitUnreachable, "status -C " + empty},
		{exitUnreachable, "logs -C " + empty},
		{exitUnreachable, "logs -f -C " + empty},
		{exitUnreachable, "deadletters list -C " + empty},
		{exitUnreachable, "deadletters show x -C " + empty},
		{exitUnreachable, "send a b -C " + empty},
	} {
		holdCode(t, c.line, c.want)
		if !strings.HasSuffix(c.line, "xml") { // which says how to print, too
			holdCode(t, c.line+" -o json", c.want)
		}
	}
}

// holdCode runs a command line and holds its exit code; an error that is to be
// JSON is one object on one line.
func holdCode(t *testing.T, line string, want int) {
	t.Helper()
	var out, errs bytes.Buffer
	if got := execute(strings.Fields(line), strings.NewReader(""), &out, &errs); got != want {
		t.Errorf("grow %s: exit code %d, want %d\n%.300s%s", line, got, want, out.String(), errs.String())
	}
	if want == exitDone || !strings.HasSuffix(line, "-o json") {
		return
	}
	fault := gjson.Get(errs.String(), "error")
	if fault.Get("code").String() == "" || fault.Get("message").String() == "" || strings.Count(errs.String(), "\n") != 1 {
		t.Errorf("grow %s: %q is no error on one line", line, errs.String())
	}
}

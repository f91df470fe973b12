package command

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/go-dap"
)

// TestDebug: a message is run again by commands from a pipe, what cannot be debugged is
// told with its code, and an editor is served at an address and on standard input.
func TestDebug(t *testing.T) {
	dir := jsonService(t)
	controlled(t, dir)
	id := posted(t, dir)
	t.Chdir(dir)
	run := func(want int, stdin, line string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := execute(strings.Fields(line), strings.NewReader(stdin), &out, &errs); code != want {
			t.Fatalf("grow %s: exit code %d, want %d\n%s%s", line, code, want, &out, &errs)
		}
		return out.String() + errs.String()
	}
	holds(t, run(exitDone, "continue\n", "debug --message "+id), "now handled; then handled", "would send ledger.posted", "would keep the state", "nothing was sent, kept or asked for outside")
	holds(t, run(exitNotFound, "", "debug none"), `there is no actor or node "none"`)
	holds(t, run(exitNotFound, "", "debug --message none"), "there is no message none")
	holds(t, run(exitUsage, "", "debug"), "say what is to be debugged")
	holds(t, run(exitUsage, "", "debug echo --message x --fork"), "--fork and --key do not go with it")
	holds(t, run(exitUsage, "", "debug echo --dap 10.0.0.1:80"), "this machine alone")
	// To one node, one after the other: who has left is let go of.
	for _, way := range []string{"stdio", "127.0.0.1:0", "stdio"} {
		t.Run(way, func(t *testing.T) { debugByEditor(t, way) })
	}
}

// debugByEditor has an editor attach to the actor that the command line names.
func debugByEditor(t *testing.T, way string) {
	in, editorOut := io.Pipe()
	editorIn, out := io.Pipe()
	var errs bytes.Buffer
	ended := make(chan int, 1)
	go func() { ended <- execute([]string{"debug", "echo", "--dap", way, "-o", "json"}, in, out, &errs) }()
	var conn io.ReadWriter = struct {
		io.Reader
		io.Writer
	}{editorIn, editorOut}
	if way != debugStdio {
		var told struct{ DAP string }
		if err := json.NewDecoder(editorIn).Decode(&told); err != nil {
			t.Fatal(err)
		}
		c, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", told.DAP)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conn = c
	}
	client := newEditor(conn)
	client.ask(t, &dap.InitializeRequest{Request: dap.Request{Command: "initialize"}})
	client.ask(t, &dap.AttachRequest{Request: dap.Request{Command: "attach"}, Arguments: json.RawMessage(`{}`)})
	client.ask(t, &dap.ConfigurationDoneRequest{Request: dap.Request{Command: "configurationDone"}})
	client.ask(t, &dap.DisconnectRequest{Request: dap.Request{Command: "disconnect"}})
	if code := <-ended; code != exitDone {
		t.Errorf("exit code %d\n%s", code, &errs)
	}
}

// editor asks one thing after the other.
type editor struct {
	in  *bufio.Reader
	out io.Writer
	seq int
}

func newEditor(conn io.ReadWriter) *editor { return &editor{in: bufio.NewReader(conn), out: conn} }

// ask waits for the answer, which must not be an error.
func (e *editor) ask(t *testing.T, m dap.RequestMessage) {
	t.Helper()
	e.seq++
	r := m.GetRequest()
	r.Type, r.Seq = "request", e.seq
	if err := dap.WriteProtocolMessage(e.out, m); err != nil {
		t.Fatal(err)
	}
	for {
		got, err := dap.ReadProtocolMessage(e.in)
		if err != nil {
			t.Fatal(err)
		}
		if a, ok := got.(dap.ResponseMessage); ok && a.GetResponse().RequestSeq == e.seq {
			if !a.GetResponse().Success {
				t.Fatalf("%s: %+v", r.Command, got)
			}
			return
		}
	}
}

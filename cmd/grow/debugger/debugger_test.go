package debugger_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/grow-platform/grow/cmd/grow/debugger"
	"github.com/grow-platform/grow/host/dap"
	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/debug/toy"
)

var update = flag.Bool("update", false, "write what scripts print to testdata")

// host debugs messages of a program, each handled by a guest of its own, one after the
// other.
type host struct {
	session  *debug.Session
	program  *toy.Program
	messages []any
	ends     bool // the session, with the last message
	work     sync.WaitGroup
}

func (h *host) Start() error {
	h.work.Go(func() { // ends with the messages, at the latest once the session is closed
		for _, m := range h.messages {
			g := h.program.Guest(h.session)
			copy(g.Memory()[0x100:], "some memory")
			_, _ = g.Run(m)
		}
		if h.ends {
			h.session.End("the message was handled")
		}
	})
	return nil
}

func (h *host) Close() error {
	h.work.Wait()
	return nil
}

// serve returns a connection to a server that debugs a program.
func serve(t *testing.T, source string, ends bool, messages ...any) net.Conn {
	t.Helper()
	p, err := toy.Parse("src/shop.toy", source)
	if err != nil {
		t.Fatal(err)
	}
	here, there := net.Pipe()
	served := make(chan error, 1)
	go func() { // ends with the connection
		served <- dap.Serve(context.WithoutCancel(t.Context()), there, dap.Options{Attach: func(_ context.Context, args map[string]any) (*debug.Session, io.Closer, error) {
			if args["actor"] == "none" {
				return nil, nil, errors.New("there is no actor none")
			}
			s := debug.NewSession(p, debug.Options{})
			return s, &host{session: s, program: p, messages: messages, ends: ends}, nil
		}})
	}()
	t.Cleanup(func() {
		here.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return here
}

// TestScripts reads commands from a pipe. Each file has a program, commands, and what
// is printed.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in := map[string]string{}
			for _, f := range archive.Files {
				in[f.Name] = string(f.Data)
			}
			var out bytes.Buffer
			conn := serve(t, in["program"], true, 1, 90)
			err = debugger.Run(t.Context(), debugger.Options{
				Conn: conn, Args: map[string]any{"request": "launch"}, In: strings.NewReader(in["commands"]), Out: &out,
			})
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				archive.Files[len(archive.Files)-1] = txtar.File{Name: "want", Data: out.Bytes()}
				if err := os.WriteFile(file, txtar.Format(archive), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got := out.String(); got != in["want"] {
				t.Errorf("printed\n%s\nwant\n%s", got, in["want"])
			}
		})
	}
}

func TestAttachFails(t *testing.T) {
	err := debugger.Run(t.Context(), debugger.Options{
		Conn: serve(t, "func handle n\nend\n", true), Args: map[string]any{"actor": "none"}, In: strings.NewReader(""), Out: io.Discard,
	})
	if err == nil || err.Error() != "debug.attach: there is no actor none" {
		t.Error(err)
	}
}

// TestHostGone loses the connection while a command waits for a stop.
func TestHostGone(t *testing.T) {
	conn := serve(t, "func handle n\nend\n", false)
	in, typed := io.Pipe()
	done := make(chan error, 1)
	go func() { // ends with Run
		done <- debugger.Run(t.Context(), debugger.Options{Conn: conn, In: in, Out: io.Discard})
	}()
	if _, err := typed.Write([]byte("continue\n")); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "the connection to what is debugged has ended") {
		t.Error(err)
	}
	typed.Close()
}

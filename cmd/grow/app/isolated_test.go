package app

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/jail"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/testdata/wat"
)

func TestMain(m *testing.M) {
	jail.Enter()
	os.Exit(m.Run())
}

// places are where instances can run on this system.
func places() []string {
	if runtime.GOOS == "linux" {
		return []string{"shared", "process"}
	}
	return []string{"shared"}
}

// TestProcessDies: the message that is handled while the actor's process is
// killed fails, and the next one is handled by another process.
func TestProcessDies(t *testing.T) {
	if len(places()) < 2 {
		t.Skip("processes of actors need Linux")
	}
	h := serve(t, "isolation: process\nlimits: {fuel: 1000G, time: 5m}\n")
	f, err := h.Shard().Accept(t.Context(), &shard.Request{
		To: "hog", Source: "test", Type: "hog.do", Data: []byte(`"f4000000000"`), AnyReply: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for h.Shard().Status()[0].Mailbox > 0 {
		runtime.Gosched()
	}
	list := h.engine.Processes()
	if len(list) != 1 || list[0].Actor != "hog" || list[0].PID == 0 {
		t.Fatalf("processes: %+v", list)
	}
	p, err := os.FindProcess(list[0].PID)
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
	<-f.Done()
	if a := f.Answer(); a.Code != engine.CodeDied || !strings.Contains(a.Text, "killed") {
		t.Errorf("%q: %s; want %s", a.Code, a.Text, engine.CodeDied)
	}
	if a := say(t, h, "f", 10); a.Code != "" {
		t.Errorf("afterwards: %s: %s", a.Code, a.Text)
	}
	again := h.engine.Processes()
	if len(again) != 1 || again[0].PID == list[0].PID || again[0].Deaths != 1 || again[0].Ended == "" {
		t.Errorf("processes afterwards: %+v", again)
	}
}

// TestProcessesApart: two services have isolated actors of one name, and each is told of
// its own.
func TestProcessesApart(t *testing.T) {
	if len(places()) < 2 {
		t.Skip("processes of actors need Linux")
	}
	p := newPlatform(t)
	pids := map[int]bool{}
	for _, name := range []string{"one", "two"} {
		s := documents.Service{Namespace: "main", Name: name}
		files := echoFiles("Apart.", "")
		files["grow.yaml"] = strings.Replace(files["grow.yaml"], "echoes", name, 1)
		files["actors/echo/actor.yaml"] += "isolation: process\n"
		if n, err := p.deployAs(s, files, map[string][]byte{"echo": wat.Module("echo")}); err != nil {
			t.Fatalf("%v\n%+v", err, n.Checks)
		}
	}
	for _, name := range []string{"one", "two"} {
		status, err := p.backendOf(documents.Service{Namespace: "main", Name: name}).Status(t.Context())
		if err != nil || len(status.Processes) != 1 || status.Processes[0].Actor != "echo" || status.Processes[0].PID == 0 {
			t.Fatalf("%s: %+v, %v", name, status.Processes, err)
		}
		pids[status.Processes[0].PID] = true
	}
	if len(pids) != 2 {
		t.Errorf("both are told of the same process: %v", pids)
	}
}

package app

import (
	"strings"
	"testing"

	"github.com/grow-platform/grow/testdata/wat"
	"github.com/nats-io/nats-server/v2/server"
)

// TestPlatformOnServer: a host that keeps everything on a NATS server. A new host with
// an empty folder serves what was deployed before; while the server is gone nothing is
// accepted and a deployment says why; when it is back both go on.
func TestPlatformOnServer(t *testing.T) {
	dir := t.TempDir()
	s := keeper(t, func(o *server.Options) { o.StoreDir = dir })
	way := newWay(t, s.Addr().String())
	options := func() PlatformOptions {
		return PlatformOptions{Data: t.TempDir(), Listen: "127.0.0.1:0", Control: "127.0.0.1:0", CacheDir: t.TempDir(), Journal: Journal{At: "nats://" + way.Addr().String()}}
	}
	p := &platform{t: t, options: options()}
	p.start()
	if n, err := p.Deployer.Deploy(t.Context(), p.request(echoFiles("One.", echoTest), wat.Module("echo"))); err != nil {
		t.Fatalf("%v\n%+v", err, n.Checks)
	}
	p.stop()
	p.options = options()
	p.start()
	t.Cleanup(p.stop)
	if status, body := p.post(); status != 200 || body != `"hello"` {
		t.Fatalf("on a new host: %d %s", status, body)
	}
	another := p.request(echoFiles("Two.", echoTest), wat.Module("echo"))
	way.lead("")
	s.Shutdown()
	s.WaitForShutdown()
	for status := 0; status != 503; { // the first ones may have been accepted before anybody knew
		if status, _ = hurried(t, p.URL()); status != 503 && status != 504 {
			t.Fatalf("without a server: %d", status)
		}
	}
	n, err := p.Deployer.Deploy(t.Context(), another)
	if err == nil || !strings.Contains(err.Error(), "nats") {
		t.Errorf("a deployment without a server: %v\n%+v", err, n)
	}
	way.lead(keeper(t, func(o *server.Options) { o.StoreDir = dir }).Addr().String())
	for status := 0; status != 200; {
		if status, _ = hurried(t, p.URL()); status != 200 && status != 503 && status != 504 {
			t.Fatalf("with a server again: %d", status)
		}
	}
	if n, err := p.Deployer.Deploy(t.Context(), another); err != nil {
		t.Errorf("%v\n%+v", err, n.Checks)
	}
}

package publish

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/host/outside/redis/redistest"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(redistest.Settled{M: m}) }

// start starts a server with a stream of the subjects erp.>, which wants a token.
func start(t *testing.T) (address string, s *server.Server, js jetstream.JetStream) {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, Authorization: "hidden"})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server is not ready")
	}
	address = fmt.Sprintf("nats://hidden@%s", s.Addr())
	conn, err := client.Connect(address, client.Timeout(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if js, err = jetstream.New(conn); err == nil {
		_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ERP", Subjects: []string{"erp.>"}, MaxMsgSize: 2000})
	}
	if err != nil {
		t.Fatal(err)
	}
	return address, s, js
}

func open(t *testing.T, address string, subjects ...any) capability.Capability {
	t.Helper()
	c, err := kind{}.Open(t.Context(), specs.Grant{Params: map[string]any{"subjects": subjects}}, capability.Environment{
		Namespace: "main", Service: "shop", Secret: func(name string) (string, bool) { return address, name == "GROW_NATS_DEFAULT" },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// send publishes and says what came of it.
func send(ctx context.Context, c capability.Capability, stable, subject, data string, headers ...string) string {
	attr := func(name string) (string, bool) { return subject, name == "subject" && subject != "" }
	a := c.Do(ctx, &capability.Request{Operation: Publish, Data: []byte(data), Stable: stable, Attr: attr, Each: func(yield func(string, string) bool) {
		for i := 0; i < len(headers); i += 2 {
			if !yield("header."+headers[i], headers[i+1]) {
				return
			}
		}
	}})
	if a.Code != "" {
		return a.Code + ": " + a.Text
	}
	return strings.Join(a.Attrs, " ")
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		params map[string]any
		says   string // "": fine
	}{
		{map[string]any{"subjects": []any{"erp.orders"}}, ""},
		{map[string]any{"subjects": []any{"erp.*.new", "erp.>", ">", "*"}, "server": "erp"}, ""},
		{map[string]any{}, "subjects"},
		{map[string]any{"subjects": []any{}}, "subjects"},
		{map[string]any{"subjects": []any{"a..b"}}, "subjects"},
		{map[string]any{"subjects": []any{"a.>.b"}}, "subjects"},
		{map[string]any{"subjects": []any{"a b"}}, "subjects"},
		{map[string]any{"subjects": []any{"a"}, "server": "nats://h"}, "server"},
		{map[string]any{"subjects": []any{"a"}, "url": "nats://h"}, "url"},
	} {
		err := capability.CheckGrant(specs.Grant{Kind: "publish", Params: c.params})
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want %q", c.params, err, c.says)
		}
	}
}

// TestOpen: what a host cannot give is an error at start that says no secret.
func TestOpen(t *testing.T) {
	for address, says := range map[string]string{
		"":                                 "say in the secret GROW_NATS_DEFAULT where it is",
		"http://u:hidden@h":                "the secret GROW_NATS_DEFAULT is not the address of a NATS server",
		"nats://u:hidden@h:port":           "the secret GROW_NATS_DEFAULT",
		"nats://a:hidden@h,nats://:hidden": "the secret GROW_NATS_DEFAULT",
	} {
		_, err := kind{}.Open(t.Context(), specs.Grant{Params: map[string]any{"subjects": []any{"a"}}}, capability.Environment{
			Secret: func(string) (string, bool) { return address, address != "" },
		})
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%v, want %q", err, says)
		}
	}
}

// TestPublish: what is published is kept once for each request, with its headers.
func TestPublish(t *testing.T) {
	address, _, js := start(t)
	c := open(t, address, "erp.orders.*", "none.>")
	for _, step := range []struct{ stable, subject, data, want string }{
		{"m1/1", "erp.orders.new", "1", "stream ERP sequence 1"},
		{"m1/2", "erp.orders.new", "2", "stream ERP sequence 2"},
		{"m1/1", "erp.orders.new", "1", "stream ERP sequence 1 duplicate true"},
		{"m1/3", "erp.orders", "", "denied: the grant does not cover the subject erp.orders"},
		{"m1/3", "erp.orders.a.b", "", "denied: the grant does not cover the subject erp.orders.a.b"},
		{"m1/3", "none.a", "", "not_found: no stream of server default keeps the subject none.a"},
		{"m1/3", "erp.orders.new", strings.Repeat("x", 3000), "limit: the stream of subject erp.orders.new does not take the message (10054)"},
		{"m1/3", "erp.orders.new", strings.Repeat("x", DataMax+1), "limit: the data has 1048577 bytes, 1048576 are allowed"},
		{"m1/3", "", "", `invalid: the subject "" is not one of 1 to 256 bytes`},
		{"m1/3", "erp.orders.*", "", `invalid: the subject "erp.orders.*" has a blank or a wildcard`},
		{"m1/3", "erp..new", "", `invalid: the subject "erp..new" has an empty word`},
		{"m1/3", "a\r\nPUB b 0", "", `invalid: the subject "a\r\nPUB b 0" has a blank or a wildcard`},
	} {
		if got := send(t.Context(), c, step.stable, step.subject, step.data, "x-a", "b"); got != step.want {
			t.Errorf("%s %s: %s\nwant %s", step.stable, step.subject, got, step.want)
		}
	}
	stream, err := js.Stream(t.Context(), "ERP")
	if err != nil {
		t.Fatal(err)
	}
	m, err := stream.GetMsg(t.Context(), 2)
	if err != nil || string(m.Data) != "2" || m.Header.Get("X-A") != "" || m.Header.Get("x-a") != "b" || m.Header.Get("Nats-Msg-Id") != "main/shop/m1/2" {
		t.Errorf("%+v %v", m, err)
	}
	if n := stream.CachedInfo().State.Msgs; n != 2 {
		t.Errorf("%d messages are kept", n)
	}
	all := open(t, address, ">")
	for _, subject := range []string{"$JS.API.STREAM.DELETE.ERP", "$SYS.REQ", "_INBOX.x", "grow.j.main.shop.00"} {
		if got := send(t.Context(), all, "m2/1", subject, ""); !strings.HasPrefix(got, "invalid: ") {
			t.Errorf("%s: %s", subject, got)
		}
	}
	for _, h := range [][]string{{"nats-msg-id", "1"}, {"a b", "1"}, {"", "1"}, {"a", "1\r\n2"}} {
		if got := send(t.Context(), all, "m2/2", "erp.a", "", h...); !strings.HasPrefix(got, "invalid: the header") {
			t.Errorf("%q: %s", h, got)
		}
	}
}

// TestAway: a server that is gone is told in a word that says nothing of where it is, and
// found again when it is back.
func TestAway(t *testing.T) {
	c := open(t, "nats://hidden@127.0.0.1:1", "erp.>")
	if got := send(t.Context(), c, "m1/1", "erp.a", ""); got != "unavailable: server default does not answer" {
		t.Error(got)
	}
	address, s, _ := start(t)
	c = open(t, address, "erp.>")
	if got := send(t.Context(), c, "m1/1", "erp.a", ""); got != "stream ERP sequence 1" {
		t.Error(got)
	}
	s.Shutdown()
	s.WaitForShutdown()
	for conn := c.(*opened).to.(*natsSink).conn; conn.IsConnected() && t.Context().Err() == nil; { // until that is noticed
		runtime.Gosched()
	}
	if got := send(t.Context(), c, "m1/2", "erp.a", ""); got != "unavailable: server default does not answer" {
		t.Error(got)
	}
}

package http

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
	"golang.org/x/net/dns/dnsmessage"
)

// forbiddenHosts are spellings of addresses that nobody may be led to: as numbers in all
// the ways that a resolver of some system reads, in the two forms of IPv6 that hold one of
// IPv4, by names, and of networks that are private, of the link, of clouds, or of nobody.
var forbiddenHosts = []string{
	"127.0.0.1", "127.0.0.2", "127.1", "127.0.1", "127.255.255.254", "0.0.0.0", "0", "0.0", "00000000", "2130706433", "017700000001", "0x7f000001",
	"0x7f.1", "0x7f.0.0.1", "0177.0.0.1", "0177.1", "127.0.0.1.", "127.000.000.001", "①②⑦.⓪.⓪.①", "127。0。0。1",
	"localhost", "LOCALHOST", "localhost.", "sub.localhost", "localhost.localdomain", "ip6-localhost",
	"[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]",
	"[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[fe80::1]", "[fe80::1%25lo]",
	"10.0.0.1", "10.255.255.255", "0xa000001", "167772161", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.1.254", "0xc0a80001", "3232235521",
	"100.64.0.1", "100.127.255.255", "169.254.169.254", "169.254.0.1", "0xa9fea9fe", "2852039166", "169.254.43518", "0251.0376.0251.0376", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]",
	"[fd00:ec2::254]", "[fc00::1]", "[fdff::1]", "[fec0::1]", "[ff02::1]", "[100::1]", "[2001:db8::1]", "[3fff::1]", "[5f00::1]", "[2002:a9fe:a9fe::]", "[64:ff9b::a9fe:a9fe]",
	"192.0.0.1", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.88.99.1",
	"metadata.google.internal", "metadata", "instance-data", "100.100.100.200",
}

// traps listens where the forbidden addresses lead, and counts who comes.
func traps(t *testing.T) (port string, came *atomic.Int32) {
	t.Helper()
	came = &atomic.Int32{}
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ = net.SplitHostPort(l.Addr().String())
	lists := []net.Listener{l}
	if six, err := net.Listen("tcp", "[::1]:"+port); err == nil {
		lists = append(lists, six)
	}
	for _, l := range lists {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				came.Add(1)
				_ = c.Close()
			}
		}()
		t.Cleanup(func() { _ = l.Close(); <-done })
	}
	return port, came
}

// grantFor opens a grant that names whatever host it is asked for, at a port, and uses a
// resolver; nil: the system's.
func grantFor(t *testing.T, port string, resolver *net.Resolver, hosts ...string) *client {
	t.Helper()
	g := &grant{Hosts: hosts, Methods: []string{"GET"}, Paths: []string{"/"}, Schemes: []string{"http"}, Redirects: 5, Connections: 4, Answer: 1000}
	c := &client{grant: g, transport: transport(g, resolver)}
	for _, h := range hosts {
		c.hosts = append(c.hosts, host{name: h, port: port})
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestForbidden: no spelling of an address that is not public leads anywhere, whether it
// is asked for, redirected to, or what a name turns out to be.
func TestForbidden(t *testing.T) {
	if len(forbiddenHosts) < 80 {
		t.Fatalf("%d spellings", len(forbiddenHosts))
	}
	port, came := traps(t)
	nowhere := resolverOf(t, func(string) []netip.Addr {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}
	})
	for _, h := range forbiddenHosts {
		u, err := url.Parse("http://" + h + ":" + port + "/")
		if err != nil {
			continue // no request can be made of it
		}
		name, err := canonical(u.Hostname())
		if err != nil {
			continue
		}
		t.Run(h, func(t *testing.T) {
			redirects := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, u.String(), http.StatusFound) })
			for how, c := range map[string]*client{"resolved by the system": grantFor(t, port, nil, name), "resolved by a liar": grantFor(t, port, nowhere, name)} {
				if a := ask(t.Context(), c, "", "url", u.String()); a.Code == "" {
					t.Errorf("%s: %+v", how, a)
				}
				first := open(t, redirects, nil)
				first.hosts = append(first.hosts, host{name: name, port: port})
				first.transport.DialContext = mixed(first, c)
				if a := ask(t.Context(), first, "", "path", "/"); a.Code == "" {
					t.Errorf("redirected, %s: %+v", how, a)
				}
			}
		})
	}
	if n := came.Load(); n > 0 {
		t.Errorf("%d connections came through", n)
	}
}

// mixed dials the server that redirects by the first client, and everything else by the
// second, which may reach public addresses only.
func mixed(first, second *client) func(context.Context, string, string) (net.Conn, error) {
	own := net.JoinHostPort(first.hosts[0].name, first.hosts[0].port)
	ownDial := first.transport.DialContext
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == own {
			return ownDial(ctx, network, address)
		}
		return second.transport.DialContext(ctx, network, address)
	}
}

// TestRebinding: a name that is public when it is looked at, and is not when it is
// connected to, or is both.
func TestRebinding(t *testing.T) {
	port, came := traps(t)
	loop := netip.MustParseAddr("127.0.0.1")
	var asked atomic.Int32
	for name, answers := range map[string]func(string) []netip.Addr{
		"another address each time": func(string) []netip.Addr {
			if asked.Add(1)%2 == 1 {
				return nil
			}
			return []netip.Addr{loop}
		},
		"only loopback": func(string) []netip.Addr { return []netip.Addr{loop} },
		"metadata":      func(string) []netip.Addr { return []netip.Addr{netip.MustParseAddr("169.254.169.254"), loop} },
	} {
		c := grantFor(t, port, resolverOf(t, answers), "rebind.example")
		for range 6 {
			if a := ask(t.Context(), c, "", "url", "http://rebind.example:"+port+"/"); a.Code == "" {
				t.Errorf("%s: %+v", name, a)
			}
		}
	}
	c := grantFor(t, port, resolverOf(t, func(string) []netip.Addr { return []netip.Addr{loop} }), "rebind.example")
	if a := ask(t.Context(), c, "", "url", "http://rebind.example:"+port+"/"); a.Code != capability.Denied || !strings.Contains(a.Text, "it is at 127.0.0.1, which is not a public address") {
		t.Errorf("%+v", a)
	}
	if n := came.Load(); n > 0 {
		t.Errorf("%d connections came through", n)
	}
}

func TestPublic(t *testing.T) {
	for _, a := range []string{"1.1.1.1", "8.8.8.8", "93.184.216.34", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "2606:4700::1111", "2a00:1450:4001::1"} {
		if !public(netip.MustParseAddr(a)) {
			t.Errorf("%s is public", a)
		}
	}
}

// TestNetworks: what both grant and host name is reached, and nothing beside it.
func TestNetworks(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	for network, ok := range map[string]bool{"127.0.0.1/32": true, "127.0.0.2/32": false} {
		c := open(t, s, map[string]any{"networks": []any{network}})
		if a := ask(t.Context(), c, "", "path", "/"); (a.Code == "") != ok {
			t.Errorf("%s: %+v", network, a)
		}
	}
	params := map[string]any{"hosts": []any{"a.example"}, "networks": []any{"126.0.0.0/7"}}
	if _, err := (kind{}).Open(t.Context(), specs.Grant{Params: params}, loopback); err == nil {
		t.Error("a grant reaches more than the host allows")
	}
}

// resolverOf resolves names by a DNS server of the test.
func resolverOf(t *testing.T, answers func(name string) []netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			if answer, err := answerTo(b[:n], answers); err == nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func answerTo(query []byte, answers func(string) []netip.Addr) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil || len(m.Questions) != 1 {
		return nil, fmt.Errorf("no question: %w", err)
	}
	q := m.Questions[0]
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	h := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
	for _, a := range answers(q.Name.String()) {
		switch {
		case a.Is4() && q.Type == dnsmessage.TypeA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: a.As4()}})
		case a.Is6() && q.Type == dnsmessage.TypeAAAA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	return m.Pack()
}

package http

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// host is an entry of a grant's hosts.
type host struct {
	name string // without the star of one for all names below
	port string // "": the scheme's
	all  bool   // *.name
}

func parseHost(text string) (host, error) {
	wrong := func(why string) (host, error) {
		return host{}, fmt.Errorf("http grant: hosts: %q %s; api.example.com, *.example.com or api.example.com:8443", text, why)
	}
	h := host{name: text}
	if strings.ContainsAny(text, "/@?#\\ ") {
		return wrong("is not the name of a host")
	}
	if name, port, err := net.SplitHostPort(text); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return wrong("has no port from 1 to 65535")
		}
		h.name, h.port = name, port
	}
	h.name, h.all = strings.CutPrefix(h.name, "*.")
	name, err := canonical(h.name)
	if err != nil || strings.Contains(name, "*") {
		return wrong("is not the name of a host")
	}
	h.name = name
	return h, nil
}

// canonical is the one spelling of a host's name: in ASCII and lower case, without the
// dot at the end.
func canonical(name string) (string, error) {
	name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"), ".")
	if a, err := netip.ParseAddr(name); err == nil {
		return a.String(), nil
	}
	name, err := idna.Lookup.ToASCII(name)
	if err != nil || name == "" {
		return "", fmt.Errorf("%q is not the name of a host", name)
	}
	return name, nil
}

func (h *host) matches(name, port, usual string) bool {
	if h.port != port && (h.port != "" || port != usual) {
		return false
	}
	if h.all {
		return strings.HasSuffix(name, "."+h.name)
	}
	return name == h.name
}

// usualPort is that of a scheme.
func usualPort(scheme string) string {
	if scheme == "http" {
		return "80"
	}
	return "443"
}

// allow reports what of a request the grant does not allow.
func (c *client) allow(method string, u *url.URL) error {
	if !slices.Contains(c.Methods, method) {
		return fmt.Errorf("the grant does not allow %s; it allows %s", method, strings.Join(c.Methods, ", "))
	}
	if err := c.allowHost(u); err != nil {
		return err
	}
	return c.allowPath(u)
}

// allowHost reports a host that the grant does not name, or a scheme.
func (c *client) allowHost(u *url.URL) error {
	if !slices.Contains(c.Schemes, u.Scheme) {
		return fmt.Errorf("the grant does not allow %s URLs", u.Scheme)
	}
	if u.User != nil {
		return fmt.Errorf("a URL must not hold a user or password: they belong into the grant's headers")
	}
	name, err := canonical(u.Hostname())
	if err != nil {
		return err
	}
	usual := usualPort(u.Scheme)
	port := u.Port()
	if port == "" {
		port = usual
	}
	if !slices.ContainsFunc(c.hosts, func(h host) bool { return h.matches(name, port, usual) }) {
		return fmt.Errorf("the grant does not allow the host %s", net.JoinHostPort(name, port))
	}
	return nil
}

// allowPath reports a path that is not below one of the grant's, or that the other side
// might read as another one.
func (c *client) allowPath(u *url.URL) error {
	path := u.Path
	if path == "" {
		path = "/"
	}
	raw := strings.ToLower(u.EscapedPath())
	for _, s := range []string{"%2f", "%5c", "%2e", "%00", "%25", "\\", "//", ";"} {
		if strings.Contains(raw, s) && !slices.Contains(c.Paths, "/") {
			return fmt.Errorf("a path with %s in it may mean another one: the grant is for some paths only", s)
		}
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "." || part == ".." {
			return fmt.Errorf("a path must not hold . or .. as a part")
		}
	}
	if slices.ContainsFunc(c.Paths, func(p string) bool { return below(path, p) }) {
		return nil
	}
	return fmt.Errorf("the grant does not allow the path %s", path)
}

// below reports whether a path is another one, or lies below it.
func below(path, top string) bool {
	rest, ok := strings.CutPrefix(path, strings.TrimSuffix(top, "/"))
	return ok && (rest == "" && !strings.HasSuffix(top, "/") || strings.HasPrefix(rest, "/"))
}

// special are the addresses that are not public, as the registries of IANA for special
// purposes list them (RFC 6890), those that hold an IPv4 address to be reached by a
// translator (RFC 6052, RFC 3056, RFC 4380), and all that nobody has been given.
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
)

// global is where all public addresses of IPv6 lie.
var global = netip.MustParsePrefix("2000::/3")

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, p := range list {
		out[i] = netip.MustParsePrefix(p)
	}
	return out
}

// public reports whether everybody may be expected to be reached at an address.
func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if a.Is6() && !global.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) })
}

// covers reports whether a network holds all of another one.
func covers(large, small netip.Prefix) bool {
	return large.Bits() <= small.Bits() && large.Overlaps(small)
}

// reachable reports what of an address the grant does not allow.
func (g *grant) reachable(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	a := at.Addr().Unmap().WithZone("")
	if public(a) && !own(a) || slices.ContainsFunc(g.networks, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return nil
	}
	return &addressError{a}
}

// own reports whether an address is one of this machine's: what listens there may count
// on a firewall that connections from here do not pass.
func own(a netip.Addr) bool {
	list, err := net.InterfaceAddrs()
	return err != nil || slices.ContainsFunc(list, func(have net.Addr) bool {
		p, err := netip.ParsePrefix(have.String())
		return err == nil && p.Addr().Unmap() == a
	})
}

// addressError is an address that a grant does not reach.
type addressError struct{ addr netip.Addr }

// Error implements error.
func (e *addressError) Error() string {
	return fmt.Sprintf("it is at %s, which is not a public address; a grant reaches it with networks: [%[1]s/%d]", e.addr, e.addr.BitLen())
}

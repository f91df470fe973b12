package app

import (
	"net"
	"testing"
)

// at is a listener of an address.
type at struct {
	net.Listener
	addr net.Addr
}

// Addr implements net.Listener.
func (l at) Addr() net.Addr { return l.addr }

// TestBare: only what others can reach without a certificate is warned of.
func TestBare(t *testing.T) {
	for _, c := range []struct {
		ip, scheme string
		want       bool
	}{
		{"127.0.0.1", "http", false}, {"::1", "http", false}, {"0.0.0.0", "http", true}, {"::", "http", true}, {"10.0.0.5", "http", true}, {"10.0.0.5", "https", false},
	} {
		f := &front{listener: at{addr: &net.TCPAddr{IP: net.ParseIP(c.ip), Port: 8600}}, scheme: c.scheme}
		if got := f.bare(); got != c.want {
			t.Errorf("%s by %s: %v", c.ip, c.scheme, got)
		}
	}
}

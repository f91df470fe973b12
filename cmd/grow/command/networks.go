package command

import (
	"errors"
	"net/netip"
	"strings"
)

const networkHelp = "let grants that name it reach a `network` that is not public, such as 10.1.0.0/16; may be given again"

// networks is a flag that lists networks.
type networks []netip.Prefix

// String implements pflag.Value.
func (n *networks) String() string {
	var list []string
	for _, p := range *n {
		list = append(list, p.String())
	}
	return strings.Join(list, ",")
}

// Type implements pflag.Value.
func (n *networks) Type() string { return "network" }

// Set implements pflag.Value.
func (n *networks) Set(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		p, err := netip.ParsePrefix(strings.TrimSpace(part))
		if err != nil {
			return errors.New("a network is an address and how many bits of it count, such as 127.0.0.0/8")
		}
		*n = append(*n, p.Masked())
	}
	return nil
}

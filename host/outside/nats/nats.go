// Package nats connects to NATS servers that are not the host's own, for what actors publish
// to and what is taken from there.
package nats

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/capability"
	client "github.com/nats-io/nats.go"
)

// SecretPrefix and a server's name in capitals is the secret that says where it is:
// nats:// or tls://, several separated by commas, with user and password or a token in it.
const SecretPrefix = "GROW_NATS_"

// connectTime is how long one try to connect may take.
const connectTime = 5 * time.Second

// Secret is the name of the secret that says where a server is.
func Secret(server string) string { return SecretPrefix + strings.ToUpper(server) }

// Check says what is wrong with what a secret says of a server, as Connect does.
func Check(server string, secret func(string) (string, bool)) error {
	_, err := address(server, secret)
	return err
}

// address is where a server is.
func address(server string, secret func(string) (string, bool)) (string, error) {
	name := Secret(server)
	address, ok := secret(name)
	if !ok {
		return "", &capability.SecretError{Name: name, Of: "server " + server}
	}
	for at := range strings.SplitSeq(address, ",") {
		if u, err := url.Parse(strings.TrimSpace(at)); err != nil || u.Scheme != "nats" && u.Scheme != "tls" || u.Host == "" {
			return "", fmt.Errorf("server %s: the secret %s is not the address of a NATS server: it begins with nats:// or tls://", server, name)
		}
	}
	return address, nil
}

// Connect connects to a server by its name. One that is not there is tried again for as
// long as the connection is open: what is asked of it meanwhile fails. No error says what
// is in the secret.
func Connect(server string, secret func(string) (string, bool)) (*client.Conn, error) {
	address, err := address(server, secret)
	if err != nil {
		return nil, err
	}
	c, err := client.Connect(address, client.Name("grow"), client.Timeout(connectTime), client.RetryOnFailedConnect(true), client.MaxReconnects(-1),
		client.ReconnectBufSize(-1), client.IgnoreAuthErrorAbort(), client.NoEcho(),
		client.ErrorHandler(func(*client.Conn, *client.Subscription, error) {})) // else it is printed; who asks is told
	if err != nil {
		return nil, errors.Join(fmt.Errorf("server %s: the secret %s cannot be used", server, Secret(server)), known(err))
	}
	return c, nil
}

// known is an error that says nothing of the address, or nil.
func known(err error) error {
	for _, e := range []error{client.ErrAuthorization, client.ErrSecureConnRequired, client.ErrSecureConnWanted, client.ErrNoServers} {
		if errors.Is(err, e) {
			return e
		}
	}
	return nil
}

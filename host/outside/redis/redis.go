// Package redis connects to Redis servers outside, for what actors publish to and what is
// taken from there.
package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/capability"
	client "github.com/redis/go-redis/v9"
)

// SecretPrefix and a server's name in capitals is the secret that says where it is:
// redis://USER:PASSWORD@HOST:6379/0, or rediss:// with TLS.
const SecretPrefix = "GROW_REDIS_"

// Limits.
const (
	connectTime = 5 * time.Second
	callMax     = 10 * time.Second // of one command, besides what it waits for
	poolMax     = 8                // connections
)

func init() { client.SetLogger(silent{}) } // else it prints where servers are; who asks is told

type silent struct{}

// Printf says nothing.
func (silent) Printf(context.Context, string, ...any) {}

// Secret is the name of the secret that says where a server is.
func Secret(server string) string { return SecretPrefix + strings.ToUpper(server) }

// Check says what is wrong with what a secret says of a server, as Connect does.
func Check(server string, secret func(string) (string, bool)) error {
	_, err := options(server, secret)
	return err
}

// Connect makes a client of a server by its name. One that is not there is tried again when
// something is asked of it. No error says what is in the secret.
func Connect(server string, secret func(string) (string, bool)) (*client.Client, error) {
	o, err := options(server, secret)
	if err != nil {
		return nil, err
	}
	return client.NewClient(o), nil
}

func options(server string, secret func(string) (string, bool)) (*client.Options, error) {
	address, ok := secret(Secret(server))
	if !ok {
		return nil, &capability.SecretError{Name: Secret(server), Of: "server " + server}
	}
	o, err := client.ParseURL(address)
	if err != nil || o.Network != "tcp" {
		return nil, fmt.Errorf("server %s: the secret %s is not the address of a Redis server: redis://USER:PASSWORD@HOST:6379/0 or rediss://…", server, Secret(server))
	}
	o.ClientName, o.DialTimeout, o.ReadTimeout, o.WriteTimeout = "grow", connectTime, callMax, callMax
	o.ContextTimeoutEnabled, o.PoolSize, o.DisableIdentity = true, poolMax, true
	return o, nil
}

// Known is an error without what says where the server is.
func Known(err error) string {
	var told client.Error
	switch {
	case errors.As(err, &told):
		word, _, _ := strings.Cut(told.Error(), " ")
		return "the server refuses it: " + word // the rest may name users and hosts
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "the server did not answer in time"
	}
	return "the server does not answer"
}

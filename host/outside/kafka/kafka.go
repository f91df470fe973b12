// Package kafka connects to Kafka clusters outside, for what actors publish to and what is
// taken from there.
package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// SecretPrefix and a server's name in capitals is the secret that says where it is:
// kafka:// or kafka+tls://, several separated by commas, with user and password in it, and
// ?sasl=plain, scram-sha-256 or scram-sha-512 behind the first; plain when it is not said. With
// TLS, ca, cert and key are files of the host in PEM: who is trusted in place of the system's
// authorities, and what the host says it is.
const SecretPrefix = "GROW_KAFKA_"

// Limits.
const (
	connectTime = 5 * time.Second
	callMax     = 10 * time.Second // of one request to a broker
)

// Secret is the name of the secret that says where a server is.
func Secret(server string) string { return SecretPrefix + strings.ToUpper(server) }

// Check says what is wrong with what a secret says of a server, as Connect does.
func Check(server string, secret func(string) (string, bool)) error {
	_, err := options(server, secret)
	return err
}

// Connect makes a client of a server by its name. One that is not there is tried again when
// something is asked of it. No error says what is in the secret.
func Connect(server string, secret func(string) (string, bool), more ...kgo.Opt) (*kgo.Client, error) {
	list, err := options(server, secret)
	if err != nil {
		return nil, err
	}
	c, err := kgo.NewClient(append(list, more...)...)
	if err != nil {
		return nil, unusable(server)
	}
	return c, nil
}

func unusable(server string) error {
	return fmt.Errorf("server %s: the secret %s is not the address of a Kafka cluster: kafka://USER:PASSWORD@HOST:9092 or kafka+tls://…", server, Secret(server))
}

// options are those that a secret says.
func options(server string, secret func(string) (string, bool)) ([]kgo.Opt, error) {
	address, ok := secret(Secret(server))
	if !ok {
		return nil, &capability.SecretError{Name: Secret(server), Of: "server " + server}
	}
	var seeds []string
	var first *url.URL
	for at := range strings.SplitSeq(address, ",") {
		u, err := url.Parse(strings.TrimSpace(at))
		if err != nil || u.Hostname() == "" || u.Scheme != "kafka" && u.Scheme != "kafka+tls" || first != nil && u.Scheme != first.Scheme {
			return nil, unusable(server)
		}
		if first == nil {
			first = u
		}
		if u.Port() == "" {
			u.Host += ":9092"
		}
		seeds = append(seeds, u.Host)
	}
	list := []kgo.Opt{kgo.SeedBrokers(seeds...), kgo.ClientID("grow"), kgo.DialTimeout(connectTime), kgo.RequestTimeoutOverhead(callMax), kgo.DisableClientMetrics()}
	if first.Scheme == "kafka+tls" {
		c, err := secure(first.Query())
		if err != nil {
			return nil, fmt.Errorf("server %s: the secret %s: %w", server, Secret(server), err)
		}
		list = append(list, kgo.DialTLSConfig(c))
	} else if q := first.Query(); q.Has("ca") || q.Has("cert") || q.Has("key") {
		return nil, fmt.Errorf("server %s: the secret %s: ca, cert and key are for kafka+tls://", server, Secret(server))
	}
	mechanism, err := login(first)
	if err != nil {
		return nil, fmt.Errorf("server %s: the secret %s: %w", server, Secret(server), err)
	}
	if mechanism != nil {
		list = append(list, kgo.SASL(mechanism))
	}
	return list, nil
}

// pemMax is how many bytes a file of certificates or a key has at most.
const pemMax = 1 << 20

// secure is how TLS is spoken. No error names a file: it stands in a secret.
func secure(q url.Values) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if q.Has("ca") {
		data, err := readPEM(q.Get("ca"))
		if err != nil {
			return nil, fmt.Errorf("ca %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(data) {
			return nil, errors.New("ca has no certificate in PEM")
		}
	}
	if q.Has("cert") != q.Has("key") {
		return nil, errors.New("cert and key belong together")
	}
	if q.Has("cert") {
		cert, err := readPEM(q.Get("cert"))
		if err != nil {
			return nil, fmt.Errorf("cert %w", err)
		}
		key, err := readPEM(q.Get("key"))
		if err != nil {
			return nil, fmt.Errorf("key %w", err)
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, errors.New("cert and key are no pair in PEM")
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

func readPEM(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, errors.New("is no file that can be read")
	}
	defer f.Close() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, pemMax+1))
	if err != nil || len(data) > pemMax {
		return nil, fmt.Errorf("is no file of at most %d bytes that can be read", pemMax)
	}
	return data, nil
}

// login is how a client says who it is; nil: it does not.
func login(u *url.URL) (sasl.Mechanism, error) {
	if u.User == nil {
		return nil, nil
	}
	user := u.User.Username()
	password, _ := u.User.Password()
	switch u.Query().Get("sasl") {
	case "", "plain":
		return plain.Auth{User: user, Pass: password}.AsMechanism(), nil
	case "scram-sha-256":
		return scram.Auth{User: user, Pass: password}.AsSha256Mechanism(), nil
	case "scram-sha-512":
		return scram.Auth{User: user, Pass: password}.AsSha512Mechanism(), nil
	}
	return nil, errors.New("sasl is not one of plain, scram-sha-256, scram-sha-512")
}

// Known is an error without what says where the server is.
func Known(err error) string {
	var code *kerr.Error
	switch {
	case errors.As(err, &code):
		return code.Message + ": " + code.Description
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "the server did not answer in time"
	}
	return "the server does not answer, or does not let the host in"
}

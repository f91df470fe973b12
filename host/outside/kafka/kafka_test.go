package kafka

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// authority signs certificates of a test, each in files of a folder.
type authority struct {
	*testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{T: t, dir: t.TempDir()}
	a.cert, a.key = a.sign("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// sign makes NAME.pem and NAME.key.
func (a *authority) sign(name string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.Fatal(err)
	}
	c.SerialNumber, c.Subject = big.NewInt(1), pkix.Name{CommonName: name}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		a.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.Fatal(err)
	}
	a.write(name+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	a.write(name+".key", pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}))
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		a.Fatal(err)
	}
	return signed, key
}

func (a *authority) write(name string, data []byte) {
	a.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, name), data, 0o600); err != nil {
		a.Fatal(err)
	}
}

// address is that of a cluster, with files of the authority.
func (a *authority) address(at, ca, pair string) string {
	q := url.Values{}
	if ca != "" {
		q.Set("ca", filepath.Join(a.dir, ca))
	}
	if pair != "" {
		q.Set("cert", filepath.Join(a.dir, pair+".pem"))
		q.Set("key", filepath.Join(a.dir, pair+".key"))
	}
	return "kafka+tls://" + at + "?" + q.Encode()
}

// TestTLS: a cluster is trusted by an authority of its own, and trusts who has a certificate.
func TestTLS(t *testing.T) {
	a := newAuthority(t)
	a.sign("server", &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	a.sign("host", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	own, err := tls.LoadX509KeyPair(filepath.Join(a.dir, "server.pem"), filepath.Join(a.dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{own}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	at := cluster.ListenAddrs()[0]
	for _, c := range []struct {
		ca, pair string
		trusted  bool
	}{{"ca.pem", "host", true}, {"", "host", false}, {"ca.pem", "", false}, {"host.pem", "host", false}} {
		client, err := Connect("erp", func(string) (string, bool) { return a.address(at, c.ca, c.pair), true })
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := client.Ping(ctx); (err == nil) != c.trusted {
			t.Errorf("ca %q, certificate %q: %v", c.ca, c.pair, err)
		}
		cancel()
		client.Close()
	}
}

// TestCheck: what a secret says wrong is told without what is in it.
func TestCheck(t *testing.T) {
	a := newAuthority(t)
	a.sign("host", &x509.Certificate{})
	a.write("empty.pem", nil)
	a.write("other.pem", []byte("hidden"))
	a.write("other.key", nil)
	file := func(name string) string { return url.QueryEscape(filepath.Join(a.dir, name)) }
	for address, says := range map[string]string{
		a.address("kafka.example:9093", "ca.pem", "host"):        "",
		a.address("kafka.example:9093", "none.pem", ""):          "ca is no file that can be read",
		a.address("kafka.example:9093", "empty.pem", ""):         "ca has no certificate in PEM",
		a.address("kafka.example:9093", "", "other"):             "cert and key are no pair in PEM",
		a.address("kafka.example:9093", "", "none"):              "cert is no file that can be read",
		"kafka+tls://kafka.example?cert=" + file("host.pem"):     "cert and key belong together",
		"kafka://kafka.example?ca=" + file("ca.pem"):             "ca, cert and key are for kafka+tls://",
		"kafka://hidden:hidden@kafka.example?sasl=none":          "sasl is not one of",
		"kafka://a.example,kafka+tls://b.example":                "is not the address of a Kafka cluster",
		"kafka://hidden:hidden@kafka.example?sasl=scram-sha-512": "",
	} {
		err := Check("erp", func(string) (string, bool) { return address, true })
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", address, err, says)
		}
		if err != nil && (strings.Contains(err.Error(), a.dir) || strings.Contains(err.Error(), "hidden")) {
			t.Errorf("the error says what is in the secret: %v", err)
		}
	}
}

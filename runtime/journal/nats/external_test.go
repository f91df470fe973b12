package nats

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/journaltest"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

// authority signs certificates for tests.
type authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t testing.TB) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert, a.key = template, a.newKey()
	der := a.sign(template, a.key)
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.file = a.write("ca.pem", "CERTIFICATE", der)
	return a
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return k
}

func (a *authority) sign(template *x509.Certificate, key *ecdsa.PrivateKey) []byte {
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

func (a *authority) write(name, kind string, der []byte) string {
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// issue makes a certificate for 127.0.0.1 and its key, as files.
func (a *authority) issue(name string) (cert, key string) {
	k := a.newKey()
	der := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, k)
	b, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.write(name+".pem", "CERTIFICATE", der), a.write(name+".key", "EC PRIVATE KEY", b)
}

// secure makes a server speak TLS only and ask for certificates.
func (a *authority) secure(o *server.Options) {
	cert, key := a.issue("server")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		a.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	o.TLS, o.TLSVerify, o.TLSTimeout = true, true, 5
	o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MinVersion: tls.VersionTLS12}
}

// external starts a server that listens on loopback, and returns its URL.
func external(t testing.TB, change func(o *server.Options)) (*server.Server, string) {
	t.Helper()
	o := &server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 1 << 40}
	if change != nil {
		change(o)
	}
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server did not start")
	}
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	return s, s.ClientURL()
}

// seed makes an nkey and returns its public part and a file of its seed.
func seed(t testing.TB) (public, file string) {
	t.Helper()
	k, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err = k.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	b, err := k.Seed()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "user.nk")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return public, file
}

// TestConformanceExternal runs the suite on a server that listens, speaks TLS
// only, asks for a certificate and for an nkey.
func TestConformanceExternal(t *testing.T) {
	a := newAuthority(t)
	public, file := seed(t)
	cert, key := a.issue("client")
	journaltest.Run(t, func(t *testing.T, clock *journaltest.Clock) journal.Store {
		clock.Real()
		_, url := external(t, func(o *server.Options) {
			a.secure(o)
			o.Nkeys = []*server.NkeyUser{{Nkey: public}}
		})
		return open(t, Options{URL: url, NKeyFile: file, CAFile: a.file, CertFile: cert, KeyFile: key})
	})
}

// TestDurableExternal kills the client, not the server.
func TestDurableExternal(t *testing.T) {
	journaltest.Durable(t,
		func(t *testing.T) string {
			a := newAuthority(t)
			cert, key := a.issue("client")
			_, url := external(t, func(o *server.Options) {
				a.secure(o)
				o.Username, o.Password, o.SyncAlways = "grow", "secret", true
			})
			b, err := json.Marshal(Options{URL: url, User: "grow", Password: "secret", CAFile: a.file, CertFile: cert, KeyFile: key})
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		},
		func(t *testing.T, place string) journal.Store {
			var o Options
			if err := json.Unmarshal([]byte(place), &o); err != nil {
				t.Fatal(err)
			}
			return open(t, o)
		})
}

// credentials makes an operator with one account and a user of it, and returns
// what makes a server believe in them, and the user's file.
func credentials(t testing.TB) (believe func(o *server.Options), file string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	public := func(k nkeys.KeyPair) string {
		p, err := k.PublicKey()
		must(err)
		return p
	}
	operator, err := nkeys.CreateOperator()
	must(err)
	account, err := nkeys.CreateAccount()
	must(err)
	system, err := nkeys.CreateAccount()
	must(err)
	user, err := nkeys.CreateUser()
	must(err)
	claim := jwt.NewAccountClaims(public(account))
	claim.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	accountJWT, err := claim.Encode(operator)
	must(err)
	systemJWT, err := jwt.NewAccountClaims(public(system)).Encode(operator)
	must(err)
	oc := jwt.NewOperatorClaims(public(operator))
	oc.SystemAccount = public(system)
	operatorJWT, err := oc.Encode(operator)
	must(err)
	decoded, err := jwt.DecodeOperatorClaims(operatorJWT)
	must(err)
	userJWT, err := jwt.NewUserClaims(public(user)).Encode(account)
	must(err)
	secret, err := user.Seed()
	must(err)
	b, err := jwt.FormatUserConfig(userJWT, secret)
	must(err)
	file = filepath.Join(t.TempDir(), "user.creds")
	must(os.WriteFile(file, b, 0o600))
	return func(o *server.Options) {
		resolver := &server.MemAccResolver{}
		must(resolver.Store(public(account), accountJWT))
		must(resolver.Store(public(system), systemJWT))
		o.TrustedOperators, o.AccountResolver, o.SystemAccount = []*jwt.OperatorClaims{decoded}, resolver, public(system)
	}, file
}

// TestCredentials connects with each kind of credentials, and with wrong ones.
func TestCredentials(t *testing.T) {
	public, file := seed(t)
	_, other := seed(t)
	believe, creds := credentials(t)
	_, otherCreds := credentials(t)
	a, stranger := newAuthority(t), newAuthority(t)
	cert, key := a.issue("client")
	strangerCert, strangerKey := stranger.issue("client")
	for _, c := range []struct {
		name   string
		change func(o *server.Options)
		right  Options
		wrong  []Options
	}{
		{"user and password", func(o *server.Options) { o.Username, o.Password = "u", "p" }, Options{User: "u", Password: "p"}, []Options{{}, {User: "u", Password: "x"}, {Token: "p"}}},
		{"token", func(o *server.Options) { o.Authorization = "t" }, Options{Token: "t"}, []Options{{}, {Token: "x"}}},
		{"nkey", func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: public}} }, Options{NKeyFile: file}, []Options{{}, {NKeyFile: other}}},
		{"credentials file", believe, Options{CredsFile: creds}, []Options{{}, {CredsFile: otherCreds}}},
		{"TLS", a.secure, Options{CAFile: a.file, CertFile: cert, KeyFile: key}, []Options{
			{CertFile: cert, KeyFile: key}, {CAFile: a.file}, {CAFile: a.file, CertFile: strangerCert, KeyFile: strangerKey}, {CAFile: stranger.file, CertFile: cert, KeyFile: key},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, url := external(t, c.change)
			for i, o := range c.wrong {
				o.URL, o.Log, o.CallTimeout = url, quiet, patience
				if _, err := Open(t.Context(), o); !errors.Is(err, journal.ErrDenied) {
					t.Errorf("wrong credentials %d: %v, want ErrDenied", i, err)
				}
			}
			c.right.URL = url
			s := open(t, c.right)
			defer s.Close()
			j, err := s.Open(t.Context(), journal.Name{Namespace: "main", Service: "shop"})
			if err != nil {
				t.Fatal(err)
			}
			if err := appendWait(j, []byte("x"), 0); err != nil {
				t.Error(err)
			}
		})
	}
}

// appendWait appends and waits.
func appendWait(j journal.Journal, record []byte, last uint64) error {
	done := make(chan error, 1)
	j.Append(record, last, func(_ uint64, err error) { done <- err })
	return <-done
}

// TestRivalBetween: where a rival has appended, of two appends under way neither is
// kept, though the rival's record is what the second one should follow.
func TestRivalBetween(t *testing.T) {
	_, url := external(t, nil)
	one, other := open(t, Options{URL: url}), open(t, Options{URL: url})
	defer one.Close()
	defer other.Close()
	mine, rival := shopOf(t, one), shopOf(t, other)
	if err := appendWait(mine, []byte("a"), 0); err != nil {
		t.Fatal(err)
	}
	if err := appendWait(rival, []byte("rival"), 1); err != nil {
		t.Fatal(err)
	}
	ends := make(chan error, 2)
	for last := range uint64(2) {
		mine.Append([]byte("late"), last+1, func(_ uint64, err error) { ends <- err })
	}
	for range 2 {
		if err := <-ends; !errors.Is(err, journal.ErrFenced) {
			t.Errorf("%v, want ErrFenced", err)
		}
	}
	if _, last, err := mine.Bounds(t.Context()); err != nil || last != 2 {
		t.Errorf("the last record is %d, %v; want 2", last, err)
	}
	for last := uint64(2); last < 6; last += 2 { // and two by two it goes on
		for i := range uint64(2) {
			mine.Append([]byte("b"), last+i, func(_ uint64, err error) { ends <- err })
		}
		for range 2 {
			if err := <-ends; err != nil {
				t.Error(err)
			}
		}
	}
}

// TestRefuses: what keeps a store from being opened has a name.
func TestRefuses(t *testing.T) {
	_, without := external(t, func(o *server.Options) { o.JetStream = false })
	_, small := external(t, func(o *server.Options) { o.MaxPayload = 100 << 10 })
	_, limited := external(t, func(o *server.Options) {
		o.Users = []*server.User{{Username: "u", Password: "p", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"$JS.>"}}}}}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := listener.Addr().String()
	listener.Close()
	for _, c := range []struct {
		name    string
		options Options
		want    error
		text    string
	}{
		{"no JetStream", Options{URL: without}, journal.ErrNoJetStream, "JetStream"},
		{"max_payload", Options{URL: small}, journal.ErrPayload, "102400"},
		{"permissions", Options{URL: limited, User: "u", Password: "p"}, journal.ErrDenied, "ermissions"},
		{"nobody there", Options{URL: "nats://u:secret@" + nobody}, journal.ErrUnhealthy, nobody},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.options.Log, c.options.CallTimeout = quiet, patience
			if c.options.User != "" {
				c.options.CallTimeout = 2 * time.Second // who may not ask is not answered
			}
			_, err := Open(t.Context(), c.options)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v, want %v that mentions %q and no password", err, c.want, c.text)
			}
		})
	}
	for _, o := range []Options{
		{}, {Dir: "x", URL: "y"}, {URL: "x", User: "u", Token: "t"}, {URL: "x", CertFile: "c"}, {URL: "x", Replicas: 9},
	} {
		if _, err := Open(t.Context(), o); err == nil {
			t.Errorf("options %+v are taken", o)
		}
	}
}

// TestForeignStream: a stream of the journal's name with other settings is not used.
func TestForeignStream(t *testing.T) {
	_, url := external(t, nil)
	conn, err := client.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{URL: url})
	defer s.Close()
	ours := map[string]string{streamFormat: "1"}
	for _, c := range []struct {
		service string
		change  func(c *jetstream.StreamConfig)
		want    error
	}{
		{"unknown", func(c *jetstream.StreamConfig) { c.Metadata = nil }, journal.ErrForeign},
		{"newer", func(c *jetstream.StreamConfig) { c.Metadata = map[string]string{streamFormat: "2"} }, journal.ErrFormat},
		{"ages", func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }, journal.ErrForeign},
		{"memory", func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }, journal.ErrForeign},
		{"small", func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1000 }, journal.ErrPayload},
		{"deletable", func(c *jetstream.StreamConfig) { c.DenyDelete = false }, journal.ErrForeign},
	} {
		config := jetstream.StreamConfig{Name: "GROW_J_main_" + c.service + "_00", Subjects: []string{"grow.j.main." + c.service + ".00"}, AllowDirect: true, DenyDelete: true, Metadata: ours}
		c.change(&config)
		if _, err := js.CreateStream(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(t.Context(), journal.Name{Namespace: "main", Service: c.service}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.service, err, c.want)
		}
	}
	for _, n := range []journal.Name{{}, {Namespace: "main", Service: "A"}, {Namespace: "a.b", Service: "c"}, {Namespace: "main", Service: "shop", Number: 100}} {
		if _, err := s.Open(t.Context(), n); err == nil {
			t.Errorf("name %+v is taken", n)
		}
	}
	// What something else puts into a journal is named.
	j, err := s.Open(t.Context(), journal.Name{Namespace: "main", Service: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	if err := appendWait(j, []byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "grow.j.main.shop.00", []byte("y")); err != nil {
		t.Fatal(err)
	}
	var damaged *journal.Damaged
	err = j.Read(t.Context(), 1, func(uint64, []byte) error { return nil })
	if !errors.Is(err, journal.ErrForeign) || !errors.As(err, &damaged) || damaged.Seq != 2 {
		t.Errorf("a foreign record: %v, want ErrForeign of record 2", err)
	}
	if err := appendWait(j, []byte("z"), 1); !errors.Is(err, journal.ErrFenced) {
		t.Errorf("append after a foreign record: %v, want ErrFenced", err)
	}
}

// TestServerLeaves: appends under way when the server goes have an unknown
// outcome, later ones are refused, and when it comes back all goes on.
func TestServerLeaves(t *testing.T) {
	dir, port := t.TempDir(), 0
	change := func(o *server.Options) {
		o.StoreDir, o.SyncAlways = dir, true
		if port != 0 {
			o.Port = port
		}
	}
	first, url := external(t, change)
	port = first.Addr().(*net.TCPAddr).Port
	s := open(t, Options{URL: url})
	defer s.Close()
	j, err := s.Open(t.Context(), journal.Name{Namespace: "main", Service: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	var w journal.Writer
	w.Reset(1)
	w.Add(&journal.Accepted{ID: "a"})
	if err := appendWait(j, w.Bytes(), 0); err != nil {
		t.Fatal(err)
	}
	first.Shutdown()
	first.WaitForShutdown()
	if err := appendWait(j, w.Bytes(), 1); !errors.Is(err, journal.ErrUnhealthy) && !errors.Is(err, journal.ErrUnknown) {
		t.Errorf("append without a server: %v, want ErrUnhealthy or ErrUnknown", err)
	}
	if err := appendWait(j, w.Bytes(), 1); err == nil || errors.Is(err, journal.ErrFenced) {
		t.Errorf("append in doubt: %v", err)
	}
	external(t, change)
	seen := 0
	eventually(t, "begin after the server came back", func() error {
		seen = 0
		_, err := journal.Begin(t.Context(), j, "a", 1, func(uint64, journal.Record) error { seen++; return nil })
		return err
	})
	if seen < 1 || seen > 2 {
		t.Errorf("%d records are there", seen)
	}
	if err := s.Health(); err != nil {
		t.Errorf("health: %v", err)
	}
}

// eventually tries until f has no error.
func eventually(t testing.TB, what string, f func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

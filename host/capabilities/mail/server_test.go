package mail

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The account that servers of tests know.
const (
	user     = "shop"
	password = "hidden-password"
)

// delivered is a mail that a server was given.
type delivered struct {
	from string
	to   []string
	data string
}

// post is a mail server of a test, which counts what it is given.
type post struct {
	address string
	ca      string // file of its certificate

	refuse func(to string) error // of each recipient; nil: none is

	mu    sync.Mutex // guards mails
	mails []delivered
}

// options of a server of a test.
type options struct {
	implicit bool // TLS from the first byte
	plain    bool // no TLS at all
	limit    int64
}

// start starts a server that wants a user and a password.
func start(t *testing.T, o options) *post {
	t.Helper()
	p := &post{}
	s := smtp.NewServer(p)
	s.Domain, s.MaxMessageBytes, s.ErrorLog = "test", o.limit, silent{}
	var config *tls.Config
	config, p.ca = certificate(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.address = l.Addr().String()
	switch {
	case o.implicit:
		l = tls.NewListener(l, config)
	case !o.plain:
		s.TLSConfig = config
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		// It may not have begun to serve: then its listener is not its own yet.
		_, _ = l.Close(), s.Close()
		if err := <-ended; err != nil && !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return p
}

// certificate is one of 127.0.0.1, and the file of who issued it.
func certificate(t *testing.T) (config *tls.Config, file string) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: s.TLS.Certificates, MinVersion: tls.VersionTLS12}, file
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// url is what the host's secret says of the server.
func (p *post) url(scheme string) string {
	return fmt.Sprintf("%s://%s:%s@%s?ca=%s", scheme, user, password, p.address, p.ca)
}

// all are the mails that came.
func (p *post) all() []delivered {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.mails)
}

// NewSession implements smtp.Backend.
func (p *post) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{post: p}, nil }

// laterPassword is one that the server cannot judge at the moment.
const laterPassword = "hidden-later"

// session is one connection.
type session struct {
	post *post
	in   bool
	mail delivered
}

// AuthMechanisms implements smtp.AuthSession.
func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth implements smtp.AuthSession.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, u, p string) error {
		if p == laterPassword {
			return &smtp.SMTPError{Code: 454, Message: "temporary authentication failure"}
		}
		if u != user || p != password {
			return &smtp.SMTPError{Code: 535, Message: "wrong password " + p}
		}
		s.in = true
		return nil
	}), nil
}

// Mail implements smtp.Session.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if !s.in {
		return smtp.ErrAuthRequired
	}
	s.mail = delivered{from: from}
	return nil
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.post.refuse != nil {
		if err := s.post.refuse(to); err != nil {
			return err
		}
	}
	s.mail.to = append(s.mail.to, to)
	return nil
}

// Data implements smtp.Session.
func (s *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mail.data = string(b)
	s.post.mu.Lock()
	defer s.post.mu.Unlock()
	s.post.mails = append(s.post.mails, s.mail)
	return nil
}

// Reset implements smtp.Session.
func (s *session) Reset() { s.mail = delivered{} }

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }

// decoded undoes a Content-Transfer-Encoding.
func decoded(encoding string, r io.Reader) io.Reader {
	switch encoding {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, r)
	case "quoted-printable":
		return quotedprintable.NewReader(r)
	}
	return r
}

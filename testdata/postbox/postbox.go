// Package postbox is a real mail server for tests: it speaks SMTP at a port of this machine,
// wants a user and a password, and keeps the mails that it is given.
package postbox

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// The account that a server knows.
const (
	User     = "shop"
	Password = "hidden-password"
)

// LaterPassword is one that a server cannot judge at the moment.
const LaterPassword = "hidden-later"

// Mail is one that a server was given.
type Mail struct {
	From string
	To   []string
	Data string // header and body, as they were sent
}

// Box is a mail server. Its methods may be called concurrently.
type Box struct {
	Address string // host:port
	CA      string // file of its certificate

	refuse func(to string) error

	mu    sync.Mutex // guards what follows
	mails []Mail
	came  chan struct{} // closed and made anew with each mail
}

// Options of a server.
type Options struct {
	Implicit bool                  // TLS from the first byte
	Plain    bool                  // no TLS at all
	Limit    int64                 // bytes of a mail; 0: any
	Refuse   func(to string) error // of each recipient; nil: none is
}

// Start starts a server, which ends with the test.
func Start(t *testing.T, o Options) *Box {
	t.Helper()
	p := &Box{refuse: o.Refuse, came: make(chan struct{})}
	s := smtp.NewServer(p)
	s.Domain, s.MaxMessageBytes, s.ErrorLog = "test", o.Limit, silent{}
	var config *tls.Config
	config, p.CA = Certificate(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.Address = l.Addr().String()
	switch {
	case o.Implicit:
		l = tls.NewListener(l, config)
	case !o.Plain:
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

// Certificate is one of 127.0.0.1, and the file of who issued it.
func Certificate(t *testing.T) (config *tls.Config, file string) {
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

// URL is what the host's secret says of the server.
func (p *Box) URL(scheme string) string {
	return fmt.Sprintf("%s://%s:%s@%s?ca=%s", scheme, User, Password, p.Address, p.CA)
}

// All are the mails that came.
func (p *Box) All() []Mail {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.mails)
}

// Await waits until so many mails have come, and returns all.
func (p *Box) Await(t *testing.T, n int) []Mail {
	t.Helper()
	for {
		p.mu.Lock()
		mails, came := slices.Clone(p.mails), p.came
		p.mu.Unlock()
		if len(mails) >= n {
			return mails
		}
		select {
		case <-came:
		case <-t.Context().Done():
			t.Fatalf("%d of %d mails have come", len(mails), n)
		}
	}
}

// NewSession implements smtp.Backend.
func (p *Box) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{box: p}, nil }

// session is one connection.
type session struct {
	box  *Box
	in   bool
	mail Mail
}

// AuthMechanisms implements smtp.AuthSession.
func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth implements smtp.AuthSession.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, u, p string) error {
		if p == LaterPassword {
			return &smtp.SMTPError{Code: 454, Message: "temporary authentication failure"}
		}
		if u != User || p != Password {
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
	s.mail = Mail{From: from}
	return nil
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.box.refuse != nil {
		if err := s.box.refuse(to); err != nil {
			return err
		}
	}
	s.mail.To = append(s.mail.To, to)
	return nil
}

// Data implements smtp.Session.
func (s *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mail.Data = string(b)
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	s.box.mails = append(s.box.mails, s.mail)
	close(s.box.came)
	s.box.came = make(chan struct{})
	return nil
}

// Reset implements smtp.Session.
func (s *session) Reset() { s.mail = Mail{} }

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }

package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/capability"
	client "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// SecretPrefix and a server's name in capitals is the secret that says where it is:
// smtps:// or smtp://, with user and password in it.
const SecretPrefix = "GROW_SMTP_"

// Limits of a connection.
const (
	dialTime   = 10 * time.Second
	answersMax = 256 << 10 // bytes that a server says, with those of TLS
)

// Ports by scheme (RFC 8314, RFC 6409).
const (
	portTLS    = "465"
	portSubmit = "587"
)

// server is a mail server as a secret describes it.
type server struct {
	host, port     string
	implicit       bool // TLS from the first byte
	user, password string
	roots          *x509.CertPool // nil: those of the system
}

// serverOf is what the host knows by a name. No error says what is in the secret.
func serverOf(name string, secret func(string) (string, bool)) (*server, error) {
	key := SecretPrefix + strings.ToUpper(name)
	text, ok := secret(key)
	if !ok {
		return nil, &capability.SecretError{Name: key, Of: "mail server " + name}
	}
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return nil, fmt.Errorf("mail server %s: the secret %s is not the address of one: smtps://USER:PASSWORD@HOST:PORT, or smtp://", name, key)
	}
	s := &server{host: u.Hostname(), port: u.Port(), implicit: u.Scheme == "smtps", user: u.User.Username()}
	s.password, _ = u.User.Password()
	switch {
	case s.port == "" && s.implicit:
		s.port = portTLS
	case s.port == "":
		s.port = portSubmit
	}
	for option, values := range u.Query() {
		if option != "ca" || len(values) != 1 {
			return nil, fmt.Errorf("mail server %s: the secret %s has an option that is not ca=FILE", name, key)
		}
		pem, err := os.ReadFile(values[0])
		if s.roots = x509.NewCertPool(); err != nil || !s.roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("mail server %s: the file that ca names in the secret %s holds no certificate that can be read", name, key)
		}
	}
	return s, nil
}

// logins are the ways to log in, the best first; the last two only over TLS.
var logins = []client.SMTPAuthType{client.SMTPAuthSCRAMSHA256, client.SMTPAuthSCRAMSHA1, client.SMTPAuthPlain, client.SMTPAuthLogin}

// send gives a mail to the server. It ends with ctx.
func (s *server) send(ctx context.Context, m *client.Msg, encrypted bool) (err error) {
	config := &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12, RootCAs: s.roots}
	conn, err := s.dial(ctx, config)
	if err != nil {
		return err
	}
	// The library leaves a connection open that it could not use: so it is closed here.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		stop()
		_ = conn.Close()
	}()
	port, err := strconv.Atoi(s.port)
	if err != nil {
		return err
	}
	timeout := capability.CallTimeMax
	if end, ok := ctx.Deadline(); ok {
		timeout = max(time.Until(end), time.Millisecond)
	}
	options := []client.Option{
		client.WithPort(port), client.WithTimeout(timeout), client.WithoutNoop(), client.WithoutRset(), client.WithTLSConfig(config),
		client.WithDialContextFunc(func(context.Context, string, string) (net.Conn, error) { return conn, nil }),
	}
	policy := client.TLSOpportunistic
	if encrypted {
		policy = client.TLSMandatory
	}
	if s.implicit {
		options = append(options, client.WithSSL())
	} else {
		options = append(options, client.WithTLSPolicy(policy))
	}
	if s.user != "" {
		options = append(options, client.WithOpportunisticSMTPAuth(logins...), client.WithUsername(s.user), client.WithPassword(s.password))
	}
	c, err := client.NewClient(s.host, options...)
	if err != nil {
		return err
	}
	if err := c.DialWithContext(ctx); err != nil {
		return &dialError{err}
	}
	return c.Send(m)
}

// dialError is a connection over which nothing could be sent.
type dialError struct{ err error }

// Error implements error.
func (e *dialError) Error() string { return e.err.Error() }

// Unwrap returns what was wrong.
func (e *dialError) Unwrap() error { return e.err }

// dial connects, and for smtps:// agrees on TLS.
func (s *server) dial(ctx context.Context, config *tls.Config) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTime}
	raw, err := d.DialContext(ctx, "tcp", net.JoinHostPort(s.host, s.port))
	if err != nil {
		return nil, &dialError{err}
	}
	conn := net.Conn(&bounded{Conn: raw, left: answersMax})
	if !s.implicit {
		return conn, nil
	}
	t := tls.Client(conn, config)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(&dialError{err}, raw.Close())
	}
	return t, nil
}

// bounded is a connection that says no more than it may: it belongs to who reads it.
type bounded struct {
	net.Conn
	left int
}

// errEndless is a server that does not stop to answer.
var errEndless = fmt.Errorf("the server says more than %d bytes", answersMax)

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errEndless
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// meaning is what an error of a server means to an actor: what the server says is not told.
func meaning(err error) capability.Answer {
	var certificate *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	var dial *dialError
	var sent *client.SendError
	never := func(code, text string) capability.Answer { return capability.Answer{Code: code, Text: text} }
	isDial := errors.As(err, &dial)
	switch {
	case errors.As(err, &certificate):
		return never(capability.Unavailable, "has a certificate that is not trusted")
	case errors.As(err, &header):
		return never(capability.Unavailable, "does not speak TLS at its port: smtps:// is TLS from the first byte, smtp:// begins without")
	case errors.Is(err, errEndless):
		return never(capability.Unavailable, "does not stop to answer")
	case isDial && strings.Contains(err.Error(), "STARTTLS"):
		return never(capability.Unavailable, "offers no encryption, and the grant needs it")
	case isDial && replyCode(err) >= 500:
		return never(capability.Unavailable, "does not let the host in ("+strconv.Itoa(replyCode(err))+"): see user and password in its secret")
	case isDial && replyCode(err) >= 400:
		return capability.Fail(capability.Unavailable, "does not let the host in now (%d)", replyCode(err))
	case isDial && unable(err):
		return never(capability.Unavailable, "offers no way to log in that the host takes")
	case errors.As(err, &sent):
		return refusedBy(sent)
	}
	return capability.Fail(capability.Unavailable, "does not answer")
}

// unable reports a server that offers no way to log in, which go-mail says in words, too.
func unable(err error) bool {
	return errors.Is(err, client.ErrNoSupportedAuthDiscovered) || errors.Is(err, smtp.ErrUnencrypted) || strings.Contains(err.Error(), "does not support SMTP AUTH")
}

// replyCode is that of a server's answer in an error; 0: there is none.
func replyCode(err error) int {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return reply.Code
	}
	return 0
}

// refusedBy is a mail that the server did not take: with 4xx it may at another time, with
// 5xx it never will (RFC 5321 section 4.2.1).
func refusedBy(e *client.SendError) capability.Answer {
	code := e.ErrorCode()
	said := " (" + strconv.Itoa(code) + ")"
	switch {
	case e.Reason == client.ErrSMTPMailFrom && code >= 500 && code != 552:
		return capability.Answer{Code: capability.Unavailable, Text: "takes no mails from the host or from the grant's sender" + said}
	case code == 552 || code == 523:
		return capability.Fail(capability.Limit, "takes no mail of that size%s", said)
	case code >= 500 && e.Reason == client.ErrSMTPRcptTo:
		return capability.Fail(capability.Invalid, "does not take a recipient of the mail%s", said)
	case code >= 500:
		return capability.Fail(capability.Invalid, "does not take the mail%s", said)
	case code >= 400:
		return capability.Fail(capability.Unavailable, "does not take the mail now%s", said)
	}
	return capability.Fail(capability.Unavailable, "did not say that it has the mail")
}

package nats

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// session is the connections with a server, and the server where it is ours.
// What is read has a connection of its own: on the other one an answer to an
// append would wait behind megabytes of records, and an append behind a value
// that the server gives only when it has written another, and a reader that is
// too slow for the server would end it.
type session struct {
	conn   *client.Conn
	reads  *client.Conn
	js     jetstream.JetStream // on conn
	aside  jetstream.JetStream // on reads
	server *server.Server      // nil: external
	inbox  string              // prefix of the subjects that answers come to

	mu      sync.Mutex
	closed  bool
	next    uint64
	pending map[string]*pending
}

// pending is a message that waits for its answer.
type pending struct {
	done  func(uint64, error)
	timer *time.Timer
}

// Why a message has no answer.
var (
	errNotSent  = errors.New("message was not sent")
	errNoAnswer = errors.New("the server did not answer in time")
	errDropped  = errors.New("the connection was lost before the answer")
)

// refused is an answer that says no.
type refused struct {
	Code        int                 `json:"code"`
	ErrorCode   jetstream.ErrorCode `json:"err_code"`
	Description string              `json:"description"`
}

func (r *refused) Error() string { return fmt.Sprintf("%s (%d)", r.Description, r.ErrorCode) }

// connect opens a session with a server of this process, or with the one at the options' URL.
func connect(ctx context.Context, o *Options, own *server.Server) (*session, error) {
	s := &session{server: own, pending: map[string]*pending{}}
	list := []client.Option{
		client.Name("grow journal"), client.Timeout(o.CallTimeout), client.MaxReconnects(-1), client.ReconnectWait(50 * time.Millisecond),
		// What cannot be sent now is refused and not kept for later: the caller would not wait for it.
		client.ReconnectBufSize(-1),
		client.IgnoreAuthErrorAbort(),
		client.ErrorHandler(func(_ *client.Conn, _ *client.Subscription, err error) {
			o.Log.Warn("journal connection", "error", err)
		}),
	}
	url := o.URL
	if own != nil {
		// What is sent goes to the server at once, on the goroutine that sends it, and not by way of another one.
		list, url = append(list, client.InProcessServer(own), client.WriteBufferSize(1)), ""
	} else {
		more, err := o.client()
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	var err error
	if s.conn, err = client.Connect(url, append(list, client.DisconnectErrHandler(func(*client.Conn, error) { s.drop() }))...); err != nil {
		return nil, fmt.Errorf("connect: %w", connectError(err))
	}
	if s.reads, err = client.Connect(url, list...); err != nil {
		s.conn.Close()
		return nil, fmt.Errorf("connect to read: %w", connectError(err))
	}
	if err := s.ready(ctx, o); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// ready checks what the server can do and subscribes to its answers.
func (s *session) ready(ctx context.Context, o *Options) (err error) {
	if size := s.conn.MaxPayload(); size < journal.RecordMax+overhead {
		return fmt.Errorf("%w: it is %d bytes; set it to at least %d", journal.ErrPayload, size, journal.RecordMax+overhead)
	}
	if s.js, err = jetstream.New(s.conn, jetstream.WithDefaultTimeout(o.CallTimeout)); err != nil {
		return err
	}
	if s.aside, err = jetstream.New(s.reads, jetstream.WithDefaultTimeout(o.CallTimeout)); err != nil {
		return err
	}
	if err := s.ping(ctx, o); err != nil {
		return err
	}
	s.inbox = client.NewInbox() + "."
	if _, err = s.conn.Subscribe(s.inbox+"*", s.answered); err != nil {
		return fmt.Errorf("subscribe to answers: %w", err)
	}
	return nil
}

// ping asks JetStream whether it is there.
func (s *session) ping(ctx context.Context, o *Options) error {
	ctx, cancel := context.WithTimeout(ctx, o.CallTimeout)
	defer cancel()
	_, err := s.js.AccountInfo(ctx)
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount), errors.Is(err, client.ErrNoResponders):
		return fmt.Errorf("%w: %w", journal.ErrNoJetStream, err)
	case err != nil && s.conn.LastError() != nil && strings.Contains(strings.ToLower(s.conn.LastError().Error()), "permissions violation"):
		return fmt.Errorf("ask for JetStream: %w: %w", journal.ErrDenied, s.conn.LastError())
	case err != nil:
		return fmt.Errorf("ask for JetStream: %w: %w", journal.ErrUnhealthy, err)
	}
	return nil
}

// connectError names why a connection was not made.
func connectError(err error) error {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	text := err.Error()
	switch {
	case errors.Is(err, client.ErrAuthorization), errors.Is(err, client.ErrAuthExpired), errors.Is(err, client.ErrAuthRevoked), errors.Is(err, client.ErrAccountAuthExpired),
		errors.Is(err, client.ErrNkeysNotSupported), errors.As(err, &unknown), errors.As(err, &invalid), errors.As(err, &host),
		strings.Contains(text, "tls: "), strings.Contains(text, "tls error"), strings.Contains(text, "x509: "), strings.Contains(strings.ToLower(text), "authorization violation"):
		return fmt.Errorf("%w: %w", journal.ErrDenied, err)
	}
	return fmt.Errorf("%w: %w", journal.ErrUnhealthy, err)
}

// publish sends a message to a stream. done is called once, with the sequence
// it was kept under or an error; data may be reused when publish returns.
func (s *session) publish(subject string, header client.Header, data []byte, timeout time.Duration, done func(uint64, error)) {
	p := &pending{done: done}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		done(0, errNotSent)
		return
	}
	s.next++
	token := strconv.FormatUint(s.next, 36)
	s.pending[token] = p
	p.timer = time.AfterFunc(timeout, func() { s.end(token, 0, errNoAnswer) })
	s.mu.Unlock()
	err := s.conn.PublishMsg(&client.Msg{Subject: subject, Reply: s.inbox + token, Header: header, Data: data})
	if err != nil {
		s.end(token, 0, fmt.Errorf("%w: %w", errNotSent, err))
	}
}

// end ends a message that waits, unless it has ended.
func (s *session) end(token string, seq uint64, err error) {
	s.mu.Lock()
	p := s.pending[token]
	delete(s.pending, token)
	s.mu.Unlock()
	if p != nil {
		p.timer.Stop()
		p.done(seq, err)
	}
}

// answered takes an answer; on the connection's goroutine.
func (s *session) answered(m *client.Msg) {
	token := strings.TrimPrefix(m.Subject, s.inbox)
	if m.Header.Get("Status") != "" { // 503: nobody keeps this subject
		s.end(token, 0, fmt.Errorf("%w: no stream takes it", errNotSent))
		return
	}
	var answer struct {
		Seq   uint64   `json:"seq"`
		Error *refused `json:"error"`
	}
	switch err := json.Unmarshal(m.Data, &answer); {
	case err != nil:
		s.end(token, 0, fmt.Errorf("read the server's answer: %w", err))
	case answer.Error != nil:
		s.end(token, 0, answer.Error)
	default:
		s.end(token, answer.Seq, nil)
	}
}

// drop ends everything that waits: an answer cannot come any more.
func (s *session) drop() {
	s.mu.Lock()
	lost := s.pending
	s.pending = map[string]*pending{}
	s.mu.Unlock()
	for _, p := range lost {
		p.timer.Stop()
		p.done(0, errDropped)
	}
}

// close ends the session, but not the server.
func (s *session) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.conn.Close()
	s.reads.Close()
	s.drop()
}

package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// Limits of a front.
const (
	frontConnections = 4096
	frontHeaderTime  = 10 * time.Second
	frontIdleTime    = 2 * time.Minute
)

// front is an address that a platform serves. A nil front does nothing.
type front struct {
	listener net.Listener
	scheme   string
	server   *http.Server
	done     chan error // the server's last word
}

// listenFront opens an address; flag is what people give it by.
func listenFront(address, flag string) (*front, error) {
	l, err := listen(address, flag)
	if err != nil {
		return nil, err
	}
	return &front{listener: netutil.LimitListener(l, frontConnections), scheme: "http"}, nil
}

// secure has a front speak TLS by a certificate and its key, unless there is none.
func (f *front) secure(certFile, keyFile string) error {
	if certFile == "" && keyFile == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return &Error{Code: "serve.certificate", Err: fmt.Errorf("read certificate: %w", err), Hint: "--cert and --key take files in PEM that belong together"}
	}
	f.listener = tls.NewListener(f.listener, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}})
	f.scheme = "https"
	return nil
}

// bare reports whether a front is served in clear at an address that others can reach.
func (f *front) bare() bool {
	if f == nil || f.scheme != "http" {
		return false
	}
	at, ok := f.listener.Addr().(*net.TCPAddr)
	return ok && !at.IP.IsLoopback()
}

// serve answers requests until shutdown or close.
func (f *front) serve(h http.Handler, log *slog.Logger) {
	f.server = &http.Server{Handler: h, ReadHeaderTimeout: frontHeaderTime, IdleTimeout: frontIdleTime, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	f.done = make(chan error, 1)
	go func() { f.done <- f.server.Serve(f.listener) }() // ends with close
}

func (f *front) url() string { return f.scheme + "://" + f.listener.Addr().String() }

// shutdown takes no more requests, and waits for those under way.
func (f *front) shutdown(ctx context.Context) error { return f.server.Shutdown(ctx) }

// close ends everything at once.
func (f *front) close() error {
	if f == nil {
		return nil
	}
	if f.server == nil {
		return f.listener.Close()
	}
	err := f.server.Close()
	if served := <-f.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

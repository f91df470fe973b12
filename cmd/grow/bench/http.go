package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/labstack/echo/v4"
)

const (
	connections = 64
	httpStretch = 1500 * time.Millisecond
)

// overHTTP measures requests a second through n actors, beside a plain Echo
// handler that gives the body back.
func overHTTP(ctx context.Context, w *workspace, n int) (rounder, error) {
	dir, err := w.ring(fmt.Sprintf("http-%d", n), n, typed, true)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		if reference, err = plainEcho(ctx); err != nil {
			return 0, 0, fmt.Errorf("plain Echo: %w", err)
		}
		h, err := w.mount(ctx, dir, app.Journal{At: app.Memory})
		if err != nil {
			return 0, 0, err
		}
		value, err = load(ctx, strings.TrimPrefix(h.URL(), "http://"))
		return value, reference, errors.Join(err, stop(h))
	}, nil
}

func plainEcho(ctx context.Context) (rate float64, err error) {
	e := echo.New()
	e.POST("/orders", func(c echo.Context) error {
		body, err := io.ReadAll(c.Request().Body)
		if err != nil {
			return err
		}
		return c.Blob(http.StatusOK, "application/json", body)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	server := &http.Server{Handler: e, ReadHeaderTimeout: time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }() // ends with Close
	defer func() {
		err = errors.Join(err, server.Close())
		<-served
	}()
	return load(ctx, l.Addr().String())
}

// load has connections send the order as fast as they are answered, and
// returns the answers a second. Each answer must be the order, with status 200.
func load(ctx context.Context, address string) (float64, error) {
	var wait sync.WaitGroup
	var mu sync.Mutex
	var total int
	var errs []error
	begin := time.Now()
	warm, end := begin.Add(warmUp), begin.Add(warmUp+httpStretch)
	for i := range connections {
		wait.Go(func() {
			// Each connection is another customer, whose orders are handled one at a time.
			own := bytes.Replace(order, []byte("c-42"), fmt.Appendf(nil, "c-%02d", i), 1)
			n, err := talk(ctx, address, own, warm, end)
			mu.Lock()
			defer mu.Unlock()
			total += n
			if err != nil {
				errs = append(errs, err)
			}
		})
	}
	wait.Wait()
	return float64(total) / httpStretch.Seconds(), errors.Join(errs...)
}

// talk is one connection: it sends an order again and again and counts the
// answers between warm and end.
func talk(ctx context.Context, address string, order []byte, warm, end time.Time) (n int, err error) {
	request := fmt.Appendf(nil, "POST /orders HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", address, len(order), order)
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.SetDeadline(end.Add(5 * time.Second)); err != nil {
		return 0, err
	}
	in := bufio.NewReader(c)
	body := make([]byte, 0, 512)
	for {
		if _, err := c.Write(request); err != nil {
			return n, err
		}
		if body, err = answer(in, body); err != nil {
			return n, err
		}
		if !bytes.Equal(body, order) {
			return n, fmt.Errorf("answered %.100q", body)
		}
		switch now := time.Now(); {
		case now.After(end):
			return n, nil
		case now.After(warm):
			n++
		}
	}
}

// answer reads one response with a length, into body's memory.
func answer(in *bufio.Reader, body []byte) ([]byte, error) {
	length := -1
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			return nil, fmt.Errorf("answered %q", line)
		}
		if len(line) == 0 {
			break
		}
		if name, value, ok := bytes.Cut(line, []byte(": ")); ok && bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return nil, err
			}
		}
	}
	if length < 0 || length > 1<<20 {
		return nil, errors.New("answer has no length")
	}
	if cap(body) < length {
		body = make([]byte, length)
	}
	body = body[:length]
	_, err := io.ReadFull(in, body)
	return body, err
}

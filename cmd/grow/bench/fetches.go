package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	fetches     = 32                    // of one call
	fetchTakes  = 50 * time.Millisecond // until the server answers one
	fetchRepeat = 10                    // calls in a round
)

// onHTTP measures a message whose actor makes 32 requests in one call, in milliseconds,
// beside the slowest of 32 that a program makes at once. The server answers each after
// the same time.
func onHTTP(ctx context.Context, w *workspace) (rounder, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &http.Server{ReadHeaderTimeout: settlePeriod, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = pause(r.Context(), fetchTakes) // it ends early when who asks has gone
	})}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }() // ends with Close
	w.atEnd(func() error {
		err := s.Close()
		if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
		return err
	})
	grant := fmt.Sprintf("server: {kind: http, hosts: [%q], schemes: [http], networks: [127.0.0.0/8]}", l.Addr())
	h, err := w.effectHost(ctx, "http", grant, "")
	if err != nil {
		return nil, err
	}
	w.ends = append([]func() error{func() error { return stop(h) }}, w.ends...) // before the server
	program := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: fetches}}
	w.atEnd(func() error { program.CloseIdleConnections(); return nil })
	return func(ctx context.Context) (value, reference float64, err error) {
		var took [2][]float64
		for range fetchRepeat {
			slowest, err := fetchAll(ctx, program, "http://"+l.Addr().String())
			if err != nil {
				return 0, 0, err
			}
			begin := time.Now()
			if err := do(ctx, h, "http", 1, 0); err != nil {
				return 0, 0, err
			}
			took[0], took[1] = append(took[0], millis(slowest)), append(took[1], millis(time.Since(begin)))
		}
		return median(took[1]), median(took[0]), nil
	}, nil
}

// fetchAll makes the requests at once, and returns what the slowest took.
func fetchAll(ctx context.Context, c *http.Client, url string) (slowest time.Duration, err error) {
	var wait sync.WaitGroup
	var mu sync.Mutex
	for range fetches {
		wait.Go(func() {
			begin := time.Now()
			e := fetchOne(ctx, c, url)
			mu.Lock()
			defer mu.Unlock()
			slowest, err = max(slowest, time.Since(begin)), errors.Join(err, e)
		})
	}
	wait.Wait()
	return slowest, err
}

func fetchOne(ctx context.Context, c *http.Client, url string) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	a, err := c.Do(q)
	if err != nil {
		return err
	}
	return a.Body.Close()
}

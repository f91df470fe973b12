package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/testdata/wat"
)

const (
	statusRate  = 1000 // requests for the status a second
	statusCalls = 8    // of them under way at once
	askerToken  = "GROW_BENCH_TOKEN"
)

// watched measures requests in a second of this process's processor time while the host is
// asked for its status a thousand times a second, beside the same with nobody asking. Who
// asks is a process of its own: what it costs to ask is not what it costs to answer.
func watched(ctx context.Context, w *workspace) (rounder, error) {
	dir, err := w.ring("control", 1, typed, true)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, path := range []string{"grow.yaml", "types/bench.cue", "workflows/ring.yaml", "actors/echo/actor.yaml"} {
		b, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			return nil, err
		}
		files[path] = string(b)
	}
	p, err := w.platform(ctx, files)
	if err != nil {
		return nil, err
	}
	if err := p.deploy(ctx, map[string][]byte{"echo": wat.Module("echo")}); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	w.atEnd(p.stop)
	return func(ctx context.Context) (value, reference float64, err error) {
		if reference, err = p.loadPerProcessor(ctx); err != nil {
			return 0, 0, err
		}
		stop, err := p.asked(ctx)
		if err != nil {
			return 0, 0, err
		}
		value, err = p.loadPerProcessor(ctx)
		return value, reference, errors.Join(err, stop())
	}, nil
}

// loadPerProcessor is load, by a second of processor time of this process, in which host
// and customers run.
func (p *platform) loadPerProcessor(ctx context.Context) (float64, error) {
	begin, used := time.Now(), cpu()
	rate, err := load(ctx, strings.TrimPrefix(p.host.URL(), "http://"))
	return rate * time.Since(begin).Seconds() / (cpu() - used).Seconds(), err
}

// asked starts a process that asks for the status until stop is called, and waits for its
// first answer.
func (p *platform) asked(ctx context.Context) (stop func() error, err error) {
	asker, err := another(ctx, []string{askerToken + "=" + p.token}, "-asker", p.host.ControlURL())
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	stop = func() error {
		took := time.Since(begin)
		err := asker.in.Close()
		var n int
		if _, scanErr := fmt.Fscan(asker.out, &n); scanErr != nil {
			err = errors.Join(err, fmt.Errorf("who asks for the status: %w", scanErr))
		}
		if rate := float64(n) / took.Seconds(); err == nil && rate < 0.9*statusRate {
			fmt.Fprintf(os.Stderr, "control: only %.0f requests for the status a second\n", rate)
		}
		return errors.Join(err, asker.cmd.Wait())
	}
	if _, err := io.ReadFull(asker.out, make([]byte, 1)); err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, nil
}

// runAsker asks for the status of the host at url, statusRate times a second, until stdin
// ends. It writes a line when it has the first answer, and then how many it had.
func runAsker(ctx context.Context, url string, stdin io.Reader, stdout io.Writer) error {
	client, err := api.NewClient(api.ClientOptions{URL: url, Token: os.Getenv(askerToken)})
	if err != nil {
		return err
	}
	defer client.Close()
	service := client.At(app.DefaultNamespace, "bench")
	if _, err := service.Status(ctx); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var answers atomic.Int64
	var wait sync.WaitGroup
	errs := make(chan error, statusCalls)
	for range statusCalls {
		wait.Go(func() {
			tick := time.NewTicker(statusCalls * time.Second / statusRate)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				if _, err := service.Status(ctx); err != nil {
					if ctx.Err() == nil {
						errs <- err
					}
					return
				}
				answers.Add(1)
			}
		})
	}
	_, err = io.Copy(io.Discard, stdin)
	cancel()
	wait.Wait()
	close(errs)
	for e := range errs {
		err = errors.Join(err, e)
	}
	_, writeErr := fmt.Fprintln(stdout, answers.Load())
	return errors.Join(err, writeErr)
}

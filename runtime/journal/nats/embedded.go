package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/nats-io/nats-server/v2/server"
)

// startServer starts a server that listens nowhere and writes every message to
// the disk before it answers. alarm is told when a write failed.
func startServer(ctx context.Context, f *folder, log *slog.Logger, alarm func(text string)) (*server.Server, error) {
	s, err := server.NewServer(&server.Options{
		ServerName: "grow", DontListen: true, NoSigs: true,
		JetStream: true, StoreDir: f.path, SyncAlways: true,
		JetStreamMaxMemory: 64 << 20, // leases
		JetStreamMaxStore:  1 << 50,  // the disk's size is the limit; see disk
	})
	if err != nil {
		return nil, fmt.Errorf("make server: %w", err)
	}
	said := &serverLog{log: log, alarm: alarm}
	s.SetLoggerV2(said, false, false, false)
	started := make(chan struct{})
	go func() {
		defer close(started)
		s.Start()
	}()
	limit := time.NewTimer(startMax)
	defer limit.Stop()
	select {
	case <-started:
	case <-limit.C:
		return nil, errors.Join(fmt.Errorf("%w: the server did not start within %s", journal.ErrUnhealthy, startMax), stopServer(s))
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("start server: %w", ctx.Err()), stopServer(s))
	}
	if !s.ReadyForConnections(startMax) || !s.JetStreamEnabled() {
		why := "no reason given"
		if text := said.last.Load(); text != nil {
			why = *text
		}
		return nil, errors.Join(fmt.Errorf("%w: the server did not start: %s", journal.ErrUnhealthy, why), stopServer(s))
	}
	return s, nil
}

// stopServer stops a server, unless a dead disk does not let it.
func stopServer(s *server.Server) error {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.Shutdown()
		s.WaitForShutdown()
	}()
	select {
	case <-stopped:
		return nil
	case <-time.After(stopMax):
		return fmt.Errorf("%w: the server did not stop within %s", journal.ErrUnhealthy, stopMax)
	}
}

// serverLog passes on what the server has to say.
type serverLog struct {
	log   *slog.Logger
	alarm func(text string)
	last  atomic.Pointer[string] // complaint
}

// alarms are what the server says when it could not write; whoever waits for an
// answer is told nothing. Should a release say it in other words, time-outs
// tell the same later.
var alarms = []string{"failed to store a msg", "critical write error", "will be disabled", "disabling jetstream"}

func (l *serverLog) complain(level slog.Level, format string, v []any) {
	text := fmt.Sprintf(format, v...)
	l.last.Store(&text)
	l.log.Log(context.Background(), level, "journal server", "text", text)
	lower := strings.ToLower(text)
	if slices.ContainsFunc(alarms, func(a string) bool { return strings.Contains(lower, a) }) {
		l.alarm(text)
	}
}

func (l *serverLog) Noticef(string, ...any)         {}
func (l *serverLog) Debugf(string, ...any)          {}
func (l *serverLog) Tracef(string, ...any)          {}
func (l *serverLog) Warnf(format string, v ...any)  { l.complain(slog.LevelWarn, format, v) }
func (l *serverLog) Errorf(format string, v ...any) { l.complain(slog.LevelError, format, v) }
func (l *serverLog) Fatalf(format string, v ...any) { l.complain(slog.LevelError, format, v) }

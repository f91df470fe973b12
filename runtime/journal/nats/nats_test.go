package nats

import (
	"cmp"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/journaltest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quiet is a log that nobody reads.
var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// patience is for how long what a test waits for may take: longer than a machine stands still.
const patience = time.Minute

// open opens a store that the test closes.
func open(t testing.TB, o Options) *Store {
	t.Helper()
	o.AppendTimeout, o.CallTimeout = cmp.Or(o.AppendTimeout, patience), cmp.Or(o.CallTimeout, patience)
	if o.Log == nil {
		o.Log = quiet
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	journaltest.Run(t, func(t *testing.T, clock *journaltest.Clock) journal.Store {
		clock.Real()
		return open(t, Options{Dir: t.TempDir()})
	})
}

func TestDurable(t *testing.T) {
	journaltest.Durable(t, func(t *testing.T) string { return t.TempDir() }, func(t *testing.T, place string) journal.Store {
		return open(t, Options{Dir: place})
	})
}

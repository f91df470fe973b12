package crash

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// probed is the file in a journal's folder that a host writes to, to see whether it can.
const probed = "probe"

// fingerprint is one for the names and bytes of a folder, without probed.
func fingerprint(t *testing.T, dir string) string {
	t.Helper()
	sum := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == probed {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintln(sum, path, len(data))
		sum.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(sum.Sum(nil))
}

// refused starts a service that must not start, and give one of the codes.
func refused(t *testing.T, s *Service, codes ...string) {
	t.Helper()
	h, err := s.Start(t.Context())
	if err == nil {
		h.Kill()
	}
	var no *Refused
	if !errors.As(err, &no) {
		t.Fatalf("started with %v, want it refused with one of %q", err, codes)
	}
	for _, code := range codes {
		if no.Code == code {
			return
		}
	}
	t.Fatalf("refused with %v, want one of %q", err, codes)
}

// badDays: a start that must fail says why, changes nothing, and when the cause
// is gone the service has everything. One round of kill comes before.
func badDays(t *testing.T, s *Service) {
	r := NewRun(s, 1, 16, t.Logf)
	t.Cleanup(func() { leave(t, r) })
	if err := r.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Run("two hosts", func(t *testing.T) {
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		refused(t, s, "run.already")
		for _, name := range []string{"control.json", "control.sock"} { // as if nobody were there
			if err := os.RemoveAll(filepath.Join(s.Dir, ".grow", name)); err != nil {
				t.Fatal(err)
			}
		}
		refused(t, s, "journal.locked", "run.already")
		if status := r.work.probe(t.Context(), r.host.URL, "two-hosts"); status != http.StatusOK {
			t.Errorf("the first host answers %d", status)
		}
		r.Close()
		if err := r.All(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("foreign folder", func(t *testing.T) {
		r.Close()
		away := s.Journal() + "-away"
		if err := errors.Join(os.Rename(s.Journal(), away), os.MkdirAll(s.Journal(), 0o700), os.WriteFile(filepath.Join(s.Journal(), "thesis.txt"), []byte("all of it"), 0o600)); err != nil {
			t.Fatal(err)
		}
		before := fingerprint(t, s.Journal())
		refused(t, s, "journal.foreign")
		if fingerprint(t, s.Journal()) != before {
			t.Error("the folder was changed")
		}
		if err := errors.Join(os.RemoveAll(s.Journal()), os.Rename(away, s.Journal()), r.All(t.Context())); err != nil {
			t.Error(err)
		}
	})
	t.Run("disk full at start", func(t *testing.T) { fullAtStart(t, r) })
}

// natsServer is a NATS server of the test's own.
func natsServer(t *testing.T, change func(*server.Options)) string {
	t.Helper()
	o := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir()}
	change(o)
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(startMax) {
		t.Fatal("the NATS server does not serve")
	}
	return s.ClientURL()
}

// badServers: a NATS server that will not do is named, and one that does keeps
// all through a kill -9, whoever came with other credentials.
func badServers(t *testing.T, s *Service) {
	at := func(url string, env ...string) *Service {
		return &Service{Grow: s.Grow, Dir: s.Dir, Args: []string{"--journal", url}, Env: env}
	}
	refused(t, at(natsServer(t, func(o *server.Options) { o.JetStream = false })), "journal.no_jetstream")
	refused(t, at(natsServer(t, func(o *server.Options) { o.MaxPayload = 64 << 10 })), "journal.max_payload")
	refused(t, at("nats://127.0.0.1:1"), "journal.unavailable")
	url := natsServer(t, func(o *server.Options) { o.Username, o.Password, o.SyncAlways = "grow", "right", true })
	right := at(url, "GROW_NATS_USER=grow", "GROW_NATS_PASSWORD=right")
	r := NewRun(right, 1, 16, t.Logf)
	defer r.Close()
	if err := r.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.Close()
	for _, env := range [][]string{nil, {"GROW_NATS_USER=grow", "GROW_NATS_PASSWORD=wrong"}} {
		refused(t, at(url, env...), "journal.denied")
	}
	if err := r.All(t.Context()); err != nil {
		t.Error(err)
	}
}

// failpoints: the host dies at one moment of each kind of write; make crash
// FAULT=failpoint does all.
func failpoints(t *testing.T, s *Service) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	all, err := Failpoints("../..")
	if err != nil {
		t.Fatal(err)
	}
	r := NewRun(&Service{Grow: s.Grow, Dir: s.Dir}, 1, 16, t.Logf)
	r.Root = "../.."
	t.Cleanup(func() { leave(t, r) })
	if err := r.rebuilt(ctx, "-tags", FailpointTag); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"append.kept", "blob.pieces", "pointer.after", "trim.before", "delete.whole"} {
		if !bytes.Contains(fmt.Append(nil, all), []byte(at)) {
			t.Errorf("there is no %s among %q", at, all)
		}
		if err := r.dieAt(ctx, at); err != nil {
			t.Fatalf("%s: %v", at, err)
		}
	}
}

package crash

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// service builds the command and the service in a folder of the test.
func service(t *testing.T) *Service {
	t.Helper()
	grow := filepath.Join(t.TempDir(), "grow")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", grow, "../../cmd/grow").CombinedOutput(); err != nil {
		t.Fatalf("build grow: %v: %s", err, out)
	}
	s, err := Build(t.Context(), grow, "service", filepath.Join(t.TempDir(), "service"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestCrash is the short form of make crash: killed twice, cut off, bits turned.
func TestCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds grow and starts it many times")
	}
	s := service(t)
	for _, c := range []struct {
		fault  string
		rounds int
	}{{"kill", 2}, {"torn", 1}, {"flip", 8}} {
		t.Run(c.fault, func(t *testing.T) {
			r := NewRun(s, 1, 16, t.Logf)
			t.Cleanup(func() { leave(t, r) })
			held, ran, err := r.Rounds(t.Context(), c.fault, c.rounds)
			if err != nil || held != c.rounds {
				t.Fatalf("%d of %d rounds held: %v", held, ran, err)
			}
			t.Log(r.Summary())
		})
	}
	t.Run("bytes", func(t *testing.T) {
		r := NewRun(s, 1, 16, t.Logf)
		t.Cleanup(func() { leave(t, r) })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if err := r.Bytes(ctx, 97); err != nil || r.Cuts < 5 {
			t.Fatalf("%d cuts: %v", r.Cuts, err)
		}
	})
	t.Run("bad days", func(t *testing.T) { badDays(t, s) })
	t.Run("bad servers", func(t *testing.T) { badServers(t, s) })
	t.Run("failpoint", func(t *testing.T) { failpoints(t, s) })
	t.Run("triage", func(t *testing.T) { onTriage(t, s.Grow) })
	t.Run("effects", func(t *testing.T) { onEffects(t, s.Grow) })
	t.Run("streams", func(t *testing.T) { onStreams(t, s.Grow) })
}

// onTriage kills the example service, with its actor in Python.
func onTriage(t *testing.T, grow string) {
	const from = "../services/triage"
	s, err := Build(t.Context(), grow, from, filepath.Join(t.TempDir(), "triage"))
	if err != nil {
		t.Fatal(err)
	}
	r := NewRun(s, 1, 16, t.Logf)
	t.Cleanup(func() { leave(t, r) })
	if err := r.Triage(from); err != nil {
		t.Fatal(err)
	}
	for _, fault := range []string{"kill", "poison"} {
		if held, ran, err := r.Rounds(t.Context(), fault, 1); err != nil || held != 1 {
			t.Fatalf("%s: %d of %d rounds held: %v", fault, held, ran, err)
		}
	}
}

// onEffects kills the service that changes things outside.
func onEffects(t *testing.T, grow string) {
	s, err := Build(t.Context(), grow, "effects", filepath.Join(t.TempDir(), "effects"))
	if err != nil {
		t.Fatal(err)
	}
	r := NewRun(s, 1, 16, t.Logf)
	end, err := r.Effects("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		leave(t, r)
		if err := end(); err != nil {
			t.Error(err)
		}
	})
	if held, ran, err := r.Rounds(t.Context(), "kill", 3); err != nil || held != 3 {
		t.Fatalf("%d of %d rounds held: %v", held, ran, err)
	}
	if _, _, err := r.Rounds(t.Context(), "torn", 1); !errors.Is(err, errEffects) {
		t.Errorf("what cuts off what was accepted: %v", err)
	}
}

// leave ends a run and removes what it has kept, for the next one.
func leave(t *testing.T, r *Run) {
	r.Close()
	if err := os.RemoveAll(r.Service.Journal()); err != nil {
		t.Error(err)
	}
}

// TestRefused: a start that fails is told with the code that grow gave.
func TestRefused(t *testing.T) {
	h := &Host{ended: make(chan struct{})}
	if _, err := h.Write([]byte("a line of something else\n" + `{"error": {"code": "journal.damaged", "message": "record 3"}}` + "\n")); err != nil {
		t.Fatal(err)
	}
	if err := h.refusal(); err == nil || !strings.Contains(err.Error(), "journal.damaged: record 3") {
		t.Errorf("refused with %v", err)
	}
}

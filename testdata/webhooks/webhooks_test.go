package webhooks

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPayloads(t *testing.T) {
	payloads, err := Payloads()
	if err != nil {
		t.Fatal(err)
	}
	if len(payloads) != Count {
		t.Fatalf("%d payloads, want %d", len(payloads), Count)
	}
	events, names := map[string]bool{}, map[string]bool{}
	for _, p := range payloads {
		if names[p.Name] {
			t.Errorf("%s: name given twice", p.Name)
		}
		events[p.Event], names[p.Name] = true, true
		if !json.Valid(p.Body) || strings.Contains(string(p.Body), "\n") {
			t.Errorf("%s: not a compact JSON document", p.Name)
		}
		if p.Action != "" && !strings.Contains(string(p.Body), `"action":"`+p.Action+`"`) {
			t.Errorf("%s: action %q is not in the body", p.Name, p.Action)
		}
	}
	if len(events) != 58 || !events["security_advisory"] {
		t.Errorf("%d kinds of events, want 58 with security_advisory among them", len(events))
	}
}

func TestPayloadsAbsent(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("GROW_WEBHOOKS", dir)
	if _, err := Payloads(); err == nil || !strings.Contains(err.Error(), "make setup") {
		t.Errorf("no payloads: error %v, want one that names make setup", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "index.json"), []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Payloads(); err == nil || !strings.Contains(err.Error(), "make setup") {
		t.Errorf("another file: error %v, want one that names make setup", err)
	}
}

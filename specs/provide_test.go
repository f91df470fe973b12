package specs_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/specs"
)

// TestProvides: what an actor provides, who is asked, and what tests double.
func TestProvides(t *testing.T) {
	s := load(t, "good_provides")
	want := []specs.Provision{{Takes: "geo.lookup", Gives: "geo.found"}, {Takes: "forget", Gives: "geo.found", Changes: true}}
	if diff := cmp.Diff(want, s.Actors["geo"].Provides); diff != "" {
		t.Error(diff)
	}
	user := s.Actors["user"]
	if s.Provider(user.Uses[0]) != s.Actors["geo"] || s.Provider(specs.Grant{Kind: "http", Params: map[string]any{"actor": "geo"}}) != nil {
		t.Error("another actor is asked")
	}
	var operations []string
	for _, list := range user.Tests[0].Doubles {
		for _, d := range list {
			operations = append(operations, d.Operation)
		}
	}
	if diff := cmp.Diff([]string{"geo.lookup", "forget"}, operations); diff != "" {
		t.Error(diff)
	}
}

package token

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/host/store/files"
)

// clock is a clock that stands until it is moved.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func newTokens(t *testing.T) (*Tokens, store.Store, *clock) {
	t.Helper()
	s, err := files.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	c := &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	return New(s, c.now), s, c
}

func create(t *testing.T, all *Tokens, want Token) (string, Token) {
	t.Helper()
	text, made, err := all.Create(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	return text, made
}

var pipeline = Token{Name: "pipeline", Scopes: []Scope{Deploy}, Namespaces: []string{"main"}, By: "ann"}

func TestTokens(t *testing.T) {
	all, s, c := newTokens(t)
	text, made := create(t, all, pipeline)
	if id, err := ID(text); err != nil || id != made.ID || !strings.HasPrefix(text, prefix+id) {
		t.Errorf("%q of %+v: %q, %v", text, made, id, err)
	}
	for range 2 {
		if got, err := all.Verify(t.Context(), text); err != nil || got.ID != made.ID || got.Name != "pipeline" || !got.Created.Equal(c.Time) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	refs, err := s.Refs(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range refs {
		if strings.Contains(string(r.Value), text[len(prefix)+idLetters:]) {
			t.Error("the secret is kept in clear")
		}
	}
	c.Time = c.Add(time.Hour)
	_, second := create(t, all, pipeline)
	list, err := all.List(t.Context())
	if err != nil || len(list) != 2 || list[0].ID != second.ID || list[1].ID != made.ID {
		t.Errorf("%+v, %v", list, err)
	}
	if err := all.Revoke(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := all.Verify(t.Context(), text); !errors.Is(err, ErrUnknown) {
		t.Errorf("revoked: %v", err)
	}
	for _, id := range []string{made.ID, "nobody", "", "a/b", "../x"} {
		if err := all.Revoke(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("revoke %q: %v", id, err)
		}
	}
}

// TestRevokedElsewhere: another host with the same store revokes.
func TestRevokedElsewhere(t *testing.T) {
	all, s, c := newTokens(t)
	other := New(s, c.now)
	text, made := create(t, all, pipeline)
	if _, err := other.Verify(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	if err := all.Revoke(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	c.Time = c.Add(time.Second)
	if _, err := other.Verify(t.Context(), text); !errors.Is(err, ErrUnknown) {
		t.Errorf("a second later: %v", err)
	}
}

func TestVerifyRefused(t *testing.T) {
	all, _, c := newTokens(t)
	short := pipeline
	short.Expires = c.Add(time.Minute)
	text, _ := create(t, all, short)
	body := []byte(text[len(prefix) : len(text)-sumLetters])
	body[len(body)-1] = letters[(strings.IndexByte(letters, body[len(body)-1])+1)%len(letters)]
	forged := prefix + string(body) + sum(string(body)) // the same id, another secret
	_, elsewhere, err := func() (string, Token, error) { o, _, _ := newTokens(t); return o.Create(t.Context(), pipeline) }()
	if err != nil {
		t.Fatal(err)
	}
	unknown := elsewhere.ID + strings.Repeat("a", keyLetters)
	for name, k := range map[string]struct {
		text string
		want error
	}{
		"forged": {forged, ErrUnknown}, "of another host": {prefix + unknown + sum(unknown), ErrUnknown},
		"empty": {"", ErrForm}, "cut": {text[:len(text)-1], ErrForm}, "mistyped": {strings.Replace(text, text[10:11], "l", 1), ErrForm}, "longer": {text + "a", ErrForm}, "prefix": {"x" + text, ErrForm},
	} {
		if _, err := all.Verify(t.Context(), k.text); !errors.Is(err, k.want) {
			t.Errorf("%s: %v; want %v", name, err, k.want)
		}
	}
	if _, err := all.Verify(t.Context(), text); err != nil {
		t.Errorf("before its end: %v", err)
	}
	c.Time = c.Add(time.Minute)
	if _, err := all.Verify(t.Context(), text); !errors.Is(err, ErrUnknown) {
		t.Errorf("at its end: %v", err)
	}
}

func TestCreateRefused(t *testing.T) {
	all, _, c := newTokens(t)
	for name, change := range map[string]func(*Token){
		"no name": func(k *Token) { k.Name = "" }, "long name": func(k *Token) { k.Name = strings.Repeat("x", NameMax+1) }, "lines": func(k *Token) { k.Name = "a\nb" },
		"no scope": func(k *Token) { k.Scopes = nil }, "unknown scope": func(k *Token) { k.Scopes = []Scope{"root"} },
		"no namespace": func(k *Token) { k.Namespaces = nil }, "namespace": func(k *Token) { k.Namespaces = []string{"a/b"} }, "namespace in capitals": func(k *Token) { k.Namespaces = []string{"MAIN"} }, "ended": func(k *Token) { k.Expires = c.Time },
	} {
		k := pipeline
		change(&k)
		if _, _, err := all.Create(t.Context(), k); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if list, err := all.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestAllows(t *testing.T) {
	for _, k := range []struct {
		scopes, namespaces string
		allowed            string // in main
		elsewhere          bool   // anything in another namespace
	}{
		{"read", "main", "read", false}, {"deploy", "main", "read deploy", false}, {"debug", "a main", "read debug", false}, {"admin", "main", "read deploy debug admin", false},
		{"read debug", "*", "read debug", true}, {"deploy", "a", "", false}, {"", "*", "", false},
	} {
		var k2 Token
		for _, s := range strings.Fields(k.scopes) {
			k2.Scopes = append(k2.Scopes, Scope(s))
		}
		k2.Namespaces = strings.Fields(k.namespaces)
		for _, s := range Scopes() {
			if want := slices.Contains(strings.Fields(k.allowed), string(s)); k2.Allows(s, "main") != want {
				t.Errorf("%s in %s: %s in main: %v; want %v", k.scopes, k.namespaces, s, !want, want)
			}
		}
		if k2.Sees("other") != k.elsewhere {
			t.Errorf("%s in %s sees another namespace: %v", k.scopes, k.namespaces, !k.elsewhere)
		}
	}
}

func FuzzID(f *testing.F) {
	f.Add("growt_")
	f.Add(prefix + strings.Repeat("a", idLetters+keyLetters) + sum(strings.Repeat("a", idLetters+keyLetters)))
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ID(text)
		if err == nil && (len(id) != idLetters || !strings.HasPrefix(text, prefix+id)) {
			t.Errorf("%q has the id %q", text, id)
		}
	})
}

// Package token keeps the tokens that people, pipelines and agents reach a host with.
// A token is shown once, when it is made; the host keeps its SHA-256, which is enough
// for a random secret of 160 bits. What a token may do is a set of scopes in some
// namespaces.
package token

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/host/store"
)

// Limits of tokens.
const (
	NameMax      = 100             // bytes of a token's name
	NamespaceMax = 20              // namespaces of a token
	TokensMax    = 10_000          // of a host
	freshPeriod  = time.Second / 2 // for which a look at the store is enough: others may revoke
)

// Scope is a kind of thing that a token allows.
type Scope string

// The scopes. Whoever may do anything else may read too; Admin is all of them, and what
// concerns the host itself: tokens, signing keys, forced deployments.
const (
	Read   Scope = "read"
	Deploy Scope = "deploy"
	Debug  Scope = "debug"
	Admin  Scope = "admin"
)

// Scopes are all scopes.
func Scopes() []Scope { return []Scope{Read, Deploy, Debug, Admin} }

// AnyNamespace stands for all namespaces, those to come included.
const AnyNamespace = "*"

var (
	// ErrUnknown is returned for what is no token of this host, or no longer.
	ErrUnknown = errors.New("the token is wrong, has ended or was revoked")
	// ErrForm is returned for what does not even look like a token.
	ErrForm = errors.New("not a token: it was cut or mistyped")
)

// Token is what is known of a token; its secret is not.
type Token struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"` // what it is for
	Scopes     []Scope   `json:"scopes"`
	Namespaces []string  `json:"namespaces"`
	Created    time.Time `json:"created"`
	By         string    `json:"by"`               // who made it
	Expires    time.Time `json:"expires,omitzero"` // zero: never
}

// Allows reports whether the token has a scope in a namespace, "" for what concerns no
// namespace.
func (t *Token) Allows(s Scope, namespace string) bool {
	in := namespace == "" || slices.Contains(t.Namespaces, AnyNamespace) || slices.Contains(t.Namespaces, namespace)
	return in && (s == Read && len(t.Scopes) > 0 || slices.Contains(t.Scopes, s) || slices.Contains(t.Scopes, Admin))
}

// Sees reports whether the token may know that a namespace is there.
func (t *Token) Sees(namespace string) bool { return t.Allows(Read, namespace) }

// namespace is the form of a namespace's name.
var namespace = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// Check reports what keeps a token from being made, but for its end.
func (t *Token) Check() error {
	switch {
	case t.Name == "" || len(t.Name) > NameMax || strings.ContainsFunc(t.Name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("a token needs a name that says what it is for, of at most %d bytes in one line", NameMax)
	case len(t.Scopes) == 0:
		return errors.New("a token needs a scope: read, deploy, debug or admin")
	case len(t.Namespaces) == 0 || len(t.Namespaces) > NamespaceMax:
		return fmt.Errorf("a token needs 1 to %d namespaces, or %s for all", NamespaceMax, AnyNamespace)
	}
	for _, s := range t.Scopes {
		if !slices.Contains(Scopes(), s) {
			return fmt.Errorf("there is no scope %.40q: there are read, deploy, debug and admin", string(s))
		}
	}
	for _, n := range t.Namespaces {
		if n != AnyNamespace && !namespace.MatchString(n) {
			return fmt.Errorf("%.80q cannot be a namespace, and a token for it would hold nowhere: one has small letters, digits and -, a letter first, and at most 63 of them", n)
		}
	}
	return nil
}

// A token is prefix, 12 letters of an id, 32 of a secret and 7 that tell a mistyped one
// at once, in base32 without what looks alike.
const (
	prefix     = "growt_"
	idLetters  = 12
	keyLetters = 32
	sumLetters = 7
	letters    = "abcdefghijkmnpqrstuvwxyz23456789"
)

var encoding = base32.NewEncoding(letters).WithPadding(base32.NoPadding)

// record is what the store holds of a token.
type record struct {
	Token
	Hash []byte `json:"hash"` // SHA-256 of the whole secret text
}

// Tokens are those of a host. Its methods may be called concurrently.
type Tokens struct {
	store store.Store
	now   func() time.Time

	mu    sync.Mutex // guards known; not held while the store is asked
	known map[string]seen
}

type seen struct {
	record record // without an id: there is none
	at     time.Time
}

// New returns the tokens in a store. now is asked for the time; nil: the system's clock.
func New(s store.Store, now func() time.Time) *Tokens {
	if now == nil {
		now = time.Now
	}
	return &Tokens{store: s, now: now, known: map[string]seen{}}
}

func ref(id string) string { return "tokens/" + id }

// Create makes a token of what t says of name, scopes, namespaces, maker and end. The
// text is what its owner shows; it cannot be had again.
func (t *Tokens) Create(ctx context.Context, want Token) (text string, made Token, err error) {
	now := t.now().UTC()
	if err := want.Check(); err != nil {
		return "", Token{}, err
	}
	if !want.Expires.IsZero() && !want.Expires.After(now) {
		return "", Token{}, errors.New("a token cannot end before it begins")
	}
	list, err := t.List(ctx)
	if err != nil {
		return "", Token{}, err
	}
	if len(list) >= TokensMax {
		return "", Token{}, fmt.Errorf("there are %d tokens, and no more are allowed: revoke some", len(list))
	}
	var random [(idLetters + keyLetters) * 5 / 8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", Token{}, fmt.Errorf("draw a token: %w", err)
	}
	body := encoding.EncodeToString(random[:])[:idLetters+keyLetters]
	text = prefix + body + sum(body)
	want.ID, want.Created = body[:idLetters], now
	want.Scopes, want.Namespaces = slices.Clone(want.Scopes), slices.Clone(want.Namespaces)
	hash := sha256.Sum256([]byte(text))
	b, err := json.Marshal(record{want, hash[:]})
	if err != nil {
		return "", Token{}, err
	}
	if _, err := t.store.SetRef(ctx, ref(want.ID), b, 0); err != nil {
		return "", Token{}, fmt.Errorf("keep token: %w", err)
	}
	t.forget(want.ID)
	return text, want, nil
}

// sum is the letters that a mistyped body does not fit.
func sum(body string) string {
	var b [5]byte
	binary.BigEndian.PutUint32(b[:], crc32.ChecksumIEEE([]byte(body)))
	return encoding.EncodeToString(b[:])[:sumLetters]
}

// ID returns the id of a token's text, which is no secret; ErrForm for what is none.
func ID(text string) (string, error) {
	body, ok := strings.CutPrefix(text, prefix)
	if !ok || len(body) != idLetters+keyLetters+sumLetters {
		return "", ErrForm
	}
	body, end := body[:idLetters+keyLetters], body[idLetters+keyLetters:]
	if sum(body) != end {
		return "", ErrForm
	}
	return body[:idLetters], nil
}

// Verify returns the token that a text is; ErrForm or ErrUnknown when it is none. It
// takes the same time for every text that has the form of one.
func (t *Tokens) Verify(ctx context.Context, text string) (Token, error) {
	id, err := ID(text)
	if err != nil {
		return Token{}, err
	}
	r, err := t.find(ctx, id)
	if err != nil {
		return Token{}, err
	}
	hash := sha256.Sum256([]byte(text))
	want := r.Hash
	if len(want) != len(hash) {
		want = make([]byte, len(hash)) // nobody's
	}
	same := subtle.ConstantTimeCompare(hash[:], want) == 1
	if !same || !r.Expires.IsZero() && !t.now().Before(r.Expires) {
		return Token{}, ErrUnknown
	}
	return r.Token, nil
}

// find looks a token up: in the store when that was not done for a while. What is not
// there is an empty record.
func (t *Tokens) find(ctx context.Context, id string) (record, error) {
	now := t.now()
	t.mu.Lock()
	s, ok := t.known[id]
	t.mu.Unlock()
	if ok && now.Sub(s.at) < freshPeriod && now.Sub(s.at) >= 0 {
		return s.record, nil
	}
	stored, err := t.store.Ref(ctx, ref(id))
	var r record
	switch {
	case err == nil:
		if err := json.Unmarshal(stored.Value, &r); err != nil {
			return r, fmt.Errorf("read token %s: %w: %w", id, store.ErrDamaged, err)
		}
	case !errors.Is(err, store.ErrNotFound):
		return r, fmt.Errorf("look up token: %w", err)
	}
	t.mu.Lock()
	if len(t.known) >= TokensMax { // of made-up ids above all
		clear(t.known)
	}
	t.known[id] = seen{r, now}
	t.mu.Unlock()
	return r, nil
}

func (t *Tokens) forget(id string) {
	t.mu.Lock()
	delete(t.known, id)
	t.mu.Unlock()
}

// List returns all tokens, those that have ended too, the newest first.
func (t *Tokens) List(ctx context.Context) ([]Token, error) {
	refs, err := t.store.Refs(ctx, "tokens")
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	list := []Token{}
	for _, r := range refs {
		var k record
		if err := json.Unmarshal(r.Value, &k); err != nil {
			return nil, fmt.Errorf("read %s: %w: %w", r.Name, store.ErrDamaged, err)
		}
		list = append(list, k.Token)
	}
	slices.SortFunc(list, func(a, b Token) int {
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list, nil
}

// Revoke ends a token: on this host at once, on others that share the store within a
// second. It fails with store.ErrNotFound when there is none of this id.
func (t *Tokens) Revoke(ctx context.Context, id string) error {
	if store.CheckRef(ref(id)) != nil || strings.Contains(id, "/") {
		return fmt.Errorf("token %.40q: %w", id, store.ErrNotFound)
	}
	r, err := t.store.Ref(ctx, ref(id))
	if err == nil {
		err = t.store.RemoveRef(ctx, ref(id), r.Revision)
	}
	t.forget(id)
	if err != nil {
		return fmt.Errorf("revoke token %s: %w", id, err)
	}
	return nil
}

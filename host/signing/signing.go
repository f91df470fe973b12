// Package signing signs artifacts and holds signatures against the keys that a host
// trusts. Keys are Ed25519 (RFC 8032), kept as other programs keep them: the private one
// in PKCS #8, the public one as a SubjectPublicKeyInfo (RFC 8410), both in PEM. What is
// signed is a line of text with the artifact's digest, so that any program that knows
// Ed25519 can sign and verify, and a signature for an artifact is one for nothing else.
package signing

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/store"
)

// Limits of keys and signatures.
const (
	NameMax = 100     // bytes of a key's name
	KeysMax = 1000    // that a host trusts
	FileMax = 4 << 10 // bytes of a key's file
	textMax = 1 << 10 // bytes of a signature
)

// head begins what is signed.
const head = "grow artifact sha256:"

var (
	// ErrSignature is returned for a signature that is none of this artifact by this key.
	ErrSignature = errors.New("the signature does not fit")
	// ErrUntrusted is returned for a key that the host does not trust.
	ErrUntrusted = errors.New("the host does not trust the key")
	// ErrUnsigned is returned for an artifact without a signature where one is wanted.
	ErrUnsigned = errors.New("the artifact is not signed")
	// ErrName is returned for what cannot be a key's name.
	ErrName = errors.New("a key needs a name that says whose it is")
	// ErrKey is returned for what is no key of this kind.
	ErrKey = errors.New("not an Ed25519 key in PEM")
)

// Message is what is signed for an artifact.
func Message(artifact store.Digest) []byte { return []byte(head + string(artifact) + "\n") }

// Signature is a signature of an artifact. As text it is the id of the key and the 64
// bytes in base64, with a colon between.
type Signature struct {
	Key   string // id of the key
	Bytes []byte
}

// String returns the signature as text.
func (s Signature) String() string { return s.Key + ":" + base64.StdEncoding.EncodeToString(s.Bytes) }

// Parse reads a signature's text, with space around it allowed.
func Parse(text string) (Signature, error) {
	if len(text) > textMax {
		return Signature{}, fmt.Errorf("%w: it is too long", ErrSignature)
	}
	id, code, ok := strings.Cut(strings.TrimSpace(text), ":")
	b, err := base64.StdEncoding.Strict().DecodeString(code)
	if !ok || err != nil || len(b) != ed25519.SignatureSize || len(id) != idLength || strings.Trim(id, "0123456789abcdef") != "" {
		return Signature{}, fmt.Errorf("%w: it is not KEY:SIGNATURE, as grow writes it", ErrSignature)
	}
	return Signature{id, b}, nil
}

// idLength is digits of a key's id: the beginning of the SHA-256 of its 32 bytes.
const idLength = 16

// ID returns the id of a public key.
func ID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:])[:idLength]
}

// Generate makes a pair of keys, in PEM.
func Generate() (private, public []byte, err error) {
	pub, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		return nil, nil, err
	}
	public, err = encodePublic(pub)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), public, err
}

func encodePublic(key ed25519.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// block returns the PEM block of a key's file.
func block(file []byte, kind string) ([]byte, error) {
	if len(file) > FileMax {
		return nil, fmt.Errorf("%w: over %d bytes", ErrKey, FileMax)
	}
	b, rest := pem.Decode(file)
	switch {
	case b == nil:
		return nil, ErrKey
	case b.Type != kind:
		return nil, fmt.Errorf("%w: it holds a %s, where a %s is wanted", ErrKey, strings.ToLower(b.Type), strings.ToLower(kind))
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, fmt.Errorf("%w: something follows the key", ErrKey)
	}
	return b.Bytes, nil
}

// Private reads a private key's file.
func Private(file []byte) (ed25519.PrivateKey, error) {
	der, err := block(file, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if k, ok := key.(ed25519.PrivateKey); ok && err == nil {
		return k, nil
	}
	return nil, ErrKey
}

// Public reads a public key's file.
func Public(file []byte) (ed25519.PublicKey, error) {
	der, err := block(file, "PUBLIC KEY")
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if k, ok := key.(ed25519.PublicKey); ok && err == nil {
		return k, nil
	}
	return nil, ErrKey
}

// Sign signs an artifact.
func Sign(key ed25519.PrivateKey, artifact store.Digest) Signature {
	return Signature{ID(key.Public().(ed25519.PublicKey)), ed25519.Sign(key, Message(artifact))}
}

// Key is a public key that a host trusts.
type Key struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"` // whose it is
	Public  []byte    `json:"public"`
	Trusted time.Time `json:"trusted"`
	By      string    `json:"by"` // who said so
}

// Keys are those that a host trusts. Its methods may be called concurrently.
type Keys struct {
	store store.Store
	now   func() time.Time
}

// New returns the keys in a store. now is asked for the time; nil: the system's clock.
func New(s store.Store, now func() time.Time) *Keys {
	if now == nil {
		now = time.Now
	}
	return &Keys{s, now}
}

func ref(id string) string { return "signkeys/" + id }

// Trust adds a public key's file. Trusting a key again gives it another name.
func (k *Keys) Trust(ctx context.Context, name, by string, file []byte) (Key, error) {
	if name == "" || len(name) > NameMax || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return Key{}, fmt.Errorf("%w, of at most %d bytes in one line", ErrName, NameMax)
	}
	public, err := Public(file)
	if err != nil {
		return Key{}, err
	}
	list, err := k.List(ctx)
	if err != nil {
		return Key{}, err
	}
	if len(list) >= KeysMax {
		return Key{}, fmt.Errorf("%d keys are trusted, and no more are allowed", len(list))
	}
	key := Key{ID(public), name, public, k.now().UTC(), by}
	b, err := json.Marshal(key)
	if err != nil {
		return Key{}, err
	}
	old, err := k.store.Ref(ctx, ref(key.ID))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Key{}, fmt.Errorf("trust key: %w", err)
	}
	seen := old.Revision
	if err != nil {
		seen = 0
	}
	if _, err := k.store.SetRef(ctx, ref(key.ID), b, seen); err != nil {
		return Key{}, fmt.Errorf("trust key: %w", err)
	}
	return key, nil
}

// Distrust removes a key; store.ErrNotFound when there is none of this id.
func (k *Keys) Distrust(ctx context.Context, id string) error {
	if len(id) != idLength || store.CheckRef(ref(id)) != nil || strings.Contains(id, "/") {
		return fmt.Errorf("key %.40q: %w", id, store.ErrNotFound)
	}
	r, err := k.store.Ref(ctx, ref(id))
	if err == nil {
		err = k.store.RemoveRef(ctx, ref(id), r.Revision)
	}
	if err != nil {
		return fmt.Errorf("distrust key %s: %w", id, err)
	}
	return nil
}

// List returns the keys, in the order of their names.
func (k *Keys) List(ctx context.Context) ([]Key, error) {
	refs, err := k.store.Refs(ctx, "signkeys")
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	list := []Key{}
	for _, r := range refs {
		key, err := decode(r)
		if err != nil {
			return nil, err
		}
		list = append(list, key)
	}
	slices.SortFunc(list, func(a, b Key) int { return strings.Compare(a.Name+"\x00"+a.ID, b.Name+"\x00"+b.ID) })
	return list, nil
}

// decode reads a key, and holds it against its id: who can write to the store must not
// pass one key for another.
func decode(r store.Ref) (Key, error) {
	var key Key
	if err := json.Unmarshal(r.Value, &key); err != nil || len(key.Public) != ed25519.PublicKeySize || ID(key.Public) != key.ID || r.Name != ref(key.ID) {
		return Key{}, fmt.Errorf("read %s: %w", r.Name, store.ErrDamaged)
	}
	return key, nil
}

// Verify holds the text of a signature against an artifact, and returns the key that
// signed it: ErrUnsigned for no text, ErrUntrusted, ErrSignature. Nothing of the
// artifact but its digest is looked at.
func (k *Keys) Verify(ctx context.Context, artifact store.Digest, text string) (Key, error) {
	if strings.TrimSpace(text) == "" {
		return Key{}, ErrUnsigned
	}
	s, err := Parse(text)
	if err != nil {
		return Key{}, err
	}
	r, err := k.store.Ref(ctx, ref(s.Key))
	if errors.Is(err, store.ErrNotFound) {
		return Key{}, fmt.Errorf("%w %s", ErrUntrusted, s.Key)
	}
	if err != nil {
		return Key{}, fmt.Errorf("look up key: %w", err)
	}
	key, err := decode(r)
	if err != nil {
		return Key{}, err
	}
	if !ed25519.Verify(key.Public, Message(artifact), s.Bytes) {
		return Key{}, fmt.Errorf("%w: artifact %.12s, key %s (%s)", ErrSignature, artifact, key.ID, key.Name)
	}
	return key, nil
}

package signing

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/host/store/files"
)

var artifact = store.DigestOf([]byte("a module"))

func newKeys(t *testing.T) (*Keys, store.Store) {
	t.Helper()
	s, err := files.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return New(s, nil), s
}

func generate(t *testing.T) (private, public []byte) {
	t.Helper()
	private, public, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	return private, public
}

func sign(t *testing.T, private []byte, d store.Digest) Signature {
	t.Helper()
	key, err := Private(private)
	if err != nil {
		t.Fatal(err)
	}
	return Sign(key, d)
}

func TestVerify(t *testing.T) {
	keys, _ := newKeys(t)
	private, public := generate(t)
	s := sign(t, private, artifact)
	if _, err := keys.Verify(t.Context(), artifact, s.String()); !errors.Is(err, ErrUntrusted) {
		t.Errorf("before it is trusted: %v", err)
	}
	made, err := keys.Trust(t.Context(), "build", "ann", public)
	if err != nil || made.ID != s.Key {
		t.Fatalf("%+v, %v; want id %s", made, err, s.Key)
	}
	if got, err := keys.Verify(t.Context(), artifact, "\n"+s.String()+"\n"); err != nil || got.ID != made.ID || got.Name != "build" {
		t.Errorf("%+v, %v", got, err)
	}
	otherPrivate, otherPublic := generate(t)
	if _, err := keys.Trust(t.Context(), "other", "ann", otherPublic); err != nil {
		t.Fatal(err)
	}
	flipped := Signature{s.Key, bytes.Clone(s.Bytes)}
	flipped.Bytes[3] ^= 1
	for name, k := range map[string]struct {
		d    store.Digest
		text string
		want error
	}{
		"none": {artifact, " ", ErrUnsigned}, "of another artifact": {store.DigestOf(nil), s.String(), ErrSignature}, "flipped": {artifact, flipped.String(), ErrSignature},
		"by another key in its name": {artifact, Signature{s.Key, sign(t, otherPrivate, artifact).Bytes}.String(), ErrSignature},
		"rubbish":                    {artifact, "x", ErrSignature}, "cut": {artifact, s.String()[:40], ErrSignature}, "long": {artifact, strings.Repeat("a", textMax+1), ErrSignature}, "a path": {artifact, "../../../../../x" + s.String()[idLength:], ErrSignature},
	} {
		if _, err := keys.Verify(t.Context(), k.d, k.text); !errors.Is(err, k.want) {
			t.Errorf("%s: %v; want %v", name, err, k.want)
		}
	}
	if err := keys.Distrust(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Verify(t.Context(), artifact, s.String()); !errors.Is(err, ErrUntrusted) {
		t.Errorf("no longer trusted: %v", err)
	}
	if err := keys.Distrust(t.Context(), made.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
}

func TestTrust(t *testing.T) {
	keys, s := newKeys(t)
	private, public := generate(t)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&ec.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{
		"private": private, "empty": nil, "text": []byte("hello"), "two": append(bytes.Clone(public), public...), "large": make([]byte, FileMax+1), "cut": public[:40],
		"another kind": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
	} {
		if _, err := keys.Trust(t.Context(), "x", "ann", file); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "a\nb", strings.Repeat("x", NameMax+1)} {
		if _, err := keys.Trust(t.Context(), name, "ann", public); err == nil {
			t.Errorf("the name %q was taken", name)
		}
	}
	for _, name := range []string{"one", "two"} {
		if _, err := keys.Trust(t.Context(), name, "ann", public); err != nil {
			t.Fatal(err)
		}
	}
	list, err := keys.List(t.Context())
	if err != nil || len(list) != 1 || list[0].Name != "two" || list[0].By != "ann" {
		t.Fatalf("%+v, %v", list, err)
	}
	// A key that somebody has put in the place of another is told.
	r, err := s.Ref(t.Context(), ref(list[0].ID))
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Repeat("a", idLength)
	if _, err := s.SetRef(t.Context(), ref(other), r.Value, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Verify(t.Context(), artifact, Signature{other, sign(t, private, artifact).Bytes}.String()); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("in the place of another: %v", err)
	}
}

// TestOpenSSL has another program sign and verify.
func TestOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("there is no openssl here")
	}
	dir := t.TempDir()
	private, public := generate(t)
	file := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	openssl := func(args ...string) []byte {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "openssl", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("openssl %v: %v\n%s", args, err, out)
		}
		return out
	}
	s := sign(t, private, artifact)
	message, key, pub := file("message", Message(artifact)), file("key.pem", private), file("pub.pem", public)
	openssl("pkeyutl", "-verify", "-pubin", "-inkey", pub, "-rawin", "-in", message, "-sigfile", file("sig", s.Bytes))
	out := filepath.Join(dir, "theirs")
	openssl("pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", message, "-out", out)
	if theirs, err := os.ReadFile(out); err != nil || !bytes.Equal(theirs, s.Bytes) {
		t.Errorf("openssl signs %x, %v; want %x", theirs, err, s.Bytes)
	}
	openssl("genpkey", "-algorithm", "ed25519", "-out", key)
	theirKey, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	keys, _ := newKeys(t)
	if _, err := keys.Trust(t.Context(), "theirs", "ann", openssl("pkey", "-in", key, "-pubout")); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Verify(t.Context(), artifact, sign(t, theirKey, artifact).String()); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(strings.Repeat("a", idLength) + ":" + strings.Repeat("A", 86) + "==")
	f.Add("x:y")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(s.String()); err != nil || again.Key != s.Key || !bytes.Equal(again.Bytes, s.Bytes) {
			t.Errorf("%q comes back as %v, %v", text, again, err)
		}
	})
}

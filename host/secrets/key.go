package secrets

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// KeyVariable is the environment variable that may hold the key, in base64, in place of
// its file. More keys may follow, after commas: they open what they have sealed.
const KeyVariable = "GROW_SEAL_KEY"

// keyLine begins each line of a key's file; the key follows in base64. The first line's
// key seals, the others open what they have sealed.
const keyLine = "grow-seal/1 "

const (
	keysMax    = 8
	keyFileMax = 4 << 10 // bytes
)

// key is one of XChaCha20-Poly1305.
type key []byte

// id tells keys apart and gives nothing of them away.
func (k key) id() string {
	sum := sha256.Sum256(append([]byte(keyLine), k...))
	return hex.EncodeToString(sum[:8])
}

func draw(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		return nil, fmt.Errorf("draw %d random bytes: %w", n, err)
	}
	return b, nil
}

func newKey() (key, error) { return draw(chacha20poly1305.KeySize) }

// parseKeys reads keys in base64; ErrKey for what is none. No error says more of them
// than how many there are.
func parseKeys(texts []string) ([]key, error) {
	if len(texts) == 0 || len(texts) > keysMax {
		return nil, fmt.Errorf("%w: there are %d of 1 to %d keys", ErrKey, len(texts), keysMax)
	}
	var keys []key
	for i, text := range texts {
		k, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(text))
		if err != nil || len(k) != chacha20poly1305.KeySize {
			return nil, fmt.Errorf("%w: key %d is not %d bytes in base64", ErrKey, i+1, chacha20poly1305.KeySize)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// readKeys reads a key's file; fs.ErrNotExist when there is none.
func readKeys(name string) ([]key, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %04o", ErrPermission, filepath.Base(name), info.Mode().Perm())
	}
	b, err := io.ReadAll(io.LimitReader(f, keyFileMax))
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	var texts []string
	for line := range strings.Lines(string(b)) {
		text, ok := strings.CutPrefix(strings.TrimSpace(line), keyLine)
		if !ok {
			return nil, fmt.Errorf("%w: a line of %s does not begin with %q", ErrKey, filepath.Base(name), keyLine)
		}
		texts = append(texts, text)
	}
	return parseKeys(texts)
}

// writeKeys replaces a key's file.
func writeKeys(name string, keys []key) error {
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(keyLine + base64.StdEncoding.EncodeToString(k) + "\n")
	}
	return replaceFile(name, []byte(b.String()))
}

// replaceFile puts b where name is, so that after a crash the old or the new bytes are
// there. Only this user may read it.
func replaceFile(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), tempPrefix) // of mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(name))
}

// syncDir has a folder's names outlive a power cut.
func syncDir(name string) error {
	if runtime.GOOS == "windows" { // where a folder cannot be synced
		return nil
	}
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

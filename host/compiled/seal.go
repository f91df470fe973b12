package compiled

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A file is a head and an entry. The head is a mark of the format, random bytes,
// and a seal over the entry: GMAC (NIST SP 800-38D), under a key
// that HMAC-SHA-256 makes of the user's secret, the recipe, the entry's key and
// the random bytes. So an entry is worth nothing under another name, for another
// release, or in another user's cache.
const (
	mark      = "grow code 2\n"
	saltSize  = 32
	sealSize  = 16
	sealStart = len(mark) + saltSize
	headSize  = sealStart + sealSize
)

var (
	errFormat = errors.New("it is not whole, or of another format")
	errSeal   = errors.New("its seal is not of this user, or not of this entry")
)

// once is the nonce of seals: each key makes one.
var once = make([]byte, 12)

// sealer makes and checks the seal of one entry.
func (c *Cache) sealer(key [32]byte, salt []byte) (cipher.AEAD, error) {
	h := hmac.New(sha256.New, c.secret)
	for _, part := range [][]byte{[]byte(mark), []byte(c.o.Recipe), key[:], salt} {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(part)))) // a hash never fails
		h.Write(part)
	}
	block, err := aes.NewCipher(h.Sum(nil))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// head makes the head of an entry.
func (c *Cache) head(key [32]byte, entry []byte) ([]byte, error) {
	head := append(make([]byte, 0, headSize), mark...)
	head = head[:sealStart]
	if _, err := rand.Read(head[len(mark):]); err != nil {
		return nil, err
	}
	s, err := c.sealer(key, head[len(mark):])
	if err != nil {
		return nil, err
	}
	return s.Seal(head, once, nil, entry), nil
}

// unseal returns the entry of a file.
func (c *Cache) unseal(key [32]byte, file []byte) ([]byte, error) {
	if len(file) < headSize || string(file[:len(mark)]) != mark {
		return nil, errFormat
	}
	s, err := c.sealer(key, file[len(mark):sealStart])
	if err != nil {
		return nil, err
	}
	entry := file[headSize:]
	if _, err := s.Open(nil, once, file[sealStart:headSize], entry); err != nil {
		return nil, errSeal
	}
	return entry, nil
}

// What the permissions of others on a file must not include.
const (
	forMachine fs.FileMode = 0o022 // to write it
	forSecret  fs.FileMode = 0o077 // anything
)

// readOwn reads a regular file of at most so many bytes that belongs to this
// user and is not open to others, and says how long ago it was changed.
func readOwn(path string, most int64, closed fs.FileMode) (b []byte, age time.Duration, err error) {
	f, err := openFile(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, 0, errors.New("it is not a file")
	case !own(info):
		return nil, 0, errors.New("it belongs to another user")
	case open(info, closed):
		return nil, 0, fmt.Errorf("its mode is %v: others may have it", info.Mode().Perm())
	case info.Size() > most:
		return nil, 0, fmt.Errorf("it has %d bytes; at most %d are read", info.Size(), most)
	}
	b = make([]byte, info.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, 0, fmt.Errorf("read it: %w", err)
	}
	return b, time.Since(info.ModTime()), nil
}

const secretSize = 32 // bytes

// openSecret reads the secret, or makes one. One that others may have read, or
// that is no secret, is replaced: all that was sealed with it is then refused.
func openSecret(path string) ([]byte, error) {
	b, _, err := readOwn(path, secretSize, forSecret)
	if err == nil && len(b) == secretSize {
		return b, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	fresh, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(fresh.Name()) // it has another name then, or is of no use
	b = make([]byte, secretSize)
	if _, err := rand.Read(b); err != nil {
		return nil, errors.Join(err, fresh.Close())
	}
	_, err = fresh.Write(b)
	if err := errors.Join(err, fresh.Close()); err != nil {
		return nil, err
	}
	return adopt(fresh.Name(), path)
}

// adopt gives a fresh secret its name, unless another process was first.
func adopt(fresh, path string) ([]byte, error) {
	for range 2 {
		err := os.Link(fresh, path)
		b, _, readErr := readOwn(path, secretSize, forSecret)
		if readErr == nil && len(b) == secretSize {
			return b, nil
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			// A file system without links.
			if err := os.Rename(fresh, path); err != nil {
				return nil, err
			}
			continue
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	b, _, err := readOwn(path, secretSize, forSecret)
	if err == nil && len(b) != secretSize {
		err = fmt.Errorf("%s has %d bytes, not %d", path, len(b), secretSize)
	}
	return b, err
}

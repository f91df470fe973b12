package secrets

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// format1 begins an entry of version 1. After it come the length of the head in four
// bytes, big-endian; the head, in JSON; a nonce of 24 bytes; and the sealed content with
// its tag, XChaCha20-Poly1305 with all that precedes the nonce as associated data.
const format1 = "grow-secret/1\n"

// format2 begins the entry of a secret that was deleted; it is as format1 else. A reader of
// version 1, which knows of none, refuses it by name and does not take it for an empty value.
// Some were written as version 1, and are read all the same.
const format2 = "grow-secret/2\n"

// formatOf is what the entry of a head begins with.
func formatOf(h *head) string {
	if h.Gone.IsZero() {
		return format1
	}
	return format2
}

// head is what can be read of an entry without a key. The seal covers it.
type head struct {
	Namespace string    `json:"namespace"`
	Service   string    `json:"service"` // "": all of the namespace
	Name      string    `json:"name"`
	Set       time.Time `json:"set"`
	By        string    `json:"by"`
	Key       string    `json:"key"` // id of the key that sealed it
	// Gone is when it was deleted: its values are kept to be hidden; zero: it is there.
	Gone time.Time `json:"gone,omitzero"`
}

// content is what is sealed.
type content struct {
	Value   []byte   `json:"value"`
	Earlier [][]byte `json:"earlier,omitempty"` // the newest first
}

// fileOf is the name of an entry's file: it depends on whose secret it is alone, so an
// entry that lies under another name was moved there.
func fileOf(at Place, name string) string {
	sum := sha256.Sum256([]byte(at.Namespace + "\x00" + at.Service + "\x00" + name))
	return hex.EncodeToString(sum[:16])
}

// entry is one that was taken apart, not opened.
type entry struct {
	head
	covered       []byte // the associated data
	nonce, sealed []byte
}

// parse takes an entry's bytes apart: ErrFormat for another version, ErrTampered for
// what is no entry.
func parse(b []byte) (entry, error) {
	var e entry
	if len(b) > entryMax {
		return e, fmt.Errorf("%w: it has over %d bytes", ErrTampered, entryMax)
	}
	rest, ok := bytes.CutPrefix(b, []byte(format1))
	deleted := false
	if !ok {
		rest, deleted = bytes.CutPrefix(b, []byte(format2))
	}
	if !ok && !deleted {
		if bytes.HasPrefix(b, []byte("grow-secret/")) {
			return e, ErrFormat
		}
		return e, fmt.Errorf("%w: it is no entry", ErrTampered)
	}
	if len(rest) < 4 {
		return e, fmt.Errorf("%w: it was cut", ErrTampered)
	}
	n := uint64(binary.BigEndian.Uint32(rest))
	if rest = rest[4:]; n > headMax || n+chacha20poly1305.NonceSizeX+chacha20poly1305.Overhead > uint64(len(rest)) {
		return e, fmt.Errorf("%w: it was cut", ErrTampered)
	}
	if err := json.Unmarshal(rest[:n], &e.head); err != nil {
		return e, fmt.Errorf("%w: its head cannot be read", ErrTampered)
	}
	if deleted && e.Gone.IsZero() {
		return e, fmt.Errorf("%w: it was deleted, and does not say when", ErrTampered)
	}
	e.covered = b[:len(format1)+4+int(n)] // format2 is as long
	e.nonce, e.sealed = rest[n:n+chacha20poly1305.NonceSizeX], rest[n+chacha20poly1305.NonceSizeX:]
	return e, nil
}

// seal writes an entry with a key.
func seal(h *head, c *content, k key) ([]byte, error) { return sealAs(formatOf(h), h, c, k) }

func sealAs(format string, h *head, c *content, k key) ([]byte, error) {
	h.Key = k.id()
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if len(text) > headMax {
		return nil, fmt.Errorf("%w: %d bytes say whose it is; at most %d are allowed", ErrTooLarge, len(text), headMax)
	}
	plain, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	b := binary.BigEndian.AppendUint32([]byte(format), uint32(len(text)))
	b = append(b, text...)
	covered := len(b)
	nonce, err := draw(chacha20poly1305.NonceSizeX)
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(k)
	if err != nil {
		return nil, err
	}
	return aead.Seal(append(b, nonce...), nonce, plain, b[:covered]), nil
}

// open opens an entry with one of the keys: ErrForeign when it was sealed with none of
// them, ErrTampered when its seal does not fit.
func (e *entry) open(keys []key) (content, error) {
	for _, k := range keys {
		if k.id() != e.Key {
			continue
		}
		aead, err := chacha20poly1305.NewX(k)
		if err != nil {
			return content{}, err
		}
		plain, err := aead.Open(nil, e.nonce, e.sealed, e.covered)
		var c content
		if err != nil || json.Unmarshal(plain, &c) != nil {
			return content{}, fmt.Errorf("%w: its seal does not fit", ErrTampered)
		}
		return c, nil
	}
	return content{}, fmt.Errorf("%w: %.16q", ErrForeign, e.Key)
}

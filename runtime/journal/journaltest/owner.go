package journaltest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
)

func digestOf(data string) string {
	sum := sha256.Sum256([]byte(data))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// record is a real record with one entry.
func record(epoch uint64, id string) string {
	var w journal.Writer
	w.Reset(epoch)
	w.Add(&journal.Accepted{ID: id})
	return string(w.Bytes())
}

// entries lists what Begin visits, as kind and id.
func entries(t *testing.T, seq uint64, r journal.Record) (list []string) {
	t.Helper()
	var c journal.Cursor
	c.Reset(r)
	for {
		e, err := c.Next()
		if err != nil {
			return list
		}
		switch e := e.(type) {
		case *journal.Epoch:
			list = append(list, fmt.Sprintf("%d:epoch %d %s", seq, e.Number, e.Owner))
		case *journal.Accepted:
			list = append(list, fmt.Sprintf("%d:%s", seq, e.ID))
		default:
			t.Errorf("record %d holds a %T", seq, e)
		}
	}
}

// takeOver begins an epoch and returns it with what lay there.
func takeOver(t *testing.T, j journal.Journal, owner string, from uint64) (uint64, []string) {
	t.Helper()
	var list []string
	epoch, err := journal.Begin(t.Context(), j, owner, from, func(seq uint64, r journal.Record) error {
		list = append(list, entries(t, seq, r)...)
		return nil
	})
	if err != nil {
		t.Fatalf("%s begins: %v", owner, err)
	}
	return epoch, list
}

func anotherOwner(t *testing.T, s journal.Store, _ *Clock) {
	j := journalOf(t, s, name)
	a, _ := takeOver(t, j, "a", 1)
	mustAdd(t, j, a, record(a, "one"))
	b, seen := takeOver(t, j, "b", 1)
	same(t, "what b sees", seen, []string{"1:epoch 1 a", "2:one"})
	if _, err := add(t, j, record(a, "late"), 2); !errors.Is(err, journal.ErrFenced) {
		t.Fatalf("the first owner after the second began: %v, want ErrFenced", err)
	}
	mustAdd(t, j, b, record(b, "two"))
	_, seen = takeOver(t, j, "c", 3)
	same(t, "what c sees", seen, []string{"3:epoch 3 b", "4:two"})
}

func begin(t *testing.T, s journal.Store, _ *Clock) {
	j := journalOf(t, s, name)
	epoch, seen := takeOver(t, j, "a", 1)
	same(t, "epoch and content of a new journal", []any{epoch, len(seen)}, []any{1, 0})
	none := func(uint64, journal.Record) error { return nil }
	if _, err := journal.Begin(t.Context(), j, "a", 3, none); !errors.Is(err, journal.ErrShort) {
		t.Fatalf("begin after a record that is not there: %v, want ErrShort", err)
	}
	stop := errors.New("stop")
	if _, err := journal.Begin(t.Context(), j, "a", 1, func(uint64, journal.Record) error { return stop }); !errors.Is(err, stop) {
		t.Fatalf("a visit's error ends it: %v", err)
	}
	good := record(epoch, "good")
	bad := []byte(record(epoch, "bad"))
	bad[len(bad)-1] ^= 1
	mustAdd(t, j, epoch, good, string(bad), good)
	var damaged *journal.Damaged
	_, err := journal.Begin(t.Context(), j, "b", 1, none)
	if !errors.Is(err, journal.ErrDamaged) || !errors.As(err, &damaged) || damaged.Seq != 3 {
		t.Fatalf("a record with a wrong bit: %v, want ErrDamaged of record 3", err)
	}
	foreign := []byte(good)
	foreign[4] = 99
	mustAdd(t, j, 4, string(foreign))
	_, err = journal.Begin(t.Context(), j, "b", 5, none)
	if !errors.Is(err, journal.ErrFormat) || !errors.As(err, &damaged) || damaged.Seq != 5 {
		t.Fatalf("a record of another version: %v, want ErrFormat of record 5", err)
	}
	if err := j.Trim(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if _, err = journal.Begin(t.Context(), j, "b", 1, none); !errors.Is(err, journal.ErrTrimmed) {
		t.Fatalf("begin before the first record: %v, want ErrTrimmed", err)
	}
}

func blobsApart(t *testing.T, s journal.Store, _ *Clock) {
	a := journalOf(t, s, name)
	b := journalOf(t, s, journal.Name{Namespace: name.Namespace, Service: name.Service, Number: 1})
	digest, err := a.PutBlob(t.Context(), []byte("a"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "digest", digest, digestOf("a"))
	for _, missing := range []string{digest, "", "sha256:", "md5:00", digest + "0", "sha256:>", "sha256:*"} {
		if _, err := b.Blob(t.Context(), missing); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("blob %q of another journal: %v, want ErrNotFound", missing, err)
		}
	}
	if err := b.DeleteBlob(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	if back, err := a.Blob(t.Context(), digest); err != nil || string(back) != "a" {
		t.Fatalf("blob after another journal's was deleted: %q, %v", back, err)
	}
}

// blobsAndTrim trims records and the blobs that only they refer to.
func blobsAndTrim(t *testing.T, s journal.Store, _ *Clock) {
	j := journalOf(t, s, name)
	var digests []string
	for i := range uint64(6) {
		digest, err := j.PutBlob(t.Context(), bytes.Repeat([]byte{byte(i)}, 600<<10))
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, digest)
		mustAdd(t, j, i, digest)
	}
	if err := j.Trim(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	for _, d := range digests[:3] {
		if err := j.DeleteBlob(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	for i, d := range digests {
		b, err := j.Blob(t.Context(), d)
		if gone := i < 3; gone != errors.Is(err, journal.ErrNotFound) || !gone && (len(b) != 600<<10 || b[0] != byte(i)) {
			t.Errorf("blob %d after records below 4 were trimmed: %d bytes, %v", i+1, len(b), err)
		}
	}
	if again, err := j.PutBlob(t.Context(), bytes.Repeat([]byte{0}, 600<<10)); err != nil || again != digests[0] {
		t.Fatalf("put again what was deleted: %s, %v", again, err)
	}
	if b, err := j.Blob(t.Context(), digests[0]); err != nil || len(b) != 600<<10 {
		t.Fatalf("blob that was put again: %d bytes, %v", len(b), err)
	}
}

func limits(t *testing.T, s journal.Store, _ *Clock) {
	j := journalOf(t, s, name)
	if _, err := j.PutBlob(t.Context(), make([]byte, journal.BlobMax+1)); !errors.Is(err, journal.ErrTooLarge) {
		t.Errorf("a blob of BlobMax+1 bytes: %v, want ErrTooLarge", err)
	}
	if _, err := j.SetSnapshot(t.Context(), make([]byte, journal.PointerMax+1), 0); !errors.Is(err, journal.ErrTooLarge) {
		t.Errorf("a pointer of PointerMax+1 bytes: %v, want ErrTooLarge", err)
	}
	if _, err := j.SetSnapshot(t.Context(), make([]byte, journal.PointerMax), 0); err != nil {
		t.Errorf("a pointer of PointerMax bytes: %v", err)
	}
	if err := s.Health(); err != nil {
		t.Errorf("health: %v", err)
	}
}

// ended: under a context that has ended, a call does what it says or says that
// the context has ended, and the journal goes on.
func ended(t *testing.T, s journal.Store, clock *Clock) {
	j := journalOf(t, s, name)
	mustAdd(t, j, 0, "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, opened := s.Open(ctx, journal.Name{Namespace: "main", Service: "other"})
	_, _, bound := j.Bounds(ctx)
	_, put := j.PutBlob(ctx, []byte("x"))
	_, blob := j.Blob(ctx, digestOf("x"))
	_, _, pointer := j.Snapshot(ctx)
	_, set := j.SetSnapshot(ctx, []byte("p"), 0)
	_, lease := j.Acquire(ctx, "a", clock.span(time.Minute))
	for what, err := range map[string]error{
		"open": opened, "bounds": bound, "put blob": put, "blob": blob, "snapshot": pointer, "set snapshot": set, "acquire": lease, "trim": j.Trim(ctx, 1), "delete blob": j.DeleteBlob(ctx, digestOf("x")),
	} {
		if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("%s under a context that has ended: %v", what, err)
		}
	}
	if err := s.Health(); err != nil {
		t.Errorf("health: %v", err)
	}
	mustAdd(t, j, 1, "b")
	same(t, "records", all(t, j, 1), []string{"1:a", "2:b"})
}

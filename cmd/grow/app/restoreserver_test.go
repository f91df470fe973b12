package app

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/archive"
	"github.com/grow-platform/grow/runtime/journal/nats"
	"github.com/nats-io/nats-server/v2/server"
)

// TestRestoreServerRepeated: a restore onto a server that was broken off at any moment is repeated by
// the same command. What it left is removed, or gone on with where all of it is there; what others have on the
// server stays.
func TestRestoreServerRepeated(t *testing.T) {
	o := echoes(t)
	live(t, o)
	carts := bucket.Name{Namespace: "main", Service: "echoes", Bucket: "carts"}
	withBucket(t, nats.Options{Dir: JournalDir(o.Dir)}, carts)
	from := archive.Folder(filepath.Join(t.TempDir(), "backup"))
	if err := (Journal{}).Backup(t.Context(), o.Dir, "echoes", from, control.BackupRequest{}, nil, nil); err != nil {
		t.Fatal(err)
	}
	kept, err := archive.Open(t.Context(), from, nil)
	if err != nil {
		t.Fatal(err)
	}
	const id = "BROKEN"
	var made map[string]time.Time
	whole := func(f *filler, in *nats.Store) (err error) {
		if err = f.fill(in); err == nil {
			made, err = in.Made(t.Context(), id)
		}
		return err
	}
	for what, c := range map[string]struct {
		filled bool
		do     func(f *filler, in *nats.Store) error
	}{
		"before anything": {false, func(*filler, *nats.Store) error { return nil }},
		"in its buckets":  {false, func(f *filler, in *nats.Store) error { return f.buckets(in) }},
		"in its journal": {false, func(f *filler, in *nats.Store) error {
			_, _, err := in.Make(t.Context(), f.name(), 1)
			return errors.Join(f.buckets(in), err)
		}},
		"before that was noted": {false, func(f *filler, in *nats.Store) error { return f.fill(in) }},
		"before it was settled": {true, whole},
		"after that": {true, func(f *filler, in *nats.Store) error {
			return errors.Join(whole(f, in), in.Settle(t.Context(), id, made))
		}},
		"by an earlier version": {true, func(f *filler, in *nats.Store) error { return errors.Join(f.fill(in), in.Settle(t.Context(), id, nil)) }},
	} {
		t.Run(what, func(t *testing.T) {
			j := Journal{At: keeper(t, func(*server.Options) {}).ClientURL()}
			other := bucket.Name{Namespace: "main", Service: "other", Bucket: "carts"}
			withBucket(t, j.options(""), other)
			dir := t.TempDir()
			made = nil
			at := j.options("")
			at.Restore = id
			in, err := nats.Open(t.Context(), at)
			if err == nil {
				err = errors.Join(c.do(&filler{ctx: t.Context(), kept: kept}, in), writeNote(StateDir(dir), note{ID: id, Backup: kept.Digest, Filled: c.filled, Streams: made}), in.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
			for again := range 2 { // the second has nothing to repeat
				r, err := j.Restore(t.Context(), from, dir, RestoreOptions{})
				if again == 0 && (err != nil || r.Buckets != 1) {
					t.Fatalf("%+v, %v", r, err)
				}
				if e := (*Error)(nil); again == 1 && (!errors.As(err, &e) || e.Code != CodeRestoreTarget) {
					t.Errorf("over what is there: %v", err)
				}
			}
			if err := finished(StateDir(dir)); err != nil {
				t.Error(err)
			}
			in, err = nats.Open(t.Context(), j.options(""))
			if err != nil {
				t.Fatal(err)
			}
			left, err := in.Unsettled(t.Context())
			list, listErr := in.Holds(t.Context())
			if err != nil || listErr != nil || len(left) > 0 || !slices.Contains(list, nats.BucketStream(bucket.Carried{Kind: bucket.Values, Name: other})) {
				t.Errorf("there are %v, of which %v are marked; %v, %v", list, left, err, listErr)
			}
			if err := in.Close(); err != nil {
				t.Fatal(err)
			}
			withBucket(t, j.options(""), carts) // holds that it has its value
			again := o
			again.Journal, again.Dir = j, o.Dir
			live(t, again)
		})
	}
}

// withBucket writes a value to a bucket, unless one is there that is the same.
func withBucket(t *testing.T, o nats.Options, n bucket.Name) {
	t.Helper()
	s, err := nats.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Bucket(t.Context(), n)
	if err == nil {
		var e bucket.Entry
		if e, err = b.Get(t.Context(), "k"); errors.Is(err, bucket.ErrNotFound) {
			_, err = b.Write(t.Context(), &bucket.Write{Key: "k", Data: []byte(n.String())})
		} else if string(e.Data) != n.String() {
			t.Errorf("bucket %s holds %q", n, e.Data)
		}
	}
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestRestoreServerElsewhere: what a restore has left of which another folder knows is in the way
// until somebody says that it is to go; nobody uses it meanwhile.
func TestRestoreServerElsewhere(t *testing.T) {
	o := echoes(t)
	live(t, o)
	from := archive.Folder(filepath.Join(t.TempDir(), "backup"))
	if err := (Journal{}).Backup(t.Context(), o.Dir, "echoes", from, control.BackupRequest{}, nil, nil); err != nil {
		t.Fatal(err)
	}
	j := Journal{At: keeper(t, func(*server.Options) {}).ClientURL()}
	at := j.options("")
	at.Restore = "ELSEWHERE"
	in, err := nats.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	name := mainJournal("echoes")
	if _, done, err := in.Make(t.Context(), name, 1); err != nil || done(t.Context()) != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if in, err = nats.Open(t.Context(), j.options("")); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Open(t.Context(), name); !errors.Is(err, journal.ErrDamaged) || !strings.Contains(err.Error(), "restore") {
		t.Errorf("what is not whole can be opened: %v", err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	var e *Error
	if _, err := j.Restore(t.Context(), from, t.TempDir(), RestoreOptions{}); !errors.As(err, &e) || e.Code != CodeRestoreTarget || !strings.Contains(e.Hint, "--replace") {
		t.Errorf("in the way: %v", err)
	}
	if _, err := j.Restore(t.Context(), from, t.TempDir(), RestoreOptions{Replace: true}); err != nil {
		t.Errorf("when it is to go: %v", err)
	}
}

// marked makes what a restore of some name leaves on a server when it is broken off: the journals of services.
func marked(t *testing.T, j Journal, id string, services ...string) (made map[string]time.Time) {
	t.Helper()
	at := j.options("")
	at.Restore = id
	in, err := nats.Open(t.Context(), at)
	for _, s := range services {
		var done func(context.Context) error
		if err == nil {
			_, done, err = in.Make(t.Context(), mainJournal(s), 1)
		}
		if err == nil {
			err = done(t.Context())
		}
	}
	if err == nil {
		made, err = in.Made(t.Context(), id)
	}
	if err == nil {
		err = in.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestRestoreServerOthers: a restore removes nothing of others when it is refused, and nothing that a
// restore under way has made which makes other things, too.
func TestRestoreServerOthers(t *testing.T) {
	o := echoes(t)
	live(t, o)
	carts := bucket.Name{Namespace: "main", Service: "echoes", Bucket: "carts"}
	withBucket(t, nats.Options{Dir: JournalDir(o.Dir)}, carts)
	from := archive.Folder(filepath.Join(t.TempDir(), "backup"))
	if err := (Journal{}).Backup(t.Context(), o.Dir, "echoes", from, control.BackupRequest{}, nil, nil); err != nil {
		t.Fatal(err)
	}
	p := newPlatform(t)
	all, _ := furnish(t, p)
	host, err := backedUpTo(t, p, all, control.HostBackupRequest{})
	if err != nil {
		t.Fatal(err)
	}
	j := Journal{At: keeper(t, func(*server.Options) {}).ClientURL()}
	service := func() error {
		_, err := j.Restore(t.Context(), from, t.TempDir(), RestoreOptions{Replace: true})
		return err
	}
	refused := func(what string, err error, id string, made map[string]time.Time) {
		t.Helper()
		if e := (*Error)(nil); !errors.As(err, &e) || e.Code != CodeRestoreTarget {
			t.Errorf("%s: %v", what, err)
		}
		in, err := nats.Open(t.Context(), j.options(""))
		if err != nil {
			t.Fatal(err)
		}
		there, err := in.Made(t.Context(), id)
		if err = errors.Join(err, in.Close()); err != nil || !maps.Equal(there, made) {
			t.Errorf("%s: %v stays of %v, %v", what, there, made, err)
		}
	}
	both := marked(t, j, "HOST", "echoes", "another")
	refused("what is part of something else", service(), "HOST", both)
	in, err := nats.Open(t.Context(), j.options(""))
	if err == nil {
		err = errors.Join(in.Forget(t.Context(), "HOST"), in.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	withBucket(t, j.options(""), carts)
	one := marked(t, j, "SERVICE", "echoes")
	refused("a bucket is there", service(), "SERVICE", one)
	_, err = j.RestoreHost(t.Context(), host, t.TempDir(), RestoreOptions{Replace: true})
	refused("a server in use", err, "SERVICE", one)
}

// TestRestoreServerTaken: a restore that was broken off when all of it was there, and whose streams somebody
// has removed since, does not pass for one that has ended: it is begun anew when that is asked for.
func TestRestoreServerTaken(t *testing.T) {
	o := echoes(t)
	live(t, o)
	from := archive.Folder(filepath.Join(t.TempDir(), "backup"))
	if err := (Journal{}).Backup(t.Context(), o.Dir, "echoes", from, control.BackupRequest{}, nil, nil); err != nil {
		t.Fatal(err)
	}
	kept, err := archive.Open(t.Context(), from, nil)
	if err != nil {
		t.Fatal(err)
	}
	for what, again := range map[string]string{"gone": "", "another restore's": "OTHER"} {
		t.Run(what, func(t *testing.T) {
			j := Journal{At: keeper(t, func(*server.Options) {}).ClientURL()}
			dir := t.TempDir()
			const id = "BROKEN"
			made := marked(t, j, id, "echoes")
			in, err := nats.Open(t.Context(), j.options(""))
			if err == nil {
				err = errors.Join(writeNote(StateDir(dir), note{ID: id, Backup: kept.Digest, Filled: true, Streams: made}), in.Forget(t.Context(), id))
			}
			if err == nil && again != "" {
				other := marked(t, j, again, "echoes")
				err = in.Settle(t.Context(), again, other)
			}
			if err = errors.Join(err, in.Close()); err != nil {
				t.Fatal(err)
			}
			var e *Error
			if _, err := (Journal{}).Restore(t.Context(), from, dir, RestoreOptions{Replace: true}); !errors.As(err, &e) || e.Code != CodeRestoreUnfinished || !strings.Contains(e.Hint, "--journal") || finished(StateDir(dir)) == nil {
				t.Errorf("into the folder: %v", err)
			}
			if _, err := j.Restore(t.Context(), from, dir, RestoreOptions{}); !errors.As(err, &e) || e.Code != CodeRestoreUnfinished || !strings.Contains(e.Hint, "--replace") {
				t.Errorf("it passes for one that has ended: %v", err)
			}
			_, err = j.Restore(t.Context(), from, dir, RestoreOptions{Replace: true})
			if again == "" && err != nil || again != "" && (!errors.As(err, &e) || e.Code != CodeRestoreTarget) {
				t.Errorf("anew: %v", err)
			}
			if err := finished(StateDir(dir)); err != nil {
				t.Error(err)
			}
		})
	}
}

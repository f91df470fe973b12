package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/grow-platform/grow/runtime/journal/nats"
)

// note says in the folder of a host how far a restore has come that did not end yet. It is
// empty for one that is into the folder alone.
type note struct {
	ID     string `json:"id,omitempty"`     // by which what it makes on a server is marked
	Backup string `json:"backup,omitempty"` // digest of its manifest
	Filled bool   `json:"filled,omitempty"` // all of it is on the server
}

// readNote reads the note in a folder, if one is there.
func readNote(state string) (n note, there bool, err error) {
	b, err := readSmall(filepath.Join(state, unfinishedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return n, false, nil
	}
	if err == nil && len(b) > 0 { // others are of an earlier version
		err = json.Unmarshal(b, &n)
	}
	if err != nil {
		err = fmt.Errorf("read what is known of a restore that was broken off: %w", err)
	}
	return n, true, err
}

// writeNote writes a note, whole or not at all.
func writeNote(state string, n note) error {
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return err
	}
	fresh := filepath.Join(state, unfinishedFile+".new")
	if err := writeSynced(fresh, b); err != nil {
		return err
	}
	return errors.Join(os.Rename(fresh, filepath.Join(state, unfinishedFile)), syncFolder(state))
}

// removeNote removes a note, if one is there.
func removeNote(state string) error {
	err := os.Remove(filepath.Join(state, unfinishedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, syncFolder(state))
}

// serverRestore is a restore onto servers, which can be repeated: what it makes is marked, and
// nobody else uses it, until all of it is there. It belongs to one goroutine.
type serverRestore struct {
	journal Journal
	state   string // folder of the note
	dir     string
	backup  string // digest of the manifest
	replace bool   // what a restore left that is not known in the folder goes, too
	log     *slog.Logger
	// mine reports whether a stream is one that is to be made.
	mine func(stream string) bool
	// free fails when what is to be made is there already; fill makes it.
	free func(ctx context.Context, in *nats.Store) error
	fill func(ctx context.Context, in *nats.Store, id string) error
	// left is set while something of it may be on the server.
	left bool
}

// undoMax is how long what a restore has made may take to be removed when it fails.
const undoMax = 2 * time.Minute

// run makes it. When it fails and nothing of it is on the server, the folder says nothing of it.
func (r *serverRestore) run(ctx context.Context) error {
	n, noted, err := readNote(r.state)
	if err != nil {
		return err
	}
	r.left = n.ID != ""
	err = r.from(ctx, n)
	if err != nil && !r.left && (n.ID != "" || !noted) {
		err = errors.Join(err, removeNote(r.state))
	}
	return err
}

// from goes on from what is noted.
func (r *serverRestore) from(ctx context.Context, n note) (err error) {
	if n.Filled && n.Backup != r.backup {
		return &Error{Code: CodeRestoreUnfinished, At: r.state, Err: errors.New("restore: that of another backup was broken off when all of it was on the server"), Hint: "end that one first: grow restore with the backup that it was of, and --replace"}
	}
	id := n.ID
	if !n.Filled {
		id = newRestoreID()
	}
	o := r.journal.options(r.dir)
	o.Log, o.Restore = r.log, id
	in, err := nats.Open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	if !n.Filled {
		if err := r.make(ctx, in, n.ID, id); err != nil {
			return err
		}
	}
	return in.Settle(ctx, id)
}

// make removes what a try before has left, and makes all of it anew.
func (r *serverRestore) make(ctx context.Context, in *nats.Store, old, id string) error {
	if old != "" {
		if err := in.Forget(ctx, old); err != nil {
			return err
		}
		r.left = false
	}
	if err := r.clear(ctx, in); err != nil {
		return err
	}
	if err := r.free(ctx, in); err != nil {
		return err
	}
	if err := writeNote(r.state, note{ID: id, Backup: r.backup}); err != nil {
		return diskFault(err)
	}
	r.left = true
	err := r.fill(ctx, in, id)
	if err == nil {
		return diskFault(writeNote(r.state, note{ID: id, Backup: r.backup, Filled: true}))
	}
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoMax)
	defer cancel()
	undoErr := in.Forget(undo, id)
	r.left = undoErr != nil
	return errors.Join(err, undoErr)
}

// clear removes what restores have left, of which nobody knows here, where it is in the way.
func (r *serverRestore) clear(ctx context.Context, in *nats.Store) error {
	left, err := in.Unsettled(ctx)
	if err != nil {
		return err
	}
	for id, streams := range left {
		i := slices.IndexFunc(streams, r.mine)
		if i < 0 {
			continue
		}
		if !r.replace {
			return &Error{
				Code: CodeRestoreTarget, At: streams[i], Err: fmt.Errorf("restore: %d streams at %s, such as %s, are of a restore that was broken off, or is under way from another folder", len(streams), r.journal.place(r.dir), streams[i]),
				Hint: "repeat it from its folder; or, when none is under way, have what it left removed: grow restore --replace",
			}
		}
		if err := in.Forget(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// newRestoreID names a restore.
func newRestoreID() string { return rand.Text() }

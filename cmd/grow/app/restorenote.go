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

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/nats"
)

// note says in the folder of a host how far a restore has come that did not end yet. It is
// empty for one that is into the folder alone.
type note struct {
	ID     string `json:"id,omitempty"`     // by which what it makes on a server is marked
	Backup string `json:"backup,omitempty"` // digest of its manifest
	Filled bool   `json:"filled,omitempty"` // all of it is on the server
	// Streams are what it has made on the server, and when, once that is all; one of an earlier
	// version does not tell.
	Streams map[string]time.Time `json:"streams,omitempty"`
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

// here fails when what is noted in a folder is a restore onto a server, which one into the folder does not end.
func (n note) here(state string) error {
	if n.ID == "" {
		return nil
	}
	return &Error{Code: CodeRestoreUnfinished, At: state, Err: errors.New("restore: one with a journal on a server was broken off here"), Hint: "repeat that one: grow restore BACKUP FOLDER --journal …"}
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
	// free fails when what is to be made is among the streams that are in use; fill makes it.
	free func(streams []string) error
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
	if n.Filled {
		err := in.Settle(ctx, id, n.Streams)
		if !errors.Is(err, journal.ErrNotFound) {
			return err
		}
		if !r.replace {
			return &Error{Code: CodeRestoreUnfinished, At: r.state, Err: fmt.Errorf("restore: all of it was on the server when it was broken off, and somebody has removed it since, or a part: %w", err), Hint: "begin it anew: the same command, and --replace"}
		}
	}
	made, err := r.make(ctx, in, n.ID, id)
	if err != nil {
		return err
	}
	return in.Settle(ctx, id, made)
}

// make removes what a try before has left, and makes all of it anew. It returns which streams.
func (r *serverRestore) make(ctx context.Context, in *nats.Store, old, id string) (made map[string]time.Time, err error) {
	if old != "" {
		if err := in.Forget(ctx, old); err != nil {
			return nil, err
		}
		r.left = false
	}
	held, err := in.Holds(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.free(held); err != nil { // before something that is of others is removed
		return nil, err
	}
	if err := r.clear(ctx, in); err != nil {
		return nil, err
	}
	if err := writeNote(r.state, note{ID: id, Backup: r.backup}); err != nil {
		return nil, diskFault(err)
	}
	r.left = true
	err = r.fill(ctx, in, id)
	if err == nil {
		made, err = in.Made(ctx, id)
	}
	if err == nil {
		return made, diskFault(writeNote(r.state, note{ID: id, Backup: r.backup, Filled: true, Streams: made}))
	}
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoMax)
	defer cancel()
	undoErr := in.Forget(undo, id)
	r.left = undoErr != nil
	return nil, errors.Join(err, undoErr)
}

// clear removes what restores have left, of which nobody knows here, where it is in the way. Of
// one that has made something else, too, which may be all of another host, it removes nothing.
func (r *serverRestore) clear(ctx context.Context, in *nats.Store) error {
	left, err := in.Unsettled(ctx)
	if err != nil {
		return err
	}
	var ids []string
	for id, streams := range left {
		i := slices.IndexFunc(streams, r.mine)
		if i < 0 {
			continue
		}
		target := &Error{Code: CodeRestoreTarget, At: streams[i], Err: fmt.Errorf("restore: %d streams at %s, such as %s, are of a restore that was broken off, or is under way from another folder", len(streams), r.journal.place(r.dir), streams[i])}
		if !r.replace {
			target.Hint = "repeat it from its folder; or, when none is under way, have what it left removed: grow restore --replace"
			return target
		}
		if i := slices.IndexFunc(streams, func(s string) bool { return !r.mine(s) }); i >= 0 {
			target.Err = fmt.Errorf("%w; it has made %s, too, which this one does not", target.Err, streams[i])
			target.Hint = "repeat it from its folder, with its backup; or, when none is under way, delete these streams on the server, whose metadata has " + nats.RestoreMark + "=" + id
			return target
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		if err := in.Forget(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// newRestoreID names a restore.
func newRestoreID() string { return rand.Text() }

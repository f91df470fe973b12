package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/host/audit"
	"github.com/grow-platform/grow/host/capabilities/sql"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/secrets"
	"github.com/grow-platform/grow/host/store/files"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/archive"
)

// TestBackupKey: the key of sealed secrets is given to the owner of the folder alone, in whose
// folder it lies; to nobody through the control API, and to nobody who did not ask for it. Sealed
// secrets, which are those of all services of the host, are given to who may see all of them.
func TestBackupKey(t *testing.T) {
	h := serve(t, "")
	h.opts.Journal, h.opts.Own = Journal{}, t.TempDir() // as one with a folder of its own
	dir := filepath.Join(h.opts.Own, secretsDir)
	h.opts.Sealed = dir
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	entry := strings.Repeat("0", 32)
	for _, name := range []string{secrets.KeyFile, entry, ".new-1"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("what is in "+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	backup := func(ctx context.Context, r control.BackupRequest) (all string, err error) {
		err = backend{h}.Backup(ctx, r, func(p control.BackupPart) error {
			all += string(p.Data)
			return nil
		})
		return all, err
	}
	var fault *control.Error
	if all, err := backup(t.Context(), control.BackupRequest{}); err != nil || strings.Contains(all, "what is in") {
		t.Errorf("for who may see one namespace: %v in %q", err, all)
	}
	if all, err := backup(control.WithAll(t.Context()), control.BackupRequest{Key: true}); !errors.As(err, &fault) || fault.Code != CodeBackupKey || fault.Next == "" || all != "" {
		t.Errorf("from elsewhere: %v, %d bytes", err, len(all))
	}
	everything := control.WithAll(t.Context())
	owner := context.WithValue(everything, ownerOf{}, true)
	for key, ctx := range map[bool]context.Context{false: everything, true: owner} {
		all, err := backup(ctx, control.BackupRequest{Key: key})
		if err != nil || !strings.Contains(all, "what is in "+entry) || strings.Contains(all, "what is in .new") || strings.Contains(all, "what is in "+secrets.KeyFile) != key {
			t.Errorf("key %v: %v in %q", key, err, all)
		}
	}
}

// TestBackupSecrets: who may see one namespace is given, sealed, the secrets that the service has: its
// own and those of all services of its namespace. No other's, in whatever file they lie.
func TestBackupSecrets(t *testing.T) {
	h := serve(t, "")
	service := h.opts.Service.Name
	for _, own := range []string{"", t.TempDir()} { // of a host with many services, or with one of its own
		dir := t.TempDir()
		h.opts.Journal, h.opts.Own, h.opts.Sealed = Journal{}, own, dir
		sealed, err := secrets.Open(dir, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		has := map[string]bool{} // files, and whether they are the service's
		for i, c := range []struct {
			at  secrets.Place
			its bool
		}{
			{secrets.Place{Namespace: "main", Service: service}, true}, {secrets.Place{Namespace: "main"}, true},
			{secrets.Place{Namespace: "main", Service: "other"}, false}, {secrets.Place{Namespace: "lab", Service: service}, false}, {secrets.Place{Namespace: "lab"}, false},
		} {
			if _, err := sealed.Set(c.at, fmt.Sprintf("KEY_%d", i), []byte("canary"), "ann"); err != nil {
				t.Fatal(err)
			}
			list, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list {
				if _, known := has[e.Name()]; !known && e.Name() != secrets.KeyFile {
					has[e.Name()] = c.its
				}
			}
		}
		moved := strings.Repeat("f", 32) // says that it is the service's, and lies in the place of another
		for file, its := range has {
			b, err := os.ReadFile(filepath.Join(dir, file))
			if err == nil && its {
				err = os.WriteFile(filepath.Join(dir, moved), b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		has[moved] = false
		to := archive.Folder(filepath.Join(t.TempDir(), "backup"))
		if err := (backend{h}).Backup(t.Context(), control.BackupRequest{}, filed(t, to)); err != nil {
			t.Fatal(err)
		}
		kept, err := archive.Open(t.Context(), to, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, p := range kept.PartsOf(partSecret) {
			got[p.Name] = true
		}
		for file, its := range has {
			if got[file] != its {
				t.Errorf("own %q: %s is in the backup: %v, want %v", own, file, got[file], its)
			}
		}
		if len(kept.PartsOf(PartKey)) > 0 {
			t.Errorf("own %q: the key is in the backup", own)
		}
	}
}

// acts are entries as a test compares them.
func acts(t *testing.T, dir, namespace string) (all []string) {
	t.Helper()
	list, err := audit.New(dir, nil).List(audit.Filter{Namespace: namespace})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		text := e.Act + " " + e.Namespace + "/" + e.Service + " " + e.Name
		if !e.Restored.IsZero() {
			text += " restored"
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

// actsOf notes something for each of some places, as a host does.
func actsOf(t *testing.T, log *audit.Log, places ...secrets.Place) {
	t.Helper()
	for _, at := range places {
		if err := log.Append(audit.Entry{Act: audit.Set, Namespace: at.Namespace, Service: at.Service, Name: "KEY", By: "ann"}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBackupActs: who did what with secrets is in a backup of a service as far as it concerns it, and
// comes to what the folder has of it, marked; a backup without, or in which it is damaged, puts
// nothing there.
func TestBackupActs(t *testing.T) {
	h := serve(t, "")
	service := h.opts.Service.Name
	log := audit.New(filepath.Join(t.TempDir(), auditDir), nil)
	h.opts.Journal, h.opts.Acts = Journal{}, log
	actsOf(t, log, secrets.Place{Namespace: "main", Service: service}, secrets.Place{Namespace: "main"}, secrets.Place{Namespace: "main", Service: "other"}, secrets.Place{Namespace: "lab"}, secrets.Place{})
	concerns := []string{"set / KEY", "set main/ KEY", "set main/" + service + " KEY"}
	for what, c := range map[string]struct {
		own  string
		ctx  context.Context
		want []string
	}{
		"of the service": {"", t.Context(), concerns},
		"of the folder":  {t.TempDir(), control.WithAll(t.Context()), append([]string{"set main/other KEY"}, concerns...)},
	} {
		h.opts.Own = c.own
		to := archive.Folder(filepath.Join(t.TempDir(), "backup"))
		err := backend{h}.Backup(c.ctx, control.BackupRequest{}, filed(t, to))
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		here := filepath.Join(StateDir(dir), auditDir)
		actsOf(t, audit.New(here, nil), secrets.Place{Namespace: "main", Service: "new"})
		want := []string{"set main/new KEY"}
		restored := func(o RestoreOptions) {
			t.Helper()
			if _, err := (Journal{}).Restore(t.Context(), to, dir, o); err != nil {
				t.Fatal(err)
			}
			if got := acts(t, here, "main"); !slices.Equal(got, want) {
				t.Errorf("%s: got %q, want %q", what, got, want)
			}
		}
		manifest := filepath.Join(string(to), archive.ManifestName)
		whole, err := os.ReadFile(manifest)
		if err != nil {
			t.Fatal(err)
		}
		without := regexp.MustCompile(`(?s),?\s*\{\s*"kind": "acts".*?\]\s*\}`).ReplaceAll(whole, nil)
		without = bytes.Replace(without, fmt.Appendf(nil, `"format": %d`, archive.BackupFormat), []byte(`"format": 2`), 1)
		without = bytes.Replace(without, []byte(`"parts": [,`), []byte(`"parts": [`), 1)
		for _, text := range [][]byte{without, whole} {
			if err := os.WriteFile(manifest, text, 0o600); err != nil {
				t.Fatal(err)
			}
			if bytes.Equal(text, whole) {
				for _, w := range c.want {
					want = append(want, w+" restored")
				}
				slices.Sort(want)
			}
			restored(RestoreOptions{Replace: true})
		}
		kept, err := archive.Open(t.Context(), to, nil)
		if err != nil {
			t.Fatal(err)
		}
		piece := strings.TrimPrefix(kept.PartsOf(partActs)[0].Pieces[0], "sha256:")
		if err := os.WriteFile(filepath.Join(string(to), "blobs", piece), []byte("{}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = Journal{}.Restore(t.Context(), to, dir, RestoreOptions{Replace: true})
		if e := (*Error)(nil); !errors.As(err, &e) || e.Code != CodeBackupDamaged || !strings.Contains(e.Error(), piece) {
			t.Errorf("%s, damaged: %v", what, err)
		}
	}
}

// filed puts the parts of a backup that is sent into a folder.
func filed(t *testing.T, to archive.Folder) func(control.BackupPart) error {
	var file []byte
	return func(p control.BackupPart) error {
		file = append(file, p.Data...)
		if p.More {
			return nil
		}
		defer func() { file = nil }()
		return to.Put(t.Context(), p.Name, file)
	}
}

// TestUnfinished: what says that a restore was broken off stays until one has ended, whatever
// other tries come to, and nothing is backed up meanwhile.
func TestUnfinished(t *testing.T) {
	dir := t.TempDir()
	state := StateDir(dir)
	if err := os.MkdirAll(JournalDir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	start := func() *unpacked {
		t.Helper()
		u := &unpacked{state: state, places: []string{seedFile}, away: "replaced-1"}
		if err := u.begin(); err != nil {
			t.Fatal(err)
		}
		return u
	}
	unfinished := func(err error) bool {
		var fault *Error
		return errors.As(err, &fault) && fault.Code == CodeRestoreUnfinished
	}
	if err := start().abort(); err != nil || finished(state) != nil {
		t.Errorf("a try that put nothing in place: %v, %v", err, finished(state))
	}
	start() // is broken off
	if err := start().abort(); err != nil || !unfinished(finished(state)) {
		t.Errorf("another that came to nothing: %v, %v", err, finished(state))
	}
	if err := (Journal{}).Backup(t.Context(), dir, "shop", nil, control.BackupRequest{}, nil, nil); !unfinished(err) {
		t.Errorf("a backup: %v", err)
	}
	if _, err := start().place(); err != nil || finished(state) != nil {
		t.Errorf("one that ended: %v, %v", err, finished(state))
	}
}

// TestRestoreOthers: what the host keeps is not made older for services that are not restored.
func TestRestoreOthers(t *testing.T) {
	state := t.TempDir()
	s, err := files.Open(filepath.Join(state, storeDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"shop", "other"} {
		if _, err := s.SetRef(t.Context(), "documents/main/"+name, []byte("x"), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	kept := &archive.Kept{Manifest: archive.Manifest{Namespace: "main", Service: "shop"}}
	u := &unpacked{state: state, places: []string{storeDir}}
	var fault *Error
	if err := u.alone(t.Context(), kept); !errors.As(err, &fault) || fault.Code != CodeRestoreOthers || fault.Hint == "" || !strings.Contains(err.Error(), "main/other") {
		t.Errorf("with another service: %v", err)
	}
	if err := (&unpacked{state: state}).alone(t.Context(), kept); err != nil {
		t.Errorf("a backup of the journal alone: %v", err)
	}
	if err := u.begin(); err != nil {
		t.Fatal(err)
	}
	if err := u.alone(t.Context(), kept); err != nil {
		t.Errorf("a restore that is repeated: %v", err)
	}
}

// TestBackupStray: what a restore would not take for a database is not backed up as one.
func TestBackupStray(t *testing.T) {
	c := belongings{data: t.TempDir(), copying: new(sync.Mutex)}
	stray := filepath.Join(c.data, sql.Folder, "copy of ledger.db")
	if err := errors.Join(os.MkdirAll(filepath.Dir(stray), 0o700), os.WriteFile(stray, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	var fault *Error
	if err := c.databases(t.Context(), nil); !errors.As(err, &fault) || fault.Code != CodeBackupDatabase || !strings.Contains(err.Error(), stray) {
		t.Errorf("%v", err)
	}
}

// TestBackupFault: a host that runs says why it cannot be backed up as one that does not.
func TestBackupFault(t *testing.T) {
	for code, err := range map[string]error{
		CodeBackupDatabase: &Error{Code: CodeBackupDatabase, Err: errors.New("a database"), Hint: "mend it"},
		CodeJournalDamaged: fmt.Errorf("bucket: %w", journal.ErrDamaged),
		CodeBackupKey:      &control.Error{Code: CodeBackupKey, Next: "leave it out"},
	} {
		var told *control.Error
		if got := backupFault(fmt.Errorf("back up: %w", err)); !errors.As(got, &told) || told.Code != code || told.Next == "" {
			t.Errorf("%s: %v", code, got)
		}
	}
}

// TestUnpackedPlaces: what a restore puts in place takes no part with a name that leads
// elsewhere, and a key that is there stays when none is brought.
func TestUnpackedPlaces(t *testing.T) {
	state := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(state, filepath.FromSlash(path))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	read := func(path string) string {
		b, err := os.ReadFile(filepath.Join(state, filepath.FromSlash(path)))
		if err != nil {
			return err.Error()
		}
		return string(b)
	}
	u := &unpacked{state: state, places: []string{secretsDir, seedFile}, away: "replaced-1"}
	if at := u.taken(); at != "" {
		t.Errorf("an empty folder is taken: %s", at)
	}
	write("secrets/seal.key", "old key")
	if at := u.taken(); at != "" {
		t.Errorf("a folder with the key alone is taken: %s", at)
	}
	write("secrets/"+strings.Repeat("0", 32), "old")
	if at := u.taken(); at != filepath.Join(state, secretsDir) {
		t.Errorf("a folder with secrets is taken: %q", at)
	}
	write(unpackDir+"/secrets/"+strings.Repeat("1", 32), "new")
	write(unpackDir+"/secret", "new seed")
	if err := u.begin(); err != nil {
		t.Fatal(err)
	}
	var fault *Error
	if err := finished(state); !errors.As(err, &fault) || fault.Code != CodeRestoreUnfinished || fault.Hint == "" {
		t.Errorf("between: %v", err)
	}
	away, err := u.place()
	if err != nil || away != filepath.Join(state, "replaced-1") {
		t.Fatal(away, err)
	}
	for path, want := range map[string]string{
		"secrets/seal.key": "old key", "secrets/" + strings.Repeat("1", 32): "new", "secret": "new seed",
		"replaced-1/secrets/" + strings.Repeat("0", 32): "old", "replaced-1/secrets/seal.key": "old key",
	} {
		if got := read(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if err := finished(state); err != nil {
		t.Errorf("after it: %v", err)
	}
	for _, name := range []string{"../x.db", "a/b.db", ".db", "a.txt", "a.db/.."} {
		if databaseName.MatchString(name) {
			t.Errorf("%q is taken for the name of a database", name)
		}
	}
}

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/secrets"
	"github.com/grow-platform/grow/host/signing"
	"github.com/grow-platform/grow/host/token"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/archive"
	"github.com/grow-platform/grow/runtime/journal/nats"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/testdata/wat"
	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The services of a host that is backed up.
var (
	bookOf    = documents.Service{Namespace: "main", Name: "book"}
	shopOf    = documents.Service{Namespace: "lab", Name: "shop"}
	haltedOf  = documents.Service{Namespace: "main", Name: "halted"}
	plannedOf = documents.Service{Namespace: "lab", Name: "planned"}
)

func bookFiles(service, about string) map[string]string {
	return map[string]string{
		"grow.yaml":              "service: " + service + "\n",
		"types/all.cue":          "\"ledger.post\": {account: string, ...}\n\"ledger.show\": {account: string}\n\"ledger.posted\": {...}\n\"ledger.shown\": {...}\n\"book\": {entries: [...]}\n",
		"actors/book/actor.yaml": "actor: book\nabout: " + about + "\ncode: {language: wasm, source: module.wasm}\nin: [ledger.post, ledger.show]\nout: [ledger.posted, ledger.shown]\nkey: data.account\nstate: {type: book}\n",
	}
}

// furnish makes a host that has something of all that a host keeps: a token of it for all
// namespaces, and one for one of them.
func furnish(t *testing.T, p *platform) (all, one string) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	all, err := p.FirstToken(t.Context())
	check(err)
	one, _, err = p.Tokens.Create(t.Context(), token.Token{Name: "one", Scopes: []token.Scope{token.Admin}, Namespaces: []string{"main"}, By: "ann"})
	check(err)
	for _, about := range []string{"Keeps entries.", "Keeps all entries."} {
		_, err = p.deployAs(bookOf, bookFiles("book", about), map[string][]byte{"book": wat.Module("ledger")})
		check(err)
	}
	_, err = p.deployAs(haltedOf, bookFiles("halted", "Keeps entries."), map[string][]byte{"book": wat.Module("ledger")})
	check(err)
	_, err = p.deployAs(shopOf, consoleFiles(echoTest), map[string][]byte{"price": wat.Module("echo"), "ship": wat.Module("trap")})
	check(err)
	for _, s := range []documents.Service{bookOf, haltedOf} {
		_, err = p.backendOf(s).Send(t.Context(), control.SendRequest{To: "book", Type: "ledger.post", Data: []byte(`{"account":"alice","amount":5}`), Wait: true})
		check(err)
	}
	_, err = p.backendOf(shopOf).Send(t.Context(), control.SendRequest{To: "checkout/ship", Type: "echo.done", Data: []byte(`"x"`), Wait: true})
	check(err)
	check(p.Govern(t.Context(), haltedOf, "", shard.Stopped))
	check(p.Govern(t.Context(), shopOf, "price", shard.Paused))
	f, err := p.Documents.Put(t.Context(), "grow.yaml", []byte("service: planned\n"), false)
	check(err)
	_, err = p.Documents.Revise(t.Context(), plannedOf, documents.Tree{f}, documents.Change{By: "ann"})
	check(err)
	_, public, err := signing.Generate()
	check(err)
	_, err = p.Keys.Trust(t.Context(), "release", "ann", public)
	check(err)
	for _, at := range []secrets.Place{{Namespace: "main", Service: "book"}, {Namespace: "lab"}} {
		_, err = p.Sealed.Set(at, "KEY", []byte("canary of "+at.Namespace), "ann")
		check(err)
	}
	for _, n := range hostBuckets {
		b, err := p.shared.store.(bucket.Store).Bucket(t.Context(), n)
		check(err)
		_, err = b.Write(t.Context(), &bucket.Write{Key: "k", Data: []byte(n.String())})
		check(err)
	}
	return all, one
}

// hostBuckets are those of a service, of all services of a namespace, and of a namespace that has none.
var hostBuckets = []bucket.Name{{Namespace: "main", Service: "book", Bucket: "own"}, {Namespace: "main", Bucket: "shared"}, {Namespace: "empty", Bucket: "left"}}

// told is all that a host tells of itself by its API that does not differ from run to run.
func told(t *testing.T, p *platform, text string) string {
	t.Helper()
	c, err := api.NewClient(api.ClientOptions{URL: p.ControlURL(), Token: text})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var all strings.Builder
	add := func(what string, v any, err error) {
		t.Helper()
		b, marshalErr := json.MarshalIndent(v, "", " ")
		if err = errors.Join(err, marshalErr); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		all.WriteString(what + " " + string(b) + "\n")
	}
	ctx := t.Context()
	list, err := c.Services(ctx)
	add("services", list, err)
	tokens, err := c.Tokens(ctx)
	add("tokens", tokens, err)
	keys, err := c.SignKeys(ctx)
	add("keys", keys, err)
	for _, namespace := range []string{"main", "lab"} {
		sealed, err := c.Secrets(ctx, secrets.Place{Namespace: namespace})
		add("secrets", sealed, err)
	}
	for _, s := range []documents.Service{bookOf, shopOf, haltedOf, plannedOf} {
		r := c.At(s.Namespace, s.Name)
		deployments, err := r.Deployments(ctx, 0, 50)
		add("deployments", deployments, err)
		docs, err := r.Documents(ctx, "")
		add("documents", docs, err)
		changes, err := r.Changes(ctx, "", 50)
		add("changes", changes, err)
		file, err := r.File(ctx, "", "grow.yaml")
		add("file", string(file), err)
		actors, err := r.Actors(ctx)
		for i := range actors {
			actors[i].Handled = 0 // since the start
		}
		add("actors", actors, err)
		for _, a := range actors {
			revisions, err := r.Revisions(ctx, a.Name, 0, 50)
			add("revisions", revisions, err)
		}
		if s == haltedOf || s == plannedOf {
			continue
		}
		status, err := r.Status(ctx)
		add("status", []any{status.Service, status.Endpoints, status.Kept, status.Fault}, err)
		dead, err := r.DeadLetters(ctx, control.DeadFilter{})
		add("dead letters", dead, err)
		for _, d := range dead {
			one, err := r.DeadLetter(ctx, d.ID)
			add("dead letter", one, err)
		}
		messages, err := r.Messages(ctx, control.MessageFilter{})
		add("messages", messages, err)
		if s == bookOf {
			states, err := r.States(ctx, control.StateFilter{Node: "book"})
			add("states", states, err)
			state, err := r.State(ctx, control.StateRequest{Node: "book", Key: "alice"})
			add("state", state, err)
		}
	}
	return all.String()
}

// backedUpTo has a host write a backup of all of it to a folder.
func backedUpTo(t *testing.T, p *platform, text string, r control.HostBackupRequest) (archive.Folder, error) {
	t.Helper()
	c, err := api.NewClient(api.ClientOptions{URL: p.ControlURL(), Token: text})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	to := archive.Folder(filepath.Join(t.TempDir(), "backup"))
	return to, c.BackUp(t.Context(), r, to.Put)
}

// TestHostBackup: a backup of a whole host that runs, put onto a fresh one in a folder or on a server, makes the
// same host: its API tells the same, tokens and secrets work, messages go on from the states, and
// what was deployed before can be gone back to.
func TestHostBackup(t *testing.T) {
	p := newPlatform(t)
	all, one := furnish(t, p)
	var fault *control.Error
	if _, err := backedUpTo(t, p, one, control.HostBackupRequest{}); !errors.As(err, &fault) || fault.Code != control.CodePermission {
		t.Errorf("for who is admin of one namespace: %v", err)
	}
	if _, err := backedUpTo(t, p, all, control.HostBackupRequest{BackupRequest: control.BackupRequest{Key: true}}); !errors.As(err, &fault) || fault.Code != CodeBackupKey {
		t.Errorf("the key: %v", err)
	}
	before := told(t, p, all)
	actsOf(t, p.acts, secrets.Place{Namespace: "main", Service: "book"}, secrets.Place{Namespace: "lab"}, secrets.Place{})
	noted := map[string][]string{}
	for _, namespace := range []string{"main", "lab"} {
		for _, a := range acts(t, filepath.Join(p.options.Data, auditDir), namespace) {
			noted[namespace] = append(noted[namespace], a+" restored")
		}
	}
	from, err := backedUpTo(t, p, all, control.HostBackupRequest{BackupRequest: control.BackupRequest{History: true}})
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(p.options.Data, secretsDir, secrets.KeyFile)
	s := keeper(t, func(*server.Options) {})
	for what, j := range map[string]Journal{"folder": {}, "server": {At: s.ClientURL()}} {
		t.Run(what, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "fresh")
			r, err := j.RestoreHost(t.Context(), from, dir, RestoreOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for namespace, want := range noted {
				if got := acts(t, filepath.Join(dir, auditDir), namespace); !slices.Equal(got, want) {
					t.Errorf("who did what with secrets in %s: got %q, want %q", namespace, got, want)
				}
			}
			if want := []string{"lab/planned", "lab/shop", "main/book", "main/halted"}; !slices.Equal(r.Services, want) || !r.Locked || r.Buckets != 3 {
				t.Errorf("%+v", r)
			}
			_, err = j.RestoreHost(t.Context(), from, dir, RestoreOptions{})
			if e := (*Error)(nil); !errors.As(err, &e) || e.Code != CodeRestoreTarget || e.Hint == "" {
				t.Errorf("over what is there: %v", err)
			}
			b, err := os.ReadFile(key)
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, secretsDir, secrets.KeyFile), b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			again := &platform{t: t, options: p.options}
			again.options.Data, again.options.Journal = dir, j
			again.start()
			defer again.stop()
			if first, err := again.FirstToken(t.Context()); err != nil || first != "" {
				t.Errorf("a host with tokens makes a first one: %v", err)
			}
			if after := told(t, again, all); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
			goesOn(t, again)
		})
	}
}

// goesOn holds that a host is gone on with as the one that it was made of.
func goesOn(t *testing.T, p *platform) {
	t.Helper()
	got, err := p.backendOf(bookOf).Send(t.Context(), control.SendRequest{To: "book", Type: "ledger.post", Data: []byte(`{"account":"alice","amount":7}`), Wait: true})
	if err != nil || got.Code != "" {
		t.Errorf("a message after it: %+v, %v", got, err)
	}
	state, err := p.backendOf(bookOf).State(t.Context(), control.StateRequest{Node: "book", Key: "alice"})
	if text, _ := json.Marshal(state); err != nil || strings.Count(string(text), "amount") != 2 {
		t.Errorf("the state after a message: %s, %v", text, err)
	}
	for at, want := range map[secrets.Place]string{{Namespace: "main", Service: "book"}: "canary of main", {Namespace: "lab", Service: "shop"}: "canary of lab"} {
		if b, err := p.Sealed.Get(at, "KEY"); err != nil || string(b) != want {
			t.Errorf("a secret of %+v: %q, %v", at, b, err)
		}
	}
	for _, n := range hostBuckets {
		b, err := p.shared.store.(bucket.Store).Bucket(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := b.Get(t.Context(), "k"); err != nil || string(e.Data) != n.String() {
			t.Errorf("bucket %s: %q, %v", n, e.Data, err)
		}
	}
	if err := p.Govern(t.Context(), haltedOf, "", shard.Running); err != nil {
		t.Fatal(err)
	}
	if state, err = p.backendOf(haltedOf).State(t.Context(), control.StateRequest{Node: "book", Key: "alice"}); err != nil || len(state.Values) != 1 {
		t.Errorf("the state of the one that was stopped: %+v, %v", state, err)
	}
	n, err := p.deployAs(bookOf, bookFiles("book", "Keeps entries."), map[string][]byte{"book": wat.Module("ledger")})
	if err != nil || n.Number != 3 {
		t.Errorf("the next deployment: %+v, %v", n, err)
	}
}

// TestHostBackupFaults: a service that cannot be read is named, and the backup is none; left out
// by name, the others are restored, and nothing of it.
func TestHostBackupFaults(t *testing.T) {
	p := newPlatform(t)
	all, _ := furnish(t, p)
	stray := filepath.Join(dataOf(p.options.Data, "main", "book"), "sql", "no database.db")
	if err := errors.Join(os.MkdirAll(filepath.Dir(stray), 0o700), os.WriteFile(stray, []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	var fault *control.Error
	to, err := backedUpTo(t, p, all, control.HostBackupRequest{})
	if !errors.As(err, &fault) || fault.Code != CodeBackupDatabase || fault.At != "main/book" || !strings.Contains(fault.Message, "main/book") || !strings.Contains(fault.Next, "--without main/book") {
		t.Errorf("%+v", err)
	}
	if _, err := archive.OpenWhole(t.Context(), to, nil); err == nil {
		t.Error("what was broken off is a backup")
	}
	if _, err := backedUpTo(t, p, all, control.HostBackupRequest{Without: []string{"main/other"}}); !errors.As(err, &fault) || fault.Code != control.CodeNotFound {
		t.Errorf("one that is not there is left out: %v", err)
	}
	from, err := backedUpTo(t, p, all, control.HostBackupRequest{Without: []string{"main/book"}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	r, err := (Journal{}).RestoreHost(t.Context(), from, dir, RestoreOptions{})
	if err != nil || !slices.Equal(r.Without, []string{"main/book"}) || slices.Contains(r.Services, "main/book") {
		t.Fatalf("%+v, %v", r, err)
	}
	again := &platform{t: t, options: p.options}
	again.options.Data = dir
	again.start()
	defer again.stop()
	if _, err := again.Documents.Last(t.Context(), bookOf); err == nil {
		t.Error("the one that was left out has documents")
	}
	for namespace, want := range map[string]int{"main": 0, "lab": 1} { // of book, and of shop
		if sealed, err := again.Sealed.List(namespace); err != nil || len(sealed) != want {
			t.Errorf("sealed secrets in %s: %+v, %v", namespace, sealed, err)
		}
	}
	if again.running(shopOf) == nil || again.running(bookOf) != nil {
		t.Errorf("there runs %v", again.all)
	}
}

// TestHostRestoreRepeated: a restore of a whole host that was broken off at any moment is repeated, and
// what is not of it stays; a host does not start on what it has left.
func TestHostRestoreRepeated(t *testing.T) {
	p := newPlatform(t)
	all, _ := furnish(t, p)
	from, err := backedUpTo(t, p, all, control.HostBackupRequest{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	foreign := filepath.Join(dir, "something else")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var e *Error
	if _, err := (Journal{}).RestoreHost(t.Context(), from, dir, RestoreOptions{}); !errors.As(err, &e) || e.Code != CodeRestoreTarget {
		t.Errorf("into a folder with something else: %v", err)
	}
	if err := os.Remove(foreign); err != nil {
		t.Fatal(err)
	}
	s := keeper(t, func(*server.Options) {})
	other := stranger(t, s.ClientURL())
	for what, j := range map[string]Journal{"folder": {}, "server": {At: s.ClientURL()}} {
		dir := t.TempDir()
		h := brokenOff(t, j, from, dir)
		options := p.options
		options.Data, options.Journal = dir, j
		if broken, err := StartPlatform(t.Context(), options); !errors.As(err, &e) || e.Code != CodeRestoreUnfinished {
			t.Errorf("%s: a host that is started on half: %v, %v", what, broken, err)
		}
		if j.At != "" { // also one with an empty folder
			options.Data = t.TempDir()
			if broken, err := StartPlatform(t.Context(), options); !errors.As(err, &e) || e.Code != CodeRestoreUnfinished {
				t.Errorf("%s: another host that is started on half: %v, %v", what, broken, err)
			}
			if _, err := j.RestoreHost(t.Context(), from, t.TempDir(), RestoreOptions{}); !errors.As(err, &e) || e.Code != CodeRestoreTarget || !strings.Contains(e.Hint, "--replace") {
				t.Errorf("%s: from another folder: %v", what, err)
			}
		}
		r, err := j.RestoreHost(t.Context(), from, dir, RestoreOptions{})
		if err != nil || len(r.Services) != 4 {
			t.Fatalf("%s: again: %+v, %v (%v)", what, r, err, h)
		}
	}
	if !other() {
		t.Error("a stream that is not of the restore is gone")
	}
}

// brokenOff has a restore end when it has made something of all, as a kill does.
func brokenOff(t *testing.T, j Journal, from archive.Getter, dir string) *newHost {
	t.Helper()
	kept, err := archive.OpenWhole(t.Context(), from, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := &newHost{journal: j, dir: dir, kept: kept}
	if j.At == "" {
		if err := errors.Join(writeNote(dir, note{}), h.files(t.Context()), unpackStore(t.Context(), kept.Host, filepath.Join(dir, storeDir))); err != nil {
			t.Fatal(err)
		}
		return h
	}
	const id = "BROKEN"
	o := j.options(dir)
	o.Restore = id
	in, err := nats.Open(t.Context(), o)
	if err == nil {
		err = errors.Join(writeNote(dir, note{ID: id, Backup: "x"}), h.files(t.Context()), h.remember(t.Context(), id), h.fill(t.Context(), in), in.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// stranger makes a stream on a server that is not of grow, and returns what tells whether it is there.
func stranger(t *testing.T, at string) func() bool {
	t.Helper()
	conn, err := client.Connect(at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err == nil {
		_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders"}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() bool {
		_, err := js.Stream(t.Context(), "ORDERS")
		return err == nil
	}
}

// TestHostBackupLost: a service whose journal is gone is named, whatever is left of it; one that has not
// run yet, also when it was deployed, has none.
func TestHostBackupLost(t *testing.T) {
	p := newPlatform(t)
	all, _ := furnish(t, p)
	unborn := documents.Service{Namespace: "main", Name: "unborn"}
	tree := func(s documents.Service) {
		t.Helper()
		f, err := p.Documents.Put(t.Context(), "grow.yaml", []byte("service: "+s.Name+"\n"), false)
		if err == nil {
			_, err = p.Documents.Revise(t.Context(), s, documents.Tree{f}, documents.Change{By: "ann"})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Govern(t.Context(), unborn, "", shard.Stopped); err != nil {
		t.Fatal(err)
	}
	if _, err := p.deployAs(unborn, bookFiles("unborn", "Keeps entries."), map[string][]byte{"book": wat.Module("ledger")}); err != nil {
		t.Fatal(err)
	}
	if _, err := backedUpTo(t, p, all, control.HostBackupRequest{}); err != nil {
		t.Errorf("one that has not run yet: %v", err)
	}
	based, filled := documents.Service{Namespace: "main", Name: "based"}, documents.Service{Namespace: "main", Name: "filled"}
	tree(based)
	tree(filled)
	at := filepath.Join(dataOf(p.options.Data, based.Namespace, based.Name), "sql", "orders.db")
	err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o700), os.WriteFile(at, nil, 0o600), p.shared.store.(journal.Remover).Remove(t.Context(), journal.Name{Namespace: haltedOf.Namespace, Service: haltedOf.Name}))
	if err == nil {
		_, err = p.shared.store.(bucket.Store).Bucket(t.Context(), bucket.Name{Namespace: filled.Namespace, Service: filled.Name, Bucket: "own"})
	}
	if err != nil {
		t.Fatal(err)
	}
	lost := []string{haltedOf.String(), based.String(), filled.String()}
	for i, name := range lost {
		without := slices.Delete(slices.Clone(lost), i, i+1)
		var fault *control.Error
		if _, err := backedUpTo(t, p, all, control.HostBackupRequest{Without: without}); !errors.As(err, &fault) || fault.Code != CodeJournalDamaged || fault.At != name || !strings.Contains(fault.Next, "--without "+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := backedUpTo(t, p, all, control.HostBackupRequest{Without: lost}); err != nil {
		t.Errorf("without them: %v", err)
	}
}

// TestHostBackupDeleted: the databases of a service that was deleted are put away: one of the same name that
// has not run has none, and is not taken for one whose journal is lost.
func TestHostBackupDeleted(t *testing.T) {
	p := newPlatform(t)
	all, _ := furnish(t, p)
	folder := dataOf(p.options.Data, bookOf.Namespace, bookOf.Name)
	at := filepath.Join(folder, "sql", "orders.db")
	err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o700), os.WriteFile(at, []byte("orders"), 0o600))
	var planned, removed deploy.Removed
	if err == nil {
		planned, err = p.Remove(t.Context(), bookOf, true)
	}
	if err == nil {
		removed, err = p.Remove(t.Context(), bookOf, false)
	}
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(".grow", "deleted-TIME", dataDir, bookOf.Namespace, bookOf.Name); planned.Away != want {
		t.Errorf("planned to be put away: %s, want %s", planned.Away, want)
	}
	if _, err := os.Lstat(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", folder, err)
	}
	away, err := filepath.Glob(filepath.Join(StateDir(p.options.Data), "deleted-*", dataDir, bookOf.Namespace, bookOf.Name, "sql", "orders.db"))
	if err != nil || len(away) != 1 || away[0] != filepath.Join(p.options.Data, removed.Away, "sql", "orders.db") {
		t.Fatalf("put away: %q, said to be in %s, %v", away, removed.Away, err)
	}
	if b, err := os.ReadFile(away[0]); err != nil || string(b) != "orders" {
		t.Errorf("%s: %q, %v", away[0], b, err)
	}
	f, err := p.Documents.Put(t.Context(), "grow.yaml", []byte("service: book\n"), false)
	if err == nil {
		_, err = p.Documents.Revise(t.Context(), bookOf, documents.Tree{f}, documents.Change{By: "ann"})
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := backedUpTo(t, p, all, control.HostBackupRequest{}); err != nil {
		t.Errorf("documents of the same name: %v", err)
	}
	if _, err := p.Remove(t.Context(), bookOf, false); err != nil {
		t.Errorf("one that has no folder of data: %v", err)
	}
}

// TestRemoveStays: a service whose databases cannot be put away, here since they are on another disk, is not
// deleted half: what it has is there until they are.
func TestRemoveStays(t *testing.T) {
	elsewhere, err := os.MkdirTemp("/dev/shm", "grow")
	if err != nil {
		t.Skip("there is no other disk:", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(elsewhere) })
	probe := filepath.Join(elsewhere, "probe")
	if err := os.WriteFile(probe, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Rename(probe, filepath.Join(t.TempDir(), "probe")) == nil {
		t.Skip("it is the same disk")
	}
	p := newPlatform(t)
	furnish(t, p)
	folder := dataOf(p.options.Data, bookOf.Namespace, bookOf.Name)
	err = errors.Join(os.MkdirAll(filepath.Join(elsewhere, bookOf.Name), 0o700), os.RemoveAll(filepath.Dir(folder)), os.MkdirAll(filepath.Dir(filepath.Dir(folder)), 0o700), os.Symlink(elsewhere, filepath.Dir(folder)))
	if err != nil {
		t.Fatal(err)
	}
	n, err := p.Remove(t.Context(), bookOf, false)
	var coded *control.Error
	if !errors.As(err, &coded) || !strings.Contains(coded.Next, folder) || n.Away == "" {
		t.Fatalf("%+v, %v", n, err)
	}
	if _, err := p.shared.store.(finder).Find(t.Context(), journal.Name{Namespace: bookOf.Namespace, Service: bookOf.Name}); err != nil {
		t.Errorf("its journal is gone: %v", err)
	}
	if err := os.Rename(filepath.Join(elsewhere, bookOf.Name), filepath.Join(elsewhere, "moved")); err != nil {
		t.Fatal(err)
	}
	if n, err := p.Remove(t.Context(), bookOf, false); err != nil || n.Away != "" {
		t.Errorf("%+v, %v", n, err)
	}
}

// TestHostBackupReborn: a service that is deleted, and made anew, while a host is backed up is in the backup as
// the new one, with nothing of the old one's journal.
func TestHostBackupReborn(t *testing.T) {
	p := newPlatform(t)
	furnish(t, p)
	post := func(amount string) {
		t.Helper()
		if _, err := p.backendOf(bookOf).Send(t.Context(), control.SendRequest{To: "book", Type: "ledger.post", Data: []byte(`{"account":"alice","amount":` + amount + `}`), Wait: true}); err != nil {
			t.Fatal(err)
		}
	}
	to := archive.Folder(filepath.Join(t.TempDir(), "backup"))
	files := map[string][]byte{}
	reborn := false
	err := p.BackUp(t.Context(), control.HostBackupRequest{}, func(part control.BackupPart) error {
		if strings.HasPrefix(part.Name, "services/main/halted/") && !reborn {
			reborn = true
			_, err := p.Remove(t.Context(), bookOf, false)
			if err == nil {
				_, err = p.deployAs(bookOf, bookFiles("book", "Keeps other entries."), map[string][]byte{"book": wat.Module("ledger")})
			}
			if err != nil {
				return err
			}
			post("9")
		}
		files[part.Name] = append(files[part.Name], part.Data...)
		if !part.More {
			defer delete(files, part.Name)
			return to.Put(t.Context(), part.Name, files[part.Name])
		}
		return nil
	})
	if err != nil || !reborn {
		t.Fatal(err, reborn)
	}
	dir := t.TempDir()
	if _, err := (Journal{}).RestoreHost(t.Context(), to, dir, RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	again := &platform{t: t, options: p.options}
	again.options.Data = dir
	again.start()
	defer again.stop()
	got, err := again.backendOf(bookOf).State(t.Context(), control.StateRequest{Node: "book", Key: "alice"})
	if text, _ := json.Marshal(got); err != nil || !strings.Contains(string(text), "9") || strings.Contains(string(text), `"amount":5`) {
		t.Errorf("%s, %v", text, err)
	}
}

// TestHostBackupBusy: a host is backed up once at a time; who comes meanwhile is told so at once.
func TestHostBackupBusy(t *testing.T) {
	p := newPlatform(t)
	busy := 0
	for range 2 {
		err := p.BackUp(t.Context(), control.HostBackupRequest{}, func(control.BackupPart) error {
			var fault *control.Error
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := p.BackUp(ctx, control.HostBackupRequest{}, func(control.BackupPart) error { return nil }); !errors.As(err, &fault) || fault.Code != CodeBackupBusy {
				return fmt.Errorf("a second one: %w", err)
			}
			busy++
			return nil
		})
		if err != nil || busy == 0 {
			t.Fatalf("%d, %v", busy, err)
		}
	}
}

// TestBackupSlow: who takes a part of a backup now and then does not hold it for ever; who reads at a rate does for
// as long as that takes.
func TestBackupSlow(t *testing.T) {
	for what, c := range map[string]struct {
		each   time.Duration // for a part
		bytes  int
		within time.Duration // that it is ended; 0: it is not
	}{
		"a trickle": {59 * time.Second, 100, readTime + 2*time.Minute},
		"a stall":   {time.Hour, 2 << 20, 2 * time.Hour},
		"a rate":    {4 * time.Second, 1 << 20, 0},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				to := sendTo(func(control.BackupPart) error { time.Sleep(c.each); return nil })
				began := time.Now()
				var err error
				for i := 0; err == nil && i < 2000; i++ {
					time.Sleep(time.Minute) // which is the host's own
					began = began.Add(time.Minute)
					err = to.Put(t.Context(), "a", make([]byte, c.bytes))
				}
				var fault *control.Error
				if c.within == 0 && err != nil || c.within > 0 && (!errors.As(err, &fault) || fault.Code != CodeBackupSlow || time.Since(began) > c.within) {
					t.Errorf("after %s: %v", time.Since(began), err)
				}
			})
		})
	}
}

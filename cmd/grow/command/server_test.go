package command

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/testdata/wat"
	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// book is a service in a folder whose journal is on a NATS server.
type book struct {
	*testing.T
	dir, url string
	js       jetstream.JetStream
}

// newBook starts a server on loopback that wants a password, which the commands
// have from the environment, and writes the service.
func newBook(t *testing.T) *book {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 1 << 40,
		Username: "grow", Password: "right",
	})
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server did not start")
	}
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	b := &book{T: t, dir: t.TempDir(), url: s.ClientURL()}
	conn, err := client.Connect(b.url, client.UserInfo("grow", "right"))
	if err == nil {
		t.Cleanup(conn.Close)
		b.js, err = jetstream.New(conn)
	}
	if err != nil {
		t.Fatal(err)
	}
	b.password("right")
	for name, text := range map[string]string{
		"grow.yaml": "service: kept\nhttp:\n  POST /post: {send: ledger.post, to: book, reply: {ledger.posted: 200}}\n" +
			"  GET /show/{account}: {send: ledger.show, to: book, reply: {ledger.shown: 200}}\n",
		"types/all.cue": "\"ledger.post\": {account: string, ...}\n\"ledger.show\": {account: string}\n\"ledger.posted\": {...}\n\"ledger.shown\": {...}\n\"book\": {entries: [...]}\n",
		"actors/book/actor.yaml": "actor: book\nabout: Keeps entries.\ncode: {language: wasm, source: module.wasm}\nin: [ledger.post, ledger.show]\n" +
			"out: [ledger.posted, ledger.shown]\nkey: data.account\nstate: {type: book}\n",
		"actors/book/module.wasm": string(wat.Module("ledger")),
	} {
		path := filepath.Join(b.dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// password is what the commands tell the server from now on.
func (b *book) password(text string) {
	b.Setenv("GROW_NATS_USER", "grow")
	b.Setenv("GROW_NATS_PASSWORD", text)
}

// serve runs a host for as long as f takes, with the journal at a place.
func (b *book) serve(at string, f func(url string)) {
	b.Helper()
	service, err := app.Load(b.dir)
	if err != nil {
		b.Fatal(err)
	}
	m := (&shell{}).mount(service, b.dir, false)
	m.Modules = map[string]string{"book": service.Actors["book"].Code.Source}
	h, err := app.StartPlatform(b.Context(), app.PlatformOptions{
		Mount: m, Listen: "127.0.0.1:0", Control: "127.0.0.1:0", CacheDir: b.TempDir(),
		Journal: app.Journal{At: at, User: os.Getenv("GROW_NATS_USER"), Password: os.Getenv("GROW_NATS_PASSWORD")},
	})
	if err != nil {
		b.Fatal(err)
	}
	f(h.URL())
	if _, err := h.Stop(context.Background()); err != nil {
		b.Error(err)
	}
}

// post adds an entry to an account, and show lists them.
func (b *book) post(url, account string) {
	b.Helper()
	r, err := http.Post(url+"/post", "application/json", strings.NewReader(`{"account":"`+account+`","n":1}`))
	if err != nil {
		b.Fatal(err)
	}
	if err := r.Body.Close(); err != nil || r.StatusCode != 200 {
		b.Errorf("POST: %d, %v", r.StatusCode, err)
	}
}

func (b *book) show(url, account string) string {
	b.Helper()
	r, err := http.Get(url + "/show/" + account)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		b.Fatal(err)
	}
	return string(text)
}

// streams are those on the server.
func (b *book) streams() (list []string) {
	b.Helper()
	names := b.js.StreamNames(b.Context())
	for name := range names.Name() {
		list = append(list, name)
	}
	if names.Err() != nil {
		b.Fatal(names.Err())
	}
	slices.Sort(list)
	return list
}

// forget deletes the service's streams on the server, as an error's hint says.
func (b *book) forget() {
	b.Helper()
	for _, name := range []string{"GROW_J_main_kept_00", "GROW_B_main_kept_00"} {
		if err := b.js.DeleteStream(b.Context(), name); err != nil {
			b.Fatal(err)
		}
	}
}

// fails runs a command that is to end with an error of a code.
func (b *book) fails(command, code string) control.Error {
	b.Helper()
	_, errs := ranGrow(b.T, command+" -o json", exitFailed, exitNo, exitPermission, exitConflict, exitUnreachable, 5)
	var told struct{ Error control.Error }
	if err := json.Unmarshal([]byte(errs), &told); err != nil || told.Error.Code != code || told.Error.Next == "" {
		b.Errorf("%s: error %s, want %s; %v\n%s", command, told.Error.Code, code, err, errs)
	}
	return told.Error
}

// TestJournalOnServer: what a service keeps on a NATS server is backed up, looked
// over and restored as what it keeps in its folder is.
func TestJournalOnServer(t *testing.T) {
	b := newBook(t)
	at, backups := " --journal "+b.url, t.TempDir()
	monday, tuesday := filepath.Join(backups, "monday"), filepath.Join(backups, "tuesday")

	// Nothing is there, and nothing is made by looking.
	if out, _ := ranGrow(t, "grow fsck "+b.dir+at, exitDone); out != "nothing is kept there yet\n" {
		t.Errorf("fsck of nothing: %s", out)
	}
	b.fails("grow backup "+monday+" -C "+b.dir+at, app.CodeBackupNothing)
	if list := b.streams(); len(list) > 0 {
		t.Errorf("there are streams %v", list)
	}

	b.serve(b.url, func(url string) {
		b.post(url, "alice")
		if out, _ := ranGrow(t, "grow backup "+monday+" -C "+b.dir, exitDone); !strings.HasPrefix(out, "backed up kept to ") {
			t.Errorf("backup while it runs: %s", out)
		}
		b.fails("grow fsck "+b.dir+at, "run.already")
		b.post(url, "bob")
	})
	if out, _ := ranGrow(t, "grow fsck "+b.dir+at, exitDone); !strings.HasSuffix(out, "sound\n") || !strings.Contains(out, "records 1 to 3") {
		t.Errorf("fsck: %s", out)
	}
	b.fails("grow fsck --repair "+b.dir+at, app.CodeFsckServer)
	ranGrow(t, "grow backup "+tuesday+" -C "+b.dir+at, exitDone)

	b.password("wrong")
	for _, command := range []string{"fsck " + b.dir, "backup " + filepath.Join(backups, "none") + " -C " + b.dir, "restore " + monday + " " + b.dir} {
		b.fails("grow "+command+at, app.CodeJournalDenied)
	}
	b.password("right")
	if left, err := os.ReadDir(backups); err != nil || len(left) != 2 {
		t.Errorf("backups: %v, %v", left, err)
	}

	// What is there stays, unless its streams are deleted.
	for _, flags := range []string{"", " --replace"} {
		if e := b.fails("grow restore "+monday+" "+b.dir+at+flags, app.CodeRestoreTarget); !strings.Contains(e.Next, "GROW_J_") {
			t.Errorf("restore%s: next: %s", flags, e.Next)
		}
	}
	b.forget()
	ranGrow(t, "grow restore "+tuesday+" "+b.dir+at, exitDone)
	b.serve(b.url, func(url string) {
		if alice, bob := b.show(url, "alice"), b.show(url, "bob"); !strings.Contains(alice, "alice") || !strings.Contains(bob, "bob") {
			t.Errorf("restored: %s and %s", alice, bob)
		}
	})

	// A backup of a server goes to a folder, and back.
	ranGrow(t, "grow restore "+monday+" "+b.dir, exitDone)
	b.serve("", func(url string) {
		if alice, bob := b.show(url, "alice"), b.show(url, "bob"); !strings.Contains(alice, "alice") || strings.Contains(bob, "bob") {
			t.Errorf("restored to a folder: %s and %s", alice, bob)
		}
		b.post(url, "carl")
	})
	wednesday := filepath.Join(backups, "wednesday")
	ranGrow(t, "grow backup "+wednesday+" -C "+b.dir, exitDone)
	b.forget()
	ranGrow(t, "grow restore "+wednesday+" "+b.dir+at, exitDone)
	b.serve(b.url, func(url string) {
		if carl := b.show(url, "carl"); !strings.Contains(carl, "carl") {
			t.Errorf("restored from a folder: %s", carl)
		}
	})
}

// TestDamageOnServer: records and streams that somebody has deleted are named, and
// a backup brings them back.
func TestDamageOnServer(t *testing.T) {
	b := newBook(t)
	at, backup := " --journal "+b.url, filepath.Join(t.TempDir(), "whole")
	b.serve(b.url, func(url string) {
		for _, account := range []string{"alice", "bob", "carl"} {
			b.post(url, account)
		}
	})
	ranGrow(t, "grow backup "+backup+" -C "+b.dir+at, exitDone)
	records, err := b.js.Stream(t.Context(), "GROW_J_main_kept_00")
	if err == nil {
		err = records.Purge(t.Context(), jetstream.WithPurgeSequence(3))
	}
	if err != nil {
		t.Fatal(err)
	}
	out, _ := ranGrow(t, "grow fsck "+b.dir+at, exitNo)
	if !strings.Contains(out, "no snapshot and no record is left to go on from") || !strings.Contains(out, "grow restore") {
		t.Errorf("fsck: %s", out)
	}
	b.fails("grow fsck "+b.dir+at, codeFsck)
	if err := b.js.DeleteStream(t.Context(), "GROW_B_main_kept_00"); err != nil {
		t.Fatal(err)
	}
	b.fails("grow fsck "+b.dir+at, app.CodeJournalDamaged)
	if list := b.streams(); slices.Contains(list, "GROW_B_main_kept_00") {
		t.Errorf("looking made a stream: %v", list)
	}
	if err := b.js.DeleteStream(t.Context(), "GROW_J_main_kept_00"); err != nil {
		t.Fatal(err)
	}
	ranGrow(t, "grow restore "+backup+" "+b.dir+at, exitDone)
	if out, _ := ranGrow(t, "grow fsck "+b.dir+at, exitDone); !strings.HasSuffix(out, "sound\n") {
		t.Errorf("restored: %s", out)
	}
}

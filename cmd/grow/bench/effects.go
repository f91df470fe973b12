package main

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/testdata/postgres"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	_ "modernc.org/sqlite" // the driver sqlite
)

const (
	effectTurns   = 100 // of a message: each writes a value and reads one
	effectStretch = time.Second
	effectItems   = 16
	effectUpdate  = "update items set price = price + $1 where id = $2"
	effectSelect  = "select name, price from items where id = $1"
)

// effectActor does what a message asks for, so often.
const effectActor = `use grow::{Context, Keep, Request, Result};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Work {
    what: String,
    turns: usize,
}

const DATA: &[u8] = &[7; 200];

fn work(ctx: &mut Context, work: Work) -> Result {
    for turn in 0..work.turns {
        let item = 1 + turn % 16;
        match work.what.as_str() {
            "kv" => {
                let key = format!("item-{item}");
                ctx.kv("values").write(&key, DATA, Keep::default())?;
                ctx.kv("values").read(&key)?;
            }
            "http" => {
                let request = Request::new("http.fetch").grant("server").attr("path", "/");
                for answer in ctx.call(&vec![request; 32])? {
                    answer?;
                }
            }
            _ => {
                let db = ctx.sql("items");
                db.exec("update items set price = price + $1 where id = $2", &(1, item))?;
                db.query("select name, price from items where id = $1", &(item,))?;
            }
        }
    }
    ctx.send("work.done", &work)
}

grow::actor! { "work.do" => work }
`

// effectHost serves the actor with one grant; secret is that of the grant, if it needs one.
func (w *workspace) effectHost(ctx context.Context, name, grant, secret string) (*app.Host, error) {
	binary, err := w.builtTo(ctx, "effects", "rust", "lib.rs", effectActor, project.Options{})
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(w.dir, "effects-"+name)
	err = writeAll(dir, map[string]string{
		"grow.yaml":      "service: bench\nabout: Measures.\n",
		"types/work.cue": "\"work.do\": _\n\"work.done\": _\n",
		"actors/caller/actor.yaml": "actor: caller\nabout: Does work.\ncode: {language: wasm, source: module.wasm}\n" +
			"in: [work.do]\nout: [work.done]\nuses: {" + grant + "}\n",
		"actors/caller/module.wasm": string(binary),
	})
	if err != nil {
		return nil, err
	}
	service, err := app.Load(dir)
	if err != nil {
		return nil, err
	}
	return app.Start(ctx, app.Options{
		Dir: dir, Service: service, Modules: sources(service), Listen: "127.0.0.1:0", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Secret: func(string) (string, bool) { return secret, secret != "" },
	})
}

// do has the actor do some work, and waits until it is done.
func do(ctx context.Context, h *app.Host, what string, turns int) error {
	data, err := json.Marshal(map[string]any{"what": what, "turns": turns})
	if err != nil {
		return err
	}
	return answeredBy(ctx, h, "caller", "work.do", data)
}

// effects measures how many turns a second an actor does of some work, beside a program
// that does the same through the same library.
func effects(h *app.Host, what string, direct func(ctx context.Context, item int) error) rounder {
	return func(ctx context.Context) (value, reference float64, err error) {
		var took [2]time.Duration
		turns := 0
		for begin := time.Now(); time.Since(begin) < effectStretch; turns += effectTurns {
			at := time.Now()
			for turn := range effectTurns {
				if err := direct(ctx, 1+turn%effectItems); err != nil {
					return 0, 0, err
				}
			}
			took[0] += time.Since(at)
			at = time.Now()
			if err := do(ctx, h, what, effectTurns); err != nil {
				return 0, 0, err
			}
			took[1] += time.Since(at)
		}
		return float64(turns) / took[1].Seconds(), float64(turns) / took[0].Seconds(), nil
	}
}

// onSQLite measures statements on SQLite; the program beside the actor has a database of
// its own.
func onSQLite(ctx context.Context, w *workspace) (rounder, error) {
	h, err := w.effectHost(ctx, "sqlite", "items: {kind: sql, database: items, access: write}", "")
	if err != nil {
		return nil, err
	}
	w.atEnd(func() error { return stop(h) })
	db, err := stdsql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(w.dir, "direct.db"))+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	w.atEnd(db.Close)
	theirs := filepath.Join(app.StateDir(filepath.Join(w.dir, "effects-sqlite")), "data", app.DefaultNamespace, "bench", "sql", "items.db")
	actors, err := stdsql.Open("sqlite", "file:"+filepath.ToSlash(theirs))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(items(ctx, actors), actors.Close(), items(ctx, db)); err != nil {
		return nil, err
	}
	return effects(h, "sql", statements(db)), nil
}

// onPostgres measures statements on a PostgreSQL that both use, each in a database of its own.
func onPostgres(ctx context.Context, w *workspace) (rounder, error) {
	s, err := postgres.Start()
	if errors.Is(err, postgres.ErrMissing) {
		return nil, &missing{err}
	}
	if err != nil {
		return nil, err
	}
	w.atEnd(s.Stop)
	admin, err := stdsql.Open("pgx", s.Address("postgres"))
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"actors", "direct"} {
		if _, err := admin.ExecContext(ctx, "create database "+name); err != nil {
			return nil, errors.Join(err, admin.Close())
		}
		db, err := stdsql.Open("pgx", s.Address(name))
		if err == nil {
			err = errors.Join(items(ctx, db), db.Close())
		}
		if err != nil {
			return nil, errors.Join(err, admin.Close())
		}
	}
	db, err := stdsql.Open("pgx", s.Address("direct"))
	if err := errors.Join(err, admin.Close()); err != nil {
		return nil, err
	}
	h, err := w.effectHost(ctx, "postgres", "items: {kind: sql, database: items, access: write}", s.Address("actors"))
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	w.ends = append([]func() error{func() error { return stop(h) }, db.Close}, w.ends...) // before the server
	return effects(h, "sql", statements(db)), nil
}

// items makes the table that statements are about.
func items(ctx context.Context, db *stdsql.DB) error {
	if _, err := db.ExecContext(ctx, "create table items (id integer primary key, name text not null, price double precision)"); err != nil {
		return err
	}
	for id := range effectItems {
		if _, err := db.ExecContext(ctx, "insert into items values ($1, $2, 0)", id+1, fmt.Sprintf("item %d", id)); err != nil {
			return err
		}
	}
	return nil
}

// statements is a turn of a program that does as the actor: a transaction and a query.
func statements(db *stdsql.DB) func(ctx context.Context, item int) error {
	return func(ctx context.Context, item int) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() // after Commit, nothing
		if _, err := tx.ExecContext(ctx, effectUpdate, 1, item); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return err
		}
		var name string
		var price float64
		return db.QueryRowContext(ctx, effectSelect, item).Scan(&name, &price)
	}
}

// onKV measures values of a bucket, beside a bucket of NATS in a server that syncs what it
// keeps, as that of the journal does.
func onKV(ctx context.Context, w *workspace) (rounder, error) {
	h, err := w.effectHost(ctx, "kv", "values: {kind: kv, bucket: values, access: write}", "")
	if err != nil {
		return nil, err
	}
	w.atEnd(func() error { return stop(h) })
	s, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true, NoLog: true, JetStream: true, StoreDir: filepath.Join(w.dir, "direct-kv"), SyncAlways: true})
	if err != nil {
		return nil, err
	}
	s.Start()
	w.atEnd(func() error { s.Shutdown(); s.WaitForShutdown(); return nil })
	if !s.ReadyForConnections(settlePeriod) {
		return nil, errors.New("JetStream did not start")
	}
	conn, err := client.Connect("", client.InProcessServer(s))
	if err != nil {
		return nil, err
	}
	w.atEnd(func() error { conn.Close(); return nil })
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	kv, err := js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "values"})
	if err != nil {
		return nil, err
	}
	data := make([]byte, 200)
	return effects(h, "kv", func(ctx context.Context, item int) error {
		key := fmt.Sprintf("item-%d", item)
		if _, err := kv.Put(ctx, key, data); err != nil {
			return err
		}
		_, err := kv.Get(ctx, key)
		return err
	}), nil
}

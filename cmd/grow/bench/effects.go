package main

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"sync"
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
	effectItems   = 16 // that a message goes through
	effectFlights = 64 // messages at a time, each about items of its own
	effectPool    = 16 // connections to a database, of an actor and of a program
	effectUpdate  = "update items set price = price + $1 where id = $2"
	effectSelect  = "select name, price from items where id = $1"
)

// effectActor does what a message asks for, so often.
const effectActor = `use grow::{Context, Keep, Request, Result};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Work {
    key: String,
    what: String,
    turns: usize,
    first: usize,
}

const DATA: &[u8] = &[7; 200];

fn work(ctx: &mut Context, work: Work) -> Result {
    for turn in 0..work.turns {
        let item = work.first + turn % 16;
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
			"in: [work.do]\nout: [work.done]\nkey: data.key\n" + fmt.Sprintf("scale: {instances: {max: %d}}\n", effectFlights) + "uses: {" + grant + "}\n",
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

// do has the actor do some work of a key, and waits until it is done.
func do(ctx context.Context, h *app.Host, what string, turns, key int) error {
	data, err := json.Marshal(map[string]any{"key": strconv.Itoa(key), "what": what, "turns": turns, "first": 1 + key*effectItems})
	if err != nil {
		return err
	}
	return answeredBy(ctx, h, "caller", "work.do", data)
}

// effects measures how many turns a second an actor does of some work, in messages of as
// many keys at a time, beside as many goroutines of a program that does the same through
// the same library.
func effects(h *app.Host, what string, keys int, direct func(ctx context.Context, item int) error) rounder {
	program := func(ctx context.Context, key int) error {
		for turn := range effectTurns {
			if err := direct(ctx, 1+key*effectItems+turn%effectItems); err != nil {
				return err
			}
		}
		return nil
	}
	actor := func(ctx context.Context, key int) error { return do(ctx, h, what, effectTurns, key) }
	return func(ctx context.Context) (value, reference float64, err error) {
		var took [2]time.Duration
		turns := 0
		for begin := time.Now(); time.Since(begin) < effectStretch; turns += keys * effectTurns {
			for i, side := range []func(context.Context, int) error{program, actor} {
				at := time.Now()
				if err := together(ctx, keys, side); err != nil {
					return 0, 0, err
				}
				took[i] += time.Since(at)
			}
		}
		return float64(turns) / took[1].Seconds(), float64(turns) / took[0].Seconds(), nil
	}
}

// together runs f for each key at the same time.
func together(ctx context.Context, keys int, f func(ctx context.Context, key int) error) error {
	errs := make([]error, keys)
	var wait sync.WaitGroup
	for key := range keys {
		wait.Go(func() { errs[key] = f(ctx, key) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

// onSQLite measures statements on SQLite; the program beside the actor has a database of
// its own.
func onSQLite(ctx context.Context, w *workspace, keys int) (rounder, error) {
	name := fmt.Sprintf("sqlite-%d", keys)
	h, err := w.effectHost(ctx, name, itemsGrant, "")
	if err != nil {
		return nil, err
	}
	w.atEnd(func() error { return stop(h) })
	path := "file:" + filepath.ToSlash(filepath.Join(w.dir, name+".db")) + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate"
	writer, err := stdsql.Open("sqlite", path)
	if err != nil {
		return nil, err
	}
	w.atEnd(writer.Close)
	writer.SetMaxOpenConns(1) // SQLite has one writer at a time
	reader, err := stdsql.Open("sqlite", path)
	if err != nil {
		return nil, err
	}
	w.atEnd(reader.Close)
	pooled(reader)
	theirs := filepath.Join(app.StateDir(filepath.Join(w.dir, "effects-"+name)), "data", app.DefaultNamespace, "bench", "sql", "items.db")
	actors, err := stdsql.Open("sqlite", "file:"+filepath.ToSlash(theirs))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(items(ctx, actors, keys), actors.Close(), items(ctx, writer, keys)); err != nil {
		return nil, err
	}
	return effects(h, "sql", keys, statements(writer, reader)), nil
}

// itemsGrant is that of the actor to a database.
var itemsGrant = fmt.Sprintf("items: {kind: sql, database: items, access: write, connections: %d}", effectPool)

// pooled has a program keep as many connections as the actor.
func pooled(db *stdsql.DB) {
	db.SetMaxOpenConns(effectPool)
	db.SetMaxIdleConns(effectPool)
}

// onPostgres measures statements on a PostgreSQL that both use, each in a database of its own.
func onPostgres(ctx context.Context, w *workspace, keys int) (rounder, error) {
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
			err = errors.Join(items(ctx, db, keys), db.Close())
		}
		if err != nil {
			return nil, errors.Join(err, admin.Close())
		}
	}
	db, err := stdsql.Open("pgx", s.Address("direct"))
	if err := errors.Join(err, admin.Close()); err != nil {
		return nil, err
	}
	pooled(db)
	h, err := w.effectHost(ctx, fmt.Sprintf("postgres-%d", keys), itemsGrant, s.Address("actors"))
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	w.ends = append([]func() error{func() error { return stop(h) }, db.Close}, w.ends...) // before the server
	return effects(h, "sql", keys, statements(db, db)), nil
}

// items makes the table that statements of some keys are about.
func items(ctx context.Context, db *stdsql.DB, keys int) error {
	if _, err := db.ExecContext(ctx, "create table items (id integer primary key, name text not null, price double precision)"); err != nil {
		return err
	}
	for id := range keys * effectItems {
		if _, err := db.ExecContext(ctx, "insert into items values ($1, $2, 0)", id+1, fmt.Sprintf("item %d", id)); err != nil {
			return err
		}
	}
	return nil
}

// statements is a turn of a program that does as the actor: a transaction and a query.
func statements(writer, reader *stdsql.DB) func(ctx context.Context, item int) error {
	return func(ctx context.Context, item int) error {
		tx, err := writer.BeginTx(ctx, nil)
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
		return reader.QueryRowContext(ctx, effectSelect, item).Scan(&name, &price)
	}
}

// onKV measures values of a bucket, beside a bucket of NATS in a server that syncs what it
// keeps, as that of the journal does.
func onKV(ctx context.Context, w *workspace, keys int) (rounder, error) {
	name := fmt.Sprintf("kv-%d", keys)
	h, err := w.effectHost(ctx, name, "values: {kind: kv, bucket: values, access: write}", "")
	if err != nil {
		return nil, err
	}
	w.atEnd(func() error { return stop(h) })
	s, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true, NoLog: true, JetStream: true, StoreDir: filepath.Join(w.dir, "direct-"+name), SyncAlways: true})
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
	return effects(h, "kv", keys, func(ctx context.Context, item int) error {
		key := fmt.Sprintf("item-%d", item)
		if _, err := kv.Put(ctx, key, data); err != nil {
			return err
		}
		_, err := kv.Get(ctx, key)
		return err
	}), nil
}

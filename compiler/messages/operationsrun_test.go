package messages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grow-platform/grow/sdk"
)

// streamed are APIs whose operations are asked for as streams.
var streamed = []API{
	{Grant: "tax", Operations: []Operation{{ID: "getTable", Name: "get_table", Stream: AnswerPieces, Params: []Param{{Name: "country", Type: "string", Required: true}}}}},
	{Grant: "sky", Asks: true, Operations: []Operation{
		{ID: "weather.watch", Name: "weather_watch", Stream: AnswerPieces, Params: []Param{{Name: "city", Type: "string", Required: true}}},
		{ID: "weather.record", Name: "weather_record", Stream: BothPieces, Only: true},
		{ID: "weather.film", Name: "weather_film", Stream: AnswerPieces, Only: true, Params: []Param{{Name: "city", Type: "string", Required: true}}},
	}},
	{Grant: "sea", Asks: true, Operations: []Operation{{ID: "sea.film", Name: "sea_film", Stream: BothPieces, Only: true}}},
}

// told is what an actor reads that asks for all of streamed, whose doubles answer with what they
// were asked: twice of what can be asked for as a whole.
const told = `http.call tax {"params":{"country":"DE"}}
http.call tax {"params":{"country":"DE"}}
weather.watch sky {"city":"Bonn"}
weather.watch sky {"city":"Bonn"}
weather.record sky rain and sun
weather.film sky {"city":"Bonn"}
sea.film sea waves
`

// TestOperationsPython: the methods in Python ask for what they say, as the SDK has it.
func TestOperationsPython(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, sdk.Python()); err != nil {
		t.Fatal(err)
	}
	put(t, dir, map[string]string{"operations.py": string(PythonOperations("pricing", streamed)), "main.py": pythonAsks})
	if got := run(t, dir, "python3", "-B", "-W", "error", "main.py"); got != told {
		t.Errorf("got\n%s", got)
	}
}

const pythonAsks = `import json
import sys

import grow
from grow import testing
from operations import SeaAPI, SkyAPI, TaxAPI


@grow.on("ask")
def ask(ctx, _):
    def show(stream):
        with stream:
            print(json.loads(stream.read())["said"])

    tax, sky = TaxAPI(ctx), SkyAPI(ctx)
    print(tax.get_table(country="DE").json()["said"])
    with tax.get_table_stream(country="DE") as table:
        assert table.status == 200 and table.status == 200
        print(json.loads(table.read())["said"])
    print(sky.weather_watch(city="Bonn")["said"])
    show(sky.weather_watch_stream(city="Bonn"))
    record = sky.weather_record_stream()
    record.write("rain ")
    record.write(b"and sun")
    record.close_write()
    assert record.status == 0 and record.status == 0
    show(record)
    show(sky.weather_film_stream(city="Bonn"))
    film = SeaAPI(ctx).sea_film_stream()
    film.write("waves")
    film.close_write()
    show(film)


def double(r):
    data = r.data if isinstance(r.data, str) else r.data.decode()
    status = {"status": "200"} if r.op == "http.call" else {}
    return testing.Double(json.dumps({"said": f"{r.op} {r.use} {data}"}), attributes=status)


got = testing.Host(double=double).send("ask")
if got.outcome != "handled":
    sys.exit(f"{got}")
`

// TestOperationsGo: the methods in Go ask for what they say, as the SDK has it.
func TestOperationsGo(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "sdk"), sdk.Go()); err != nil {
		t.Fatal(err)
	}
	code, err := GoOperations("main", "pricing", streamed)
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, map[string]string{
		"go.mod":        "module x\n\ngo 1.24\n\nrequire " + sdk.Module + " v0.0.0\n\nreplace " + sdk.Module + " => ./sdk\n",
		"operations.go": string(code), "main.go": goAsks,
	})
	run(t, dir, "go", "vet", ".")
	if got := run(t, dir, "go", "run", "."); got != told {
		t.Errorf("got\n%s", got)
	}
}

const goAsks = `package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"

	grow "github.com/grow-platform/grow/sdk/go"
	"github.com/grow-platform/grow/sdk/go/growtest"
)

type answer struct{ Said string }

// show reads a stream that is begun, of which the first is written.
func show(s *grow.Stream, err error, written ...string) error {
	for _, text := range written {
		if err == nil {
			_, err = io.WriteString(s, text)
		}
	}
	if err == nil && written != nil {
		err = s.CloseWrite()
	}
	if err != nil {
		return err
	}
	status, err := s.Status()
	if err != nil || status != 0 && status != 200 {
		return fmt.Errorf("status %d: %w", status, err)
	}
	var a answer
	if err := json.NewDecoder(s).Decode(&a); err != nil {
		return err
	}
	fmt.Println(a.Said)
	return s.Close()
}

func ask(ctx *grow.Context, _ grow.Message) error {
	tax, sky := TaxAPI{ctx}, SkyAPI{ctx}
	var a answer
	table, err := tax.GetTable(TaxAPIGetTableParams{Country: "DE"})
	if err == nil {
		err = table.Decode(&a)
	}
	if err != nil {
		return err
	}
	fmt.Println(a.Said)
	pieces, err := tax.GetTableStream(TaxAPIGetTableParams{Country: "DE"})
	if err := show(pieces, err); err != nil {
		return err
	}
	if err := sky.WeatherWatch(SkyAPIWeatherWatchParams{City: "Bonn"}, &a); err != nil {
		return err
	}
	fmt.Println(a.Said)
	pieces, err = sky.WeatherWatchStream(SkyAPIWeatherWatchParams{City: "Bonn"})
	if err := show(pieces, err); err != nil {
		return err
	}
	pieces, err = sky.WeatherRecordStream()
	if err := show(pieces, err, "rain ", "and sun"); err != nil {
		return err
	}
	pieces, err = sky.WeatherFilmStream(SkyAPIWeatherFilmStreamParams{City: "Bonn"})
	if err := show(pieces, err); err != nil {
		return err
	}
	pieces, err = SeaAPI{ctx}.SeaFilmStream()
	return show(pieces, err, "waves")
}

func main() {
	grow.OnMessage("ask", ask)
	h := growtest.New(growtest.Options{Double: func(r growtest.Request) growtest.Answer {
		data, err := json.Marshal(answer{fmt.Sprintf("%s %s %s", r.Op, r.Use, r.Data)})
		if err != nil {
			log.Fatal(err)
		}
		a := growtest.Answer{Data: data}
		if r.Op == "http.call" {
			a.Attrs = map[string]string{"status": "200"}
		}
		return a
	}})
	if got := h.Send("ask", 0); got.Outcome != growtest.Handled {
		log.Fatalf("%+v", got)
	}
}
`

// TestOperationsRust: the methods in Rust ask for what they say, as the SDK has it, and there is
// no warning about what is written.
func TestOperationsRust(t *testing.T) {
	base, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	t.Setenv("CARGO_TARGET_DIR", filepath.Join(base, "grow", "cargo-messages"))
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "sdk"), sdk.Rust()); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"Cargo.toml":        "[package]\nname = \"operations-written\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\ngrow = { path = \"sdk\" }\nserde = { version = \"1\", features = [\"derive\"] }\nserde_json = \"1\"\n\n[workspace]\n",
		"src/main.rs":       rustAsks,
		"src/operations.rs": string(RustOperations("pricing", streamed)),
		"src/sea.rs":        string(RustOperations("pricing", streamed[2:])), // has nothing to serialize
	}
	put(t, dir, files)
	if got := run(t, dir, "cargo", "run", "--quiet"); got != told {
		t.Errorf("got\n%s", got)
	}
	if got := run(t, dir, "rustfmt", "--check", "--edition", "2024", "src/operations.rs"); strings.TrimSpace(got) != "" {
		t.Errorf("it is not formatted:\n%s", got)
	}
}

const rustAsks = `#![deny(warnings)]
mod operations;
mod sea;

use grow::testing::{Host, Kind, Reply};
use grow::{Context, Message, Result, Stream};
use operations::*;
use std::io::{Read, Write};

#[derive(serde::Deserialize, serde::Serialize)]
struct Answer {
    said: String,
}

fn show(mut stream: Stream, written: &[&str]) -> Result {
    for text in written {
        stream.write_all(text.as_bytes())?;
    }
    if !written.is_empty() {
        stream.close_write()?;
    }
    assert!(matches!(stream.status()?, 0 | 200));
    let mut all = String::new();
    stream.read_to_string(&mut all)?;
    println!("{}", serde_json::from_str::<Answer>(&all)?.said);
    stream.close()
}

fn ask(ctx: &mut Context, _: &Message) -> Result {
    let (tax, sky) = (TaxApi(ctx), SkyApi(ctx));
    let country = TaxApiGetTableParams { country: "DE".into() };
    println!("{}", tax.get_table(&country)?.json::<Answer>()?.said);
    show(tax.get_table_stream(&country)?, &[])?;
    let city = SkyApiWeatherWatchParams { city: "Bonn".into() };
    println!("{}", sky.weather_watch::<Answer>(&city)?.said);
    show(sky.weather_watch_stream(&city)?, &[])?;
    show(sky.weather_record_stream()?, &["rain ", "and sun"])?;
    let city = SkyApiWeatherFilmParams { city: "Bonn".into() };
    show(sky.weather_film_stream(&city)?, &[])?;
    show(sea::SeaApi(ctx).sea_film_stream()?, &["waves"])
}

grow::actor! { "ask" => ask }

fn main() {
    let host = Host::new(grow_actor()).double(|r| {
        let data = String::from_utf8_lossy(&r.data);
        let said = format!("{} {} {data}", r.op, r.attrs["use"]);
        let mut reply = Reply {
            data: serde_json::to_vec(&Answer { said }).unwrap(),
            ..Reply::default()
        };
        if r.op == "http.call" {
            reply.attrs.push(("status".into(), "200".into()));
        }
        Ok(reply)
    });
    let got = host.send("ask", &0);
    assert_eq!((got.kind, got.text.as_str()), (Kind::Handled, ""));
}
`
